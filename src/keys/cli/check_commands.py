"""The command that checks a file of settings, providers and access rules before it is deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from keys.cli import output
from keys.cli.app import App, note
from keys.cli.commands import Command
from keys.deployment import rules, rules_check, template
from keys.deployment.rules_check import RouteAnswer, RulesCheck

WRONG: Final = 2
UNCHECKED: Final = 10
MOST_SHOWN: Final = 20


@click.command(cls=Command, example="keys check src/authorizer/auth.toml --template template.yaml")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--template", "template_path", type=click.Path(path_type=Path), help="The API.  [template.yaml, if it is there]"
)
@click.pass_context
def check(ctx: click.Context, file: Path, template_path: Path | None) -> None:
    """Checks the authorizer's file, and its access rules against the routes of an API's template.

    It tells every mistake with its line and the remedy, and for each route who may call it. A template of SAM or
    CloudFormation is read with cfn-lint; of CDK, give what `cdk synth` writes.

    Without mistakes the exit code is 10 when there are rules and no route was seen, or some rules match none of those
    that could be read.
    """
    app: App = ctx.obj
    read = rules.read_file(file)
    if template_path is None and Path("template.yaml").is_file():
        template_path = Path("template.yaml")
    api = template.read(template_path) if template_path and read.rules else None
    found = rules_check.examine(read.rules, api) if read.rules else RulesCheck()
    count = len(read.rules.rules) if read.rules else 0
    if app.json:
        output.print_json({"rules": count, "providers": len(read.providers), **_check_object(found)})
    else:
        _show(found, file)
        looked_at = f"{file}: {len(read.settings)} settings, {len(read.providers)} identity providers, {count} rules"
        if not read.rules:
            note(f"{looked_at}: no mistake found. Without rules every route is open to every accepted credential.")
        else:
            note(_summary(looked_at, found, template_path))
    if found.mistakes:
        ctx.exit(WRONG)
    if found.unchecked:
        ctx.exit(UNCHECKED)


def _summary(looked_at: str, found: RulesCheck, template_path: Path | None) -> str:
    if template_path is None:
        return f"{looked_at}: {_mistakes(found)}. No route was seen: give --template, the API's."
    routes = f"{found.endpoints} routes of {template_path}"
    if found.unread:
        routes += f", where {len(found.unread)} places could not be read"
    unchecked = f" {len(found.unchecked)} rules are unchecked." if found.unchecked else ""
    return f"{looked_at}, {routes}: {_mistakes(found)}.{unchecked}"


def _mistakes(found: RulesCheck) -> str:
    count = len(found.mistakes)
    return f"{count or 'no'} mistake{'s' if count > 1 else ''} found"


def _show(found: RulesCheck, file: Path) -> None:
    for answer in found.routes:
        output.print_fields([(answer.name.ljust(24), f" {answer.who}{_lines(answer)}")])
        for rule in answer.part:
            output.print_fields([("", f"{str(rule.route).ljust(22)} {answer.who_of(rule)} ({rule.where})")])
    for place, why in list(found.unread.items())[:MOST_SHOWN]:
        note(f"Not read: {place}: {why}")
    if len(found.unread) > MOST_SHOWN:
        note(f"... and {len(found.unread) - MOST_SHOWN} more. --output json has them all.")
    for rule in found.unchecked if found.routes else ():
        note(f"Unchecked: {file}, {rule.where}: {rule.route} matches no route that could be read.")
    for text in found.notes:
        note(f"Note: {file}, {text}.")
    for text in found.mistakes:
        note(f"Error: {file}, {text}.")


def _lines(answer: RouteAnswer) -> str:
    return f" ({', '.join(rule.where for rule in answer.rules)})" if answer.rules else ""


def _check_object(found: RulesCheck) -> dict[str, Any]:
    return {
        "routes": [
            {
                "route": answer.name,
                "who": answer.who,
                "rules": [rule.where for rule in answer.rules],
                "part": [
                    {"route": str(rule.route), "who": answer.who_of(rule), "rule": rule.where} for rule in answer.part
                ],
            }
            for answer in found.routes
        ],
        "mistakes": list(found.mistakes),
        "notes": list(found.notes),
        "unread": [{"place": place, "why": why} for place, why in found.unread.items()],
        "unchecked": [rule.where for rule in found.unchecked],
    }
