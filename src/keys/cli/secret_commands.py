"""The commands `verify`, `scan-pattern` and `completion`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from authorizer.route import Route
from keys.cli import output
from keys.cli.access_commands import (
    NOT_ACCEPTED,
    access_rules,
    explanation_object,
    permits,
    request_options,
    show_explanation,
    verdict_object,
)
from keys.cli.app import App
from keys.cli.commands import Command, prefix_option
from keys.cli.credential import credential_in
from keys.core.errors import BadInput
from keys.deployment import rules
from keys.deployment.verification import verify as verdict_on
from keys.leak import scanning


class _Bash(BashComplete):
    """Completion for bash, also for 3.2 of macOS, which has neither `compopt` nor `-o nosort`."""

    source_template = BashComplete.source_template.replace("compopt -o", "compopt 2>/dev/null -o").replace(
        "complete -o nosort -F %(complete_func)s %(prog_name)s",
        "complete -o nosort -F %(complete_func)s %(prog_name)s 2>/dev/null ||\n"
        "        complete -o default -F %(complete_func)s %(prog_name)s",
    )

    def source(self) -> str:
        # Click's own warns about bash 3.2.
        return self.source_template % self.source_vars()


_COMPLETIONS: Mapping[str, type[ShellComplete]] = {"bash": _Bash, "zsh": ZshComplete, "fish": FishComplete}


@click.command(cls=Command, example="keys verify < key.txt")
@click.option(
    "--imported/--no-imported",
    default=None,
    help="Whether to look up keys in other formats.  [default: as the stack, or no]",
)
@prefix_option
@request_options
@click.pass_context
def verify(ctx: click.Context, imported: bool | None, request: Route | None, rules_path: Path | None) -> None:
    """Check a key as the authorizer does.

    Shows the identity of the key, or why it is refused. The command reads the key from standard input, or prompts for
    it. The key is not stored or shown. The authorizer's caches are not checked, so it can still accept a key that was
    just revoked. With --route, the command also checks whether the key can call the route.
    """
    app: App = ctx.obj
    app.target.accept_imported = imported
    prefix = app.prefix
    token = credential_in(_read_key())
    if not token.strip():
        raise BadInput("No key was read from standard input. It is empty, or nothing follows `Bearer`.")
    verdict = verdict_on(token, app.table, prefix, app.resolved.accept_imported, app.clock)
    identity = verdict.identity
    explanation = None
    if identity and (request or rules_path):
        explanation = rules.explain(access_rules(app, rules_path), identity, request)
    if app.json:
        output.print_json({**verdict_object(verdict), "key_id": verdict.key_id, **explanation_object(explanation)})
    elif identity:
        output.print_fields(
            [
                ("Accepted", "yes"),
                ("Key ID", identity.key_id),
                ("Consumer", identity.sub),
                ("Data", identity.context()["data"]),
                ("Scopes", ", ".join(sorted(identity.scopes)) or None),
            ]
        )
    else:
        output.print_fields(
            [("Accepted", "no"), ("Reason", verdict.reason), ("", verdict.explanation), ("Key ID", verdict.key_id)]
        )
    if explanation and not app.json:
        show_explanation(explanation)
    if identity is None or not permits(explanation):
        ctx.exit(NOT_ACCEPTED)


@click.command("scan-pattern", cls=Command, example="keys scan-pattern --format gitleaks > .gitleaks.toml")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "gitleaks", "github", "json"]),
    default="text",
    show_default=True,
    help="The format of the pattern.",
)
@prefix_option
@click.pass_obj
def scan_pattern(app: App, form: str) -> None:
    """Print the pattern of the keys for secret scanners.

    The pattern is a regular expression. The text format also has the checksum rule.
    """
    prefix = app.pattern_prefix
    if form == "json" or app.json:
        output.print_json(scanning.rule(prefix))
    elif form == "gitleaks":
        click.echo(scanning.gitleaks(prefix), nl=False)
    elif form == "github":
        click.echo(scanning.github(prefix), nl=False)
    else:
        described = scanning.rule(prefix)
        output.print_fields([("Pattern", described["regex"]), ("Checksum", described["checksum"])])


@click.command(cls=Command, uses_aws=False, example='eval "$(keys completion bash)"')
@click.argument("shell", type=click.Choice(list(_COMPLETIONS)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a shell completion script."""
    click.echo(_COMPLETIONS[shell](ctx.find_root().command, {}, "keys", "_KEYS_COMPLETE").source())


def _read_key() -> str:
    if sys.stdin.isatty():
        typed: str = click.prompt("Key", hide_input=True, err=True)
        return typed
    return sys.stdin.buffer.read().decode("utf-8", "replace").rstrip("\r\n")
