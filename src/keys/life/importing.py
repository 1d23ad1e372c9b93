"""Brings an existing key base into the table: many keys at once, none over another."""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeVar

from botocore.exceptions import ClientError

from keys.life.database import Changed, Database
from keys.life.errors import Conflict
from keys.life.history import Author
from keys.life.record import Consumer, Key, consumer_pk, key_id_of_digest
from keys.life.rows import Line, Row

T = TypeVar("T")

WORKERS: Final = 32
WAITING: Final = 8 * WORKERS
"""How many lines may be read ahead of the writes: memory does not grow with the file."""

REMEMBERED_CONSUMERS: Final = 2_000
THROTTLED: Final = frozenset(["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"])
MAX_WAITS: Final = 12


class Outcome(Enum):
    """What became of a line that was not refused."""

    IMPORTED = "imported"
    ALREADY_THERE = "already there"


@dataclass(slots=True)
class Summary:
    """How an import went: counts, and each refused line with the reason."""

    imported: int = 0
    already_there: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)

    def add(self, number: int, outcome: Outcome | str) -> None:
        if outcome is Outcome.IMPORTED:
            self.imported += 1
        elif outcome is Outcome.ALREADY_THERE:
            self.already_there += 1
        else:
            self.failures.append((number, str(outcome)))


class Importer:
    """Imports lines with many writes at a time, each on the condition that the key is not there yet.

    A line whose key is there with the same content counts as done, so an import can be repeated at will. One whose key
    has other content is refused. What happened to a key since, such as its revocation, stays.
    """

    def __init__(
        self,
        database: Database,
        *,
        author: Author,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._database = database
        self._author = author
        self._clock = clock
        self._sleep = sleep
        self._consumers: OrderedDict[str, Future[str]] = OrderedDict()

    def run(self, lines: Iterable[Line], on_line: Callable[[Summary], None]) -> Summary:
        """Imports the lines; `on_line` is told the summary so far after each.

        :raises Exception: AWS failed. The lines before it may have been imported.
        """
        summary = Summary()
        waiting: deque[tuple[Line, Future[Outcome | str]]] = deque()
        digests: set[str] = set()

        def settle() -> None:
            line, future = waiting.popleft()
            summary.add(line.number, future.result())
            if line.row is not None:
                digests.discard(line.row.digest)
            on_line(summary)

        with ThreadPoolExecutor(WORKERS) as pool:
            try:
                for line in lines:
                    # Of two lines with the same key the first one counts, in every run.
                    while len(waiting) >= WAITING or (line.row is not None and line.row.digest in digests):
                        settle()
                    waiting.append((line, self._start(pool, line)))
                    if line.row is not None:
                        digests.add(line.row.digest)
                while waiting:
                    settle()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return summary

    def _start(self, pool: ThreadPoolExecutor, line: Line) -> Future[Outcome | str]:
        row = line.row
        if row is None:
            refused: Future[Outcome | str] = Future()
            refused.set_result(line.problem or "")
            return refused
        # Started before the key that waits for it, so some thread always gets on with what the others wait for.
        data = self._data_of_consumer(pool, row)
        return pool.submit(self._import, row, data)

    def _data_of_consumer(self, pool: ThreadPoolExecutor, row: Row) -> Future[str]:
        """The consumer's data. One that does not exist is created, with the data of its first key in the file."""
        known = self._consumers.get(row.consumer)
        if known is not None:
            self._consumers.move_to_end(row.consumer)
            return known
        future = self._consumers[row.consumer] = pool.submit(self._ensure_consumer, row.consumer, row.data)
        if len(self._consumers) > REMEMBERED_CONSUMERS:
            self._consumers.popitem(last=False)
        return future

    def _ensure_consumer(self, name: str, data: str | None) -> str:
        item = self._patiently(lambda: self._database.get(consumer_pk(name)))
        if item is not None:
            return _data_of(Consumer.from_item(item))
        event = self._author.event("created", self._clock())
        consumer = Consumer(name=name, data=data or "{}", created_at=event.at, history=(event,))
        try:
            self._patiently(lambda: self._database.put_new(consumer.to_item()))
        except Changed as changed:
            if changed.item is not None:
                return _data_of(Consumer.from_item(changed.item))
        return consumer.data

    def _import(self, row: Row, data_of_consumer: Future[str]) -> Outcome | str:
        try:
            key = self._key(row, row.data or data_of_consumer.result())
            data_of_consumer.result()
            try:
                self._patiently(lambda: self._database.put_new(key.to_item()))
            except Changed as changed:
                return _compared(row, Key.from_item(changed.item or {}))
        except Conflict as error:
            return str(error)
        return Outcome.IMPORTED

    def _key(self, row: Row, data: str) -> Key:
        event = self._author.event("imported", self._clock())
        return Key(
            digest=row.digest,
            key_id=key_id_of_digest(row.digest),
            consumer=row.consumer,
            data=data,
            scopes=row.scopes or frozenset(),
            tags=row.tags or {},
            enabled=row.enabled,
            created_at=event.at if row.created_at is None else row.created_at,
            expires_at=row.expires_at,
            hint=row.hint,
            history=(event,),
        )

    def _patiently(self, write: Callable[[], T]) -> T:
        """Waits, longer each time, while the table says that it is at its limit: a new one grows with its load."""
        for waits in range(MAX_WAITS):
            try:
                return write()
            except ClientError as error:
                if error.response["Error"]["Code"] not in THROTTLED:
                    raise
                self._sleep(min(10, 0.1 * 2**waits) * random.uniform(0.5, 1))  # noqa: S311 - spreads the load
        return write()


def _data_of(consumer: Consumer) -> str:
    """:raises Conflict: the consumer is disabled, and so gets no new key."""
    if not consumer.enabled:
        raise Conflict(f"The consumer {consumer.name!r} is disabled. `keys consumer enable` is the way back.")
    return consumer.data


def _compared(row: Row, existing: Key) -> Outcome | str:
    given = {
        "consumer": (row.consumer, existing.consumer),
        "data": (row.data, existing.data),
        "scopes": (row.scopes, existing.scopes),
        "tags": (row.tags, existing.tags),
        "expires_at": (row.expires_at, existing.unrolled_expires_at if existing.rolled_to else existing.expires_at),
    }
    other = [name for name, (wanted, stored) in given.items() if wanted is not None and wanted != stored]
    if other:
        return f"Conflict: this key is in the table already, with another {', '.join(other)}. It was left as it is."
    return Outcome.ALREADY_THERE
