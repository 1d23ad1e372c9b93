"""The commands on files of keys: import and export."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from keys.cli import output
from keys.cli.app import App, note
from keys.cli.commands import ENCODING, NAME, Command, prefix_option
from keys.cli.interrupt import Interrupts
from keys.cli.progress import counting
from keys.cli.report import reporting, write
from keys.cli.telling import Told, cause, telling
from keys.life import exporting, rows
from keys.life.dry_run import DryRunTable
from keys.life.errors import BadInput, KeysError, ServiceFailure
from keys.life.formats import FORMATS, Reading, read
from keys.life.history import Author
from keys.life.importing import Importer, Outcome, Summary
from keys.life.record import Consumer, Deleted, Key
from keys.life.rows import Line, Options, parse_map

SOME_FAILED: Final = 6
MOST_SHOWN: Final = 20

_EXPORTED = (
    "key_id",
    "consumer",
    "description",
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


@click.command("import", cls=Command, example="keys import legacy.csv --dry-run --report failed.jsonl")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), help="[recognised]")
@click.option("--encoding", type=ENCODING, help="Of the text.  [Unicode, recognised]")
@click.option("--delimiter", type=click.Choice([*",;|", "tab"]), help="Between the cells of CSV.  [recognised]")
@click.option("--map", "names", multiple=True, metavar="THEIRS=OURS", help="What a column is called here; repeatable.")
@click.option("--ignore-unknown", is_flag=True, help="Leave columns out that are not known.")
@click.option("--utc", is_flag=True, help="Times without an offset are in UTC.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write failed lines and reasons here.")
@click.option("--dry-run", is_flag=True, help="Do all but write; against the table, where one is given.")
@prefix_option
@click.pass_context
def import_keys(
    ctx: click.Context,
    file: Path,
    form: str | None,
    encoding: str | None,
    delimiter: str | None,
    names: tuple[str, ...],
    ignore_unknown: bool,
    utc: bool,
    report: Path | None,
    dry_run: bool,
) -> None:
    """Takes over keys of any format, plain or already hashed, from a CSV or JSON file.

    Columns or members: consumer and either key (16 to 512 visible characters) or sha256 (hexadecimal or base64); and,
    as needed, description, data, scopes, tags, enabled, created_at, expires_at, hint. In CSV, data and tags are JSON
    objects. --map plan=data.plan makes a column a member of data, and likewise of tags.

    Read as they are: Amazon API Gateway's file of keys and its get-api-keys, the tables of Unkey and Laravel Sanctum,
    and `keys export --with-digests`.

    The authorizer looks keys of other formats up only with its parameter AcceptImportedKeys=true.

    No key that is in the table already is changed, so the same file can be imported again; one that has ended stays so.
    """
    app: App = ctx.obj
    options = Options(parse_map(names), ignore_unknown, utc)
    run = _Run(app, dry_run=dry_run)
    total = file.stat().st_size if file.is_file() else None
    with (
        telling(app, "The same command imports the rest.") as told,
        _opened(file) as stream,
        reporting(report, file) as failures,
        run.finished(told),
        counting("Import") as progress,
    ):
        records = read(stream, file.suffix, Reading(form, encoding, "\t" if delimiter == "tab" else delimiter))
        run.unit = records.unit

        def on_line(line: Line, outcome: Outcome | str) -> None:
            run.lines += 1
            if isinstance(outcome, str):
                write(failures, {records.unit: line.number, "reason": outcome})
            progress(stream.tell() if total else run.lines, total)

        interrupts = Interrupts()
        with interrupts.held():
            lines = interrupts.between(rows.read(records, options, run.prefix, run.notice))
            run.importer.run(lines, run.summary, on_line)
    if run.summary.failed:
        ctx.exit(SOME_FAILED)


@click.command(cls=Command, example="keys export --with-digests --stack old | keys import - --stack new")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="jsonl", show_default=True)
@click.option("--consumer", type=NAME, help="Only this consumer's keys.")
@click.option("--with-digests", is_flag=True, help="All that is needed to import it again: a backup, or a move.")
@click.pass_context
def export(ctx: click.Context, form: str, consumer: str | None, with_digests: bool) -> None:
    """Writes what is known of the keys to standard output, in no order.

    There is nothing in it that could be used as a key. With --with-digests it also has the SHA-256 of each key, the
    consumers and the history, as JSON Lines that `keys import` reads: it leaves an equal table. Keep such a file as
    you keep the table: an imported key that is easily guessed can be guessed from its digest.
    """
    app: App = ctx.obj
    if with_digests:
        if form != "jsonl":
            raise BadInput("--with-digests writes JSON Lines only: consumers and keys do not fit the same columns.")
        if not _export_all(app, consumer):
            ctx.exit(SOME_FAILED)
        return
    now = app.clock()
    objects = (output.key_object(key, now) for key in app.store.all(consumer))
    if form == "jsonl":
        for value in objects:
            output.print_json(value)
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_EXPORTED)
    writer.writerows([_cell(value[name]) for name in _EXPORTED] for value in objects)


def _export_all(app: App, consumer: str | None) -> bool:
    """Whether all items were written."""
    now = app.clock()
    counts = {"consumer": 0, "key": 0, "deleted": 0}
    left_out = 0

    def leave_out(text: str) -> None:
        nonlocal left_out
        left_out += 1
        note(text)

    for record in exporting.records(app.database, consumer, leave_out):
        value = _backup_object(record, now)
        output.print_json(value)
        counts[value["type"]] += 1
    what = f"{counts['key']} keys, {counts['consumer']} consumers and {counts['deleted']} digests of deleted keys"
    note(f"{what} were exported{f', {left_out} items were left out' if left_out else ''}.")
    return not left_out


def _backup_object(record: Consumer | Key | Deleted, now: float) -> dict[str, Any]:
    """A line that `import` reads back. Members without a value are left out."""
    if isinstance(record, Deleted):
        return {"type": "deleted", "sha256": record.digest, "deleted_at": output.iso(record.deleted_at)}
    events = [event.to_map() for event in record.history]
    if isinstance(record, Consumer):
        return {"type": "consumer", **_present(output.consumer_object(record)), "history": events}
    return {
        "type": "key",
        "sha256": record.digest,
        **_present(output.key_object(record, now)),
        **_present({"unrolled_expires_at": output.iso(record.unrolled_expires_at)}),
        "history": events,
    }


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if file == Path("-"):
        yield sys.stdin.buffer
        return
    with file.open("rb") as stream:
        yield stream


class _Run:
    """One import, and what is told of it at its end, however it ends."""

    def __init__(self, app: App, *, dry_run: bool) -> None:
        self._app = app
        self._dry_run = dry_run
        self._notices: list[str] = []
        self.summary = Summary()
        self.unit = "line"
        self.lines = 0
        table = app.table if not dry_run or app.has_table else None
        self._accept_imported = table.accept_imported if table else None
        self._has_table = table is not None
        self.prefix = app.prefix if table else app.pattern_prefix
        if dry_run and not table:
            self.notice("No table is given, so the lines are checked by themselves, not against its keys.")
        items = DryRunTable(app.database.get) if dry_run and table else DryRunTable() if dry_run else app.database
        author = Author("dry run", app.command) if dry_run else app.author
        self.importer = Importer(items, author=author, clock=app.clock, sleep=app.sleep)

    def notice(self, text: str) -> None:
        """What is told at once, and in JSON at the end."""
        self._notices.append(text)
        note(text)

    @contextmanager
    def finished(self, told: Told) -> Iterator[None]:
        """Shows how the import went when the context ends, also when it was stopped."""
        try:
            yield
        except BaseException as error:
            told.fact = self._counts()
            if not self._app.json:
                self._show_failures()
                raise
            self._show_json(stopped=cause(error))
            known = error if isinstance(error, KeysError) else None
            note(f"Error: {cause(error)}")
            raise click.exceptions.Exit((known or ServiceFailure).exit_code) from None
        told.fact = self._counts()
        self._note_foreign()
        if self._app.json:
            self._show_json()
        else:
            self._show_failures()
            click.echo(told.fact)

    def _note_foreign(self) -> None:
        count = self.summary.foreign
        if not count or self._accept_imported:
            return
        what = f"{count} of them are not of the format {self.prefix}_..., and the authorizer looks such keys up only"
        if self._accept_imported is None:
            self.notice(f"{what} where its stack has AcceptImportedKeys=true.")
        else:
            self.notice(
                f"{what} with AcceptImportedKeys=true, which this stack does not have: all of them are refused."
            )

    def _counts(self) -> str:
        summary, dry = self.summary, self._dry_run
        new = f"{summary.imported} {'would be imported' if dry else 'imported'}"
        there = f"{summary.already_there} already there"
        ended = f", {summary.ended} there and ended, which they stay" if summary.ended else ""
        return f"{new}, {there}{ended}, {summary.failed} failed."

    def _show_failures(self) -> None:
        for number, reason in self.summary.failures[:MOST_SHOWN]:
            note(f"{self.unit.capitalize()} {number}: {reason}")
        if self.summary.failed > MOST_SHOWN:
            note(f"... and {self.summary.failed - MOST_SHOWN} more. --report FILE gets them all.")

    def _show_json(self, **more: str) -> None:
        summary = self.summary
        output.print_json(
            {
                "imported": summary.imported,
                "already_there": summary.already_there,
                "ended": summary.ended,
                "failed": summary.failed,
                "failures": [{self.unit: number, "reason": reason} for number, reason in summary.failures],
                "dry_run": self._dry_run,
                "notices": self._notices,
                **more,
            }
        )


def _cell(value: object) -> str:
    """A value in a CSV cell. What a spreadsheet would take for a formula, it gets as text."""
    if value is None:
        return ""
    text = " ".join(value) if isinstance(value, list) else value if isinstance(value, str) else json.dumps(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
