"""The command that checks an `auth.toml` file before it is deployed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from keys.cli import output
from keys.cli.app import App, note
from keys.cli.commands import Command
from keys.core.errors import BadInput
from keys.deployment import api_routes, kept_parameters, live_api, rules, rules_check
from keys.deployment.api_routes import ApiRoutes
from keys.deployment.claim_notes import claim_notes
from keys.deployment.guard import Caller
from keys.deployment.rules_check import RouteAnswer, RulesCheck
from keys.deployment.words import plural

WRONG: Final = 2
UNCHECKED: Final = 10
MOST_SHOWN: Final = 20


@click.command(cls=Command, example="keys check src/authorizer/auth.toml --template template.yaml")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--template",
    "template_paths",
    type=click.Path(path_type=Path),
    multiple=True,
    help="The template of an API. Repeat it for each API of the authorizer.  [default: template.yaml, if it exists]",
)
@click.option(
    "--parameter",
    "parameters",
    metavar="NAME=VALUE",
    multiple=True,
    help="The value of a parameter of the templates. Repeat it.  [default: that of the template]",
)
@click.option(
    "--authorizer",
    "names",
    metavar="NAME",
    multiple=True,
    help="What else names the authorizer's function in a template: a parameter, a logical ID, an import or an ARN.",
)
@click.option(
    "--api", "apis", metavar="ID", multiple=True, help="The ID of a deployed API of the authorizer. Repeat it."
)
@click.pass_context
def check(
    ctx: click.Context,
    file: Path,
    template_paths: tuple[Path, ...],
    parameters: tuple[str, ...],
    names: tuple[str, ...],
    apis: tuple[str, ...],
) -> None:
    """Check an auth.toml file before you deploy it.

    The access rules are compared with the routes of an API. The output has every mistake with its line and its remedy,
    and who can call each route: anyone, whom this authorizer permits, whom another authorizer permits, or not known.

    SAM's own translator reads the SAM or CloudFormation template. For the CDK, specify the output of `cdk synth`. This
    authorizer is a function with its handler, or what has the name AuthorizerFunctionArn: a parameter, an import, or an
    output of a nested stack. With --api, API Gateway is asked, and this authorizer is that of --stack, else of the
    local system. With --stack, the parameters of the stack that clash with the file are mistakes.

    The exit code is 10 if there are no mistakes, but no route was compared with the rules, or some rules match no
    route and a part of the API could not be read.
    """
    app: App = ctx.obj
    try:
        read = rules.read_file(file)
    except BadInput as error:
        if file.suffix == ".toml":
            raise
        raise BadInput(f"{error}\nFILE is the auth.toml file. Specify the template with --template.") from None
    if not template_paths and not apis and Path("template.yaml").is_file():
        template_paths = (Path("template.yaml"),)
    sources = [*map(str, template_paths), *(f"API {api}" for api in apis)]
    parts = [api_routes.read(template_paths, dict(_assignments(parameters)), names)] if template_paths else []
    parts += [live_api.read(api, app.deployment.function, app.deployment.client) for api in apis]
    found = rules_check.examine(
        read.rules,
        ApiRoutes.joined(parts) if parts else None,
        simple_responses=bool(read.settings.get("simple_responses")),
    )
    told = [*claim_notes(read)]
    if app.target.stack:
        kept = app.deployment.parameters
        found = replace(found, mistakes=(*found.mistakes, *kept_parameters.mistakes(kept, read)))
        told = [*told, *kept_parameters.notes(kept, file)]
    count = len(read.rules.rules)
    if app.json:
        checked = _check_object(found)
        checked["notes"] += told
        output.print_json({"rules": count, "providers": len(read.providers), **checked})
    else:
        _show(found, file)
        for text in told:
            note(f"Note: {file}: {text}.")
        counts = (len(read.settings), "setting"), (len(read.providers), "identity provider"), (count, "rule")
        looked_at = f"{file}: {', '.join(plural(*each) for each in counts)}"
        if read.rules.permit_every_route:
            note(f"Warning: {rules.EVERY_ROUTE}.")
        note(_summary(looked_at, found, sources))
    if found.mistakes:
        ctx.exit(WRONG)
    if found.unchecked:
        ctx.exit(UNCHECKED)


def _assignments(parameters: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for text in parameters:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadInput(f"--parameter {text}: write NAME=VALUE.")
        yield name, value


def _summary(looked_at: str, found: RulesCheck, sources: list[str]) -> str:
    if not sources:
        return f"{looked_at}: {_mistakes(found)}. The routes were not checked: specify --template or --api."
    routes = f"{plural(found.endpoints, 'route')} of {', '.join(sources)}"
    counts = ((found.count(caller), caller) for caller in Caller)
    named = ", ".join(f"{count} {'behind ' * ('authorizer' in caller)}{caller}" for count, caller in counts if count)
    routes += f" ({named})" if named else ""
    if found.unread:
        routes += f", {plural(len(found.unread), 'part')} that could not be read"
    unchecked = f" Rules that were not checked: {len(found.unchecked)}." if found.unchecked else ""
    return f"{looked_at}, {routes}: {_mistakes(found)}.{unchecked}"


def _mistakes(found: RulesCheck) -> str:
    count = len(found.mistakes)
    return f"{plural(count, 'mistake') if count else 'no mistakes'} found"


def _show(found: RulesCheck, file: Path) -> None:
    apis = {answer.endpoints[0].api for answer in found.routes}
    shown = None
    for answer in found.routes:
        api = answer.endpoints[0].api
        if len(apis) > 1 and api != shown:
            output.print_fields([(f"API {api}", "")])
            shown = api
        output.print_fields([(answer.name.ljust(24), f" {answer.who}{_lines(answer)}")])
        for rule in answer.part:
            output.print_fields([("", f"{str(rule.route).ljust(22)} {answer.who_of(rule)} ({rule.where})")])
    for place, why in list(found.unread.items())[:MOST_SHOWN]:
        note(f"Not read: {place}: {why}")
    if len(found.unread) > MOST_SHOWN:
        note(f"... and {len(found.unread) - MOST_SHOWN} more. To see all of them, specify --output json.")
    for rule in found.unchecked if found.routes else ():
        note(
            f"Not checked: {file}, {rule.where}: {rule.route} matches no route with this authorizer that could be read."
        )
    for text in found.notes:
        note(f"Note: {file}, {text}." if text.startswith("line") else f"Note: {text}.")
    for text in found.mistakes:
        note(f"Error: {file}, {text}." if text.startswith("line") else f"Error: {text}.")


def _lines(answer: RouteAnswer) -> str:
    return f" ({', '.join(rule.where for rule in answer.rules)})" if answer.rules else ""


def _check_object(found: RulesCheck) -> dict[str, Any]:
    return {
        "routes": [
            {
                "api": answer.endpoints[0].api,
                "route": answer.name,
                "caller": answer.endpoints[0].guard.caller.value,
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
