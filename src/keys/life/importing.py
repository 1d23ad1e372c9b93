"""Brings an existing key base into the table: many keys at once, none over another."""

from __future__ import annotations

import dataclasses
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
from keys.life import history
from keys.life.change import put_new
from keys.life.database import WriteConflict
from keys.life.errors import Conflict, Unclear
from keys.life.history import Author
from keys.life.record import Consumer, Deleted, Key, Record, State, consumer_pk, imported_key_id
from keys.life.rows import AnyRow, ConsumerRow, DeletedRow, Line, Row

if TYPE_CHECKING:
    from keys.life.change import Write
    from keys.life.record import Item

T = TypeVar("T")

WORKERS: Final = 32
WAITING: Final = 8 * WORKERS
"""How many lines may be read ahead of the writes: memory does not grow with the file."""

REMEMBERED_CONSUMERS: Final = 2_000
MOST_FAILURES: Final = 1_000
"""So many refused lines are kept; `on_line` is told all."""

THROTTLED: Final = frozenset(["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"])
MAX_WAITS: Final = 12


class Items(Protocol):
    """What an import reads and writes: `Database`, or `DryRunTable`."""

    def get(self, pk: str) -> Item | None: ...
    def put_new(self, item: Item) -> None: ...
    def write(self, writes: Sequence[Write]) -> None: ...


class Outcome(Enum):
    """What became of a line that was not refused. An ended key is there, revoked or expired, and stays so."""

    IMPORTED = "imported"
    ALREADY_THERE = "already there"
    ENDED = "ended"


@dataclass(slots=True)
class Summary:
    """How an import went so far: counts, and the first refused lines with their reasons.

    `foreign`: keys that are in the table now, and not of our format, so far as the file tells.
    """

    imported: int = 0
    already_there: int = 0
    ended: int = 0
    failed: int = 0
    foreign: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: Line, outcome: Outcome | str) -> None:
        if isinstance(outcome, str):
            self.failed += 1
            if len(self.failures) < MOST_FAILURES:
                self.failures.append((line.number, outcome))
            return
        self.imported += outcome is Outcome.IMPORTED
        self.already_there += outcome is Outcome.ALREADY_THERE
        self.ended += outcome is Outcome.ENDED
        self.foreign += isinstance(line.row, Row) and not line.row.is_own and outcome is not Outcome.ENDED


@dataclass(slots=True)
class _Owner:
    """What is known of a consumer; its data is None until it is known to be in the table."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    data: str | None = None


class Importer:
    """Imports lines with many writes at a time, each on the condition that the key is not there yet.

    A consumer that is not there is made by the same write as its first key, with that key's data. A line whose key is
    there with the same content counts as done, so an import can be repeated at will. One whose key has other content
    is refused. What happened to a key since, such as its revocation, stays.
    """

    def __init__(
        self, items: Items, *, author: Author, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._items = items
        self._author = author
        self._clock = clock
        self._sleep = sleep
        self._owners: OrderedDict[str, _Owner] = OrderedDict()

    def run(self, lines: Iterable[Line], summary: Summary, on_line: Callable[[Line, Outcome | str], None]) -> None:
        """Imports the lines, and counts them in `summary`; `on_line` is told what became of each, in their order.

        :raises Exception: the file could not be read on, or AWS failed. What was begun is finished and counted.
        """
        waiting: deque[tuple[Line, Future[Outcome | str]]] = deque()
        pks: set[str] = set()
        kind: type[AnyRow] | None = None

        def settle() -> None:
            line, future = waiting[0]
            outcome = future.result()
            waiting.popleft()
            summary.add(line, outcome)
            pks.discard(_pk(line))
            on_line(line, outcome)

        with ThreadPoolExecutor(WORKERS) as pool:
            try:
                for line in lines:
                    # Consumers of an export are there before their keys. Of two lines with the same key the first one
                    # counts, in every run.
                    while waiting and (
                        len(waiting) >= WAITING or _pk(line) in pks or (line.row and type(line.row) is not kind)
                    ):
                        settle()
                    waiting.append((line, self._start(pool, line)))
                    if line.row:
                        kind = type(line.row)
                        pks.add(_pk(line))
                while waiting:
                    settle()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                while waiting:
                    if waiting[0][1].cancelled() or waiting[0][1].exception():
                        waiting.popleft()
                    else:
                        settle()
                raise

    def _start(self, pool: ThreadPoolExecutor, line: Line) -> Future[Outcome | str]:
        row = line.row
        if row is None:
            refused: Future[Outcome | str] = Future()
            refused.set_result(line.problem or "")
            return refused
        if isinstance(row, Row):
            return pool.submit(self._import, row, self._owner(row.consumer))
        return pool.submit(self._restore, _consumer(row) if isinstance(row, ConsumerRow) else _deleted(row))

    def _owner(self, name: str) -> _Owner:
        owner = self._owners.setdefault(name, _Owner())
        self._owners.move_to_end(name)
        if len(self._owners) > REMEMBERED_CONSUMERS:
            self._owners.popitem(last=False)
        return owner

    def _import(self, row: Row, owner: _Owner) -> Outcome | str:
        try:
            if row.past:
                # Its consumer is in the export as well, if it was there.
                return self._put(self._key(row, "{}"), row)
            with owner.lock:
                if owner.data is None:
                    outcome = self._first_of_consumer(row, owner)
                    if outcome is not None:
                        return outcome
            return self._put(self._key(row, owner.data or "{}"), row)
        except Conflict as error:
            return str(error)

    def _restore(self, record: Consumer | Deleted) -> Outcome | str:
        try:
            return self._put(record)
        except Conflict as error:
            return str(error)

    def _put(self, record: Record, row: Row | None = None) -> Outcome | str:
        try:
            self._patiently(lambda: self._items.put_new(record.to_item()))
        except WriteConflict as conflict:
            return self._compared(record, conflict.item or {}, row)
        return Outcome.IMPORTED

    def _first_of_consumer(self, row: Row, owner: _Owner) -> Outcome | str | None:
        """Makes the consumer and the key together. None when the consumer is there, and its data known."""
        for waits in range(MAX_WAITS):
            item = self._patiently(lambda: self._items.get(consumer_pk(row.consumer)))
            if item is not None:
                owner.data = _data_of(Consumer.from_item(item))
                return None
            key = self._key(row, "{}")
            consumer = Consumer(
                name=row.consumer,
                data=key.data,
                created_at=int(self._clock()),
                history=(self._author.event("created", self._clock()),),
            )
            try:
                self._patiently(functools.partial(self._items.write, [put_new(key), put_new(consumer)]))
            except (WriteConflict, Unclear) as error:
                there = self._patiently(lambda: self._items.get(row.digest))
                if there is not None:
                    return self._compared(key, there, row)
                if isinstance(error, Unclear):
                    raise
                self._wait(waits)
                continue
            owner.data = consumer.data
            return Outcome.IMPORTED
        raise Conflict("The table is at its limit. Import the file again.")

    def _key(self, row: Row, data_of_consumer: str) -> Key:
        event = self._author.event("imported", self._clock())
        key = Key(
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
            history=(event,),
        )
        past = row.past
        if past is None:
            return key
        return dataclasses.replace(
            key,
            key_id=past.key_id or key.key_id,
            created_at=row.created_at,
            disabled_with_consumer=past.disabled_with_consumer,
            revoked_at=past.revoked_at,
            rolled_from=past.rolled_from,
            rolled_to=past.rolled_to,
            unrolled_expires_at=past.unrolled_expires_at,
            history=history.parse(past.history),
        )

    def _patiently(self, write: Callable[[], T]) -> T:
        """Waits, longer each time, while the table says that it is at its limit: a new one grows with its load."""
        for waits in range(MAX_WAITS):
            try:
                return write()
            except ClientError as error:
                if error.response["Error"]["Code"] not in THROTTLED:
                    raise
                self._wait(waits)
        return write()

    def _wait(self, waits: int) -> None:
        self._sleep(min(10, 0.1 * 2**waits) * random.uniform(0.5, 1))  # noqa: S311 - spreads the load

    def _compared(self, wanted: Record, item: Item, row: Row | None) -> Outcome | str:
        """What it means for a line that its item is there."""
        if is_deleted(item):
            return Outcome.ENDED
        there = Consumer.from_item(item) if isinstance(wanted, Consumer) else Key.from_item(item)
        if there == wanted:
            return Outcome.ALREADY_THERE
        if isinstance(there, Consumer):
            return _conflict("consumer", _differing(wanted, there))
        state = there.state(self._clock())
        if state in (State.REVOKED, State.EXPIRED) and not (row and _contradictions(row, there, state)):
            return Outcome.ENDED
        if isinstance(wanted, Deleted):
            return (
                "Conflict: this key was deleted where the file comes from, and is in the table. It was left as it is."
            )
        other = _differing(wanted, there) if row is None or row.past else _contradictions(row, there, state)
        return _conflict("key", other) if other else Outcome.ALREADY_THERE


def _contradictions(row: Row, there: Key, state: State) -> list[str]:
    """The names of what the file says that is not so. What the file does not say is as it may be."""
    given = {
        "consumer": (row.consumer, there.consumer),
        "data": (row.data, there.data),
        "scopes": (row.scopes, there.scopes),
        "tags": (row.tags, there.tags),
        "expires_at": (row.expires_at, there.unrolled_expires_at if there.rolled_to else there.expires_at),
    }
    other = [name for name, (wanted, stored) in given.items() if wanted is not None and wanted != stored]
    if row.past and row.past.revoked_at is not None and there.revoked_at is None:
        other.append("state (the file says revoked)")
    elif row.enabled is False and state is State.ACTIVE:
        other.append("state (the file says disabled)")
    return other


def _differing(wanted: Record, there: Record) -> list[str]:
    one, other = wanted.attributes(), there.attributes()
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _conflict(what: str, other: list[str]) -> str:
    return f"Conflict: this {what} is in the table already, with another {', '.join(other)}. It was left as it is."


def _data_of(consumer: Consumer) -> str:
    """:raises Conflict: the consumer is disabled, and so gets no new key."""
    if not consumer.enabled:
        raise Conflict(f"The consumer {consumer.name!r} is disabled. `keys consumer enable` is the way back.")
    return consumer.data


def _consumer(row: ConsumerRow) -> Consumer:
    return Consumer(
        name=row.name,
        description=row.description,
        data=row.data,
        tags=row.tags,
        enabled=row.enabled,
        created_at=row.created_at,
        history=history.parse(row.past.history),
    )


def _deleted(row: DeletedRow) -> Deleted:
    return Deleted(digest=row.digest, created_at=None, deleted_at=row.deleted_at)


def _pk(line: Line) -> str:
    row = line.row
    if isinstance(row, ConsumerRow):
        return consumer_pk(row.name)
    return row.digest if row else ""
