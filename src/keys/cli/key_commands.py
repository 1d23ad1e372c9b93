"""The commands on single keys."""

from __future__ import annotations

import click

from keys.cli import output
from keys.cli.app import App, confirm, note
from keys.cli.commands import DURATION, KEY_ID, LIFETIME, NAME, SCOPES, Command, prefix_option, tag_options
from keys.life.fields import parse_data
from keys.life.record import Key, State
from keys.life.store import Created


@click.command(
    cls=Command, example='keys create --consumer acme --data \'{"plan": "gold"}\' --scopes read,write --expires-in 90d'
)
@click.option("--consumer", type=NAME, required=True, help="Who it is for: the `sub` of its requests.")
@click.option("--data", metavar="JSON", help="An object that backends get with each request.  [the consumer's]")
@click.option("--scopes", type=SCOPES, default="", metavar="A,B", help="What it may be used for.")
@click.option("--expires-in", type=LIFETIME, help="How long it lasts: 15m, 72h, 90d.  [for ever]")
@prefix_option
@tag_options
@click.pass_obj
def create(
    app: App,
    consumer: str,
    data: str | None,
    scopes: frozenset[str],
    expires_in: int | None,
    tags: dict[str, str],
) -> None:
    """Makes a key, and shows it this once.

    A consumer that does not exist yet is created, with the same data.
    """
    stored_data = None if data is None else parse_data(data, consumer)
    created = app.store.create(
        consumer=consumer, prefix=app.table.prefix, data=stored_data, scopes=scopes, tags=tags, expires_in=expires_in
    )
    _show_created(app, created)


@click.command("list", cls=Command, example="keys list --consumer acme --state active --expiring-within 14d")
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


@click.command(cls=Command, example="keys show key_1a2B3c4D5e6F7g8H")
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


@click.command(cls=Command, example="keys roll key_1a2B3c4D5e6F7g8H --grace 72h")
@click.argument("key_id", type=KEY_ID)
@click.option("--grace", type=DURATION, default="72h", show_default=True, help="How long the old key still works.")
@click.option("--expires-in", type=LIFETIME, help="How long the new key lasts.  [as long as the old one was made for]")
@prefix_option
@click.option("--undo", is_flag=True, help="Take a roll of this key back: revoke the new key, keep the old one.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def roll(app: App, key_id: str, grace: int, expires_in: int | None, undo: bool, yes: bool) -> None:
    """Makes a new key in place of another, and shows it this once.

    It has the same consumer, data, scopes and tags. The old key works for the time of --grace, so that its holder can
    change over, but no longer than it would have. With --grace 0 it ends at once.
    """
    if undo:
        _undo_roll(app, key_id, yes=yes)
        return
    if not grace:
        confirm(f"End {key_id} at once?", yes=yes)
    rolled = app.store.roll(key_id, prefix=app.table.prefix, grace=grace, expires_in=expires_in)
    _show_created(app, rolled.created, rolled.old)


@click.command(cls=Command, example="keys disable key_1a2B3c4D5e6F7g8H")
@click.argument("key_id", type=KEY_ID)
@click.pass_obj
def disable(app: App, key_id: str) -> None:
    """Stops a key until it is enabled again."""
    key, changed = app.store.disable(key_id)
    _show_changed(app, key, f"{key_id} is disabled." if changed else f"{key_id} was disabled already.")


@click.command(cls=Command, example="keys enable key_1a2B3c4D5e6F7g8H")
@click.argument("key_id", type=KEY_ID)
@click.pass_obj
def enable(app: App, key_id: str) -> None:
    """Lets a disabled key work again."""
    key, changed = app.store.enable(key_id)
    state = key.state(app.clock())
    text = f"{key_id} is enabled." if changed else f"{key_id} was not disabled."
    _show_changed(app, key, text if state is State.ACTIVE else f"{text} But it is {state}.")


@click.command(cls=Command, example="keys revoke key_1a2B3c4D5e6F7g8H --yes")
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
    already = f"{key_id} was revoked already, at {output.iso(key.revoked_at)}."
    _show_changed(app, key, f"{key_id} is revoked." if changed else already)


@click.command(cls=Command, example="keys delete key_1a2B3c4D5e6F7g8H --yes")
@click.argument("key_id", type=KEY_ID)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(app: App, key_id: str, yes: bool) -> None:
    """Removes a key and all that is known of it.

    It stops working as with `revoke`, which keeps what is known of it for another 30 days.
    """
    confirm(f"Delete {key_id}? Nothing will be known of it any more.", yes=yes)
    app.store.delete(key_id)
    if app.json:
        output.print_json({"key_id": key_id, "deleted": True})
    else:
        click.echo(f"{key_id} is deleted.")


def _undo_roll(app: App, key_id: str, *, yes: bool) -> None:
    confirm(f"Take the roll of {key_id} back, and revoke the key that was made for it?", yes=yes)
    old, new = app.store.undo_roll(key_id)
    ended = f"{new.key_id} is revoked" if new else "the new key was deleted before"
    _show_changed(app, old, f"{key_id} is as before it was rolled, and {ended}.")


def _show_changed(app: App, key: Key, text: str) -> None:
    if app.json:
        output.print_json(output.key_object(key, app.clock()))
    else:
        click.echo(text)


def _show_created(app: App, created: Created, old: Key | None = None) -> None:
    now = app.clock()
    if app.json:
        replaced = {} if old is None else {"old": output.key_object(old, now)}
        output.print_json({"key": created.secret, **output.key_object(created.key, now), **replaced})
        return
    output.print_fields([("Key", created.secret), *output.key_fields(created.key, now)])
    if old is not None:
        output.print_fields([("Old key ends", output.expiry_text(old, now))])
    note(output.SECRET_NOTE)
