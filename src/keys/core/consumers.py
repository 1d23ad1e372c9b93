"""Create, change and delete consumers, with their keys."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from botocore.exceptions import ClientError

from authorizer.key_record import is_deleted
from authorizer.owner import OWNER_PK
from keys.core.change import Write, check, put_new, remove, remove_key, update
from keys.core.errors import Code, Conflict, MalformedItem, NotFound
from keys.core.history import Author, Event
from keys.core.record import KINDS, Consumer, Item, Key, consumer_pk, keys_in, records
from keys.core.table import MAX_TRANSACTION, Report, Table, WriteConflict, ignore

BATCH: Final = MAX_TRANSACTION - 1
"""How many keys are changed in one transaction, which can also have their consumer in its condition."""

COPIED: Final = {"data": "data", "networks": "consumer_networks", "plan": "plan", "usage_key": "usage_key"}
"""The fields of a consumer that each of its keys has a copy of, and their names in the key."""


def inherited(consumer: Consumer) -> dict[str, Any]:
    """The fields that a new key has from its consumer, whatever is given for the key."""
    return {theirs: getattr(consumer, name) for name, theirs in COPIED.items() if name != "data"}


KeyChanges = Callable[[Key], Mapping[str, Any]]
"""The fields of a key to change. Empty if the key already has these values."""


@dataclass(frozen=True, slots=True)
class Session:
    """What every change needs. `author` is recorded in the history. `report` is called for malformed items."""

    table: Table
    author: Callable[[], Author]
    clock: Callable[[], float]
    report: Callable[[MalformedItem], object]

    def event(self, what: str, reason: str | None = None) -> Event:
        """An event by the author, now."""
        return self.author().event(what, self.clock(), reason)

    def key(self, pk: str) -> Key | None:
        """The key with this partition key, read consistently, or None.

        :raises MalformedItem: its item is malformed.
        """
        item = self.table.get(pk)
        return None if item is None or is_deleted(item) else Key.from_item(item)

    def change_key(
        self, find: Callable[[], Key], event: Event, changes: KeyChanges, holder: Callable[[Key], Write] | None = None
    ) -> tuple[Key, bool]:
        """Change the key that `find` reads. Returns it after the change, and whether it changed.

        `holder`: the write that has the consumer in its condition; given if the change makes the key usable.
        """

        def attempt() -> tuple[Key, bool]:
            key = find()
            if not (changed := changes(key)):
                return key, False
            new = key.changed(event, **changed)
            self.table.write([update(key, new, alive=holder is not None), *([holder(key)] if holder else [])])
            return new, True

        return self.table.retry_conflicts(attempt)

    def change_keys(self, items: Sequence[Item], event: Event, changes: KeyChanges, holder: Write | None = None) -> int:
        """Change up to `BATCH` keys, whose items can be out of date, in one transaction. Returns how many changed.

        If the transaction fails, the keys are changed one by one: no key costs the others. Malformed items, which the
        authorizer refuses, are reported. `holder`: as in `change_key`, for all these keys.
        """
        found = [key for key in records(items, self.report) if isinstance(key, Key)]
        pending = [(key, changed) for key in found if (changed := changes(key))]
        updates = [update(key, key.changed(event, **changed), alive=holder is not None) for key, changed in pending]
        if not updates:
            return 0
        try:
            self.table.write([*updates, *([holder] if holder else [])])
        except (WriteConflict, ClientError):
            return sum(self._was_changed(key.digest, event, changes, holder) for key, _ in pending)
        return len(updates)

    def delete_keys(self, items: Sequence[Item], event: Event) -> int:
        """Delete up to `BATCH` keys, whatever their state. Returns their number.

        First each key is ended, with the entry `deleted` in its history, so that whoever reads the changes of the table
        learns who deleted it. A malformed item, which the authorizer refuses, is only removed.
        """

        def end(key: Key) -> Mapping[str, Any]:
            is_ended = key.revoked_at is not None and bool(key.history) and key.history[-1].what == event.what
            return {} if is_ended else {"revoked_at": event.at if key.revoked_at is None else key.revoked_at}

        quiet = dataclasses.replace(self, report=lambda _error: None)
        quiet.change_keys(items, event, end)
        self.table.retry_conflicts(lambda: self.table.write([remove_key(item, event.at) for item in items]))
        return len(items)

    def _was_changed(self, pk: str, event: Event, changes: KeyChanges, holder: Write | None) -> bool:
        def find() -> Key:
            if key := self.key(pk):
                return key
            raise NotFound(Code.KEY_NOT_FOUND, ref=pk, table=self.table.name)

        try:
            return self.change_key(find, event, changes, (lambda _key: holder) if holder else None)[1]
        except MalformedItem as error:
            self.report(error)
        except NotFound:
            pass
        return False


@dataclass(frozen=True, slots=True)
class ConsumerChange:
    """A change of a consumer. `keys`: the number of keys changed. `changed`: whether anything was changed."""

    consumer: Consumer
    keys: int
    changed: bool


class Consumers:
    """The consumers in a table."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._table = session.table

    def get(self, name: str) -> Consumer | None:
        """The consumer with this name, or None. Here and in all methods, the name can be the partition key of an owner.

        :raises MalformedItem: its item is malformed.
        """
        item = self._table.get(pk := consumer_pk(name))
        return None if item is None else cast(Consumer, KINDS[pk.partition("#")[0]].from_item(item))

    def find(self, name: str) -> Consumer:
        """:raises NotFound: there is no consumer with this name."""
        consumer = self.get(name)
        if consumer is None:
            # Nobody knows an owner by its partition key, so it is not shown.
            if OWNER_PK.fullmatch(name):
                raise NotFound(Code.OWNER_NOT_FOUND, table=self._table.name)
            raise NotFound(Code.CONSUMER_NOT_FOUND, consumer=name, table=self._table.name)
        return consumer

    def all(self) -> Iterator[Consumer]:
        """All consumers, in no defined order."""
        return cast(Iterator[Consumer], records(self._table.all_of_kind("consumer"), self._session.report))

    def keys_of(self, name: str) -> list[Key]:
        """The consumer's keys, eventually consistent."""
        found = records(self._table.keys_of_consumer(name), self._session.report)
        return [key for key in found if isinstance(key, Key)]

    def create(self, name: str, *, reason: str | None = None, **fields: Any) -> Consumer:
        """Create a consumer. `fields`: those of `Consumer` that can be given.

        :raises Conflict: a consumer with this name exists.
        """
        event = self._session.event("created", reason)
        consumer = Consumer(name=name, created_at=event.at, **fields).changed(event)

        def attempt() -> Consumer:
            if self.get(name) is not None:
                raise Conflict(Code.CONSUMER_EXISTS, consumer=name)
            self._table.write([put_new(consumer)])
            return consumer

        return self._table.retry_conflicts(attempt)

    def update(
        self, name: str, changes: Mapping[str, Any], reason: str | None = None,
        progress: Report = ignore, checking: Report = ignore,
    ) -> ConsumerChange:  # fmt: skip
        """Change these fields. New `data` also replaces the data of all keys of the consumer. New `networks`, a new
        `plan` and a new `usage_key` replace the copies in the keys, whose own networks stay.

        See `set_enabled` for the order, `progress` and `checking`.

        :raises NotFound: there is no consumer with this name.
        """
        event = self._session.event("updated", reason)
        copied = {COPIED[name]: value for name, value in changes.items() if name in COPIED}
        if not copied:
            consumer, is_new = self._change(name, event, changes)
            return ConsumerChange(consumer, 0, is_new)
        return self._change_with_keys(name, event, changes, lambda key: _differing(key, copied), progress, checking)

    def set_enabled(
        self, name: str, enabled: bool, reason: str | None = None,
        progress: Report = ignore, checking: Report = ignore,
    ) -> ConsumerChange:  # fmt: skip
        """Disable the consumer and all its keys, or enable it and the keys that were disabled with it.

        Each key is changed, because the authorizer does not read the consumer's item. The consumer is first: from then
        on, no key of a disabled consumer can be made or enabled. Then follow the keys that the index has, and then
        those that one consistent scan of the table finds: the result does not depend on how far the index is behind.
        After an interruption, the same call changes the remaining keys. `progress`: the keys changed. `checking`: the
        items that the scan has read.

        :raises NotFound: there is no consumer with this name.
        """

        def changes(key: Key) -> Mapping[str, Any]:
            stays = key.revoked_at is not None or not (key.disabled_with_consumer if enabled else key.enabled)
            return {} if stays else {"enabled": enabled, "disabled_with_consumer": not enabled}

        event = self._session.event("enabled" if enabled else "disabled", reason)
        return self._change_with_keys(name, event, {"enabled": enabled}, changes, progress, checking, wakes=enabled)

    def delete(
        self, name: str, with_keys: bool, reason: str | None = None,
        progress: Report = ignore, checking: Report = ignore,
        before_removal: Callable[[Consumer], object] = lambda _consumer: None,
    ) -> int:  # fmt: skip
        """Delete the consumer and, if `with_keys`, its keys, also malformed ones. Returns the number of keys.

        The consumer is disabled first, with the entry `deleted`, so that no key can be made meanwhile. See
        `set_enabled`. `before_removal` is called when it has no keys anymore, and its item is still there: if it fails,
        the same call completes the deletion.

        :raises NotFound: there is neither a consumer with this name nor a key of it.
        :raises Conflict: it has keys, and `with_keys` is false.
        """
        event = self._session.event("deleted", reason)
        known = len(keys_in(self._table.keys_of_consumer(name)))
        if known and not with_keys:
            raise Conflict(Code.CONSUMER_HAS_KEYS, consumer=name, count=known)
        before = self.get(name) if known else self.find(name)
        consumer = self._close(name, event)

        def delete(items: Sequence[Item]) -> int:
            if not with_keys:
                # The index did not have them yet.
                if before is not None and before.enabled:
                    self._change(name, self._session.event("enabled", "It has keys."), {"enabled": True})
                raise Conflict(Code.CONSUMER_HAS_KEYS, consumer=name, count=len(items))
            return self._session.delete_keys(items, event)

        count = self._each_key(name, delete, progress, checking)
        before_removal(consumer)
        # Only if nobody has enabled it since: then it can have a new key.
        self._table.retry_conflicts(lambda: self._table.write([remove(consumer)]))
        return count

    def required(self, name: str, event: Event, data: str = "{}") -> tuple[Consumer, Write]:
        """The consumer, and the write that each transaction must have that makes or enables one of its keys.

        The write is a condition that the consumer is enabled and was not changed. If there is no consumer with this
        name, the write creates it with this data.

        :raises Conflict: it is disabled.
        """
        consumer = self.get(name)
        if consumer is None:
            _require_name(name)
            created = dataclasses.replace(event, what="created")
            consumer = Consumer(name=name, data=data, created_at=event.at).changed(created)
            return consumer, put_new(consumer)
        if not consumer.enabled:
            raise Conflict(Code.CONSUMER_DISABLED, consumer=name)
        return consumer, check(consumer)

    def close(self, name: str, event: Event) -> bool:
        """Disable the consumer, and no key of it. Returns whether it was enabled.

        :raises NotFound: there is no consumer with this name.
        """
        return self._change(name, event, {"enabled": False})[1]

    def _change_with_keys(
        self, name: str, event: Event, changes: Mapping[str, Any], of_keys: KeyChanges,
        progress: Report, checking: Report, *, wakes: bool = False,
    ) -> ConsumerChange:  # fmt: skip
        consumer, is_new = self._change(name, event, changes)
        holder = check(consumer) if wakes else None
        count = self._each_key(
            name, lambda items: self._session.change_keys(items, event, of_keys, holder), progress, checking
        )
        return ConsumerChange(consumer, count, is_new or bool(count))

    def _change(self, name: str, event: Event, changes: Mapping[str, Any]) -> tuple[Consumer, bool]:
        """The consumer as it is stored after the change, and whether it was changed."""

        def attempt() -> bool:
            old = self.find(name)
            if not (differing := _differing(old, changes)):
                return False
            self._table.write([update(old, old.changed(event, **differing))])
            return True

        is_new = self._table.retry_conflicts(attempt)
        return self.find(name), is_new

    def _close(self, name: str, event: Event) -> Consumer:
        """Disable the consumer, or put a disabled one in the place of one that does not exist."""

        def attempt() -> None:
            old = self.get(name)
            if old is None:
                _require_name(name)
                closed = Consumer(name=name, enabled=False, created_at=event.at).changed(event)
                self._table.write([put_new(closed)])
            elif old.enabled or not old.history or old.history[-1].what != event.what:
                self._table.write([update(old, old.changed(event, enabled=False))])

        self._table.retry_conflicts(attempt)
        return self.find(name)

    def _each_key(self, name: str, change: Callable[[Sequence[Item]], int], progress: Report, checking: Report) -> int:
        """Call `change` for all keys of the consumer, in batches: those in the index, then those that one consistent
        scan finds. Returns the sum of its results.
        """
        done = 0

        def change_all(items: Iterable[Item], total: int | None) -> None:
            nonlocal done
            left = iter(items)
            while batch := list(itertools.islice(left, BATCH)):
                done += change(keys_in(batch))
                progress(done, total)

        indexed = keys_in(self._table.keys_of_consumer(name))
        change_all(indexed, len(indexed))
        change_all(
            self._table.scan_consistently(
                checking, FilterExpression="consumer = :consumer", ExpressionAttributeValues={":consumer": {"S": name}}
            ),
            None,
        )
        return done


def _require_name(name: str) -> None:
    """Only a signed-in user can make an owner.

    :raises Conflict: the name is the partition key of one.
    """
    if OWNER_PK.fullmatch(name):
        raise Conflict(Code.NAME_OF_OWNER)


def _differing(record: Key | Consumer, changes: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in changes.items() if getattr(record, field) != value}
