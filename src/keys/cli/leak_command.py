"""The commands `leak`, which finds leaked keys in text and revokes them, and `scan-pattern`."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from keys.cli import output
from keys.cli.app import App, note
from keys.cli.commands import Command, prefix_option, reason_option, yes_option
from keys.cli.exits import Exit
from keys.cli.messages import Declined
from keys.cli.progress import counting
from keys.cli.result import Fields, Result, Rows, cause, telling, write
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
@click.pass_obj
def leak(
    app: App,
    files: tuple[Path, ...],
    report_files: tuple[Path, ...],
    patterns: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    reason: str | None,
) -> Result:
    """Find leaked keys in text and revoke them.

    The text is read from the files, or from standard input. It can have any size and be in UTF-8 or UTF-16. The command
    finds keys in the product's format with any prefix, and matches of --pattern. It looks each of them up in the table,
    shows them, asks once, and revokes those that are active or disabled.

    It does not decode base64, URL or other encodings, and does not unpack archives. For these, run a scanner with the
    rule of `keys scan-pattern`, and specify its report with --report.

    The exit code is 9 if a key that was found is active or disabled, or might be, or is not in this table. It is 2 if a
    part of the input is not text.
    """
    inputs = _Inputs([scanning.compiled(pattern) for pattern in patterns])
    with telling(app, "To search the text again, run the same command again.") as told:
        for file in files or (() if report_files else (STANDARD_INPUT,)):
            inputs.read(file, inputs.search)
        for file in report_files:
            inputs.read(file, inputs.read_report)
        ending = Ending(app.store, app.clock)
        with counting("Looking up keys") as counter:
            for number, found in enumerate(inputs.found.by_digest.values(), 1):
                ending.look_up(found)
                counter(number, len(inputs.found.by_digest))
        try:
            live = inputs.found.having(Fate.LIVE)
            if live and not dry_run:
                _confirm(app, live, yes=yes)
                for number, found in enumerate(live, 1):
                    ending.revoke(found, reason)
                    told.fact = f"{number} of {plural(len(live), 'key')} handled."
        except (Declined, click.Abort):
            pass
        except BaseException:
            write(app, _result(app, inputs))
            raise
    return _result(app, inputs)


class _Inputs:
    """What is searched, and the keys that were found in it. `unreadable`: inputs that were not read completely."""

    def __init__(self, patterns: Sequence[re.Pattern[bytes]]) -> None:
        self.patterns: Final = patterns
        self.found: Final = FoundKeys()
        self.searches: Final = list[Search]()
        self.findings = 0
        self.unreadable: Final = list[dict[str, str]]()

    def read(self, file: Path, reader: Callable[[str, Path, BinaryIO], None]) -> None:
        """Read one input. If it cannot be read completely, report that and continue."""
        name = "standard input" if file == STANDARD_INPUT else str(file)
        try:
            with _opened(file) as stream:
                reader(name, file, stream)
        except (BadInput, OSError) as error:
            if isinstance(error, OSError) and error.filename is None:
                raise
            reason = f"It cannot be read: {error.strerror}." if isinstance(error, OSError) else cause(error)
            self.unreadable.append({"file": name, "reason": reason})
            note(f"{name}: {reason}")

    def search(self, name: str, file: Path, stream: BinaryIO) -> None:
        """:raises BadInput: a part of the text is not text."""
        size = file.stat().st_size if file.is_file() else None
        with counting(f"Searching {output.visible(name)}") as counter:
            search = Search(lambda done: counter(done, size), self.patterns)
            self.searches.append(search)
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
        redacted = 0
        for finding in reports.read(stream):
            self.findings += 1
            ours = [key for text in (*finding.secrets, *finding.texts) for key in scanning.keys_in(text)]
            for key in dict.fromkeys(ours):
                self.found.add(Hit(key, finding.line), finding.file)
            if not ours:
                redacted += finding.is_redacted
                for secret in finding.secrets:
                    self.found.add(Hit(secret, finding.line, is_ours=False), finding.file, is_certain=False)
        if redacted:
            count = plural(redacted, "finding")
            raise BadInput(f"{count} of {name} has a redacted secret: run the scanner without that.")


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


def _confirm(app: App, live: list[FoundKey], *, yes: bool) -> None:
    """Show the keys and ask once."""
    for found in () if yes else live:
        name = f"{found.key.ref} of {found.key.consumer}" if found.key else f"a key that begins with {found.begins}"
        note(f"{_place(found.places[0])}: {name} is {_status(found, app.clock())}.")
    app.confirm(f"Revoke {plural(len(live), 'key')} permanently?", yes=yes)


def _result(app: App, inputs: _Inputs) -> Result:
    now, found = app.clock(), inputs.found
    shown = found.having(*(fate for fate in Fate if fate is not Fate.ELSEWHERE))
    elsewhere, left = found.having(Fate.ELSEWHERE), found.having(Fate.LIVE, Fate.NOT_KNOWN)
    size, lines = sum(search.bytes for search in inputs.searches), sum(search.lines for search in inputs.searches)
    prefixes = sorted({one.prefix for one in elsewhere if one.prefix})[:MOST_PREFIXES]
    data = {
        "bytes": size,
        "lines": lines,
        "findings": inputs.findings,
        "found": [_object(one, now) for one in shown],
        "unknown": len(elsewhere),
        "unknown_prefixes": prefixes,
        "revoked": [one.ref for one in found.having(Fate.REVOKED)],
        "left": [one.ref for one in left],
        "unreadable": inputs.unreadable,
    }
    code = Exit.STILL_LIVE if left or elsewhere else Exit.BAD_INPUT if inputs.unreadable else Exit.DONE
    searched = f"Searched {plural(size, 'byte')} in {plural(lines, 'line')}"
    searched += f" and {plural(inputs.findings, 'finding')} of reports" if inputs.findings else ""
    formats = "and for --pattern" if inputs.patterns else "but not for imported keys of other formats (--pattern)"
    searched += f" for keys with any prefix, {formats}. Encoded and compressed text was not looked into."
    by_fate = ((sum(one.fate is fate for one in shown), fate) for fate in Fate)
    fates = ", ".join(
        f"{count} {'active or disabled' if fate is Fate.LIVE else fate}" for count, fate in by_fate if count
    )
    told = f"Found {plural(len(shown), 'key')} of this table ({fates})" if shown else "Found no keys of this table"
    if elsewhere:
        named = f" with the prefixes {', '.join(prefixes)}" if prefixes else ""
        told += f" and {plural(len(elsewhere), 'key')} not in this table{named}: run the command with their stack"
    unread = f" Inputs that were not read completely: {len(inputs.unreadable)}." if inputs.unreadable else ""
    rows = [Rows(_COLUMNS, [_row(one, now) for one in shown], (0, 2, 1, 5, 4, 3))] if shown else []
    return Result(data, rows, () if app.json else [f"{searched} {told}.{unread}"], code)


def _row(found: FoundKey, now: float) -> tuple[str, ...]:
    return (
        found.ref,
        found.key.consumer if found.key else "",
        f"{_status(found, now)}{f': {found.problem}' if found.problem else ''}",
        found.begins,
        str(found.times),
        " ".join(map(_place, found.places)),
    )


def _object(found: FoundKey, now: float) -> dict[str, Any]:
    key = output.key_object(found.key, now) if found.key else {"key_id": None, "hint": found.begins}
    places = [{"file": name, "line": line} for name, line in found.places]
    return {**key, "fate": found.fate.value, "problem": found.problem, "times": found.times, "places": places}


def _status(found: FoundKey, now: float) -> str:
    return str(found.key.state(now) if found.key and found.fate is Fate.LIVE else found.fate)


def _place(place: tuple[str, int]) -> str:
    return f"{place[0]}:{place[1]}"


@click.command("scan-pattern", cls=Command, example="keys scan-pattern --format gitleaks > .gitleaks.toml")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "gitleaks", "github", "json"]),
    default="text",
    show_default=True,
    help="The format of the pattern.",
)
@prefix_option
@click.pass_obj
def scan_pattern(app: App, form: str) -> Result:
    """Print the pattern of the keys for secret scanners.

    The pattern is a regular expression. The text format also has the checksum rule.
    """
    prefix = app.pattern_prefix
    rule = scanning.rule(prefix)
    if form == "json":
        app.output = "json"
    files = {"gitleaks": scanning.gitleaks, "github": scanning.github}
    text = (
        files[form](prefix).rstrip("\n")
        if form in files
        else Fields([("Pattern", rule["regex"]), ("Checksum", rule["checksum"])])
    )
    return Result(rule, [text])
