"""How results are shown: tables for people, JSON for programs, both on standard output."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from keys.life import duration
from keys.life.record import Consumer, Key, State

if TYPE_CHECKING:
    from rich.console import Console

SECRET_NOTE: Final = "Keep the key now: it is not stored, and never shown again."

_STYLES: Mapping[str, str] = {
    State.ACTIVE: "green",
    State.DISABLED: "yellow",
    State.EXPIRED: "red",
    State.REVOKED: "red",
}
_WIDTH = 10_000
"""Lines are as long as they need to be: an id that is folded or cut cannot be copied."""


def iso(time: int | None) -> str | None:
    """A time in seconds since 1970 as ISO 8601 in UTC."""
    return None if time is None else datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def key_object(key: Key, now: float) -> dict[str, Any]:
    """A key as programs get it. Every member is always there."""
    return {
        "key_id": key.key_id,
        "consumer": key.consumer,
        "state": key.state(now).value,
        "data": json.loads(key.data),
        "scopes": sorted(key.scopes),
        "tags": dict(key.tags),
        "enabled": key.enabled,
        "created_at": iso(key.created_at),
        "expires_at": iso(key.expires_at),
        "revoked_at": iso(key.revoked_at),
        "rolled_from": key.rolled_from,
        "rolled_to": key.rolled_to,
        "hint": key.hint,
    }


def consumer_object(consumer: Consumer) -> dict[str, Any]:
    """A consumer as programs get it. Every member is always there."""
    return {
        "name": consumer.name,
        "description": consumer.description,
        "data": json.loads(consumer.data),
        "tags": dict(consumer.tags),
        "created_at": iso(consumer.created_at),
    }


def print_json(value: object) -> None:
    """One JSON value on one line, in ASCII whatever the terminal."""
    click.echo(json.dumps(value))


def print_fields(fields: Iterable[tuple[str, str | None]]) -> None:
    """Names and values, one pair a line; those without a value are left out. Values are never wrapped or cut."""
    for name, value in fields:
        if value is not None:
            click.echo(f"{name:<14}{visible(value)}")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows under headings. A cell that is a state has its colour, where there is a terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(visible(cell), style=_STYLES.get(cell, "")) for cell in row))
    _console().print(table)


def key_fields(key: Key, now: float) -> list[tuple[str, str | None]]:
    """A key as people see it."""
    return [
        ("Key id", key.key_id),
        ("Consumer", key.consumer),
        ("State", key.state(now).value),
        ("Begins with", key.hint),
        ("Data", key.data),
        ("Scopes", ", ".join(sorted(key.scopes)) or None),
        ("Tags", tags_text(key.tags) or None),
        ("Created", iso(key.created_at)),
        ("Expires", expiry_text(key, now)),
        ("Revoked", iso(key.revoked_at)),
        ("Rolled from", key.rolled_from),
        ("Rolled to", key.rolled_to),
    ]


def consumer_fields(consumer: Consumer) -> list[tuple[str, str | None]]:
    """A consumer as people see it."""
    return [
        ("Name", consumer.name),
        ("Description", consumer.description or None),
        ("Data", consumer.data),
        ("Tags", tags_text(consumer.tags) or None),
        ("Created", iso(consumer.created_at)),
    ]


def key_row(key: Key, now: float) -> list[str]:
    """A key as a row under `KEY_COLUMNS`."""
    return [
        key.key_id,
        key.consumer,
        key.state(now),
        key.hint or "",
        " ".join(sorted(key.scopes)),
        iso(key.created_at) or "",
        iso(key.expires_at) or "never",
        tags_text(key.tags),
    ]


KEY_COLUMNS: Final = ("KEY ID", "CONSUMER", "STATE", "BEGINS", "SCOPES", "CREATED", "EXPIRES", "TAGS")


def tags_text(tags: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(tags.items()))


def expiry_text(key: Key, now: float) -> str:
    """When the key expires, and how long that is from now."""
    if key.expires_at is None:
        return "never"
    left = key.expires_at - int(now)
    return f"{iso(key.expires_at)} ({'in ' + duration.show(left) if left > 0 else 'past'})"


def visible(text: str) -> str:
    """The text, with what a terminal would act on as escapes."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def _console() -> Console:
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False, width=_WIDTH)
