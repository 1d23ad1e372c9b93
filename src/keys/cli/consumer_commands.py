"""The commands on consumers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import click

from keys.cli import output
from keys.cli.app import App, confirm, note
from keys.cli.commands import DESCRIPTION, NAME, Group, tag_options
from keys.cli.progress import counting
from keys.life.errors import BadInput
from keys.life.fields import parse_data
from keys.life.record import Consumer


@click.group(cls=Group)
def consumer() -> None:
    """Who holds keys: name, description, data and tags."""


@consumer.command(example="keys consumer create acme --description 'ACME Ltd.' --data '{\"plan\": \"gold\"}'")
@click.argument("name", type=NAME)
@click.option("--description", type=DESCRIPTION, default="", help="For people.")
@click.option("--data", metavar="JSON", default="{}", help="An object that backends get with each request of its keys.")
@tag_options
@click.pass_obj
def create(app: App, name: str, description: str, data: str, tags: dict[str, str]) -> None:
    """Makes a consumer, which has no keys yet."""
    made = app.consumers.create(name, description=description, data=parse_data(data, name), tags=tags)
    _show(app, made)


@consumer.command("list", example="keys consumer list --tag team=payments")
@tag_options
@click.pass_obj
def list_consumers(app: App, tags: dict[str, str]) -> None:
    """Lists consumers, all or those with all these tags. The whole table is read."""
    found = [made for made in app.consumers.all() if tags.items() <= made.tags.items()]
    found.sort(key=lambda made: made.name)
    if app.json:
        output.print_json([output.consumer_object(made) for made in found])
    elif found:
        rows = [
            (made.name, made.description, made.data, output.iso(made.created_at) or "", output.tags_text(made.tags))
            for made in found
        ]
        output.print_table(("NAME", "DESCRIPTION", "DATA", "CREATED", "TAGS"), rows)
    else:
        note("There are no such consumers.")


@consumer.command(example="keys consumer show acme")
@click.argument("name", type=NAME)
@click.pass_obj
def show(app: App, name: str) -> None:
    """Shows a consumer, and how many keys it has in which state."""
    found = app.consumers.find(name)
    now = app.clock()
    states = Counter(key.state(now).value for key in app.consumers.keys_of(name))
    if app.json:
        output.print_json({**output.consumer_object(found), "keys": dict(states)})
    else:
        _show(app, found)
        output.print_fields([("Keys", ", ".join(f"{count} {state}" for state, count in states.items()) or "none")])


@consumer.command(example='keys consumer update acme --data \'{"plan": "platinum"}\'')
@click.argument("name", type=NAME)
@click.option("--description", type=DESCRIPTION, help="For people.")
@click.option("--data", metavar="JSON", help="The new data, of the consumer and of all its keys.")
@tag_options
@click.option("--clear-tags", is_flag=True, help="Remove all tags.")
@click.pass_obj
def update(
    app: App, name: str, description: str | None, data: str | None, tags: dict[str, str], clear_tags: bool
) -> None:
    """Changes a consumer. Tags that are given replace those that it has.

    New data goes to all keys of the consumer, also to those made with data of their own: up to 99 keys in one
    transaction, more in batches. When that is cut off, the same command does the rest.
    """
    changes: dict[str, Any] = {}
    if description is not None:
        changes["description"] = description
    if data is not None:
        changes["data"] = parse_data(data, name)
    if tags or clear_tags:
        changes["tags"] = tags
    if not changes:
        raise BadInput("Nothing to change: give --description, --data, --tag or --clear-tags.")
    with counting("Keys with the new data") as progress:
        changed, count = app.consumers.update(name, changes, progress)
    if app.json:
        output.print_json({**output.consumer_object(changed), "keys_updated": count})
    else:
        _show(app, changed)
        output.print_fields([("Keys updated", str(count) if data is not None else None)])


@consumer.command(example="keys consumer delete acme --with-keys --yes")
@click.argument("name", type=NAME)
@click.option("--with-keys", is_flag=True, help="Delete its keys too. They stop working.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(app: App, name: str, with_keys: bool, yes: bool) -> None:
    """Removes a consumer that has no keys, or with its keys."""
    confirm(f"Delete {name}{' and all its keys' if with_keys else ''}?", yes=yes)
    count = app.consumers.delete(name, with_keys=with_keys)
    if app.json:
        output.print_json({"name": name, "deleted": True, "keys_deleted": count})
    else:
        click.echo(f"{name} is deleted{f', with {count} keys' if count else ''}.")


def _show(app: App, made: Consumer) -> None:
    if app.json:
        output.print_json(output.consumer_object(made))
    else:
        output.print_fields(output.consumer_fields(made))
