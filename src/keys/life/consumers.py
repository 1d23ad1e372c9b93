"""What can be done with consumers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from keys.life.change import update
from keys.life.database import MAX_TRANSACTION, Changed, Database, delete, put_new
from keys.life.errors import Conflict, MalformedItem, NotFound
from keys.life.progress import Report
from keys.life.record import Consumer, Item, Key, consumer_pk

INDEX_SECONDS: Final = 0.5
"""How far the index may be behind the table, by experience well less: a key made just before is seen after it."""


class Consumers:
    """The consumers in a table. `report` is told of items that are not consumers' or keys'."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        report: Callable[[str], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._sleep = sleep
        self._report = report

    def get(self, name: str) -> Consumer | None:
        """The consumer with this name, or None.

        :raises MalformedItem: its item is of another form.
        """
        item = self._database.get(consumer_pk(name))
        return None if item is None else Consumer.from_item(item)

    def find(self, name: str) -> Consumer:
        """The consumer with this name.

        :raises NotFound: there is none.
        """
        consumer = self.get(name)
        if consumer is None:
            raise NotFound(f"There is no consumer {name!r}. `keys consumer list` shows them.")
        return consumer

    def all(self) -> Iterator[Consumer]:
        """All consumers, in no order."""
        for item in self._database.all_consumers():
            try:
                yield Consumer.from_item(item)
            except MalformedItem as error:
                self._report(f"Left out the malformed item {_pk(item)}: {error.problem}.")

    def keys_of(self, name: str) -> list[Key]:
        """The consumer's keys, possibly a moment old."""
        keys = []
        for item in self._database.of_consumer(name):
            try:
                keys.append(Key.from_item(item))
            except MalformedItem as error:
                self._report(f"Left out a malformed key of {name!r}: {error.problem}.")
        return keys

    def create(self, name: str, *, description: str, data: str, tags: Mapping[str, str]) -> Consumer:
        """A new consumer.

        :raises Conflict: there is one with this name.
        """
        consumer = Consumer(name=name, description=description, data=data, tags=tags, created_at=int(self._clock()))

        def attempt() -> Consumer:
            if self.get(name) is not None:
                raise Conflict(f"There is a consumer {name!r} already. `keys consumer update` changes it.")
            self._database.write([put_new(consumer.to_item())])
            return consumer

        return self._database.attempt(attempt)

    def update(self, name: str, changes: Mapping[str, Any], progress: Report) -> tuple[Consumer, int]:
        """The consumer with these fields changed, and how many of its keys got its data.

        With `data`, all keys of the consumer get it: together with the consumer in one transaction when they are at
        most `MAX_TRANSACTION` - 1, otherwise after it in batches. Then `progress` is told how many of how many are
        done, and when it is cut off, the same call does the rest.

        :raises NotFound: there is no such consumer.
        """
        done: set[str] = set()

        def attempt() -> Consumer:
            old = self.find(name)
            new = dataclasses.replace(old, **changes)
            pending = self._keys_with_other_data(new) if "data" in changes else []
            together = pending if len(pending) < MAX_TRANSACTION else []
            self._database.write([_updated(old, new), *(_with_data(key, new.data) for key in together)])
            done.update(key.digest for key in together)
            return new

        consumer = self._database.attempt(attempt)
        if "data" in changes:
            self._sleep(INDEX_SECONDS)
            while pending := [key for key in self._keys_with_other_data(consumer) if key.digest not in done]:
                self._update_keys(consumer, pending, done, progress)
        return consumer, len(done)

    def delete(self, name: str, *, with_keys: bool) -> int:
        """Removes the consumer, and `with_keys` its keys too, of which it returns the number.

        :raises NotFound: there is neither a consumer of this name nor a key.
        :raises Conflict: it has keys, and they are not to be removed.
        """
        deleted: set[str] = set()
        while keys := self.keys_of(name):
            if not with_keys:
                raise Conflict(f"{name!r} still has keys ({len(keys)}). Delete them first, or with it: --with-keys.")
            for start in range(0, len(keys), MAX_TRANSACTION):
                batch = [key.digest for key in keys[start : start + MAX_TRANSACTION]]
                self._database.attempt(functools.partial(self._database.write, [delete(pk) for pk in batch]))
                deleted.update(batch)
            self._sleep(INDEX_SECONDS)
        if not deleted:
            self.find(name)
        self._database.write([delete(consumer_pk(name))])
        return len(deleted)

    def _keys_with_other_data(self, consumer: Consumer) -> list[Key]:
        return [key for key in self.keys_of(consumer.name) if key.data != consumer.data]

    def _update_keys(self, consumer: Consumer, pending: list[Key], done: set[str], progress: Report) -> None:
        total = len(done) + len(pending)
        for start in range(0, len(pending), MAX_TRANSACTION):
            batch = pending[start : start + MAX_TRANSACTION]
            self._database.attempt(_Batch(self._database, batch, consumer.data))
            done.update(key.digest for key in batch)
            progress(len(done), total)


class _Batch:
    """Writes the data to these keys in one transaction; reads them anew only when that did not succeed."""

    def __init__(self, database: Database, keys: list[Key], data: str) -> None:
        self._database = database
        self._keys = keys
        self._data = data

    def __call__(self) -> None:
        try:
            self._database.write([_with_data(key, self._data) for key in self._keys])
        except Changed:
            items = (self._database.get(key.digest) for key in self._keys)
            keys = (Key.from_item(item) for item in items if item is not None)
            self._keys = [key for key in keys if key.data != self._data]
            raise


def _updated(old: Consumer, new: Consumer) -> dict[str, Any]:
    if old == new:
        return _unchanged(old)
    return {"Update": update(old.to_item(), new.to_item())}


def _unchanged(consumer: Consumer) -> dict[str, Any]:
    return {
        "ConditionCheck": {
            "Key": {"pk": {"S": consumer_pk(consumer.name)}},
            "ConditionExpression": "attribute_exists(pk)",
        }
    }


def _with_data(key: Key, data: str) -> dict[str, Any]:
    return {"Update": update(key.to_item(), dataclasses.replace(key, data=data).to_item())}


def _pk(item: Item) -> str:
    return ascii(item.get("pk", {}).get("S"))
