"""The result of a command, and the one place that writes it: as a table, as fields, or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from keys.cli import output
from keys.cli.app import App, note
from keys.cli.exits import Exit
from keys.cli.telling import Told, last_word
from keys.core.history import MAX_EVENTS
from keys.core.record import Record
from keys.core.schema import iso


@dataclass(frozen=True, slots=True)
class Fields:
    """Names and values, one pair per line. A value of None is omitted."""

    pairs: Iterable[tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class Rows:
    """A table. `important`: the numbers of the columns to keep on a narrow terminal, the most important first."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    important: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """`data`: the JSON output. `text`: the other output, in parts. `notes`: lines for standard error.

    `told`: the change that was made, so that it is reported also if the result cannot be written.
    """

    data: Any
    text: Sequence[Fields | Rows | str] = ()
    notes: Sequence[str] = ()
    exit: Exit = Exit.DONE
    told: Told | None = None


def write(app: App, result: Result) -> None:
    """Write the result.

    :raises click.exceptions.Exit: it cannot be written, and the change was reported elsewhere.
    """
    try:
        if app.json:
            output.print_json(result.data)
        else:
            for part in result.text:
                _show(part)
        for text in result.notes:
            note(text)
    except BaseException as error:
        if result.told is None or result.told.fact is None:
            raise
        last_word(app, error, result.told)
        raise click.exceptions.Exit(Exit.FAILED) from None


def _show(part: Fields | Rows | str) -> None:
    if isinstance(part, Fields):
        output.print_fields(part.pairs)
    elif isinstance(part, Rows):
        output.print_table(part.columns, part.rows, part.important)
    else:
        click.echo(part)


def history_result(record: Record) -> Result:
    """The history of a key or consumer."""
    data = output.history_object(record)
    if not record.history:
        return Result(data, notes=["There is no history: the last change was made before the history was recorded."])
    rows = [(iso(event.at) or "", event.what, event.by, event.how, event.reason or "") for event in record.history]
    # A full history has lost entries, except the first.
    older = [f"The history keeps {MAX_EVENTS} entries. The record of events has all: `keys audit`."]
    notes = older if len(record.history) >= MAX_EVENTS else ()
    return Result(data, [Rows(("AT", "WHAT", "BY", "HOW", "REASON"), rows, (0, 1, 4, 2, 3))], notes)
