"""The commands that work with keys themselves: one key, keys in text, what keys look like."""

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
from keys.deployment import rules
from keys.life import scanning
from keys.life.verification import verify as verdict_on

_COMPLETIONS: Mapping[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command(cls=Command, example="keys verify < key.txt")
@click.option("--imported/--no-imported", default=None, help="Look up keys of any format.  [as the stack does, or no]")
@prefix_option
@request_options
@click.pass_context
def verify(ctx: click.Context, imported: bool | None, request: Route | None, rules_path: Path | None) -> None:
    """Says what the authorizer would say about a key: the identity, or why not, and what it may call.

    The key is asked for, or read from standard input. It is not kept, and not shown. What other authorizers have in
    their caches is not seen here.
    """
    app: App = ctx.obj
    app.target.accept_imported = imported
    verdict = verdict_on(_read_key(), app.table, app.prefix, app.clock)
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
                ("Key id", identity.key_id),
                ("Consumer", identity.sub),
                ("Data", identity.context()["data"]),
                ("Scopes", ", ".join(sorted(identity.scopes)) or None),
            ]
        )
    else:
        output.print_fields(
            [("Accepted", "no"), ("Reason", verdict.reason), ("", verdict.explanation), ("Key id", verdict.key_id)]
        )
    if explanation and not app.json:
        show_explanation(explanation)
    if identity is None or not permits(explanation):
        ctx.exit(NOT_ACCEPTED)


@click.command("scan-pattern", cls=Command, example="keys scan-pattern --format gitleaks > .gitleaks.toml")
@click.option("--format", "form", type=click.Choice(["text", "gitleaks", "github", "json"]), default="text")
@prefix_option
@click.pass_obj
def scan_pattern(app: App, form: str) -> None:
    """Prints how a secret scanner can tell our keys: a regular expression, and the rule of the checksum."""
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


@click.command(cls=Command, example='eval "$(keys completion bash)"')
@click.argument("shell", type=click.Choice(list(_COMPLETIONS)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Prints the script that lets a shell complete this command."""
    click.echo(_COMPLETIONS[shell](ctx.find_root().command, {}, "keys", "_KEYS_COMPLETE").source())


def _read_key() -> str:
    if sys.stdin.isatty():
        typed: str = click.prompt("Key", hide_input=True, err=True)
        return typed
    return sys.stdin.buffer.read().decode("utf-8", "replace").rstrip("\r\n")
