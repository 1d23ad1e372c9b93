"""The command that looks for leaked keys in texts, and ends them."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from keys.cli import output
from keys.cli.app import App, note
from keys.cli.commands import Command, prefix_option, reason_option, yes_option
from keys.cli.progress import Counter, counting
from keys.cli.telling import cause, telling
from keys.life.errors import BadInput
from keys.life.leak import Fate, Found, Leak
from keys.life.scanning import Search

STILL_LIVE: Final = 9
_COLUMNS: Final = ("KEY ID", "CONSUMER", "IS", "BEGINS", "TIMES", "FIRST PLACES")
STANDARD_INPUT: Final = Path("-")


@click.command(cls=Command, example="git log -p | keys leak -")
@click.argument(
    "files",
    metavar="[FILE]...",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@click.option("--dry-run", is_flag=True, help="Only look, and exit with 9 if a key is found that has not ended.")
@yes_option
@reason_option
@prefix_option
@click.pass_context
def leak(ctx: click.Context, files: tuple[Path, ...], dry_run: bool, yes: bool, reason: str | None) -> None:
    """Finds our keys in texts, and revokes those that can still be used, each as it is found.

    The texts are those of the files, or standard input: of any size, in UTF-8, UTF-16 or UTF-32, plain or in gzip,
    bzip2 or xz. A key is found by its form and checksum wherever it stands, also among the escapes of JSON and URLs.
    Imported keys of other formats are not found: look these up with `keys verify`.

    Exits with 9 while a key that was found is still live; in a dry run, also when one has the form of our keys and is
    not in this table, since it may be another stack's.
    """
    app: App = ctx.obj
    session = _Session(app, app.prefix, dry_run=dry_run, yes=yes, reason=reason)
    with telling(app, "The same command does the rest.") as told, session.reported():
        for file in files or (STANDARD_INPUT,):
            session.search(file)
            told.fact = session.summary()
    ctx.exit(session.exit_code)


class _Session:
    """One call of the command: its texts, what was found in them, and the operator's consent."""

    def __init__(self, app: App, prefix: str, *, dry_run: bool, yes: bool, reason: str | None) -> None:
        self._app = app
        self._prefix = prefix
        self._dry_run = dry_run
        self._consent = True if yes else None
        self._nobody: BadInput | None = None
        self._unreadable: list[dict[str, str]] = []
        self._searches: list[Search] = []
        self._counter: Counter | None = None
        self._leak = Leak(
            app.store, prefix, clock=app.clock, may_revoke=self._may_revoke, tell=self._tell, reason=reason
        )

    def search(self, file: Path) -> None:
        """Goes through one text. One that cannot be read is told, and does not keep the others from it."""
        name = "standard input" if file == STANDARD_INPUT else str(file)
        try:
            with _opened(file) as stream, counting(f"Searching {output.visible(name)}") as counter:
                size = file.stat().st_size if file.is_file() else None
                self._counter = counter
                search = Search(self._prefix, lambda done: counter(stream.tell() if size else done, size))
                self._searches.append(search)
                self._leak.take(name, search, stream)
            if not search.is_text:
                raise BadInput("It is not a text. Keys that stand in it as they are were found, others may not be.")
        except (BadInput, OSError) as error:
            if isinstance(error, OSError) and error.filename is None:
                raise
            self._unreadable.append({"file": name, "reason": cause(error)})
            note(f"{name}: {cause(error)}")

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Shows what was found when the context ends, also when it was stopped."""
        try:
            yield
        finally:
            self._show()

    @property
    def exit_code(self) -> int:
        if self._nobody:
            note(f"Error: {self._nobody}")
            return self._nobody.exit_code
        if self._leak.left or (self._dry_run and self._leak.unknown):
            return STILL_LIVE
        return BadInput.exit_code if self._unreadable else 0

    def summary(self) -> str:
        """What was searched, for what, and what came of it, in one sentence each."""
        found = self._leak.found.values()
        by_fate = {fate: sum(one.fate is fate for one in found) for fate in Fate}
        fates = ", ".join(f"{count} {fate}" for fate, count in by_fate.items() if count)
        sizes = sum(search.bytes for search in self._searches), sum(search.lines for search in self._searches)
        searched = f"Searched {sizes[0]:,} bytes in {sizes[1]:,} lines for keys that begin with {self._prefix}_:"
        result = f"{len(found)} of this table ({fates})" if found else "none of this table"
        unknown = f", {self._leak.unknown} of the same form that are not in this table" if self._leak.unknown else ""
        unread = f" {len(self._unreadable)} could not be read." if self._unreadable else ""
        return f"{searched} {result}{unknown}.{unread}"

    def _may_revoke(self, found: Found) -> bool:
        if self._dry_run:
            return False
        if self._consent is None:
            key = found.key
            what = f"{key.ref} of {key.consumer}" if key else found.begins
            try:
                with self._counter.paused() if self._counter else _nothing():
                    note(f"{what} is in {_place(found.places[0])}, and can be used.")
                    self._app.confirm("Revoke every such key that is found, for good?", yes=False)
                self._consent = True
            except click.Abort:
                self._consent = False
            except BadInput as error:
                self._consent, self._nobody = False, error
        return self._consent

    def _tell(self, found: Found) -> None:
        with self._counter.paused() if self._counter else _nothing():
            what = f"{found.key.ref} of {found.key.consumer}" if found.key else f"A key that begins {found.begins}"
            problem = f" {found.problem}" if found.problem else ""
            note(f"{_place(found.places[0])}: {what}: {found.fate}.{problem}")

    def _show(self) -> None:
        now = self._app.clock()
        found = self._leak.found.values()
        if self._app.json:
            output.print_json(
                {
                    "prefix": self._prefix,
                    "bytes": sum(search.bytes for search in self._searches),
                    "lines": sum(search.lines for search in self._searches),
                    "found": [_object(one, now) for one in found],
                    "unknown": self._leak.unknown,
                    "revoked": [one.key.ref for one in found if one.key and one.fate is Fate.REVOKED],
                    "left": [one.key.ref if one.key else one.digest for one in self._leak.left],
                    "unreadable": self._unreadable,
                }
            )
            return
        if found:
            rows = [
                (
                    one.key.ref if one.key else one.digest,
                    one.key.consumer if one.key else "",
                    one.fate.value,
                    one.begins,
                    str(one.times),
                    " ".join(_place(place) for place in one.places),
                )
                for one in found
            ]
            output.print_table(_COLUMNS, rows, (0, 2, 1, 5, 4, 3))
        note(self.summary())


def _object(found: Found, now: float) -> dict[str, Any]:
    key = output.key_object(found.key, now) if found.key else {"key_id": None, "hint": found.begins}
    return {
        **key,
        "fate": found.fate.value,
        "problem": found.problem,
        "times": found.times,
        "lines": [line for _, line in found.places],
        "places": [{"file": name, "line": line} for name, line in found.places],
    }


def _place(place: tuple[str, int]) -> str:
    return f"{place[0]}:{place[1]}"


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if file != STANDARD_INPUT:
        with file.open("rb") as stream:
            yield stream
    elif sys.stdin.isatty():
        note("Paste the text, and end it with Ctrl-D on a line of its own.")
        # All of it at once: the terminal is where the question is answered.
        yield io.BytesIO(sys.stdin.buffer.read())
    else:
        yield sys.stdin.buffer


@contextmanager
def _nothing() -> Iterator[None]:
    yield
