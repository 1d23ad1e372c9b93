"""Import keys into the table with concurrent transactions. Existing items are never overwritten."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol, cast

from authorizer.key_record import is_deleted
from keys.core.change import check, put_new
from keys.core.consumers import inherited
from keys.core.errors import Code, Conflict, KeysError, ServiceFailure
from keys.core.history import Author
from keys.core.record import Consumer, Deleted, Key, Record, State, consumer_pk
from keys.core.table import MAX_TRANSACTION, WriteConflict
from keys.transfer.rows import Line

if TYPE_CHECKING:
    from keys.core.change import Write
    from keys.core.record import Item

WORKERS: Final = 16
WINDOW: Final = 20_000
"""How many lines are read before they are written, grouped by consumer. It bounds the memory use."""

MAX_CACHED_CONSUMERS: Final = 2_000
"""A cached consumer that was changed meanwhile costs one cancelled transaction."""

MAX_LISTED: Final = 1_000
"""How many failed lines, and how many ended ones, the summary has. `on_line` is called for every line."""

_MAX_WAITS: Final = 12


class Items(Protocol):
    """The table of an import: `Table`, or `DryRunTable` in a dry run."""

    def get(self, pk: str) -> Item | None: ...
    def write(self, writes: Sequence[Write]) -> None: ...


class Outcome(Enum):
    """The result of a line that did not fail. REVOKED, EXPIRED, DELETED: the key has this state and keeps it."""

    IMPORTED = "imported"
    ALREADY_THERE = "already there"
    REVOKED = "revoked"
    EXPIRED = "expired"
    DELETED = "deleted"


ENDED: Final = frozenset([Outcome.REVOKED, Outcome.EXPIRED, Outcome.DELETED])


@dataclass(slots=True)
class Summary:
    """The number of lines by outcome, the first lines that failed or whose key has ended, and the consumers.

    `not_active`: imported keys that are revoked, disabled or expired, as the file says. `other_format`: valid keys in
    the table that are not in the product's key format, as far as the file shows. `keys` and `digest_like`: the keys
    that the file has in plain text, and those in the form of a SHA-256. `new_consumers`: the consumers that the import
    created. `existing_consumers`: the others that got keys, in the order of the file. `restorable`: whether the file
    has a key that is deleted in the table only.
    """

    imported: int = 0
    not_active: int = 0
    already_there: int = 0
    ended: int = 0
    failed: int = 0
    other_format: int = 0
    keys: int = 0
    digest_like: int = 0
    restorable: bool = False
    failures: list[tuple[int, KeysError]] = field(default_factory=list)
    ended_lines: list[tuple[int, Outcome]] = field(default_factory=list)
    new_consumers: set[str] = field(default_factory=set)
    existing_consumers: dict[str, None] = field(default_factory=dict)

    def add(self, line: Line, outcome: Outcome | KeysError) -> None:
        """Count a line. An error is the reason of the failure."""
        if isinstance(outcome, KeysError):
            self.failed += 1
            if len(self.failures) < MAX_LISTED:
                self.failures.append((line.number, outcome))
            return
        self.imported += outcome is Outcome.IMPORTED
        self.already_there += outcome is Outcome.ALREADY_THERE
        self.other_format += line.is_other_format and outcome not in ENDED
        self.keys += line.is_plain
        self.digest_like += line.is_digest_like
        if outcome in ENDED:
            self.ended += 1
            self.restorable |= outcome is Outcome.DELETED and not isinstance(line.row, Deleted)
            if len(self.ended_lines) < MAX_LISTED:
                self.ended_lines.append((line.number, outcome))
        elif outcome is Outcome.IMPORTED and isinstance(line.row, Key):
            self.not_active += not line.is_active
            if line.row.consumer not in self.new_consumers:
                self.existing_consumers[line.row.consumer] = None


class Importer:
    """Imports lines, each on the condition that its key does not exist.

    The keys of one consumer are written in transactions of up to `MAX_TRANSACTION`, one after the other, each on the
    condition that the consumer is enabled. A missing consumer is created in the transaction of its first keys, with the
    data of the first one. If a transaction is cancelled because some of its keys exist, these are compared with the
    file, and the others are written. A line whose key exists with the same values succeeds, so an import can be
    repeated. A line whose key exists with other values fails. Later changes of a key, such as its revocation, are kept.

    `is_interrupted`: asked while transactions are in progress. No further one is then begun.
    """

    def __init__(
        self,
        table: Items,
        summary: Summary,
        *,
        author: Author,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        is_interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._table = table
        self._summary = summary
        self._author = author
        self._clock = clock
        self._sleep = sleep
        self._is_interrupted = is_interrupted
        self._is_stopped = False
        self._consumers: dict[str, Consumer] = {}

    def run(self, lines: Iterable[Line], on_line: Callable[[Line, Outcome | KeysError], None]) -> None:
        """Import the lines and count them in the summary. `on_line` is called for each line, in the order of the file.

        :raises Exception: the file could not be read further, or AWS failed. Completed writes are counted.
        """
        with ThreadPoolExecutor(WORKERS) as pool:
            for window in _windows(lines):
                outcomes: list[Outcome | KeysError | None] = [line.problem for line in window]
                try:
                    self._import_window(window, outcomes, pool)
                finally:
                    for line, outcome in zip(window, outcomes, strict=True):
                        if outcome is not None:
                            self._summary.add(line, outcome)
                            on_line(line, outcome)

    def _import_window(
        self, window: list[Line], outcomes: list[Outcome | KeysError | None], pool: ThreadPoolExecutor
    ) -> None:
        if len(self._consumers) > MAX_CACHED_CONSUMERS:
            self._consumers.clear()
        groups: dict[object, list[tuple[int, Line]]] = {}
        for number, line in enumerate(window):
            if line.row:
                group = line.row.consumer if isinstance(line.row, Key) else number // MAX_TRANSACTION
                groups.setdefault(group, []).append((number, line))
        futures = [pool.submit(self._import_group, lines, outcomes) for lines in groups.values()]
        pending: set[Future[None]] = set(futures)
        try:
            while pending:
                if self._is_interrupted():
                    raise KeyboardInterrupt
                done, pending = wait(pending, timeout=0.2, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
        finally:
            self._is_stopped = bool(pending)
            for future in futures:
                future.cancel()
            wait(futures)

    def _import_group(self, lines: list[tuple[int, Line]], outcomes: list[Outcome | KeysError | None]) -> None:
        most = MAX_TRANSACTION - 1
        for start in range(0, len(lines), most):
            if not self._is_stopped:
                self._import_batch(dict(lines[start : start + most]), outcomes)

    def _import_batch(self, lines: dict[int, Line], outcomes: list[Outcome | KeysError | None]) -> None:
        """Write the rows in one transaction. After a cancellation, those that can be written are tried again."""
        waits = 0
        while lines:
            consumer, holder = self._holder(lines, outcomes)
            records = {number: self._record(line, consumer) for number, line in lines.items()}
            try:
                self._table.write([*holder, *map(put_new, records.values())])
            except WriteConflict as conflict:
                numbers = list(records)
                for place, item in conflict.failed.items():
                    if place < len(holder):
                        # The consumer was created, changed or disabled meanwhile.
                        self._consumers.pop(_pk(consumer), None)
                        continue
                    number = numbers[place - len(holder)]
                    line, record = lines.pop(number), records[number]
                    outcomes[number] = self._compare(line, record, item or self._table.get(_pk(record)) or {})
                if not conflict.failed:
                    self._wait(waits, conflict.throttled)
                    waits += 1
            else:
                for number in records:
                    outcomes[number] = Outcome.IMPORTED
                self._note_consumers(consumer, holder, records.values())
                return

    def _note_consumers(self, consumer: Consumer | None, holder: list[Write], records: Iterable[Record]) -> None:
        created = [record for record in records if isinstance(record, Consumer)]
        if consumer and holder and "Put" in holder[0]:
            created.append(consumer)
            self._consumers[consumer.pk] = Consumer.from_item(consumer.to_item())
        self._summary.new_consumers.update(each.name for each in created)

    def _holder(
        self, lines: dict[int, Line], outcomes: list[Outcome | KeysError | None]
    ) -> tuple[Consumer | None, list[Write]]:
        """The consumer of the keys, and its member of their transaction: a check that it is enabled, or its creation.

        For a disabled consumer, only keys that are not active can be written. The others are removed from `lines`.
        """
        keys = [line.row for line in lines.values() if isinstance(line.row, Key)]
        if not keys:
            return None, []
        name = keys[0].consumer
        pk = consumer_pk(name)
        consumer = self._consumers.get(pk)
        if consumer is None:
            item = self._table.get(pk)
            if item is None:
                event = self._author.event("created", self._clock())
                new = Consumer(name=name, data=keys[0].data, created_at=event.at).changed(event)
                return new, [put_new(new)]
            consumer = self._consumers[pk] = Consumer.from_item(item)
        if consumer.enabled:
            return consumer, [check(consumer)]
        for number, line in list(lines.items()):
            record = self._record(line, consumer)
            if isinstance(record, Key) and record.state(self._clock()) is State.ACTIVE:
                existing = self._table.get(record.digest)
                refusal = Conflict(Code.CONSUMER_DISABLED, consumer=name)
                outcomes[number] = self._compare(line, record, existing) if existing else refusal
                del lines[number]
        return consumer, []

    def _record(self, line: Line, consumer: Consumer | None) -> Key | Consumer | Deleted:
        """What the line writes. A key without data gets that of its consumer, and each key its networks and plan."""
        row = cast("Key | Consumer | Deleted", line.row)
        if not isinstance(row, Key) or consumer is None:
            return row
        if line.given is None:
            return dataclasses.replace(row, **inherited(consumer)) if consumer.stored else row
        event = self._author.event("imported", self._clock())
        return dataclasses.replace(
            row,
            data=row.data if "data" in line.given else consumer.data,
            **inherited(consumer),
            created_at=event.at if row.created_at is None else row.created_at,
        ).changed(event)

    def _wait(self, waits: int, throttled: str | None) -> None:
        if waits >= _MAX_WAITS:
            raise ServiceFailure(Code.THROTTLED, reason=throttled) if throttled else Conflict(Code.TOO_MANY_CHANGES)
        self._sleep(min(10, 0.1 * 2**waits) * random.uniform(0.5, 1))  # noqa: S311 - not for cryptography

    def _compare(self, line: Line, record: Key | Consumer | Deleted, item: Item) -> Outcome | KeysError:
        """The outcome of a line whose item exists. `record`: what the line would have written."""
        if is_deleted(item):
            return Outcome.DELETED
        try:
            existing = Consumer.from_item(item) if isinstance(record, Consumer) else Key.from_item(item)
        except KeysError as error:
            return error
        if existing == record:
            return Outcome.ALREADY_THERE
        if isinstance(existing, Consumer):
            return _conflict("consumer", _differing(record, existing))
        state = existing.state(self._clock())
        contradictions = _contradictions(record, line.given, existing, state) if isinstance(record, Key) else []
        if state in (State.REVOKED, State.EXPIRED) and not contradictions:
            return Outcome(state.value)
        if isinstance(record, Deleted):
            return Conflict(f"Conflict: the file has this key as deleted, but it exists {_WHERE}. It was not changed.")
        differing = _differing(record, existing) if line.given is None else contradictions
        return _conflict("key", differing) if differing else Outcome.ALREADY_THERE


def _windows(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """The lines in portions that can be written in any order.

    The consumers of an export are written before its keys. If two lines have the same key, the first one is imported,
    in every run. If the file cannot be read further, what was read before is imported first.
    """
    window: list[Line] = []
    pks: set[str] = set()
    of_consumers = False
    try:
        for line in lines:
            pk = _pk(line.row)
            is_other_kind = line.row is not None and isinstance(line.row, Consumer) is not of_consumers
            if window and (len(window) >= WINDOW or pk in pks or is_other_kind):
                yield window
                window, pks = [], set()
            window.append(line)
            if line.row:
                pks.add(pk)
                of_consumers = isinstance(line.row, Consumer)
    except Exception:
        if window:
            yield window
        raise
    if window:
        yield window


def _contradictions(key: Key, given: Set[str] | None, existing: Key, state: State) -> list[str]:
    """The names of the values in the file that differ from the table. Values that the file lacks do not differ."""
    compared = [name for name in ("data", "scopes", "networks", "tags") if given is None or name in given]
    names = [name for name in ["consumer", *compared] if getattr(key, name) != getattr(existing, name)]
    expires_at = existing.unrolled_expires_at if existing.rolled_to else existing.expires_at
    if key.expires_at not in (None, expires_at):
        names.append("expires_at")
    if key.revoked_at is not None and existing.revoked_at is None:
        names.append("state (the file says revoked)")
    elif not key.enabled and state is State.ACTIVE:
        names.append("state (the file says disabled)")
    return names


def _differing(record: Record, existing: Record) -> list[str]:
    one, other = record.to_item(), existing.to_item()
    return sorted(name for name in (one.keys() | other.keys()) - {"version"} if one.get(name) != other.get(name))


_WHERE: Final = "in the table or earlier in the file"


def _conflict(what: str, names: list[str]) -> Conflict:
    return Conflict(f"Conflict: this {what} exists {_WHERE} with another {', '.join(names)}. It was not changed.")


def _pk(row: Key | Consumer | Deleted | None) -> str:
    return row.pk if isinstance(row, Consumer) else row.digest if row else ""
