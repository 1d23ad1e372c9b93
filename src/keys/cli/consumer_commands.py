"""Commands that create, show and change consumers."""

from __future__ import annotations

import shlex
from collections import Counter
from contextlib import AbstractContextManager
from typing import Any

import click

from keys.cli import output
from keys.cli.app import App, note
from keys.cli.commands import DESCRIPTION, NAME, Group, reason_option, tag_changes, tag_options, yes_option
from keys.cli.errors import NoEffect
from keys.cli.progress import counting
from keys.cli.telling import Told, telling
from keys.core.errors import BadInput
from keys.core.fields import parse_data
from keys.core.record import Consumer
from keys.core.schema import iso
from keys.deployment.words import plural


@click.group(cls=Group)
def consumer() -> None:
    """Manage consumers, the holders of keys."""


@consumer.command(example="keys consumer create acme --description 'ACME Ltd.' --data '{\"plan\": \"gold\"}'")
@click.argument("name", type=NAME)
@click.option("--description", type=DESCRIPTION, default="", help="A description of the consumer.")
@click.option("--data", metavar="JSON", default="{}", help="A JSON object for the backends, which new keys get.")
@tag_options("A tag. Repeatable.")
@click.pass_obj
def create(app: App, name: str, description: str, data: str, tags: dict[str, str]) -> None:
    """Create a consumer without keys."""
    with _telling(app, name) as told:
        made = app.store.consumers.create(name, description=description, data=parse_data(data, name), tags=tags)
        told.fact = f"The consumer {name} was created."
        _show(app, made)


@consumer.command("list", example="keys consumer list --tag team=payments")
@tag_options("Only consumers with this tag. Repeatable.")
@click.pass_obj
def list_consumers(app: App, tags: dict[str, str]) -> None:
    """List all consumers, or those with all given tags. The command reads the whole table."""
    everything = list(app.store.consumers.all())
    found = [made for made in everything if tags.items() <= made.tags.items()]
    found.sort(key=lambda made: made.name)
    if app.json:
        output.print_json([output.consumer_object(made) for made in found])
    elif found:
        rows = [
            (
                made.name,
                "enabled" if made.enabled else "disabled",
                made.description,
                made.data,
                iso(made.created_at) or "",
                output.tags_text(made.tags),
            )
            for made in found
        ]
        output.print_table(("NAME", "STATE", "DESCRIPTION", "DATA", "CREATED", "TAGS"), rows)
    else:
        note(output.none_listed(len(everything), "consumer", f"in the table {app.table.name}"))


@consumer.command(example="keys consumer show acme")
@click.argument("name", type=NAME)
@click.pass_obj
def show(app: App, name: str) -> None:
    """Show a consumer, and the number of its keys by state."""
    found = app.store.consumers.find(name)
    now = app.clock()
    states = Counter(key.state(now).value for key in app.store.consumers.keys_of(name))
    if app.json:
        told = {**output.consumer_object(found), "keys": dict(states), "history": output.history_object(found)}
        output.print_json(told)
    else:
        _show(app, found)
        output.print_fields([("Keys", ", ".join(f"{count} {state}" for state, count in states.items()) or "none")])


@consumer.command(example='keys consumer update acme --data \'{"plan": "platinum"}\'')
@click.argument("name", type=NAME)
@click.option("--description", type=DESCRIPTION, help="The new description.")
@click.option("--data", metavar="JSON", help="The new data of the consumer and of all its keys.")
@tag_options("A new tag, which replaces all existing tags. Repeatable.")
@click.option("--clear-tags", is_flag=True, help="Remove all tags.")
@reason_option
@click.pass_obj
def update(
    app: App,
    name: str,
    description: str | None,
    data: str | None,
    tags: dict[str, str],
    clear_tags: bool,
    reason: str | None,
) -> None:
    """Change the description, data or tags of a consumer.

    The given tags replace all existing tags. New data replaces the data of all keys of the consumer, also of keys that
    were created with other data. Up to 99 keys are changed in one transaction, more keys in batches. If the command is
    interrupted, run it again to change the remaining keys.
    """
    changes: dict[str, Any] = {}
    if description is not None:
        changes["description"] = description
    if data is not None:
        changes["data"] = parse_data(data, name)
    changes |= tag_changes(tags, clear_tags)
    if not changes:
        raise BadInput("There is no change. Specify --description, --data, --tag or --clear-tags.")
    with _telling(app, name) as told, counting("Keys updated", told.part("Keys updated")) as progress:
        change = app.store.consumers.update(name, changes, reason, progress)
        changed, count, is_new = change.consumer, change.keys, change.changed
        told.fact = f"{name} is changed. {plural(count, 'key')} changed." if is_new else None
        if app.json:
            output.print_json({**output.consumer_object(changed), "keys_updated": count})
        if not is_new:
            raise NoEffect(f"{name}{' and its keys' if data is not None else ''} already had these values.")
        if not app.json:
            _show(app, changed)
            output.print_fields([("Keys updated", str(count) if data is not None else None)])


@consumer.command(example='keys consumer disable acme --reason "unpaid" --yes')
@click.argument("name", type=NAME)
@reason_option
@yes_option
@click.pass_obj
def disable(app: App, name: str, reason: str | None, yes: bool) -> None:
    """Disable a consumer and all its keys.

    You cannot create a key for a disabled consumer, or enable or roll one of its keys. Up to 99 keys are disabled in
    one transaction, more keys in batches. If the command is interrupted, run it again to disable the remaining keys.
    """
    app.confirm(f"Disable {name} and all its keys?", yes=yes)
    _set_enabled(app, name, False, reason)


@consumer.command(example="keys consumer enable acme")
@click.argument("name", type=NAME)
@reason_option
@click.pass_obj
def enable(app: App, name: str, reason: str | None) -> None:
    """Enable a consumer and the keys that were disabled with it.

    Keys that `keys disable` disabled stay disabled.
    """
    _set_enabled(app, name, True, reason)


@consumer.command(example="keys consumer history acme")
@click.argument("name", type=NAME)
@click.pass_obj
def history(app: App, name: str) -> None:
    """Show the history of a consumer.

    The table keeps the creation and the last nine changes.
    """
    output.show_history(app.store.consumers.find(name), as_json=app.json)


@consumer.command(example="keys consumer delete acme --with-keys --yes")
@click.argument("name", type=NAME)
@click.option("--with-keys", is_flag=True, help="Also delete its keys, which then stop working.")
@yes_option
@click.pass_obj
def delete(app: App, name: str, with_keys: bool, yes: bool) -> None:
    """Delete a consumer without keys, or a consumer and its keys."""
    app.confirm(f"Delete {name}{' and all its keys' if with_keys else ''}?", yes=yes)
    with _telling(app, name) as told, counting("Keys deleted", told.part("Keys deleted")) as progress:
        count = app.store.consumers.delete(name, with_keys=with_keys, progress=progress)
        number = plural(count, "key")
        told.fact = f"{name} is deleted{f', with {number}' if count else ''}."
        if app.json:
            output.print_json({"name": name, "deleted": True, "keys_deleted": count})
        else:
            click.echo(told.fact)


def _set_enabled(app: App, name: str, enabled: bool, reason: str | None) -> None:
    state = "enabled" if enabled else "disabled"
    with _telling(app, name) as told, counting(f"Keys {state}", told.part(f"Keys {state}")) as progress:
        change = app.store.consumers.set_enabled(name, enabled, reason, progress)
        made, count, changed = change.consumer, change.keys, change.changed
        told.fact = f"{name} is {state}. {plural(count, 'key')} {state}." if changed else None
        if app.json:
            output.print_json({**output.consumer_object(made), "keys_changed": count})
        if not changed:
            raise NoEffect(f"{name} and its keys are already {state}.")
        if not app.json:
            click.echo(told.fact)


def _telling(app: App, name: str) -> AbstractContextManager[Told]:
    look = app.again(f"keys consumer show {shlex.quote(name)}")
    return telling(app, f"To see its state: {look}\nTo finish the change, run the same command again.", consumer=name)


def _show(app: App, made: Consumer) -> None:
    if app.json:
        output.print_json(output.consumer_object(made))
    else:
        output.print_fields(output.consumer_fields(made))
