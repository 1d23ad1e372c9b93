"""The result of a command, and the one place that writes it: as a table, as fields, or as JSON.

A change is reported also if the command fails after it made the change, or a part of it, or cannot write the result.
"""

from __future__ import annotations

import contextlib
import errno
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click

from keys.cli import output
from keys.cli.app import App, note
from keys.cli.commands import silence
from keys.cli.exits import Exit
from keys.cli.messages import say
from keys.core.aws_errors import translate
from keys.core.errors import KeysError, OutcomeUnknown
from keys.core.history import MAX_EVENTS
from keys.core.record import Record
from keys.core.schema import iso
from keys.core.table import Report


@dataclass(slots=True)
class Told:
    """The state of a change. `fact` is a sentence that is set as soon as the change, or a part of it, is made.

    `remedy`: what the operator can do if the command then fails. `names`: what was changed, for the JSON output.
    """

    remedy: str
    names: dict[str, str]
    fact: str | None = None

    def done(self, fact: str) -> Told:
        """Set the fact."""
        self.fact = fact
        return self

    def part(self, what: str) -> Report:
        """A progress `Report` that sets `fact` to the number of completed changes."""

        def report(done: int, total: int | None) -> None:
            self.fact = f"{what}: {done}{'' if total is None else f' of {total}'}."

        return report


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
        for part in () if app.json else result.text:
            if isinstance(part, Fields):
                output.print_fields(part.pairs)
            elif isinstance(part, Rows):
                output.print_table(part.columns, part.rows, part.important)
            else:
                click.echo(part)
        for text in result.notes:
            note(text)
    except BaseException as error:
        if result.told is None or result.told.fact is None:
            raise
        _last_word(app, error, result.told)
        raise click.exceptions.Exit(Exit.FAILED) from None


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


@contextlib.contextmanager
def telling(app: App, remedy: str, **names: str) -> Iterator[Told]:
    """Report the change of this block if the block fails after it made the change, or if the outcome is unknown.

    The message goes to standard error, or to the terminal if standard error cannot be written. With `--output json` it
    is one JSON object with the members `names`. `remedy` has the commands that show or undo the change.

    :raises click.exceptions.Exit: the block failed, and the message was written.
    """
    told = Told(remedy, names)
    try:
        yield told
    except click.exceptions.Exit:
        raise
    except BaseException as error:
        if isinstance(error, OutcomeUnknown):
            told.fact = told.fact or "The change might have been made."
        if told.fact is None:
            raise
        _last_word(app, error, told)
        raise click.exceptions.Exit(Exit.of(error)) from None


def _last_word(app: App, error: BaseException, told: Told) -> None:
    """Write the error, the fact and the remedy: to standard error, or else to the terminal."""
    text = f"{cause(error)} {told.fact}"
    line = f"Error: {text}\n{told.remedy}"
    if app.json:
        line = json.dumps({"error": text, **told.names, "remedy": told.remedy})
    silence(sys.stdout)
    try:
        click.echo(line, err=True)
    except (OSError, ValueError):
        silence(sys.stderr)
        with contextlib.suppress(OSError):
            if terminal := app.terminal():
                terminal.write(f"{line}\n")


def cause(error: BaseException) -> str:
    """The error as one sentence for the operator."""
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return "Interrupted."
    if isinstance(error, OSError):
        gone = error.errno == errno.EPIPE
        return f"The result could not be written: {'its reader has exited' if gone else error.strerror or error}."
    known = error if isinstance(error, KeysError) or not isinstance(error, Exception) else translate(error)
    return say(known) if isinstance(known, KeysError) else f"The command failed with {type(error).__name__}: {error}."
