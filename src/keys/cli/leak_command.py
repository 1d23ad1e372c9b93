"""The command that finds leaked keys in text and revokes them."""

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
from keys.cli.errors import Declined, Exit
from keys.cli.progress import Counter, counting
from keys.cli.telling import cause, telling
from keys.core.errors import BadInput
from keys.deployment.words import plural
from keys.leak.ending import Fate, FoundKey, LeakScan
from keys.leak.scanning import Search

STILL_LIVE: Final = 9
_COLUMNS: Final = ("KEY ID", "CONSUMER", "STATUS", "BEGINS", "COUNT", "FIRST PLACES")
_FATES: Final = {Fate.LIVE: "active or disabled"}
STANDARD_INPUT: Final = Path("-")


@click.command(cls=Command, example="git log -p | keys leak -")
@click.argument(
    "files",
    metavar="[FILE]...",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Revoke nothing. The exit code is 9 if a key is active, disabled or not in the table.",
)
@yes_option
@reason_option
@prefix_option
@click.pass_context
def leak(ctx: click.Context, files: tuple[Path, ...], dry_run: bool, yes: bool, reason: str | None) -> None:
    """Find leaked keys in text and revoke them.

    The text is read from the files, or from standard input. A key that is active or disabled is revoked as soon as it
    is found. The text can have any size and be in UTF-8, UTF-16 or UTF-32. It can be compressed with gzip, bzip2 or xz.
    Keys are recognized by their format and checksum, also next to JSON or URL escapes. Keys of any prefix are found and
    looked up in the table, whatever --prefix is.

    Imported keys in other formats are not found. Use `keys verify` for them.

    The exit code is 9 if a key that was found is active or disabled, or might be. In a dry run it is also 9 if a key in
    the product's key format is not in this table, since it might belong to another stack.
    """
    app: App = ctx.obj
    session = _Session(app, app.known_prefix, dry_run=dry_run, yes=yes, reason=reason)
    with telling(app, "To search the remaining text, run the same command again.") as told, session.reported():
        for file in files or (STANDARD_INPUT,):
            session.search(file)
            told.fact = session.summary()
    ctx.exit(session.exit_code)


class _Session:
    """One run of the command: its texts, the keys found, and the operator's confirmation."""

    def __init__(self, app: App, prefix: str | None, *, dry_run: bool, yes: bool, reason: str | None) -> None:
        self._app = app
        self._prefix = prefix
        self._dry_run = dry_run
        self._consent = True if yes else None
        self._nobody: BadInput | None = None
        self._unreadable: list[dict[str, str]] = []
        self._searches: list[Search] = []
        self._counter: Counter | None = None
        self._leak = LeakScan(app.store, clock=app.clock, may_revoke=self._may_revoke, report=self._tell, reason=reason)

    def search(self, file: Path) -> None:
        """Search one text. If it cannot be read, report that and continue."""
        name = "standard input" if file == STANDARD_INPUT else str(file)
        try:
            with _opened(file) as stream, counting(f"Searching {output.visible(name)}") as counter:
                size = file.stat().st_size if file.is_file() else None
                self._counter = counter
                search = Search(lambda done: counter(stream.tell() if size else done, size))
                self._searches.append(search)
                self._leak.scan(name, search, stream)
            if not search.is_text:
                raise BadInput("The file is not text. Keys that are compressed or encoded in it might not be found.")
        except (BadInput, OSError) as error:
            if isinstance(error, OSError) and error.filename is None:
                raise
            self._unreadable.append({"file": name, "reason": cause(error)})
            note(f"{name}: {cause(error)}")

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Show the keys found when the context ends, also after an error or an interruption."""
        try:
            yield
        finally:
            self._show()

    @property
    def exit_code(self) -> int:
        if self._nobody:
            note(f"Error: {self._nobody}")
            return Exit.of(self._nobody)
        if self._leak.left or (self._dry_run and self._leak.unknown):
            return STILL_LIVE
        if not sum(search.bytes for search in self._searches) and not self._unreadable:
            raise BadInput("The input is empty, so nothing was searched.")
        return Exit.BAD_INPUT if self._unreadable else 0

    def summary(self) -> str:
        """What was searched and what was found, in one or two sentences."""
        found = self._leak.found.values()
        by_fate = {fate: sum(one.fate is fate for one in found) for fate in Fate}
        fates = ", ".join(f"{count} {_FATES.get(fate, fate)}" for fate, count in by_fate.items() if count)
        sizes = sum(search.bytes for search in self._searches), sum(search.lines for search in self._searches)
        size = f"{plural(sizes[0], 'byte')} in {plural(sizes[1], 'line')}"
        searched = f"Searched {size} for keys with any prefix, but not for imported keys of other formats."
        result = (
            f"Found {plural(len(found), 'key')} of this table ({fates})" if found else "Found no keys of this table"
        )
        unread = f" Files that could not be searched completely: {len(self._unreadable)}." if self._unreadable else ""
        return f"{searched} {result}{self._unknown()}.{unread}"

    def _unknown(self) -> str:
        if not self._leak.unknown:
            return ""
        prefixes = sorted(self._leak.unknown_prefixes)
        named = f"{'prefix' if len(prefixes) == 1 else 'prefixes'} {', '.join(prefixes)}"
        return (
            f" and {plural(self._leak.unknown, 'key')} not in this table ({named}). To look up a key that is not in "
            "this table, run the command again with the stack of the key"
        )

    def _may_revoke(self, found: FoundKey) -> bool:
        if self._dry_run:
            return False
        if self._consent is None:
            key = found.key
            what = f"{key.ref} of {key.consumer}" if key else found.begins
            try:
                with self._counter.paused() if self._counter else _nothing():
                    note(f"{what} is in {_place(found.places[0])} and is not revoked.")
                    self._app.confirm("Revoke every active or disabled key that is found permanently?", yes=False)
                self._consent = True
            except (click.Abort, Declined):
                self._consent = False
            except BadInput as error:
                self._consent, self._nobody = False, error
        return self._consent

    def _tell(self, found: FoundKey) -> None:
        with self._counter.paused() if self._counter else _nothing():
            what = f"{found.key.ref} of {found.key.consumer}" if found.key else f"A key that begins with {found.begins}"
            problem = f" {found.problem}" if found.problem else ""
            note(f"{_place(found.places[0])}: {what}: {_status(found, self._app.clock())}.{problem}")

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
                    "unknown_prefixes": sorted(self._leak.unknown_prefixes),
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
                    _status(one, now),
                    one.begins,
                    str(one.times),
                    " ".join(_place(place) for place in one.places),
                )
                for one in found
            ]
            output.print_table(_COLUMNS, rows, (0, 2, 1, 5, 4, 3))
        note(self.summary())


def _object(found: FoundKey, now: float) -> dict[str, Any]:
    key = output.key_object(found.key, now) if found.key else {"key_id": None, "hint": found.begins}
    return {
        **key,
        "fate": found.fate.value,
        "problem": found.problem,
        "times": found.times,
        "lines": [line for _, line in found.places],
        "places": [{"file": name, "line": line} for name, line in found.places],
    }


def _status(found: FoundKey, now: float) -> str:
    return str(found.key.state(now) if found.key and found.fate is Fate.LIVE else found.fate)


def _place(place: tuple[str, int]) -> str:
    return f"{place[0]}:{place[1]}"


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if file != STANDARD_INPUT:
        with file.open("rb") as stream:
            yield stream
    elif sys.stdin.isatty():
        note("Paste the text. Then press Ctrl-D on an empty line.")
        # Read all text first: the confirmation is read from the same terminal.
        yield io.BytesIO(sys.stdin.buffer.read())
    else:
        yield sys.stdin.buffer


@contextmanager
def _nothing() -> Iterator[None]:
    yield
