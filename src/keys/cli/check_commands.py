"""The command that checks an `auth.toml` file before it is deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from keys.cli import output
from keys.cli.app import App, note
from keys.cli.commands import Command
from keys.core.errors import BadInput
from keys.deployment import rules, rules_check, template
from keys.deployment.claim_notes import claim_notes
from keys.deployment.rules_check import RouteAnswer, RulesCheck
from keys.deployment.words import plural

WRONG: Final = 2
UNCHECKED: Final = 10
MOST_SHOWN: Final = 20


@click.command(cls=Command, uses_aws=False, example="keys check src/authorizer/auth.toml --template template.yaml")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--template",
    "template_paths",
    type=click.Path(path_type=Path),
    multiple=True,
    help="The template of an API. Repeat it for each API of the authorizer.  [default: template.yaml, if it exists]",
)
@click.pass_context
def check(ctx: click.Context, file: Path, template_paths: tuple[Path, ...]) -> None:
    """Check an auth.toml file before you deploy it.

    The access rules are compared with the routes of an API. The output has every mistake with its line and its remedy,
    and who can call each route. cfn-lint reads the SAM or CloudFormation template. For the CDK, specify the output of
    `cdk synth`.

    The exit code is 10 if there are no mistakes, but no route was found, or some rules match no route and a part of
    the template could not be read.
    """
    app: App = ctx.obj
    try:
        read = rules.read_file(file)
    except BadInput as error:
        if file.suffix == ".toml":
            raise
        raise BadInput(f"{error}\nFILE is the auth.toml file. Specify the template with --template.") from None
    if not template_paths and Path("template.yaml").is_file():
        template_paths = (Path("template.yaml"),)
    found = rules_check.examine(read.rules, template.read(*template_paths) if template_paths else None)
    count = len(read.rules.rules)
    if app.json:
        checked = _check_object(found)
        checked["notes"] += claim_notes(read)
        output.print_json({"rules": count, "providers": len(read.providers), **checked})
    else:
        _show(found, file)
        for text in claim_notes(read):
            note(f"Note: {file}: {text}.")
        counts = (len(read.settings), "setting"), (len(read.providers), "identity provider"), (count, "rule")
        looked_at = f"{file}: {', '.join(plural(*each) for each in counts)}"
        if read.rules.permit_every_route:
            note(f"Warning: {rules.EVERY_ROUTE}.")
        note(_summary(looked_at, found, template_paths))
    if found.mistakes:
        ctx.exit(WRONG)
    if found.unchecked:
        ctx.exit(UNCHECKED)


def _summary(looked_at: str, found: RulesCheck, template_paths: tuple[Path, ...]) -> str:
    if not template_paths:
        return f"{looked_at}: {_mistakes(found)}. The routes were not checked: specify --template."
    routes = f"{plural(found.endpoints, 'route')} of {', '.join(map(str, template_paths))}"
    if found.unread:
        routes += f" ({plural(len(found.unread), 'part')} of it could not be read)"
    unchecked = f" Rules that were not checked: {len(found.unchecked)}." if found.unchecked else ""
    return f"{looked_at}, {routes}: {_mistakes(found)}.{unchecked}"


def _mistakes(found: RulesCheck) -> str:
    count = len(found.mistakes)
    return f"{plural(count, 'mistake') if count else 'no mistakes'} found"


def _show(found: RulesCheck, file: Path) -> None:
    for answer in found.routes:
        output.print_fields([(answer.name.ljust(24), f" {answer.who}{_lines(answer)}")])
        for rule in answer.part:
            output.print_fields([("", f"{str(rule.route).ljust(22)} {answer.who_of(rule)} ({rule.where})")])
    for place, why in list(found.unread.items())[:MOST_SHOWN]:
        note(f"Not read: {place}: {why}")
    if len(found.unread) > MOST_SHOWN:
        note(f"... and {len(found.unread) - MOST_SHOWN} more. To see all of them, specify --output json.")
    for rule in found.unchecked if found.routes else ():
        note(f"Not checked: {file}, {rule.where}: {rule.route} matches no route that could be read.")
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
