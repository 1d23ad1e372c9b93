"""The commands that check an `auth.toml` file before it is deployed, and a deployment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from keys.cli.app import App
from keys.cli.commands import Command
from keys.cli.exits import Exit
from keys.cli.output import finding_text, visible
from keys.cli.result import Result
from keys.core.errors import BadInput
from keys.deployment import api_routes, file_notes, live_api, rules, rules_check
from keys.deployment import doctor as checks
from keys.deployment.endpoint import ApiRoutes
from keys.deployment.guard import Caller
from keys.deployment.rules_check import RouteAnswer, RulesCheck
from keys.deployment.words import plural

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
@click.pass_obj
def check(
    app: App,
    file: Path,
    template_paths: tuple[Path, ...],
    parameters: tuple[str, ...],
    names: tuple[str, ...],
    apis: tuple[str, ...],
) -> Result:
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
    try:
        read = rules.read_file(file)
    except BadInput as error:
        if file.suffix == ".toml":
            raise
        raise BadInput(f"{error}\nFILE is the auth.toml file. Specify the template with --template.") from None
    if not template_paths and not apis and Path("template.yaml").is_file():
        template_paths = (Path("template.yaml"),)
    routes = _routes(app, template_paths, _assignments(parameters), names, apis)
    found = rules_check.examine(read.rules, routes, simple_responses=bool(read.settings.get("simple_responses")))
    kept = app.deployment.parameters if app.target.stack else {}
    mistakes = [*found.mistakes, *file_notes.clashes(kept, read)]
    told = [*file_notes.claim_notes(read), *file_notes.plans_need(kept, read), *file_notes.other_file(kept, file)]
    count = len(read.rules.rules)
    data = {
        "rules": count,
        "providers": len(read.providers),
        "routes": [_object(answer) for answer in found.routes],
        "mistakes": mistakes,
        "notes": [*found.notes, *told],
        "unread": [{"place": place, "why": why} for place, why in found.unread.items()],
        "access_logs": [{"place": place, "why": why} for place, why in routes.log_notes.items()],
        "usage_plans": [{"place": place, "why": why} for place, why in routes.plan_notes.items()],
        "unchecked": [rule.where for rule in found.unchecked],
    }
    notes = [
        *_unread(found, file),
        *(f"Note: {place}: {why}. `keys usage` needs it." for place, why in routes.log_notes.items()),
        *(f"Note: {place}: {why}. See docs/limits.md." for place, why in routes.plan_notes.items()),
        *(f"Note: {_placed(text, file)}." for text in found.notes),
        *(f"Error: {_placed(text, file)}." for text in mistakes),
        *(f"Note: {file}: {text}." for text in told),
    ]
    if read.rules.permit_every_route:
        notes.append(f"Warning: {rules.EVERY_ROUTE}.")
    sizes = [(len(read.settings), "setting"), (len(read.providers), "identity provider"), (count, "rule")]
    sizes += [(len(read.tiers), "plan")] if read.tiers else []
    looked_at = f"{file}: {', '.join(plural(*each) for each in sizes)}"
    sources = [*map(str, template_paths), *(f"API {api}" for api in apis)]
    notes.append(_summary(looked_at, found, len(mistakes), sources))
    code = Exit.BAD_INPUT if mistakes else Exit.UNCHECKED if found.unchecked else Exit.DONE
    lines = [f"{name:<14}{visible(text)}" for name, text in _lines(found)]
    return Result(data, lines, () if app.json else notes, code)


def _routes(
    app: App, paths: tuple[Path, ...], parameters: dict[str, str], names: tuple[str, ...], apis: tuple[str, ...]
) -> ApiRoutes:
    """The routes of the templates and of the deployed APIs."""
    found = api_routes.read(paths, parameters, names)
    for api in apis:
        live = live_api.read(api, app.deployment.function, app.deployment.client)
        found.include(live.endpoints, live.unread)
    return found


def _assignments(texts: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadInput(f"--parameter {text}: write NAME=VALUE.")
        if name in found:
            raise BadInput(f"--parameter {name} is given twice.")
        found[name] = value
    return found


def _summary(looked_at: str, found: RulesCheck, count: int, sources: list[str]) -> str:
    mistakes = f"{plural(count, 'mistake') if count else 'no mistakes'} found"
    if not sources:
        return f"{looked_at}: {mistakes}. The routes were not checked: specify --template or --api."
    by_caller = {caller: found.count(caller) for caller in Caller}
    routes = f"{plural(sum(by_caller.values()), 'route')} of {', '.join(sources)}"
    named = ", ".join(
        f"{number} {'behind ' * ('authorizer' in caller)}{caller}" for caller, number in by_caller.items() if number
    )
    routes += f" ({named})" if named else ""
    if found.unread:
        routes += f", {plural(len(found.unread), 'part')} that could not be read"
    unchecked = f" Rules that were not checked: {len(found.unchecked)}." if found.unchecked else ""
    return f"{looked_at}, {routes}: {mistakes}.{unchecked}"


def _lines(found: RulesCheck) -> Iterator[tuple[str, str]]:
    """The routes with who can call them, under the name of their API if there are several."""
    has_several = len({answer.api for answer in found.routes}) > 1
    shown = None
    for answer in found.routes:
        if has_several and answer.api != shown:
            yield f"API {answer.api}", ""
            shown = answer.api
        places = f" ({', '.join(rule.where for rule in answer.rules)})" if answer.rules else ""
        yield answer.name.ljust(24), f" {answer.who}{places}"
        for rule in answer.part:
            yield "", f"{str(rule.route).ljust(22)} {answer.who_of(rule)} ({rule.where})"


def _unread(found: RulesCheck, file: Path) -> Iterator[str]:
    for place, why in list(found.unread.items())[:MOST_SHOWN]:
        yield f"Not read: {place}: {why}"
    if len(found.unread) > MOST_SHOWN:
        yield f"... and {len(found.unread) - MOST_SHOWN} more. To see all of them, specify --output json."
    for rule in found.unchecked if found.routes else ():
        place = f"{file}, {rule.where}: {rule.route}"
        yield f"Not checked: {place} matches no route with this authorizer that could be read."


def _placed(text: str, file: Path) -> str:
    """A text with the file, if it has a line of it."""
    return f"{file}, {text}" if text.startswith("line") else text


def _object(answer: RouteAnswer) -> dict[str, Any]:
    parts = [{"route": str(rule.route), "who": answer.who_of(rule), "rule": rule.where} for rule in answer.part]
    return {
        "api": answer.api,
        "route": answer.name,
        "caller": answer.guard.caller.value,
        "who": answer.who,
        "rules": [rule.where for rule in answer.rules],
        "part": parts,
    }


@click.command(cls=Command, example="keys doctor --stack multi-auth")
@click.pass_obj
def doctor(app: App) -> Result:
    """Check a deployment and name the remedy for each fault.

    Checks settings, function, identity providers, clocks, table, access rules, and the time until a revocation takes
    effect. The deployment is the one of --stack, else the local system. The command changes nothing. It sends the
    function a synthetic API key and, for each provider, a synthetic JWT, which the function must refuse.

    Required permissions: describe the stack, its function and its table, invoke the function, read its log and the
    table.
    """
    findings = checks.examine(app.deployment, app.clock)
    data = [{"check": found.check, "state": found.state.value, "detail": found.detail} for found in findings]
    text = [finding_text(found.state.value, f"{found.check}: {found.detail}") for found in findings]
    is_faulty = any(found.state is checks.State.WRONG for found in findings)
    return Result(data, text, exit=Exit.FAULTY if is_faulty else Exit.DONE)
