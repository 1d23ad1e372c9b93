"""Commands that create, show and change consumers."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import click

from authorizer.owner import OWNER_PK
from keys.cli import output, plan_commands
from keys.cli.app import App
from keys.cli.commands import (
    NAME,
    Group,
    given_options,
    holder_argument,
    no_plan_option,
    plan_option,
    reason_option,
    tag_options,
    yes_option,
)
from keys.cli.exits import Exit
from keys.cli.plan_commands import plan_choice
from keys.cli.progress import counting
from keys.cli.result import Fields, Result, Rows, Told, history_result, telling
from keys.core.consumers import COPIED
from keys.core.record import Consumer
from keys.core.schema import iso
from keys.core.table import Report
from keys.deployment.words import plural
from keys.plans import holders

T = TypeVar("T")


@click.group(cls=Group)
def consumer() -> None:
    """Manage consumers, the holders of keys."""


@consumer.command(example="keys consumer create acme --description 'ACME Ltd.' --data '{\"plan\": \"gold\"}'")
@click.argument("name", type=NAME)
@given_options(Consumer)
@reason_option
@click.pass_obj
def create(app: App, name: str, given: dict[str, Any], reason: str | None) -> Result:
    """Create a consumer without keys."""
    app.require_reader(Consumer, given)
    with _telling(app, name) as told:
        made = app.store.consumers.create(name, reason=reason, **given)
    told.done(f"The consumer {name} was created.")
    return Result(made.to_json(), [Fields(output.consumer_fields(made))], told=told)


@consumer.command("list", example="keys consumer list --tag team=payments")
@tag_options("Only consumers with this tag. Repeatable.")
@click.pass_obj
def list_consumers(app: App, tags: dict[str, str]) -> Result:
    """List all consumers, or those with all given tags. The command reads the whole table."""
    everything = list(app.store.consumers.all())
    found = sorted((made for made in everything if tags.items() <= made.tags.items()), key=lambda made: made.name)
    data = [made.to_json() for made in found]
    if not found:
        text = output.none_listed(len(everything), "consumer", f"in the table {app.table.name}")
        return Result(data, notes=() if app.json else [text])
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
    return Result(data, [Rows(("NAME", "STATE", "DESCRIPTION", "DATA", "CREATED", "TAGS"), rows)])


@consumer.command(example="keys consumer show acme")
@holder_argument
@click.pass_obj
def show(app: App, name: str) -> Result:
    """Show a consumer, and the number of its keys by state."""
    found, now = app.store.consumers.find(name), app.clock()
    states = Counter(key.state(now).value for key in app.store.consumers.keys_of(name))
    data = {**found.to_json(), "keys": dict(states), "history": output.history_object(found)}
    counts = ", ".join(f"{count} {state}" for state, count in states.items()) or "none"
    return Result(data, [Fields([*output.consumer_fields(found), ("Keys", counts)])])


@consumer.command(example='keys consumer update acme --data \'{"plan": "platinum"}\'')
@click.argument("name", type=NAME)
@given_options(
    Consumer,
    changes=True,
    others=("plan", "no_plan"),
    data="The new data of the consumer and of all its keys.",
    networks='The networks from which its keys are accepted, beside their own. "": any. Replaces the existing ones.',
    tags="A new tag, which replaces all existing tags. Repeatable.",
)
@plan_option
@no_plan_option
@reason_option
@click.pass_obj
def update(app: App, name: str, given: dict[str, Any], plan: str | None, no_plan: bool, reason: str | None) -> Result:
    """Change fields of a consumer.

    The given tags replace all existing tags. New data replaces the data of all keys of the consumer, also of keys that
    were created with other data: the command reads the whole table to find them. If it is interrupted, run it again to
    change the remaining keys. New networks are copied to all keys in the same way; the networks of a key itself stay.

    With --plan, API Gateway counts and limits the requests of the consumer by the usage plans of that name. The command
    makes an API key of API Gateway for it, puts it on each of them, and then changes the keys. Nobody loses access
    meanwhile. If the command fails, run it again. A changed plan begins with a new quota. See docs/limits.md.
    """
    if plan or no_plan:
        return _change_plan(app, name, given, plan_choice(plan, no_plan=no_plan), reason)
    app.require_reader(Consumer, given)
    told, change = _each_key(
        app, name, "Keys updated", lambda *reports: app.store.consumers.update(name, given, reason, *reports)
    )
    data = {**change.consumer.to_json(), "keys_updated": change.keys}
    if not change.changed:
        keys = "" if COPIED.keys().isdisjoint(given) else " and its keys"
        return Result(data, notes=[f"{name}{keys} already had these values."], exit=Exit.NO_EFFECT)
    count = ("Keys updated", None if COPIED.keys().isdisjoint(given) else str(change.keys))
    told.done(f"{name} is changed. {plural(change.keys, 'key')} changed.")
    return Result(data, [Fields([*output.consumer_fields(change.consumer), count])], told=told)


@consumer.command(example='keys consumer disable acme --reason "unpaid" --yes')
@holder_argument
@reason_option
@yes_option
@click.pass_obj
def disable(app: App, name: str, reason: str | None, yes: bool) -> Result:
    """Disable a consumer and all its keys.

    The consumer is disabled first: from then on, no key can be created, enabled or rolled for it. Then its keys are
    disabled. The command reads the whole table, so that no key is missed. If it is interrupted, run it again to disable
    the remaining keys.
    """
    app.confirm(f"Disable {_said(name, 'this owner')} and all its keys?", yes=yes)
    return _set_enabled(app, name, False, reason)


@consumer.command(example="keys consumer enable acme")
@holder_argument
@reason_option
@click.pass_obj
def enable(app: App, name: str, reason: str | None) -> Result:
    """Enable a consumer and the keys that were disabled with it.

    Keys that `keys disable` disabled stay disabled.
    """
    return _set_enabled(app, name, True, reason)


@consumer.command(example="keys consumer history acme")
@holder_argument
@click.pass_obj
def history(app: App, name: str) -> Result:
    """Show the history of a consumer.

    The table keeps the creation and the last nine changes.
    """
    return history_result(app.store.consumers.find(name))


@consumer.command(example="keys consumer delete acme --with-keys --yes")
@holder_argument
@click.option("--with-keys", is_flag=True, help="Also delete its keys, which then stop working.")
@reason_option
@yes_option
@click.pass_obj
def delete(app: App, name: str, with_keys: bool, reason: str | None, yes: bool) -> Result:
    """Delete a consumer without keys, or a consumer and its keys.

    The consumer is disabled first, so that no key can be created for it. The command reads the whole table, so that no
    key is missed. If the consumer has a plan, its API keys of API Gateway are removed too.
    """
    app.confirm(f"Delete {_said(name, 'this owner')}{' and all its keys' if with_keys else ''}?", yes=yes)
    told, count = _each_key(
        app,
        name,
        "Keys deleted",
        lambda keys, items: app.store.consumers.delete(
            name, with_keys, reason, keys, items, before_removal=lambda made: plan_commands.remove(app, made)
        ),
    )
    keys = f", with {plural(count, 'key')}" if count else ""
    text = f"{_said(name)} is deleted{keys}."
    return Result({"name": name, "deleted": True, "keys_deleted": count}, [text], told=told.done(text))


def _change_plan(app: App, name: str, given: dict[str, Any], plan: str | None, reason: str | None) -> Result:
    app.require_reader(Consumer, {**given, "plan": plan, "usage_key": plan})
    plans, consumers = plan_commands.plans(app), app.store.consumers
    holder = holders.of_consumer(consumers.find(name))
    count = 0

    def mark(plan: str | None, usage_key: str | None) -> bool:
        nonlocal count
        changes = {**given, "plan": plan, "usage_key": usage_key}
        change = consumers.update(name, changes, reason, counter, counter.beside("Items checked"))
        count = change.keys
        return change.changed

    with _telling(app, name) as told, counting("Keys updated", told.part("Keys updated")) as counter:
        change = plans.assign(holder, plan, mark) if plan else plans.withdraw(holder, mark)
    found = consumers.find(name)
    data = {**found.to_json(), "keys_updated": count, **plan_commands.change_object(change)}
    notes = plan_commands.change_notes(app, plans, holder, plan, change, f"{name} and its keys")
    if not change.is_any:
        return Result(data, notes=notes, exit=Exit.NO_EFFECT)
    told.done(f"{name} is changed. {plural(count, 'key')} changed.")
    return Result(data, [Fields([*output.consumer_fields(found), ("Keys updated", str(count))])], notes, told=told)


def _set_enabled(app: App, name: str, enabled: bool, reason: str | None) -> Result:
    state = "enabled" if enabled else "disabled"
    told, change = _each_key(
        app, name, f"Keys {state}", lambda *reports: app.store.consumers.set_enabled(name, enabled, reason, *reports)
    )
    data = {**change.consumer.to_json(), "keys_changed": change.keys}
    if not change.changed:
        return Result(data, notes=[f"{_said(name)} and its keys are already {state}."], exit=Exit.NO_EFFECT)
    text = f"{_said(name)} is {state}. {plural(change.keys, 'key')} {state}."
    return Result(data, [text], told=told.done(text))


def _each_key(app: App, name: str, title: str, change: Callable[[Report, Report], T]) -> tuple[Told, T]:
    with _telling(app, name) as told, counting(title, told.part(title)) as keys:
        return told, change(keys, keys.beside("Items checked"))


def _telling(app: App, name: str) -> AbstractContextManager[Told]:
    look = app.again(f"keys consumer show {shlex.quote(name) if _said(name) == name else '--owner ISSUER OWNER'}")
    return telling(app, f"To see its state: {look}\nTo finish the change, run the same command again.", consumer=name)


def _said(name: str, owner: str = "This owner") -> str:
    """The name of a consumer, or `owner` in place of an owner's partition key, which no command accepts."""
    return owner if OWNER_PK.fullmatch(name) else name
