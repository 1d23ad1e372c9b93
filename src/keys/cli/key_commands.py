"""Commands that create, show and change keys."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import click
from click.core import ParameterSource

from authorizer.owner import OWNER_PK
from keys.cli import output
from keys.cli.app import App
from keys.cli.commands import (
    DURATION,
    LIFETIME,
    NAME,
    REF,
    Command,
    from_log_option,
    given_options,
    owner_option,
    prefix_option,
    reason_option,
    tag_options,
    usage_stack_option,
    yes_option,
)
from keys.cli.exits import Exit
from keys.cli.last_use import NONE_KNOWN, last_days, last_use, shown
from keys.cli.messages import say
from keys.cli.result import Fields, Result, Rows, Told, history_result, telling
from keys.core.errors import BadInput, Code, NotFound
from keys.core.making import Created
from keys.core.record import Key, State, new_key_id
from keys.core.schema import iso


@click.command(
    cls=Command, example='keys create --consumer acme --data \'{"plan": "gold"}\' --scopes read,write --expires-in 90d'
)
@click.option("--consumer", type=NAME, required=True, help="The consumer. Its name is the `sub` of the requests.")
@given_options(Key, data="A JSON object for the backends.  [default: of the consumer]")
@click.option("--expires-in", type=LIFETIME, help="The lifetime, such as 15m, 72h or 90d.  [default: no expiry]")
@prefix_option
@reason_option
@click.pass_obj
def create(app: App, consumer: str, given: dict[str, Any], expires_in: int | None, reason: str | None) -> Result:
    """Create an API key. The key is shown once.

    If the consumer does not exist, it is created with the same data.
    """
    app.require_reader(Key, given)
    key_id = new_key_id()
    look, back = app.again(f"keys show {key_id}"), app.again(f"keys revoke {key_id} --yes")
    with telling(app, f"To see whether the key exists: {look}\nTo revoke it: {back}", key_id=key_id) as told:
        created = app.store.create(
            consumer=consumer, prefix=app.prefix, key_id=key_id, expires_in=expires_in, reason=reason, **given
        )
    told.done(f"The key {key_id} was created, but it could not be shown. Revoke it and create another key.")
    return _created(app, created, told)


@click.command("list", cls=Command, example="keys list --consumer acme --state active --expiring-within 14d")
@click.option("--consumer", type=NAME, help="Only the keys of this consumer.")
@owner_option("Only the keys that signed-in users made for this owner.")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only keys with this state.")
@click.option("--expiring-within", type=DURATION, help="Only active keys that expire within this time, such as 14d.")
@tag_options("Only keys with this tag. Repeatable.")
@click.option(
    "--unused-for",
    type=LIFETIME,
    help="Only active keys that no request used for this time, such as 90d. If that cannot be known: exit code 10.",
)
@click.option("--since-start", is_flag=True, help="With --unused-for: if the log is younger, since it began.")
@click.option(
    "--without-api",
    "without_apis",
    multiple=True,
    metavar="ID",
    help="With --unused-for: an API whose requests may be unknown. Repeatable.",
)
@from_log_option
@usage_stack_option
@click.pass_obj
def list_keys(
    app: App,
    consumer: str | None,
    owner: str | None,
    state: str | None,
    expiring_within: int | None,
    tags: dict[str, str],
    unused_for: int | None,
    since_start: bool,
    without_apis: tuple[str, ...],
    from_log: bool,
    usage_stack: str | None,
) -> Result:
    """List the keys of one consumer or of all consumers.

    With several options, the list has the keys that match all of them. Without --consumer, the command reads the whole
    table. A key without a valid key ID is shown with its SHA-256 digest, which every command accepts as KEY_ID.

    The JSON output also has who created each key, and its last change.

    With --unused-for, the JSON output is an object: `unused` has the keys, `since` the time, and apart are those about
    which nothing is known. A use is a request that was accepted: the access log does not name refused keys.
    """
    if consumer and owner:
        raise BadInput("Specify --consumer or --owner.")
    consumer = consumer or owner
    if unused_for is None and (since_start or without_apis or from_log):
        raise BadInput("--since-start, --without-api and --from-log need --unused-for.")
    if unused_for is not None and state is None:
        state = State.ACTIVE
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
    if unused_for is not None:
        from keys.cli.usage_commands import unused_result

        return unused_result(
            app,
            keys,
            unused_for,
            from_start=since_start,
            without_apis=without_apis,
            from_log=from_log,
            usage_stack=usage_stack,
        )
    data = [output.key_object(key, now) for key in keys]
    if not keys:
        return Result(data, notes=() if app.json else [none_listed(app, consumer, len(everything))])
    rows, columns = [output.key_row(key, now) for key in keys], list(output.KEY_COLUMNS)
    used = last_days(app, (key.key_id for key in keys), usage_stack)
    if used is not None:
        columns.append("LAST USED")
        for key, row, each in zip(keys, rows, data, strict=True):
            each["last_used"] = used.get(key.key_id)
            row.append(used.get(key.key_id, NONE_KNOWN))
    return Result(data, [Rows(columns, rows, output.KEY_IMPORTANCE)])


@click.command(cls=Command, example="keys show key_1a2B3c4D5e6F7g8H")
@click.argument("key_id", type=REF)
@usage_stack_option
@click.pass_obj
def show(app: App, key_id: str, usage_stack: str | None) -> Result:
    """Show the details of a key. The key itself is not stored.

    With the optional stack of usage, its last use is shown, to a quarter of an hour.
    """
    key, now = app.store.find(key_id), app.clock()
    data = {**output.key_object(key, now), "history": output.history_object(key)}
    fields = output.key_fields(key, now)
    used = last_use(app, key.key_id, usage_stack)
    if used is not None:
        data["last_used"] = iso(used[0])
        fields.append(("Last used", shown(used[0])))
    return Result(data, [Fields(fields)])


@click.command(cls=Command, example="keys history key_1a2B3c4D5e6F7g8H")
@click.argument("key_id", type=REF)
@click.pass_obj
def history(app: App, key_id: str) -> Result:
    """Show the history of a key.

    The table keeps the creation and the last nine changes. Each entry has the time, the identity, the command and the
    reason. A deleted key has no history: `keys audit` has it, if the stack of events is deployed.
    """
    return history_result(app.store.find(key_id))


@click.command(cls=Command, example='keys update key_1a2B3c4D5e6F7g8H --description "billing job"')
@click.argument("key_id", type=REF)
@given_options(
    Key,
    changes=True,
    data="The new data of this key alone. For all keys of a consumer: `keys consumer update`.",
    scopes='The new scopes, which replace the existing ones. "": none.',
    tags="A new tag, which replaces all existing tags. Repeatable.",
)
@reason_option
@click.pass_obj
def update(app: App, key_id: str, given: dict[str, Any], reason: str | None) -> Result:
    """Change fields of a key.

    The given tags replace all existing tags. To change the data of all keys of a consumer, use `keys consumer update`.
    """
    app.require_reader(Key, given)
    with _telling(app, key_id) as told:
        key, changed = app.store.update(key_id, given, reason)
    return _changed(app, told, key, f"{key_id} {'is changed' if changed else 'already has these values'}.", changed)


@click.command(cls=Command, example="keys roll key_1a2B3c4D5e6F7g8H --grace 72h")
@click.argument("key_id", type=REF)
@click.option(
    "--grace", type=DURATION, default="72h", show_default=True, help="How long the old key continues to work."
)
@click.option(
    "--expires-in", type=LIFETIME, help="The lifetime of the new key.  [default: the lifetime of the old key]"
)
@prefix_option
@click.option("--undo", is_flag=True, help="Undo the roll of this key: revoke the new key, keep the old one.")
@reason_option
@yes_option
@click.pass_context
def roll(
    ctx: click.Context, key_id: str, grace: int, expires_in: int | None, undo: bool, reason: str | None, yes: bool
) -> Result:
    """Roll a key: create its replacement. The new key is shown once.

    The new key has the same consumer, description, data, scopes and tags. The old key continues to work for the grace
    period, but not after its own expiry. With --grace 0 the old key expires at once.
    """
    app: App = ctx.obj
    if undo:
        for option, name in {"grace": "--grace", "expires_in": "--expires-in", "prefix": "--prefix"}.items():
            if ctx.get_parameter_source(option) is ParameterSource.COMMANDLINE:
                raise BadInput(f"{name} has no effect with --undo. Specify one of them.")
        return _undo_roll(app, key_id, reason, yes=yes)
    if not grace:
        app.confirm(f"Expire {key_id} at once?", yes=yes)
    new_id = new_key_id()
    look, back = app.again(f"keys show {key_id}"), app.again(f"keys roll {key_id} --undo --yes")
    # Without a grace period the old key has expired, so the roll cannot be undone.
    end = f"To revoke the new key: {app.again(f'keys revoke {new_id} --yes')}"
    remedy = f"To see whether the key was rolled: {look}\n{f'To undo the roll: {back}' if grace else end}"
    with telling(app, remedy, key_id=new_id, rolled_from=key_id) as told:
        rolled = app.store.roll(
            key_id, prefix=app.prefix, grace=grace, expires_in=expires_in, reason=reason, key_id=new_id
        )
    expires = output.expiry_text(rolled.old, app.clock())
    told.done(f"{key_id} was rolled and expires {expires}, but the new key {new_id} could not be shown.")
    return _created(app, rolled.created, told, rolled.old)


@click.command(cls=Command, example='keys disable key_1a2B3c4D5e6F7g8H --reason "unpaid"')
@click.argument("key_id", type=REF)
@reason_option
@click.pass_obj
def disable(app: App, key_id: str, reason: str | None) -> Result:
    """Disable a key. The authorizer refuses it until you enable it."""
    with _telling(app, key_id) as told:
        key, changed = app.store.disable(key_id, reason)
    return _changed(app, told, key, f"{key_id} is {'' if changed else 'already '}disabled.", changed)


@click.command(cls=Command, example="keys enable key_1a2B3c4D5e6F7g8H")
@click.argument("key_id", type=REF)
@reason_option
@click.pass_obj
def enable(app: App, key_id: str, reason: str | None) -> Result:
    """Enable a disabled key."""
    with _telling(app, key_id) as told:
        key, changed = app.store.enable(key_id, reason)
    state = key.state(app.clock())
    text = f"{key_id} is {'' if changed else 'already '}enabled."
    return _changed(app, told, key, text if state is State.ACTIVE else f"{text} Its state is {state}.", changed)


@click.command(cls=Command, example='keys revoke key_1a2B3c4D5e6F7g8H --reason "ticket 4711" --yes')
@click.argument("key_id", type=REF)
@reason_option
@yes_option
@click.pass_obj
def revoke(app: App, key_id: str, reason: str | None, yes: bool) -> Result:
    """Revoke a key permanently.

    The caches can accept the key for 60 seconds more by default: AuthorizerCacheSeconds and ApiKeyCacheSeconds. A key
    that is already revoked is not changed.
    """
    key = app.store.find(key_id)
    if key.revoked_at is None:
        app.confirm(f"Revoke {key_id} of {key.consumer} permanently?", yes=yes)
    with _telling(app, key_id) as told:
        key, changed = app.store.revoke(key_id, reason)
    already = f"{key_id} is already revoked, since {iso(key.revoked_at)}."
    return _changed(app, told, key, f"{key_id} is revoked." if changed else already, changed)


@click.command(cls=Command, example="keys delete key_1a2B3c4D5e6F7g8H --yes")
@click.argument("key_id", type=REF)
@reason_option
@yes_option
@click.pass_obj
def delete(app: App, key_id: str, reason: str | None, yes: bool) -> Result:
    """Delete a key and its history.

    The key stops working as after `keys revoke`. A revoked key keeps its details and history for 30 days.
    """
    app.confirm(f"Delete {key_id} and its history permanently?", yes=yes)
    with _telling(app, key_id) as told:
        app.store.delete(key_id, reason)
    text = f"{key_id} is deleted."
    return Result({"key_id": key_id, "deleted": True}, [text], told=told.done(text))


def none_listed(app: App, consumer: str | None, count: int) -> str:
    """The message of a list or export without keys. `count`: the number of keys before the other options apply."""
    is_owner = consumer is not None and OWNER_PK.fullmatch(consumer) is not None
    where = f"of the consumer {consumer}" if consumer else f"in the table {app.table.name}"
    if is_owner:
        where = "of this owner"
    if not count and consumer and app.store.consumers.get(consumer) is None:
        if is_owner:
            return say(NotFound(Code.OWNER_NOT_FOUND, table=app.table.name))
        return f"The consumer {consumer!r} does not exist. To list the consumers: `{app.again('keys consumer list')}`."
    return output.none_listed(count, "key", where)


def _undo_roll(app: App, key_id: str, reason: str | None, *, yes: bool) -> Result:
    app.confirm(f"Undo the roll of {key_id}, and revoke the new key?", yes=yes)
    with _telling(app, key_id) as told:
        old, new = app.store.undo_roll(key_id, reason)
    ended = f"The new key {new.ref} is revoked." if new else "The new key was already deleted."
    return _changed(app, told, old, f"The roll of {key_id} is undone. {ended}", True)


def _telling(app: App, key_id: str) -> AbstractContextManager[Told]:
    return telling(app, f"To see its state: {app.again(f'keys show {key_id}')}", key_id=key_id)


def _changed(app: App, told: Told, key: Key, text: str, changed: bool) -> Result:
    data = output.key_object(key, app.clock())
    if not changed:
        return Result(data, notes=[text], exit=Exit.NO_EFFECT)
    return Result(data, [text], told=told.done(text))


def _created(app: App, created: Created, told: Told, old: Key | None = None) -> Result:
    now = app.clock()
    replaced = {} if old is None else {"old": output.key_object(old, now)}
    ends = [] if old is None else [("Old expiry", output.expiry_text(old, now))]
    notes = [] if app.json else [output.SECRET_NOTE]
    if created.new_consumer:
        notes.append(f"The consumer {created.key.consumer} was created.")
    return Result(
        {"key": created.secret, **output.key_object(created.key, now), **replaced},
        [Fields([("Key", created.secret), *output.key_fields(created.key, now), *ends])],
        notes,
        told=told,
    )
