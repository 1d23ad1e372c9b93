"""Report a change also if the command fails after it made the change, or a part of it."""

from __future__ import annotations

import contextlib
import errno
import json
import sys
from collections.abc import Callable, Iterator

import click

from keys.cli.app import App
from keys.cli.exits import Exit
from keys.cli.group import silence
from keys.cli.messages import say
from keys.core.aws_errors import translate
from keys.core.errors import KeysError, OutcomeUnknown


class Told:
    """The state of a change. `fact` is a sentence that is set as soon as the change, or a part of it, is made.

    `remedy`: what the operator can do if the command then fails. `names`: what was changed, for the JSON output.
    """

    def __init__(self, remedy: str, names: dict[str, str]) -> None:
        self.fact: str | None = None
        self.remedy = remedy
        self.names = names

    def done(self, fact: str) -> Told:
        """Set the fact."""
        self.fact = fact
        return self

    def part(self, what: str) -> Callable[[int, int | None], None]:
        """A progress `Report` that sets `fact` to the number of completed changes."""

        def report(done: int, total: int | None) -> None:
            self.fact = f"{what}: {done}{'' if total is None else f' of {total}'}."

        return report


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
    except OutcomeUnknown as error:
        told.fact = told.fact or "The change might have been made."
        last_word(app, error, told)
        raise click.exceptions.Exit(Exit.of(error)) from None
    except click.exceptions.Exit:
        raise
    except BaseException as error:
        if told.fact is None:
            raise
        last_word(app, error, told)
        raise click.exceptions.Exit(Exit.of(error)) from None


def last_word(app: App, error: BaseException, told: Told) -> None:
    """Write the error, the fact and the remedy: to standard error, or else to the terminal."""
    text = f"{cause(error)} {told.fact}"
    line = (
        json.dumps({"error": text, **told.names, "remedy": told.remedy})
        if app.json
        else f"Error: {text}\n{told.remedy}"
    )
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
