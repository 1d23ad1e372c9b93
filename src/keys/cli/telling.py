"""That a change is told, whatever happens to the command after it was made."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from keys.cli.app import App
from keys.life.aws_errors import translate
from keys.life.errors import KeysError, ServiceFailure, Unclear


class Told:
    """What is known of a change that is under way. `fact` is set as soon as it, or a part of it, is made."""

    def __init__(self) -> None:
        self.fact: str | None = None

    def part(self, what: str) -> Callable[[int, int | None], None]:
        """A report of progress that keeps how much has been done."""

        def report(done: int, total: int | None) -> None:
            self.fact = f"{what}: {done} of {total} done."

        return report


@contextlib.contextmanager
def telling(app: App, remedy: str, **names: str) -> Iterator[Told]:
    """Makes sure that a change is told that this block makes and shows. `remedy`: how to look for it, or back.

    What a result has lost is said on standard error, and where that leads nowhere, on the terminal: with `names`, as
    one JSON object where the output is for programs.

    :raises Unclear: as the block did, with the remedy.
    """
    told = Told()
    try:
        yield told
    except Unclear as error:
        _last_word(app, f"{error} {told.fact or 'It may have been done.'}", remedy, names)
        raise click.exceptions.Exit(error.exit_code) from None
    except click.exceptions.Exit:
        raise
    except BaseException as error:
        if told.fact is None:
            raise
        _last_word(app, f"{cause(error)} {told.fact}", remedy, names)
        known = error if isinstance(error, KeysError) else None
        raise click.exceptions.Exit((known or ServiceFailure).exit_code) from None


def silence(stream: Any) -> None:
    """Lets what is left in the stream's buffer go, so that the interpreter does not fail over it at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _last_word(app: App, text: str, remedy: str, names: dict[str, str]) -> None:
    line = json.dumps({"error": text, **names, "remedy": remedy}) if app.json else f"Error: {text}\n{remedy}"
    silence(sys.stdout)
    try:
        click.echo(line, err=True)
    except (OSError, ValueError):
        silence(sys.stderr)
        with contextlib.suppress(OSError):
            if terminal := app.terminal():
                terminal.write(f"{line}\n")


def cause(error: BaseException) -> str:
    """Why a command was stopped, in one sentence for its operator."""
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return "Interrupted."
    if isinstance(error, OSError):
        gone = error.errno == errno.EPIPE
        return f"The result could not be written: {'nobody reads it' if gone else error.strerror or error}."
    known = error if isinstance(error, KeysError) or not isinstance(error, Exception) else translate(error)
    return str(known or f"Failed with {type(error).__name__}: {error}.")
