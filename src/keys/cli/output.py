"""Results on standard output: tables and fields as text, or JSON."""

from __future__ import annotations

import csv
import json
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from keys.core import fields as values
from keys.core import schema
from keys.core.history import Event
from keys.core.record import Consumer, Key, Record, State, Subject
from keys.core.schema import Declaration, iso
from keys.deployment.words import plural

if TYPE_CHECKING:
    from rich.console import Console

SECRET_NOTE: Final = "Save the key now. It is not stored and cannot be shown again."

_STYLES: Mapping[str, str] = {
    State.ACTIVE: "green",
    State.DISABLED: "yellow",
    State.EXPIRED: "red",
    State.REVOKED: "red",
}
_WIDTH = 10_000
"""The line width without a terminal: lines are not wrapped."""

_FINDINGS: Mapping[str, str] = {"ok": "green", "note": "yellow", "wrong": "red"}
_STATE_WIDTH = 7
_GAP = 2


def key_object(key: Key, now: float) -> dict[str, Any]:
    """A key as a JSON object, with who created it and its last change. Every member is always present."""
    first, last = (key.history[0], key.history[-1]) if key.history else (None, None)
    is_origin = first is not None and first.what in ("created", "imported")
    return {
        **key.to_json(),
        "state": key.state(now).value,
        "created_by": first.by if first and is_origin else None,
        "last_change": event_object(last) if last else None,
    }


def event_object(event: Event) -> dict[str, Any]:
    """An entry of a history as a JSON object."""
    return {**event.to_json(), "at": iso(event.at)}


def history_object(record: Record) -> list[dict[str, Any]]:
    """The history of a key or consumer as a JSON list, oldest entry first."""
    return [event_object(event) for event in record.history]


def print_json(value: object) -> None:
    """Print one JSON value on one line, in ASCII, so that every terminal can show it."""
    click.echo(json.dumps(value))


def print_csv(columns: Sequence[str], objects: Iterable[Mapping[str, object]]) -> None:
    """Print these members of each object as a line of CSV, under a heading."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([csv_cell(each[name]) for name in columns] for each in objects)


def csv_cell(value: object) -> str:
    """The value as one line of text. Lists are separated by spaces, and objects are JSON.

    A leading quote keeps spreadsheets from reading the cell as a formula, also after spaces and with a full-width sign.
    """
    if value is None:
        return ""
    text = visible(
        " ".join(value) if isinstance(value, list) else value if isinstance(value, str) else json.dumps(value)
    )
    begins = unicodedata.normalize("NFKC", text).lstrip()
    return f"'{text}" if begins.startswith(("=", "+", "-", "@", "\N{MINUS SIGN}")) else text


def print_fields(fields: Iterable[tuple[str, str | None]]) -> None:
    """Print names and values, one pair per line. A value of None is omitted. Values are not wrapped or truncated.

    One write for all lines: a new key is shown completely or not at all.
    """
    shown = [(name, visible(value)) for name, value in fields if value is not None]
    width = max((len(name) + 2 for name, _ in shown), default=0)
    lines = [f"{name:<{max(14, width)}}{value}" for name, value in shown]
    if lines:
        click.echo("\n".join(lines))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], most_important: Sequence[int] = ()) -> None:
    """Print rows under headings. States are colored if standard output is a terminal.

    Cells are not truncated or folded, so that IDs can be copied. If the terminal is too narrow, only the most important
    columns are shown (`most_important`: column numbers from 0; the other columns follow), and a note names the others.
    If the first two columns do not fit, each row is printed as several lines.
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
        click.echo(
            f"Not shown for lack of width: {', '.join(left_out)}. Widen the terminal, or specify --output json.",
            err=True,
        )


def finding_text(state: str, text: str) -> str:
    """The state of a finding and its text, wrapped between words if standard output is a terminal."""
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH
    wrap = textwrap.TextWrapper(room - _STATE_WIDTH, break_long_words=False, break_on_hyphens=False)
    shown = click.style(state, _FINDINGS.get(state)) + " " * (_STATE_WIDTH - len(state))
    return shown + f"\n{' ' * _STATE_WIDTH}".join(wrap.wrap(visible(text)))


def none_listed(count: int, noun: str, where: str) -> str:
    """Why a list is empty: `count` items exist, none of which matches the options."""
    if not count:
        return f"There are no {noun}s {where}."
    return f"There {'is' if count == 1 else 'are'} {plural(count, noun)} {where}, but none matches the options."


def key_fields(key: Key, now: float) -> list[tuple[str, str | None]]:
    """A key as names and values for `print_fields`."""
    state = f"{key.state(now)}{', with its consumer' if key.disabled_with_consumer else ''}"
    shown = {"enabled": ("State", state), "expires_at": ("Expires", expiry_text(key, now))}
    digest = [("Digest", None if key.ref == key.key_id else key.digest)]
    return [*digest, *_record_fields(key, shown, {"disabled_with_consumer"}), *history_fields(key)]


def consumer_fields(consumer: Consumer) -> list[tuple[str, str | None]]:
    """A consumer as names and values for `print_fields`."""
    shown = {"enabled": ("State", None if consumer.enabled else "disabled")}
    return [*_record_fields(consumer, shown, set()), *history_fields(consumer)]


def subject_fields(subject: Subject) -> list[tuple[str, str | None]]:
    """A subject as names and values for `print_fields`."""
    shown = {"enabled": ("State", "enabled" if subject.enabled else "disabled")}
    return [*_record_fields(subject, shown, set()), *history_fields(subject)]


def _record_fields(
    record: Record, shown: Mapping[str, tuple[str, str | None]], hidden: set[str]
) -> list[tuple[str, str | None]]:
    return [
        shown.get(each.name, (each.label, _text(each, getattr(record, each.name))))
        for each in record.fields()
        if each.shown and each.name not in hidden
    ]


def _text(each: Declaration, value: Any) -> str | None:
    if not value:
        return None
    if each.form is schema.TIME:
        return iso(value)
    if isinstance(value, Mapping):
        return tags_text(value)
    return ", ".join(sorted(value)) if isinstance(value, frozenset) else str(value)


def history_fields(record: Record) -> list[tuple[str, str | None]]:
    """The last change as names and values for `print_fields`."""
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
    """The expiry of the key, and the time until then."""
    if key.expires_at is None:
        return "never"
    left = key.expires_at - int(now)
    return f"{iso(key.expires_at)} ({'in ' + values.duration_text(left) if left > 0 else 'past'})"


def visible(text: str) -> str:
    """The text with control characters escaped, so that a terminal does not act on them."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def _console() -> Console:
    from rich.console import Console

    # Without a height, rich ignores the width for a dumb terminal and takes 80 columns.
    return Console(markup=False, emoji=False, highlight=False, width=_WIDTH, height=25)
