"""The command `keys`: its commands on single keys."""

from __future__ import annotations

from typing import Any

import click

from keys import output
from keys.app import App, confirm, note
from keys.commands import DURATION, KEY_ID, LIFETIME, NAME, SCOPES, Group, tag_options
from keys.fields import parse_data
from keys.record import State
from keys.store import Created

EXIT_CODES = """\b
Exit codes:
  0  done
  1  AWS failed or could not be reached, or you said no
  2  wrong usage or bad input
  3  no such key, consumer, stack or table
  4  the state of the key or consumer does not allow it
"""


@click.group(cls=Group, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="apigateway-multi-auth")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Makes and manages API keys.

    The table is the one of --table, else of --stack, else of API_KEYS_TABLE, else of the local system that `make
    run` has started in this directory.
    """
    ctx.ensure_object(App)


@main.command(example='keys create --consumer acme --data \'{"plan": "gold"}\' --scopes read,write --expires-in 90d')
@click.option("--consumer", type=NAME, required=True, help="Who it is for: the `sub` of its requests.")
@click.option("--data", metavar="JSON", help="An object that backends get with each request.  [the consumer's]")
@click.option("--scopes", type=SCOPES, default="", metavar="A,B", help="What it may be used for.")
@click.option("--expires-in", type=LIFETIME, help="How long it lasts: 15m, 72h, 90d.  [for ever]")
@click.option("--prefix", metavar="TEXT", help="The first part of the key.  [the stack's, or mak]")
@tag_options
@click.pass_obj
def create(
    app: App,
    consumer: str,
    data: str | None,
    scopes: frozenset[str],
    expires_in: int | None,
    prefix: str | None,
    tags: dict[str, str],
) -> None:
    """Makes a key, and shows it this once.

    A consumer that does not exist yet is created, with the same data.
    """
    app.target.prefix = prefix
    stored_data = None if data is None else parse_data(data, consumer)
    created = app.store.create(
        consumer=consumer, prefix=app.table.prefix, data=stored_data, scopes=scopes, tags=tags, expires_in=expires_in
    )
    _show_created(app, created)


@main.command("list", example="keys list --consumer acme --state active --expiring-within 14d")
@click.option("--consumer", type=NAME, help="Only this consumer's keys.")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only keys in this state.")
@click.option("--expiring-within", type=DURATION, help="Only active keys that expire within this time.")
@tag_options
@click.pass_obj
def list_keys(
    app: App, consumer: str | None, state: str | None, expiring_within: int | None, tags: dict[str, str]
) -> None:
    """Lists keys, those of one consumer or all of them.

    With several conditions, keys that meet all of them. Without --consumer the whole table is read.
    """
    now = app.clock()
    keys = [
        key
        for key in app.store.all(consumer)
        if (state is None or key.state(now) == state)
        and (expiring_within is None or key.expires_within(expiring_within, now))
        and tags.items() <= key.tags.items()
    ]
    keys.sort(key=lambda key: (key.consumer, key.created_at, key.key_id))
    if app.json:
        output.print_json([output.key_object(key, now) for key in keys])
    elif keys:
        output.print_table(output.KEY_COLUMNS, [output.key_row(key, now) for key in keys])
    else:
        note("There are no such keys.")


@main.command(example="keys show key_1a2B3c4D5e6F7g8H")
@click.argument("key_id", type=KEY_ID)
@click.pass_obj
def show(app: App, key_id: str) -> None:
    """Shows all that is known of a key, but never the key itself."""
    key = app.store.find(key_id)
    now = app.clock()
    if app.json:
        output.print_json(output.key_object(key, now))
    else:
        output.print_fields(output.key_fields(key, now))


@main.command(example="keys revoke key_1a2B3c4D5e6F7g8H --yes")
@click.argument("key_id", type=KEY_ID)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def revoke(app: App, key_id: str, yes: bool) -> None:
    """Ends a key for good.

    It stops working within the two caches' time, one minute by default. A key that is revoked already stays as it is.
    """
    key = app.store.find(key_id)
    if key.revoked_at is None:
        confirm(f"Revoke {key_id} of {key.consumer}, for good?", yes=yes)
    key, changed = app.store.revoke(key_id)
    if app.json:
        output.print_json(output.key_object(key, app.clock()))
    elif changed:
        click.echo(f"{key_id} is revoked.")
    else:
        click.echo(f"{key_id} was revoked already, at {output.iso(key.revoked_at)}.")


def _show_created(app: App, created: Created, **more: Any) -> None:
    if app.json:
        output.print_json({"key": created.secret, **output.key_object(created.key, app.clock()), **more})
        return
    output.print_fields([("Key", created.secret), *output.key_fields(created.key, app.clock())])
    note(output.SECRET_NOTE)
