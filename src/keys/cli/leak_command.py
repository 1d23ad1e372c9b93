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
from keys.cli.commands import Command, reason_option, yes_option
from keys.cli.errors import Declined, Exit
from keys.cli.progress import counting
from keys.cli.telling import cause, telling
from keys.core.errors import BadInput
from keys.deployment.words import plural
from keys.leak import reports, scanning
from keys.leak.ending import Ending, Fate, FoundKey, FoundKeys
from keys.leak.scanning import Hit, Search

STANDARD_INPUT: Final = Path("-")
MOST_PREFIXES: Final = 10

_COLUMNS: Final = ("KEY ID", "CONSUMER", "STATUS", "BEGINS", "COUNT", "FIRST PLACES")
_FILE: Final = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


@click.command(cls=Command, example="git log -p --all --cc --text | keys leak -")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=_FILE)
@click.option(
    "--report",
    "report_files",
    metavar="FILE",
    multiple=True,
    type=_FILE,
    help="A JSON report of gitleaks, betterleaks or TruffleHog, with the secrets in it. Repeat it.",
)
@click.option(
    "--pattern",
    "patterns",
    metavar="REGEX",
    multiple=True,
    help="The format of imported keys, as a regular expression. Its first group, if any, is the key. Repeat it.",
)
@click.option("--dry-run", is_flag=True, help="Revoke nothing.")
@yes_option
@reason_option
@click.pass_context
def leak(
    ctx: click.Context,
    files: tuple[Path, ...],
    report_files: tuple[Path, ...],
    patterns: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    reason: str | None,
) -> None:
    """Find leaked keys in text and revoke them.

    The text is read from the files, or from standard input. It can have any size and be in UTF-8 or UTF-16. The command
    finds keys in the product's format with any prefix, and matches of --pattern. It looks each of them up in the table,
    shows them, asks once, and revokes those that are active or disabled.

    It does not decode base64, URL or other encodings, and does not unpack archives. For these, run a scanner with the
    rule of `keys scan-pattern`, and specify its report with --report.

    The exit code is 9 if a key that was found is active or disabled, or might be, or is not in this table. It is 2 if a
    part of the input is not text.
    """
    app: App = ctx.obj
    session = _Session(app, [scanning.compiled(pattern) for pattern in patterns])
    with telling(app, "To search the text again, run the same command again.") as told:
        for file in files or (() if report_files else (STANDARD_INPUT,)):
            session.read(file, session.search)
        for file in report_files:
            session.read(file, session.read_report)
        session.look_up()
        live = session.found.having(Fate.LIVE)
        problem = session.confirm(live, yes=yes) if live and not dry_run else None
        if live and not dry_run and not problem:
            try:
                for number, found in enumerate(live, 1):
                    session.ending.revoke(found, reason)
                    told.fact = f"{number} of {plural(len(live), 'key')} handled."
            finally:
                session.show()
        else:
            session.show()
    if isinstance(problem, BadInput):
        note(f"Error: {problem}")
        ctx.exit(Exit.of(problem))
    ctx.exit(session.exit_code)


class _Session:
    """One run of the command: its inputs, and the keys found."""

    def __init__(self, app: App, patterns: list[Any]) -> None:
        self._app = app
        self._patterns = patterns
        self._unreadable: list[dict[str, str]] = []
        self._searches: list[Search] = []
        self._findings = 0
        self.found = FoundKeys()
        self.ending = Ending(app.store, app.clock)

    def read(self, file: Path, reader: Any) -> None:
        """Read one input. If it cannot be read completely, report that and continue."""
        name = "standard input" if file == STANDARD_INPUT else str(file)
        try:
            with _opened(file) as stream:
                reader(name, file, stream)
        except (BadInput, OSError) as error:
            if isinstance(error, OSError) and error.filename is None:
                raise
            self._unreadable.append({"file": name, "reason": cause(error)})
            note(f"{name}: {cause(error)}")

    def search(self, name: str, file: Path, stream: BinaryIO) -> None:
        """:raises BadInput: a part of the text is not text."""
        size = file.stat().st_size if file.is_file() else None
        with counting(f"Searching {output.visible(name)}") as counter:
            search = Search(lambda done: counter(done, size), self._patterns)
            self._searches.append(search)
            for hit in search.hits(stream):
                self.found.add(hit, name)
        if search.binary:
            raise BadInput(
                f"About {plural(search.binary, 'byte')} are not text and can hide encoded keys. To search them, run a "
                "scanner and specify its report with --report."
            )
        if not search.bytes:
            raise BadInput("The input is empty, so nothing was searched.")

    def read_report(self, name: str, _file: Path, stream: BinaryIO) -> None:
        """:raises BadInput: it is no report, or its secrets are redacted."""
        redacted = count = 0
        for finding in reports.read(stream):
            count += 1
            ours = [key for text in (*finding.secrets, *finding.texts) for key in scanning.keys_in(text)]
            for key in dict.fromkeys(ours):
                self.found.add(Hit(key, finding.line), finding.file)
            if not ours:
                redacted += finding.is_redacted
                for secret in finding.secrets:
                    self.found.add(Hit(secret, finding.line, is_ours=False), finding.file, is_certain=False)
        self._findings += count
        if redacted:
            raise BadInput(
                f"{plural(redacted, 'finding')} of {name} has a redacted secret: run the scanner without that."
            )

    def look_up(self) -> None:
        with counting("Looking up keys") as counter:
            for number, found in enumerate(self.found.by_digest.values(), 1):
                self.ending.look_up(found)
                counter(number, len(self.found.by_digest))

    def confirm(self, live: list[FoundKey], *, yes: bool) -> BadInput | Declined | None:
        """Show the keys and ask once. None if the answer is yes, else why nothing is revoked."""
        try:
            if not yes:
                for found in live:
                    note(f"{_place(found.places[0])}: {_name(found)} is {_status(found, self._app.clock())}.")
                self._app.confirm(f"Revoke {plural(len(live), 'key')} permanently?", yes=False)
        except (BadInput, Declined) as error:
            return error
        except click.Abort:
            return Declined("Nothing was revoked.")
        return None

    @property
    def exit_code(self) -> int:
        if self.found.having(Fate.LIVE, Fate.NOT_KNOWN, Fate.ELSEWHERE):
            return Exit.STILL_LIVE
        return Exit.BAD_INPUT if self._unreadable else 0

    def show(self) -> None:
        now = self._app.clock()
        shown = self.found.having(*(fate for fate in Fate if fate is not Fate.ELSEWHERE))
        elsewhere = self.found.having(Fate.ELSEWHERE)
        if self._app.json:
            output.print_json(
                {
                    "bytes": sum(search.bytes for search in self._searches),
                    "lines": sum(search.lines for search in self._searches),
                    "findings": self._findings,
                    "found": [_object(one, now) for one in shown],
                    "unknown": len(elsewhere),
                    "unknown_prefixes": _prefixes(elsewhere),
                    "revoked": [one.key.ref for one in shown if one.key and one.fate is Fate.REVOKED],
                    "left": [
                        one.key.ref if one.key else one.digest for one in self.found.having(Fate.LIVE, Fate.NOT_KNOWN)
                    ],
                    "unreadable": self._unreadable,
                }
            )
            return
        if shown:
            output.print_table(_COLUMNS, [_row(one, now) for one in shown], (0, 2, 1, 5, 4, 3))
        note(self._summary(shown, elsewhere))

    def _summary(self, shown: list[FoundKey], elsewhere: list[FoundKey]) -> str:
        """What was searched, what was not looked into, and what was found."""
        sizes = sum(search.bytes for search in self._searches), sum(search.lines for search in self._searches)
        searched = f"Searched {plural(sizes[0], 'byte')} in {plural(sizes[1], 'line')}"
        searched += f" and {plural(self._findings, 'finding')} of reports" if self._findings else ""
        formats = "and for --pattern" if self._patterns else "but not for imported keys of other formats (--pattern)"
        searched += f" for keys with any prefix, {formats}. Encoded and compressed text was not looked into."
        by_fate = {fate: sum(one.fate is fate for one in shown) for fate in Fate}
        fates = ", ".join(
            f"{count} {'active or disabled' if fate is Fate.LIVE else fate}" for fate, count in by_fate.items() if count
        )
        result = (
            f"Found {plural(len(shown), 'key')} of this table ({fates})" if shown else "Found no keys of this table"
        )
        if elsewhere:
            named = f" with the prefixes {', '.join(_prefixes(elsewhere))}" if _prefixes(elsewhere) else ""
            result += f" and {plural(len(elsewhere), 'key')} not in this table{named}: run the command with their stack"
        unread = f" Inputs that were not read completely: {len(self._unreadable)}." if self._unreadable else ""
        return f"{searched} {result}.{unread}"


def _prefixes(found: list[FoundKey]) -> list[str]:
    return sorted({one.prefix for one in found if one.prefix})[:MOST_PREFIXES]


def _row(found: FoundKey, now: float) -> tuple[str, ...]:
    return (
        found.key.ref if found.key else found.digest,
        found.key.consumer if found.key else "",
        f"{_status(found, now)}{f': {found.problem}' if found.problem else ''}",
        found.begins,
        str(found.times),
        " ".join(_place(place) for place in found.places),
    )


def _object(found: FoundKey, now: float) -> dict[str, Any]:
    key = output.key_object(found.key, now) if found.key else {"key_id": None, "hint": found.begins}
    return {
        **key,
        "fate": found.fate.value,
        "problem": found.problem,
        "times": found.times,
        "places": [{"file": name, "line": line} for name, line in found.places],
    }


def _name(found: FoundKey) -> str:
    return f"{found.key.ref} of {found.key.consumer}" if found.key else f"a key that begins with {found.begins}"


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
