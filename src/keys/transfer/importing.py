"""Import keys into the table with many concurrent writes. Existing keys are never overwritten."""

from __future__ import annotations

import functools
import random
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from botocore.exceptions import ClientError

from authorizer.key_record import is_deleted
from keys.core.change import put_new
from keys.core.errors import Code, Conflict
from keys.core.history import Author
from keys.core.record import Consumer, Deleted, Key, Record, State, consumer_pk, imported_key_id
from keys.core.table import WriteConflict
from keys.transfer.rows import KeyRow, Line, Row

if TYPE_CHECKING:
    from keys.core.change import Write
    from keys.core.record import Item

T = TypeVar("T")

WORKERS: Final = 32
MAX_PENDING: Final = 8 * WORKERS
"""How many lines are read ahead of the writes, so that memory use does not depend on the file size."""

MAX_CACHED_CONSUMERS: Final = 2_000
MAX_LISTED: Final = 1_000
"""How many failed lines, and how many ended ones, the summary has. `on_line` is called for every line."""

THROTTLING_ERRORS: Final = frozenset(
    ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"]
)
MAX_WAITS: Final = 12


class Items(Protocol):
    """The table of an import: `Database`, or `DryRunTable` in a dry run."""

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

    `other_format`: valid keys in the table that are not in the product's key format, as far as the file shows.
    `new_consumers`: the consumers that the import created. `existing_consumers`: the others that got keys, in the
    order of the file. `restorable`: whether the file has a key that is deleted in the table only.
    """

    imported: int = 0
    already_there: int = 0
    ended: int = 0
    failed: int = 0
    other_format: int = 0
    restorable: bool = False
    failures: list[tuple[int, str]] = field(default_factory=list)
    ended_lines: list[tuple[int, Outcome]] = field(default_factory=list)
    new_consumers: set[str] = field(default_factory=set)
    existing_consumers: dict[str, None] = field(default_factory=dict)

    def add(self, line: Line, outcome: Outcome | str) -> None:
        """Count a line. `outcome`: the reason of the failure if it is a string."""
        if isinstance(outcome, str):
            self.failed += 1
            if len(self.failures) < MAX_LISTED:
                self.failures.append((line.number, outcome))
            return
        self.imported += outcome is Outcome.IMPORTED
        self.already_there += outcome is Outcome.ALREADY_THERE
        self.other_format += line.is_other_format and outcome not in ENDED
        if outcome in ENDED:
            self.ended += 1
            self.restorable |= outcome is Outcome.DELETED and not isinstance(line.row, Deleted)
            if len(self.ended_lines) < MAX_LISTED:
                self.ended_lines.append((line.number, outcome))
        elif (
            outcome is Outcome.IMPORTED
            and isinstance(line.row, (KeyRow, Key))
            and line.row.consumer not in self.new_consumers
        ):
            self.existing_consumers[line.row.consumer] = None


@dataclass(slots=True)
class _CachedConsumer:
    """The data of a consumer, None until the consumer is known to exist. `lock`: while it is read or created."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    data: str | None = None


class Importer:
    """Imports lines concurrently, each on the condition that its key does not exist.

    A missing consumer is created in the transaction of its first key, with the data of that key. A line whose key
    exists with the same values succeeds, so an import can be repeated. A line whose key exists with other values
    fails. Later changes of a key, such as its revocation, are kept.
    """

    def __init__(
        self,
        items: Items,
        summary: Summary,
        *,
        author: Author,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._items = items
        self._summary = summary
        self._author = author
        self._clock = clock
        self._sleep = sleep
        self._consumers: OrderedDict[str, _CachedConsumer] = OrderedDict()

    def run(self, lines: Iterable[Line], on_line: Callable[[Line, Outcome | str], None]) -> None:
        """Import the lines and count them in the summary. `on_line` is called for each line, in the order of the file.

        :raises Exception: the file could not be read further, or AWS failed. Started writes are completed and counted.
        """
        pending: deque[tuple[Line, Future[Outcome | str]]] = deque()
        pks: set[str] = set()
        kind: type[Row] | None = None

        def complete_first() -> None:
            line, future = pending[0]
            outcome = future.result()
            pending.popleft()
            self._summary.add(line, outcome)
            pks.discard(_pk(line.row))
            on_line(line, outcome)

        with ThreadPoolExecutor(WORKERS) as pool:
            try:
                for line in lines:
                    pk = _pk(line.row)
                    # The consumers of an export are written before its keys. If two lines have the same key, the first
                    # one is imported, in every run.
                    while pending and (
                        len(pending) >= MAX_PENDING or pk in pks or (line.row and type(line.row) is not kind)
                    ):
                        complete_first()
                    pending.append((line, self._start(pool, line)))
                    if line.row:
                        kind = type(line.row)
                        pks.add(pk)
                while pending:
                    complete_first()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                while pending:
                    if pending[0][1].cancelled() or pending[0][1].exception():
                        pending.popleft()
                    else:
                        complete_first()
                raise

    def _start(self, pool: ThreadPoolExecutor, line: Line) -> Future[Outcome | str]:
        row = line.row
        if row is None:
            # Not in the pool, which cancels what it has not started when the rest of the file cannot be read.
            failed: Future[Outcome | str] = Future()
            failed.set_result(line.problem or "")
            return failed
        if isinstance(row, KeyRow):
            return pool.submit(self._import_key, row, self._cached_consumer(row.consumer))
        return pool.submit(self._import_record, row)

    def _cached_consumer(self, name: str) -> _CachedConsumer:
        consumer = self._consumers.setdefault(name, _CachedConsumer())
        self._consumers.move_to_end(name)
        if len(self._consumers) > MAX_CACHED_CONSUMERS:
            self._consumers.popitem(last=False)
        return consumer

    def _import_key(self, row: KeyRow, consumer: _CachedConsumer) -> Outcome | str:
        try:
            with consumer.lock:
                if consumer.data is None:
                    outcome = self._import_with_consumer(row, consumer)
                    if outcome is not None:
                        return outcome
            return self._put(row, self._key(row, consumer.data or "{}"))
        except Conflict as error:
            return str(error)

    def _import_record(self, record: Key | Consumer | Deleted) -> Outcome | str:
        try:
            outcome = self._put(record, record)
        except Conflict as error:
            return str(error)
        if outcome is Outcome.IMPORTED and isinstance(record, Consumer):
            self._summary.new_consumers.add(record.name)
        return outcome

    def _put(self, row: Row, record: Record) -> Outcome | str:
        try:
            self._retry_throttled(lambda: self._items.write([put_new(record)]))
        except WriteConflict as conflict:
            return self._compare(row, record, conflict.failed.get(0) or {})
        return Outcome.IMPORTED

    def _import_with_consumer(self, row: KeyRow, cached: _CachedConsumer) -> Outcome | str | None:
        """Create the consumer and the key in one transaction. None if the consumer exists; its data is then cached."""
        for waits in range(MAX_WAITS):
            item = self._retry_throttled(lambda: self._items.get(consumer_pk(row.consumer)))
            if item is not None:
                cached.data = _data_of(Consumer.from_item(item))
                return None
            key = self._key(row, "{}")
            event = self._author.event("created", self._clock())
            consumer = Consumer(name=row.consumer, data=key.data, created_at=event.at).changed(event)
            try:
                self._retry_throttled(functools.partial(self._items.write, [put_new(key), put_new(consumer)]))
            except WriteConflict:
                existing = self._retry_throttled(lambda: self._items.get(row.digest))
                if existing is not None:
                    return self._compare(row, key, existing)
                self._wait(waits)
                continue
            cached.data = consumer.data
            self._summary.new_consumers.add(row.consumer)
            return Outcome.IMPORTED
        raise Conflict("DynamoDB throttles the table. Import the file again.")

    def _key(self, row: KeyRow, data_of_consumer: str) -> Key:
        event = self._author.event("imported", self._clock())
        return Key(
            digest=row.digest,
            key_id=imported_key_id(row.digest),
            consumer=row.consumer,
            description=row.description,
            data=row.data or data_of_consumer,
            scopes=row.scopes or frozenset(),
            tags=row.tags or {},
            enabled=row.enabled is not False,
            created_at=event.at if row.created_at is None else row.created_at,
            expires_at=row.expires_at,
            hint=row.hint,
        ).changed(event)

    def _retry_throttled(self, call: Callable[[], T]) -> T:
        """Repeat the call while it is throttled, with growing waits: a new table grows with its load."""
        for waits in range(MAX_WAITS):
            try:
                return call()
            except ClientError as error:
                if error.response["Error"]["Code"] not in THROTTLING_ERRORS:
                    raise
                self._wait(waits)
        return call()

    def _wait(self, waits: int) -> None:
        self._sleep(min(10, 0.1 * 2**waits) * random.uniform(0.5, 1))  # noqa: S311 - not for cryptography

    def _compare(self, row: Row, record: Record, item: Item) -> Outcome | str:
        """The outcome of a line whose item exists. `record`: what the line would have written."""
        if is_deleted(item):
            return Outcome.DELETED
        existing = Consumer.from_item(item) if isinstance(record, Consumer) else Key.from_item(item)
        if existing == record:
            return Outcome.ALREADY_THERE
        if isinstance(existing, Consumer):
            return _conflict("consumer", _differing(record, existing))
        state = existing.state(self._clock())
        contradictions = _contradictions(row, existing, state) if isinstance(row, (KeyRow, Key)) else []
        if state in (State.REVOKED, State.EXPIRED) and not contradictions:
            return Outcome(state.value)
        if isinstance(row, Deleted):
            return f"Conflict: the file has this key as deleted, but it exists {_WHERE}. It was not changed."
        differing = _differing(record, existing) if isinstance(row, Key) else contradictions
        return _conflict("key", differing) if differing else Outcome.ALREADY_THERE


def _contradictions(row: KeyRow | Key, existing: Key, state: State) -> list[str]:
    """The names of the values in the file that differ from the table. Missing values do not differ."""
    values = {
        "consumer": (row.consumer, existing.consumer),
        "data": (row.data, existing.data),
        "scopes": (row.scopes, existing.scopes),
        "tags": (row.tags, existing.tags),
        "expires_at": (row.expires_at, existing.unrolled_expires_at if existing.rolled_to else existing.expires_at),
    }
    names = [name for name, (given, stored) in values.items() if given is not None and given != stored]
    if isinstance(row, Key) and row.revoked_at is not None and existing.revoked_at is None:
        names.append("state (the file says revoked)")
    elif row.enabled is False and state is State.ACTIVE:
        names.append("state (the file says disabled)")
    return names


def _differing(record: Record, existing: Record) -> list[str]:
    one, other = record.attributes(), existing.attributes()
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


_WHERE: Final = "in the table or earlier in the file"


def _conflict(what: str, names: list[str]) -> str:
    return f"Conflict: this {what} exists {_WHERE} with another {', '.join(names)}. It was not changed."


def _data_of(consumer: Consumer) -> str:
    """:raises Conflict: the consumer is disabled, so it cannot get a new key."""
    if not consumer.enabled:
        raise Conflict(Code.CONSUMER_DISABLED, consumer=consumer.name)
    return consumer.data


def _pk(row: Row | None) -> str:
    if isinstance(row, Consumer):
        return consumer_pk(row.name)
    return row.digest if row else ""
