"""The commands on files of keys: import and export."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, TextIO

import click

from keys.cli import output
from keys.cli.app import App, note
from keys.cli.commands import NAME, Command, prefix_option
from keys.cli.progress import counting
from keys.life.errors import BadInput
from keys.life.importing import Importer, Outcome, Summary
from keys.life.rows import READERS, Line

SOME_FAILED: Final = 6
MOST_SHOWN: Final = 20

_FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_EXPORTED = (
    "key_id",
    "consumer",
    "state",
    "data",
    "scopes",
    "tags",
    "enabled",
    "created_at",
    "expires_at",
    "revoked_at",
    "rolled_from",
    "rolled_to",
    "hint",
)


@click.command("import", cls=Command, example="keys import legacy.csv --report failed.jsonl")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), help="[by the file's name]")
@click.option(
    "--report", type=click.File("w", encoding="utf-8", lazy=False), help="Write failed lines and reasons here."
)
@click.option("--dry-run", is_flag=True, help="Only check the lines, write nothing.")
@prefix_option
@click.pass_context
def import_keys(ctx: click.Context, file: Path, form: str | None, report: TextIO | None, dry_run: bool) -> None:
    """Takes over keys of any format, plain or already hashed, from a CSV or JSON Lines file.

    Columns or members: consumer and either key (16 to 512 visible characters) or sha256 (hexadecimal); and, as needed,
    data, scopes, tags, enabled, created_at, expires_at, hint. In CSV, data and tags are JSON objects.

    The authorizer looks keys of other formats up only with its parameter AcceptImportedKeys=true.

    No key that is in the table already is changed, so the same file can be imported again.
    """
    app: App = ctx.obj
    form = form or _FORMATS.get(file.suffix.lower())
    if form is None:
        raise BadInput("Say which format it is: --format csv or --format jsonl.")
    read = READERS[form]
    with _opened(file) as stream, counting("Import") as progress:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
        total = file.stat().st_size if file.is_file() else None
        prefix = app.pattern_prefix if dry_run else app.prefix

        def show_progress(summary: Summary) -> None:  # noqa: ARG001 - the position says it
            if total:
                progress(stream.tell(), total)

        lines = read(text, prefix)
        if dry_run:
            summary = _check(lines)
        else:
            importer = Importer(app.database, author=app.author, clock=app.clock, sleep=app.sleep)
            try:
                summary = importer.run(lines, show_progress)
            except BaseException:
                note("Stopped. What was imported stays; the same command imports the rest.")
                raise
    _show_summary(app, summary, report, dry_run=dry_run)
    if summary.failures:
        ctx.exit(SOME_FAILED)


@click.command(cls=Command, example="keys export --format csv > keys.csv")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="jsonl", show_default=True)
@click.option("--consumer", type=NAME, help="Only this consumer's keys.")
@click.pass_obj
def export(app: App, form: str, consumer: str | None) -> None:
    """Writes what is known of the keys to standard output, in no order.

    There is nothing in it that could be used as a key.
    """
    now = app.clock()
    objects = (output.key_object(key, now) for key in app.store.all(consumer))
    if form == "jsonl":
        for value in objects:
            output.print_json(value)
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_EXPORTED)
    writer.writerows([_cell(value[name]) for name in _EXPORTED] for value in objects)


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if file == Path("-"):
        yield sys.stdin.buffer
        return
    with file.open("rb") as stream:
        yield stream


def _check(lines: Iterable[Line]) -> Summary:
    summary = Summary()
    for line in lines:
        summary.add(line.number, line.problem or Outcome.IMPORTED)
    return summary


def _show_summary(app: App, summary: Summary, report: TextIO | None, *, dry_run: bool) -> None:
    failures = [{"line": number, "reason": reason} for number, reason in summary.failures]
    if report is not None:
        report.writelines(json.dumps(failure) + "\n" for failure in failures)
    if app.json:
        imported = {"imported": summary.imported, "already_there": summary.already_there}
        counts = {"valid": summary.imported} if dry_run else imported
        output.print_json({**counts, "failed": len(failures), "failures": failures})
        return
    for failure in failures[:MOST_SHOWN]:
        note(f"Line {failure['line']}: {failure['reason']}")
    if len(failures) > MOST_SHOWN:
        note(f"... and {len(failures) - MOST_SHOWN} more. --report FILE gets them all.")
    new, old = summary.imported, summary.already_there
    done = f"{new} lines are right" if dry_run else f"{new} imported, {old} already there"
    click.echo(f"{done}, {len(failures)} failed.")


def _cell(value: object) -> str:
    """A value in a CSV cell, in the form that `import` reads."""
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(value)
    return value if isinstance(value, str) else json.dumps(value)
