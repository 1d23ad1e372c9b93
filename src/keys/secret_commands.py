"""The commands that work with keys themselves: one key, keys in text, what keys look like."""

from __future__ import annotations

import sys
from typing import TextIO

import click
from click.shell_completion import get_completion_class

from authorizer import api_key
from keys import output, scanning
from keys.app import App, confirm, note
from keys.commands import Command, prefix_option
from keys.errors import BadInput
from keys.record import Key, State
from keys.verification import verify as verdict_on

NOT_ACCEPTED = 5


@click.command(cls=Command, example="keys verify < key.txt")
@click.option("--imported/--no-imported", default=None, help="Look up keys of any format.  [as the stack does, or no]")
@prefix_option
@click.pass_context
def verify(ctx: click.Context, imported: bool | None) -> None:
    """Says what the authorizer would say about a key: the identity, or why not.

    The key is asked for, or read from standard input. It is not kept, and not shown. What other authorizers have in
    their caches is not seen here.
    """
    app: App = ctx.obj
    app.target.accept_imported = imported
    token = click.prompt("Key", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read().rstrip("\r\n")
    verdict = verdict_on(token, app.table, app.clock)
    identity = verdict.identity
    if app.json:
        output.print_json(
            {
                "accepted": identity is not None,
                "reason": verdict.reason,
                "key_id": verdict.key_id,
                "sub": identity.sub if identity else None,
                "data": identity.data if identity else None,
                "scopes": sorted(identity.scopes) if identity else None,
            }
        )
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
    if identity is None:
        ctx.exit(NOT_ACCEPTED)


@click.command(cls=Command, example="git log -p | keys leak -")
@click.argument("file", type=click.File("r", encoding="utf-8", errors="replace"), default="-")
@click.option("--dry-run", is_flag=True, help="Only show what was found.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@prefix_option
@click.pass_obj
def leak(app: App, file: TextIO, dry_run: bool, yes: bool) -> None:
    """Finds our keys in a text, and revokes those that can still be used.

    The text is read from FILE or standard input. Keys are found by their form and checksum, so imported keys of other
    formats are not: look these up with `keys verify`.
    """
    if file.isatty():
        note("Paste the text, and end it with Ctrl-D on a line of its own.")
    finds = scanning.find(file.read(), app.table.prefix)
    known = [(key, find.lines) for find in finds if (key := app.store.with_digest(api_key.digest(find.key)))]
    now = app.clock()
    usable = [key for key, _ in known if key.state(now) in (State.ACTIVE, State.DISABLED)]
    if not app.json:
        _show_found(known, len(finds), now)
    revoked: list[str] = []
    if usable and not dry_run:
        confirm(f"Revoke {len(usable)} of them, for good?", yes=yes)
        for key in usable:
            app.store.revoke(key.key_id)
            revoked.append(key.key_id)
    if app.json:
        found = [{**output.key_object(key, now), "lines": lines} for key, lines in known]
        output.print_json({"found": found, "unknown": len(finds) - len(known), "revoked": revoked})
    elif revoked:
        click.echo(f"Revoked: {' '.join(revoked)}")


@click.command("scan-pattern", cls=Command, example="keys scan-pattern --format gitleaks > .gitleaks.toml")
@click.option("--format", "form", type=click.Choice(["text", "gitleaks", "github", "json"]), default="text")
@prefix_option
@click.pass_obj
def scan_pattern(app: App, form: str) -> None:
    """Prints how a secret scanner can tell our keys: a regular expression, and the rule of the checksum."""
    prefix = app.prefix
    if form == "json" or app.json:
        output.print_json(scanning.rule(prefix))
    elif form == "gitleaks":
        click.echo(scanning.gitleaks(prefix), nl=False)
    elif form == "github":
        click.echo(scanning.github(prefix), nl=False)
    else:
        described = scanning.rule(prefix)
        output.print_fields([("Pattern", described["regex"]), ("Checksum", described["checksum"])])


def _completion_script(ctx: click.Context, shell: str) -> str:
    completion_class = get_completion_class(shell)
    if completion_class is None:
        raise BadInput(f"There is no completion for {shell}.")
    return completion_class(ctx.find_root().command, {}, "keys", "_KEYS_COMPLETE").source()


@click.command(cls=Command, example='eval "$(keys completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Prints the script that lets a shell complete this command."""
    click.echo(_completion_script(ctx, shell))


def _show_found(known: list[tuple[Key, tuple[int, ...]]], count: int, now: float) -> None:
    if not count:
        note("No key of ours is in this text.")
    if known:
        rows = [
            (key.key_id, key.consumer, key.state(now), key.hint or "", " ".join(str(line) for line in lines))
            for key, lines in known
        ]
        output.print_table(("KEY ID", "CONSUMER", "STATE", "BEGINS", "LINES"), rows)
    if count > len(known):
        note(f"{count - len(known)} more have the form of our keys, but are not in this table.")
