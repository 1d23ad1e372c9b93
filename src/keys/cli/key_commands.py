"""The commands on single keys."""

from __future__ import annotations

from contextlib import AbstractContextManager

import click

from keys.cli import output
from keys.cli.app import App, note
from keys.cli.commands import (
    DESCRIPTION,
    DURATION,
    LIFETIME,
    NAME,
    REF,
    SCOPES,
    Command,
    prefix_option,
    reason_option,
    tag_options,
    yes_option,
)
from keys.cli.telling import Told, telling
from keys.life.errors import NoEffect
from keys.life.fields import parse_data
from keys.life.record import Key, State, new_key_id
from keys.life.store import Created


@click.command(
    cls=Command, example='keys create --consumer acme --data \'{"plan": "gold"}\' --scopes read,write --expires-in 90d'
)
@click.option("--consumer", type=NAME, required=True, help="Who it is for: the `sub` of its requests.")
@click.option("--description", type=DESCRIPTION, default="", help="For people.")
@click.option("--data", metavar="JSON", help="An object that backends get with each request.  [the consumer's]")
@click.option("--scopes", type=SCOPES, default="", metavar="A,B", help="What it may be used for.")
@click.option("--expires-in", type=LIFETIME, help="How long it lasts: 15m, 72h, 90d.  [for ever]")
@prefix_option
@tag_options
@click.pass_obj
def create(
    app: App,
    consumer: str,
    description: str,
    data: str | None,
    scopes: frozenset[str],
    expires_in: int | None,
    tags: dict[str, str],
) -> None:
    """Makes a key, and shows it this once.

    A consumer that does not exist yet is created, with the same data.
    """
    stored_data = None if data is None else parse_data(data, consumer)
    key_id = new_key_id()
    look, back = app.again(f"keys show {key_id}"), app.again(f"keys revoke {key_id} --yes")
    with telling(app, f"To see whether it is there: {look}\nTo end it: {back}", key_id=key_id) as told:
        created = app.store.create(
            key_id=key_id,
            consumer=consumer,
            prefix=app.prefix,
            description=description,
            data=stored_data,
            scopes=scopes,
            tags=tags,
            expires_in=expires_in,
        )
        told.fact = f"{key_id} was made, but the key itself is lost: end it, and make another."
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

    With several conditions, keys that meet all of them. Without --consumer the whole table is read. A key whose id was
    not made here is shown by its digest, which every command takes in place of the id.
    """
    now = app.clock()
    everything = list(app.store.all(consumer))
    keys = [
        key
        for key in everything
        if (state is None or key.state(now) == state)
        and (expiring_within is None or key.expires_within(expiring_within, now))
        and tags.items() <= key.tags.items()
    ]
    keys.sort(key=lambda key: (key.consumer, key.created_at or 0, key.key_id))
    if app.json:
        output.print_json([output.key_object(key, now) for key in keys])
    elif keys:
        rows = [output.key_row(key, now) for key in keys]
        output.print_table(output.KEY_COLUMNS, rows, output.KEY_IMPORTANCE)
    else:
        note(
            f"There are no such keys, among {len(everything)} in {app.table.name}{f' of {consumer}' * bool(consumer)}."
        )


@click.command(cls=Command, example="keys show key_1a2B3c4D5e6F7g8H")
@click.argument("key_id", type=REF)
@click.pass_obj
def show(app: App, key_id: str) -> None:
    """Shows all that is known of a key, but never the key itself."""
    key = app.store.find(key_id)
    now = app.clock()
    if app.json:
        output.print_json({**output.key_object(key, now), "history": output.history_object(key)})
    else:
        output.print_fields(output.key_fields(key, now))


@click.command(cls=Command, example="keys history key_1a2B3c4D5e6F7g8H")
@click.argument("key_id", type=REF)
@click.pass_obj
def history(app: App, key_id: str) -> None:
    """Shows who changed a key, when, with which command and why: the first change and the last nine.

    What is deleted has no history. AWS CloudTrail can keep one of every call, if it records data events of the table.
    """
    output.show_history(app.store.find(key_id), as_json=app.json)


@click.command(cls=Command, example="keys roll key_1a2B3c4D5e6F7g8H --grace 72h")
@click.argument("key_id", type=REF)
@click.option("--grace", type=DURATION, default="72h", show_default=True, help="How long the old key still works.")
@click.option("--expires-in", type=LIFETIME, help="How long the new key lasts.  [as long as the old one was made for]")
@prefix_option
@click.option("--undo", is_flag=True, help="Take a roll of this key back: revoke the new key, keep the old one.")
@reason_option
@yes_option
@click.pass_obj
def roll(app: App, key_id: str, grace: int, expires_in: int | None, undo: bool, reason: str | None, yes: bool) -> None:
    """Makes a new key in place of another, and shows it this once.

    It has the same consumer, description, data, scopes and tags. The old key works for the time of --grace, so that its
    holder can change over, but no longer than it would have. With --grace 0 it ends at once.
    """
    if undo:
        _undo_roll(app, key_id, reason, yes=yes)
        return
    if not grace:
        app.confirm(f"End {key_id} at once?", yes=yes)
    new_id = new_key_id()
    look, back = app.again(f"keys show {key_id}"), app.again(f"keys roll {key_id} --undo --yes")
    # After an end at once there is nothing to go back to.
    end = f"To end the new key: {app.again(f'keys revoke {new_id} --yes')}"
    remedy = f"To see whether it was rolled: {look}\n{f'To take the roll back: {back}' if grace else end}"
    with telling(app, remedy, key_id=new_id, rolled_from=key_id) as told:
        rolled = app.store.roll(
            key_id, prefix=app.prefix, grace=grace, expires_in=expires_in, reason=reason, key_id=new_id
        )
        ends = output.expiry_text(rolled.old, app.clock())
        told.fact = f"{key_id} was rolled and ends {ends}, but the new key {new_id} itself is lost."
        _show_created(app, rolled.created, rolled.old)


@click.command(cls=Command, example='keys disable key_1a2B3c4D5e6F7g8H --reason "unpaid"')
@click.argument("key_id", type=REF)
@reason_option
@click.pass_obj
def disable(app: App, key_id: str, reason: str | None) -> None:
    """Stops a key until it is enabled again."""
    with _telling(app, key_id) as told:
        key, changed = app.store.disable(key_id, reason)
        _show_changed(
            app, told, key, f"{key_id} is disabled." if changed else f"{key_id} was disabled already.", changed
        )


@click.command(cls=Command, example="keys enable key_1a2B3c4D5e6F7g8H")
@click.argument("key_id", type=REF)
@reason_option
@click.pass_obj
def enable(app: App, key_id: str, reason: str | None) -> None:
    """Lets a disabled key work again."""
    with _telling(app, key_id) as told:
        key, changed = app.store.enable(key_id, reason)
        state = key.state(app.clock())
        text = f"{key_id} is enabled." if changed else f"{key_id} was not disabled."
        _show_changed(app, told, key, text if state is State.ACTIVE else f"{text} But it is {state}.", changed)


@click.command(cls=Command, example='keys revoke key_1a2B3c4D5e6F7g8H --reason "ticket 4711" --yes')
@click.argument("key_id", type=REF)
@reason_option
@yes_option
@click.pass_obj
def revoke(app: App, key_id: str, reason: str | None, yes: bool) -> None:
    """Ends a key for good.

    It stops working within the two caches' time, one minute by default. A key that is revoked already stays as it is.
    """
    key = app.store.find(key_id)
    if key.revoked_at is None:
        app.confirm(f"Revoke {key_id} of {key.consumer}, for good?", yes=yes)
    with _telling(app, key_id) as told:
        key, changed = app.store.revoke(key_id, reason)
        already = f"{key_id} was revoked already, at {output.iso(key.revoked_at)}."
        _show_changed(app, told, key, f"{key_id} is revoked." if changed else already, changed)


@click.command(cls=Command, example="keys delete key_1a2B3c4D5e6F7g8H --yes")
@click.argument("key_id", type=REF)
@yes_option
@click.pass_obj
def delete(app: App, key_id: str, yes: bool) -> None:
    """Removes a key and all that is known of it.

    It stops working as with `revoke`, which keeps what is known of it for another 30 days.
    """
    app.confirm(f"Delete {key_id}? Nothing will be known of it any more.", yes=yes)
    with _telling(app, key_id) as told:
        app.store.delete(key_id)
        told.fact = f"{key_id} is deleted."
        if app.json:
            output.print_json({"key_id": key_id, "deleted": True})
        else:
            click.echo(told.fact)


def _undo_roll(app: App, key_id: str, reason: str | None, *, yes: bool) -> None:
    app.confirm(f"Take the roll of {key_id} back, and revoke the key that was made for it?", yes=yes)
    with _telling(app, key_id) as told:
        old, new = app.store.undo_roll(key_id, reason)
        ended = f"{new.ref} is revoked" if new else "the new key was deleted before"
        _show_changed(app, told, old, f"{key_id} is as before it was rolled, and {ended}.", True)


def _telling(app: App, key_id: str) -> AbstractContextManager[Told]:
    return telling(app, f"To see how it is: {app.again(f'keys show {key_id}')}", key_id=key_id)


def _show_changed(app: App, told: Told, key: Key, text: str, changed: bool) -> None:
    """:raises NoEffect: it was so already."""
    told.fact = text if changed else None
    if app.json:
        output.print_json(output.key_object(key, app.clock()))
    if not changed:
        raise NoEffect(text)
    if not app.json:
        click.echo(text)


def _show_created(app: App, created: Created, old: Key | None = None) -> None:
    now = app.clock()
    if app.json:
        replaced = {} if old is None else {"old": output.key_object(old, now)}
        output.print_json({"key": created.secret, **output.key_object(created.key, now), **replaced})
    else:
        ends = [] if old is None else [("Old key ends", output.expiry_text(old, now))]
        output.print_fields([("Key", created.secret), *output.key_fields(created.key, now), *ends])
        note(output.SECRET_NOTE)
    if created.new_consumer:
        note(f"{created.key.consumer} is a new consumer.")
