"""The commands that import and export keys."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, cast

import click

from keys.cli import output
from keys.cli.app import App, note
from keys.cli.commands import NAME, Command, prefix_option
from keys.cli.exits import Exit
from keys.cli.interrupt import Interrupts, interruptible
from keys.cli.key_commands import none_listed
from keys.cli.messages import say
from keys.cli.progress import counting
from keys.cli.result import Told, cause, telling
from keys.core.errors import BadInput, KeysError, MalformedItem
from keys.core.history import Author
from keys.core.record import Consumer, Deleted, Key
from keys.core.schema import iso
from keys.deployment.words import plural
from keys.transfer import exporting, formats, rows
from keys.transfer.columns import options
from keys.transfer.dry_run import DryRunTable
from keys.transfer.importing import ENDED, MAX_LISTED, Importer, Outcome, Summary
from keys.transfer.rows import Line

MOST_SHOWN: Final = 20
MOST_NAMED: Final = 10

_HEADING: Final = (*(each.name for each in Key.fields() if each.shown), "state", "created_by", "last_change")


@click.command("import", cls=Command, example="keys import legacy.csv --dry-run --report failed.jsonl")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--format", "form", type=click.Choice(formats.FORMATS), help="The file format.  [default: detected]")
@click.option("--each", metavar="THEIRS", help="Read each element of the list THEIRS in each object as a key.")
@click.option("--map", "maps", multiple=True, metavar="THEIRS=OURS", help="Read the column THEIRS as OURS. Repeatable.")
@click.option("--ignore", "ignored", multiple=True, metavar="THEIRS", help="Ignore the column THEIRS. Repeatable.")
@click.option(
    "--set", "constants", multiple=True, metavar="OURS=VALUE", help="Set OURS to VALUE in every line. Repeatable."
)
@click.option("--utc", is_flag=True, help="Read times without a UTC offset as UTC.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the failed lines, and those of revoked, expired or deleted keys, to this file.",
)
@click.option("--dry-run", is_flag=True, help="Check the file, and the table if one is given, but write nothing.")
@prefix_option
@click.pass_context
def import_keys(
    ctx: click.Context,
    file: Path,
    form: str | None,
    each: str | None,
    maps: tuple[str, ...],
    ignored: tuple[str, ...],
    constants: tuple[str, ...],
    utc: bool,
    report: Path | None,
    dry_run: bool,
) -> None:
    """Import existing keys of any format from a CSV or JSON file.

    Required columns or members: consumer, and either key (16 to 512 visible ASCII characters) or sha256 (hexadecimal or
    base64). Optional: description, data, scopes, networks, tags, enabled, disabled, state, created_at, expires_at,
    lifetime, revoked_at, hint. Every other column must be mapped or ignored by its name: --map plan=data.plan reads a
    column as a member of data. The same works for tags.

    The API key file and `get-api-keys` of Amazon API Gateway, and `keys export --with-digests`, need no --map. For
    other systems, see docs/import.md.

    The authorizer accepts keys that are not in the product's key format only if the stack has the parameter
    AcceptImportedKeys=true.

    Existing keys are not changed, so you can import the same file again. It does not restore keys that are revoked,
    expired or deleted in the table, unless a key in the product's key format was deleted: the table keeps the digests
    of deleted imported keys alone. A disabled consumer gets no active key.
    """
    app: App = ctx.obj
    chosen = options(maps, ignored, constants, utc=utc)
    run = _Run(app, report, dry_run=dry_run)
    ctx.call_on_close(run.close)
    total = file.stat().st_size if file.is_file() else None
    with (
        telling(app, "To import the remaining lines, run the same command again.") as told,
        click.open_file(str(file), "rb") as stream,
        _reporting(report, file) as failures,
        run.finished(told),
        counting("Import") as progress,
    ):
        records = formats.read(cast(BinaryIO, stream), file.suffix, form, each)
        run.unit = records.unit

        def on_line(line: Line, outcome: Outcome | KeysError) -> None:
            run.lines += 1
            if failures and isinstance(outcome, KeysError):
                failures.write(f"{json.dumps(run.failed_line(line.number, outcome))}\n")
            elif failures and outcome in ENDED:
                failures.write(f"{json.dumps(run.ended_line(line.number, outcome))}\n")
            progress(stream.tell() if total else run.lines, total)

        interrupts = Interrupts()
        with interruptible(interrupts):
            lines = interrupts.between(rows.read(records, chosen, run.prefix, app.clock(), run.notice))
            run.importer(lambda: interrupts.is_pending).run(run.readable(lines), on_line)
    if run.summary.failed:
        ctx.exit(Exit.INCOMPLETE)


@click.command(cls=Command, example="keys export --with-digests --stack old | keys import - --stack new")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="jsonl", show_default=True)
@click.option("--consumer", type=NAME, help="Only this consumer's keys.")
@click.option(
    "--with-digests", is_flag=True, help="Export everything that `keys import` needs, for a backup or a move."
)
@click.pass_context
def export(ctx: click.Context, form: str, consumer: str | None, with_digests: bool) -> None:
    """Export keys to standard output.

    The order is not defined. The export has no usable keys. With --with-digests it also has the SHA-256 of each key,
    the consumers and the history, as JSON Lines for `keys import`, which creates an equal table from it. Protect such a
    file like the table: an attacker can find a weak imported key by comparing guesses with its digest.
    """
    app: App = ctx.obj
    if with_digests:
        if form != "jsonl":
            raise BadInput("--with-digests: CSV is not supported, since consumers and keys have different columns.")
        if not _export_all(app, consumer):
            ctx.exit(Exit.INCOMPLETE)
        return
    now = app.clock()
    count = itertools.count()
    objects = (output.key_object(key, now) for key, _ in zip(app.store.all(consumer), count, strict=False))
    if form == "csv":
        output.print_csv(_HEADING, objects)
    else:
        for value in objects:
            output.print_json(value)
    if not next(count):
        note(none_listed(app, consumer, 0))


def _export_all(app: App, consumer: str | None) -> bool:
    """Write everything that `import` needs. Returns whether no item was left out."""
    now = app.clock()
    counts = {"consumer": 0, "key": 0, "deleted": 0}
    left_out = 0

    def leave_out(error: MalformedItem) -> None:
        nonlocal left_out
        left_out += 1
        app.leave_out(error)

    for record in exporting.exported(app.table, consumer, leave_out):
        value = _backup_object(record, now)
        output.print_json(value)
        counts[value["type"]] += 1
    keys, owners = plural(counts["key"], "key"), plural(counts["consumer"], "consumer")
    note(f"Exported {keys}, {owners} and {plural(counts['deleted'], 'digest')} of deleted keys.")
    if left_out:
        note(f"Left out {plural(left_out, 'malformed item')}.")
    return not left_out


def _backup_object(record: Consumer | Key | Deleted, now: float) -> dict[str, Any]:
    """A line for `import`. Members without a value are omitted."""
    if isinstance(record, Deleted):
        return {"type": "deleted", "sha256": record.digest, "deleted_at": iso(record.deleted_at)}
    events = [event.to_map() for event in record.history]
    if isinstance(record, Consumer):
        return {"type": "consumer", **_present(record.to_json()), "history": events}
    return {
        "type": "key",
        "sha256": record.digest,
        **_present(output.key_object(record, now)),
        **_present({"unrolled_expires_at": iso(record.unrolled_expires_at)}),
        "history": events,
    }


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _reporting(report: Path | None, source: Path) -> AbstractContextManager[IO[Any] | None]:
    """The report. It is written under a temporary name until it is closed, also after an error.

    :raises BadInput: the report is the input file, or cannot be written.
    """
    if report is None:
        return nullcontext()
    if report.exists() and source.exists() and report.samefile(source):
        raise BadInput(f"--report {report}: this is the file to import. Specify another file for the report.")
    # A terminal, a pipe or /dev/null cannot be replaced by a rename.
    is_replaced = report.is_file() or not report.exists()
    try:
        return click.open_file(str(report.absolute()), "w", encoding="utf-8", atomic=is_replaced)
    except OSError as error:
        raise BadInput(f"--report {report}: the file cannot be written: {error.strerror}.") from None


class _Run:
    """One import and its result, which is reported also if the import fails or is interrupted."""

    def __init__(self, app: App, report: Path | None, *, dry_run: bool) -> None:
        self._app = app
        self._report = report
        self._dry_run = dry_run
        self._notices: list[str] = []
        self.summary = Summary()
        self.unit = "line"
        self.lines = 0
        self._has_table = not dry_run or app.has_table
        self._accept_imported = app.resolved.accept_imported if self._has_table else None
        self.prefix = app.prefix if self._has_table else app.pattern_prefix
        if not self._has_table:
            self.notice("No table is given: the lines are not compared with existing keys and consumers.")
        self._temporary = DryRunTable(*([app.table.get_many] if self._has_table else [])) if dry_run else None

    def importer(self, is_interrupted: Callable[[], bool]) -> Importer:
        app = self._app
        return Importer(
            self._temporary or app.table,
            self.summary,
            author=Author("dry run", app.command) if self._dry_run else app.author,
            clock=app.clock,
            sleep=app.sleep,
            is_interrupted=is_interrupted,
        )

    def readable(self, lines: Iterator[Line]) -> Iterator[Line]:
        """The lines, as long as the authorizer reads what restricts their keys; see `App.require_reader`."""
        checked = set[str]()
        for line in lines:
            kind = Consumer if isinstance(line.row, Consumer) else Key
            restricting = {each.name for each in kind.fields() if each.since} - checked
            given = {name: None for name in restricting if getattr(line.row, name, None)}
            if given and self._has_table:
                self._app.require_reader(kind, given)
                checked.update(given)
            yield line

    def close(self) -> None:
        """Delete the writes of a dry run."""
        if self._temporary:
            self._temporary.close()

    def notice(self, text: str) -> None:
        """Write a note at once, and keep it for the JSON output at the end."""
        self._notices.append(text)
        note(text)

    def failed_line(self, number: int, error: KeysError) -> dict[str, Any]:
        """A line that failed, for the report and the JSON output."""
        return {self.unit: number, "reason": say(error, self._app.options)}

    def ended_line(self, number: int, outcome: Outcome) -> dict[str, Any]:
        """A line whose key is revoked, expired or deleted in the table, for the report and the JSON output."""
        return {self.unit: number, "state": outcome.value, "reason": f"This key is {outcome.value} in the table."}

    @contextmanager
    def finished(self, told: Told) -> Iterator[None]:
        """Show the result when the context ends, also after an error or an interruption."""
        try:
            yield
        except BaseException as error:
            if self.lines or not isinstance(error, BadInput):
                told.fact = self._counts()
            if isinstance(error, BadInput):
                told.remedy = "Correct the file, then run the same command again."
            if not self._app.json:
                self._show_failures()
                raise
            self._show_json(stopped=cause(error))
            note(f"Error: {cause(error)} {told.remedy}")
            raise click.exceptions.Exit(Exit.of(error)) from None
        told.fact = self._counts()
        self._note_doubts()
        if self._app.json:
            self._show_json()
        else:
            self._show_failures()
            click.echo(told.fact)

    def _note_doubts(self) -> None:
        """Note what can be wrong with the keys of the file."""
        summary = self.summary
        if summary.other_format and not self._accept_imported:
            refused = "" if self._accept_imported is None else " This stack does not have it, so it refuses them."
            self.notice(
                f"Keys that are not in the format {self.prefix}_...: {summary.other_format}. The authorizer accepts "
                f"such keys only if the stack has AcceptImportedKeys=true.{refused}"
            )
        if summary.keys and summary.digest_like == summary.keys:
            after = "" if self._dry_run else ", after you have deleted the keys of this import"
            self.notice(
                "Each key in the file looks like a SHA-256: 64 hexadecimal digits, or the base64 of 32 bytes. If the "
                "other system stores hashes of its keys, these are not keys: clients could not use theirs, and whoever "
                f"has read the file could call the API. Import them with --map key=sha256{after}. If they are keys, do "
                "nothing."
            )

    def _counts(self) -> str:
        summary, dry = self.summary, self._dry_run
        new = f"{summary.imported} {'would be imported' if dry else 'imported'}"
        not_active = f" ({summary.not_active} not active)" if summary.not_active else ""
        there = f"{summary.already_there} already there"
        ended = f", {summary.ended} already revoked, expired or deleted" if summary.ended else ""
        counts = f"{new}{not_active}, {there}{ended}, {summary.failed} failed."
        if not (summary.imported and self._has_table):
            return counts
        existing = summary.existing_consumers
        names = f" ({_first([repr(name) for name in existing], len(existing))})" if existing else ""
        got = "would get" if dry else "got"
        return (
            f"{counts} New consumers: {len(summary.new_consumers)}. Existing consumers that {got} keys: "
            f"{len(existing)}{names}."
        )

    def _show_failures(self) -> None:
        for number, error in self.summary.failures[:MOST_SHOWN]:
            note(f"{self.unit.capitalize()} {number}: {say(error, self._app.options)}")
        if self.summary.failed > MOST_SHOWN:
            note(f"... and {self.summary.failed - MOST_SHOWN} more. {self._all_of_them()}")
        ended = self.summary.ended
        if ended:
            numbers = _first([str(number) for number, _ in self.summary.ended_lines], ended)
            every = f" {self._all_of_them()}" if ended > MOST_NAMED else ""
            note(f"Keys that are already revoked, expired or deleted: {self.unit} {numbers}.{every}")
        if self.summary.restorable:
            note("To import a deleted key again, first run `keys delete DIGEST` with its SHA-256.")

    def _all_of_them(self) -> str:
        if self._report:
            return f"All of them are in {self._report}."
        return "To save all of them, specify --report FILE."

    def _show_json(self, **more: str) -> None:
        summary = self.summary
        counts = ("imported", "not_active", "already_there", "ended", "failed")
        output.print_json(
            {
                **{name: getattr(summary, name) for name in counts},
                # Without a table, it is not known which consumers exist.
                "new_consumers": len(summary.new_consumers) if self._has_table else None,
                "existing_consumers": len(summary.existing_consumers) if self._has_table else None,
                "existing_consumer_names": list(summary.existing_consumers)[:MAX_LISTED] if self._has_table else None,
                "failures": [self.failed_line(*failed) for failed in summary.failures],
                "ended_lines": [self.ended_line(*ended) for ended in summary.ended_lines],
                "dry_run": self._dry_run,
                "notices": self._notices,
                **more,
            }
        )


def _first(texts: list[str], count: int) -> str:
    """The first texts, and how many of `count` follow."""
    more = f" and {count - MOST_NAMED} more" if count > MOST_NAMED else ""
    return f"{', '.join(texts[:MOST_NAMED])}{more}"
