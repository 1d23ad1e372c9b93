"""Commands on stacks: settings of the optional ones, what an upgrade changes, and what refers to the authorizer."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from authorizer import VERSION
from keys.cli.app import App
from keys.cli.commands import Group
from keys.cli.exits import Exit
from keys.cli.result import Result, Rows
from keys.core.errors import BadInput
from keys.deployment import optional, references, upgrade
from keys.deployment.target import NoStack
from keys.deployment.template import declared
from keys.deployment.words import plural

_OF_BUILDS: Final = ("PythonRuntime", "Architecture")
_CAPABILITIES: Final = "CAPABILITY_IAM CAPABILITY_AUTO_EXPAND"
_OPTIONAL = click.Choice(sorted(optional.FROM_OUTPUTS))
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=Group)
def stack() -> None:
    """Prepare an upgrade, the optional stacks, or the removal of a stack."""


@stack.command("parameters", example="keys stack parameters --for events --stack multi-auth >> ../multi-auth.toml")
@click.option("--for", "name", type=_OPTIONAL, required=True, help="Which stack.")
@click.pass_obj
def stack_parameters(app: App, name: str) -> Result:
    """Print the environment of an optional stack for a settings file of the SAM CLI.

    The values are from the outputs and parameters of the authorizer's stack.
    """
    found = optional.parameters(app.resolved, name)
    build: dict[str, str] = {member: found[member] for member in _OF_BUILDS if member in found}
    lines = [
        f"[{name}.global.parameters]",
        f"stack_name = {json.dumps(f'{app.resolved.stack}-{name}')}",
        "",
        *(_table(f"{name}.build.parameters.parameter_overrides", build) if build else ()),
        f"[{name}.deploy.parameters]",
        f"capabilities = {json.dumps(_CAPABILITIES)}",
        "confirm_changeset = false",
        "fail_on_empty_changeset = false",
        "resolve_s3 = true",
        "",
        *_table(f"{name}.deploy.parameters.parameter_overrides", found),
    ]
    return Result(found, ["\n".join(lines).rstrip()])


@stack.command(
    "upgrade-check", example="keys stack upgrade-check --stack multi-auth-prod --settings ../multi-auth.toml"
)
@click.option(
    "--template", type=_FILE, help="The template to deploy.  [default: template.yaml, or that of stacks/NAME]"
)
@click.option("--settings", type=_FILE, help="The settings file of the SAM CLI. Without it, no setting is known.")
@click.option("--environment", default="prod", show_default=True, help="The environment in the settings file.")
@click.option("--for", "name", type=_OPTIONAL, help="Check the optional stack of this name, beside the one of --stack.")
@click.pass_obj
def upgrade_check(app: App, template: Path | None, settings: Path | None, environment: str, name: str | None) -> Result:
    """Compare the parameters of a deployed stack with a template and a settings file.

    Shows what `sam deploy` would change, keep, ignore and lose. It changes nothing. Run it in the checkout of the new
    version, before you deploy it.
    """
    if not app.target.stack:
        raise BadInput("Specify the deployed stack: --stack NAME.")
    file = template or (Path("stacks", name) if name else Path()) / "template.yaml"
    parameters, given = declared(file), upgrade.settings(settings, environment) if settings else {}
    try:
        if name:
            _, outputs, deployed = optional.outputs(app.resolved, name, None)
        else:
            outputs, deployed = app.resolved.described
        known = f"The deployed version is {outputs.get('Version', 'not known')}, this one is {VERSION}."
    except NoStack as error:
        deployed, known = {}, f"{error} It would be created: each parameter has its setting, or the default."
    effects = list(upgrade.compare(deployed, parameters, given))
    rows = [
        (each.name, each.what, *(_shown(value) for value in (each.before, each.after)), each.detail) for each in effects
    ]
    faults = sum(each.what in upgrade.FAULTS for each in effects)
    verdict = f"{plural(faults, 'fault')}: correct the settings before you deploy." if faults else "No fault."
    table = [Rows(("PARAMETER", "WHAT", "NOW", "THEN", "WHY"), rows, (0, 1, 3, 2, 4))] if rows else []
    return Result(
        [dataclasses.asdict(each) for each in effects], table, [known, verdict], Exit.FAULTY if faults else Exit.DONE
    )


@stack.command("references", example="keys stack references --stack multi-auth")
@click.pass_obj
def show_references(app: App) -> Result:
    """Find what still refers to an authorizer, before you delete its stack.

    Reads all REST, HTTP and WebSocket APIs of the account and Region, the permissions of the function for APIs of other
    accounts and Regions, and the optional stacks. The sample API in the authorizer's stack is left out. The exit code
    is 7 if something refers to the authorizer, or might.
    """
    host = urlsplit(app.resolved.described[0].get("ApiUrl", "")).hostname or ""
    found = sorted(references.find(app.deployment, host.partition(".")[0]))
    rows = [(each.kind, each.id, each.name, each.detail) for each in found]
    if not rows:
        return Result([], notes=["Nothing in this account and Region refers to the authorizer."])
    notes = ["Remove these before you delete the stack: a route whose authorizer is gone answers 500."]
    table = Rows(("WHAT", "ID", "NAME", "HOW"), rows, (1, 0, 3, 2))
    return Result([dataclasses.asdict(each) for each in found], [table], notes, Exit.FAULTY)


def _shown(value: str | None) -> str:
    return "" if value is None else value or '""'


def _table(name: str, values: Mapping[str, str]) -> list[str]:
    return [f"[{name}]", *(f"{member} = {json.dumps(value)}" for member, value in values.items()), ""]
