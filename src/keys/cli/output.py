"""How results are shown: tables for people, JSON for programs, both on standard output."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from keys.life import duration
from keys.life.record import Consumer, Key, Record, State

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
"""Where no terminal is, lines are as long as they need to be."""

_FINDINGS: Mapping[str, str] = {"ok": "green", "note": "yellow", "wrong": "red"}
_STATE_WIDTH = 7
_GAP = 2
_LAST_SECOND = 253_402_300_799


def iso(time: int | None) -> str | None:
    """A time in seconds since 1970 as ISO 8601 in UTC; what is after the year 9999 as it is."""
    if time is None or time > _LAST_SECOND:
        return None if time is None else str(time)
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def key_object(key: Key, now: float) -> dict[str, Any]:
    """A key as programs get it. Every member is always there."""
    return {
        "key_id": key.key_id,
        "consumer": key.consumer,
        "description": key.description,
        "state": key.state(now).value,
        "data": json.loads(key.data),
        "scopes": sorted(key.scopes),
        "tags": dict(key.tags),
        "enabled": key.enabled,
        "disabled_with_consumer": key.disabled_with_consumer,
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
        "enabled": consumer.enabled,
        "data": _data(consumer.data),
        "tags": dict(consumer.tags),
        "created_at": iso(consumer.created_at),
    }


def history_object(record: Record) -> list[dict[str, Any]]:
    """What was done to a key or consumer, as programs get it: the oldest first."""
    return [
        {"at": iso(event.at), "what": event.what, "by": event.by, "how": event.how, "reason": event.reason}
        for event in record.history
    ]


def show_history(record: Record, *, as_json: bool) -> None:
    """What was done to a key or consumer: a table, or JSON."""
    if as_json:
        print_json(history_object(record))
    elif record.history:
        rows = [(iso(event.at) or "", event.what, event.by, event.how, event.reason or "") for event in record.history]
        print_table(("AT", "WHAT", "BY", "HOW", "REASON"), rows, (0, 1, 4, 2, 3))
    else:
        click.echo("It was last changed before changes were recorded.", err=True)


def print_json(value: object) -> None:
    """One JSON value on one line, in ASCII whatever the terminal."""
    click.echo(json.dumps(value))


def print_fields(fields: Iterable[tuple[str, str | None]]) -> None:
    """Names and values, one pair a line; those without a value are left out. Values are never wrapped or cut.

    They are written at once: of a key that is shown once, all comes through or nothing.
    """
    lines = [f"{name:<14}{visible(value)}" for name, value in fields if value is not None]
    if lines:
        click.echo("\n".join(lines))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], most_important: Sequence[int] = ()) -> None:
    """Rows under headings. A cell that is a state has its colour, where there is a terminal.

    No cell is cut or folded, since an id that is cannot be copied. In a terminal that is too narrow, only the columns
    are shown that fit, by their importance (the numbers of columns, from 0; all others follow), and the others are
    named. Where not even the first two fit, each row is shown as lines.
    """
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    cells = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) + _GAP for column in zip(columns, *cells, strict=True)]
    by_importance = [*most_important, *(number for number in range(len(columns)) if number not in most_important)]
    room = shutil.get_terminal_size().columns + _GAP if sys.stdout.isatty() else _WIDTH
    shown = sorted(
        number
        for place, number in enumerate(by_importance)
        if sum(widths[n] for n in by_importance[: place + 1]) <= room
    )
    if len(shown) < min(2, len(columns)):
        for row in cells:
            click.echo("\n".join(f"{name:<12}{cell}" for name, cell in zip(columns, row, strict=True) if cell) + "\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number in shown:
        table.add_column(columns[number], no_wrap=True)
    for row in cells:
        table.add_row(*(Text(row[number], style=_STYLES.get(row[number], "")) for number in shown))
    _console().print(table)
    left_out = [name for number, name in enumerate(columns) if number not in shown]
    if left_out:
        click.echo(f"No room for {', '.join(left_out)}: widen the terminal, or use --output json.", err=True)


def print_finding(state: str, text: str) -> None:
    """A state and what is so, wrapped between words in a terminal."""
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH
    wrap = textwrap.TextWrapper(room - _STATE_WIDTH, break_long_words=False, break_on_hyphens=False)
    shown = click.style(state, _FINDINGS.get(state)) + " " * (_STATE_WIDTH - len(state))
    click.echo(shown + f"\n{' ' * _STATE_WIDTH}".join(wrap.wrap(visible(text))))


def key_fields(key: Key, now: float) -> list[tuple[str, str | None]]:
    """A key as people see it."""
    return [
        ("Key id", key.key_id),
        ("Digest", None if key.ref == key.key_id else key.digest),
        ("Consumer", key.consumer),
        ("Description", key.description or None),
        ("State", f"{key.state(now)}{', with its consumer' if key.disabled_with_consumer else ''}"),
        ("Begins with", key.hint),
        ("Data", key.data),
        ("Scopes", ", ".join(sorted(key.scopes)) or None),
        ("Tags", tags_text(key.tags) or None),
        ("Created", iso(key.created_at)),
        ("Expires", expiry_text(key, now)),
        ("Revoked", iso(key.revoked_at)),
        ("Rolled from", key.rolled_from),
        ("Rolled to", key.rolled_to),
        *history_fields(key),
    ]


def consumer_fields(consumer: Consumer) -> list[tuple[str, str | None]]:
    """A consumer as people see it."""
    return [
        ("Name", consumer.name),
        ("Description", consumer.description or None),
        ("State", None if consumer.enabled else "disabled"),
        ("Data", consumer.data),
        ("Tags", tags_text(consumer.tags) or None),
        ("Created", iso(consumer.created_at)),
        *history_fields(consumer),
    ]


def history_fields(record: Record) -> list[tuple[str, str | None]]:
    """The last change, as people see it."""
    if not record.history:
        return []
    last = record.history[-1]
    return [
        ("Last change", f"{last.what} {iso(last.at)} by {last.by}, with {last.how}"),
        ("Reason", last.reason),
    ]


def key_row(key: Key, now: float) -> list[str]:
    """A key as a row under `KEY_COLUMNS`."""
    return [
        key.ref,
        key.consumer,
        key.state(now),
        key.hint or "",
        " ".join(sorted(key.scopes)),
        iso(key.created_at) or "",
        iso(key.expires_at) or "never",
        tags_text(key.tags),
        key.description,
    ]


KEY_COLUMNS: Final = ("KEY ID", "CONSUMER", "STATE", "BEGINS", "SCOPES", "CREATED", "EXPIRES", "TAGS", "DESCRIPTION")
KEY_IMPORTANCE: Final = (0, 2, 1, 6, 3, 4)


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

    # The height as well: without it, rich takes 80 columns for a dumb terminal whatever the width.
    return Console(markup=False, emoji=False, highlight=False, width=_WIDTH, height=25)


def _data(text: str) -> Any:
    """A consumer's data; as it is stored, where somebody has stored something else than JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
