"""What can be done with consumers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from authorizer.key_record import is_deleted
from keys.life.change import Write, check, delete, put_new, removal, update
from keys.life.database import MAX_TRANSACTION, Changed, Database
from keys.life.errors import Conflict, MalformedItem, NotFound
from keys.life.history import Author, Event
from keys.life.progress import Report
from keys.life.record import Consumer, Key, consumer_pk

INDEX_SECONDS: Final = 0.5
"""How far the index may be behind the table, by experience well less: a key made just before is seen after it."""

Changes = Callable[[Key], Mapping[str, Any]]
"""The fields of a key that a change of its consumer sets: none when they are so already."""


class Consumers:
    """The consumers in a table. `author` is who changes them; `report` is told of malformed items."""

    def __init__(
        self,
        database: Database,
        *,
        author: Callable[[], Author],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        report: Callable[[str], None],
    ) -> None:
        self._database = database
        self._author = author
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
                self._report(f"Left out: {error}")

    def keys_of(self, name: str) -> list[Key]:
        """The consumer's keys, possibly a moment old."""
        keys = []
        for item in self._database.of_consumer(name):
            try:
                keys.append(Key.from_item(item))
            except MalformedItem as error:
                self._report(f"Left out: {error}")
        return keys

    def create(self, name: str, *, description: str, data: str, tags: Mapping[str, str]) -> Consumer:
        """A new consumer.

        :raises Conflict: there is one with this name.
        """
        event = self._author().event("created", self._clock())
        consumer = Consumer(
            name=name, description=description, data=data, tags=tags, created_at=event.at, history=(event,)
        )

        def attempt() -> Consumer:
            if self.get(name) is not None:
                raise Conflict(f"There is a consumer {name!r} already. `keys consumer update` changes it.")
            self._database.write([put_new(consumer)])
            return consumer

        return self._database.attempt(attempt, lambda: self._landed(name, event))

    def update(self, name: str, changes: Mapping[str, Any], progress: Report) -> tuple[Consumer, int, bool]:
        """The consumer with these fields changed, how many of its keys got its data, and whether anything was changed.

        With `data`, all keys of the consumer get it: together with the consumer in one transaction when they are at
        most `MAX_TRANSACTION` - 1, otherwise after it in batches. Then `progress` is told how many of how many are
        done, and when it is cut off, the same call does the rest.

        :raises NotFound: there is no such consumer.
        """

        def with_data(key: Key) -> Mapping[str, Any]:
            return {} if key.data == changes["data"] else {"data": changes["data"]}

        of_key = with_data if "data" in changes else None
        return self._change(name, self._author().event("updated", self._clock()), changes, of_key, progress)

    def set_enabled(self, name: str, enabled: bool, reason: str | None, progress: Report) -> tuple[Consumer, int, bool]:
        """Disables the consumer and all its keys, or enables it and those that were disabled with it.

        The authorizer reads a key's item and no other, so each key is changed: as `update` does it. A disabled consumer
        gets no new key, and none of its keys can be enabled.

        :raises NotFound: there is no such consumer.
        """

        def of_key(key: Key) -> Mapping[str, Any]:
            stays = key.revoked_at is not None or not (key.disabled_with_consumer if enabled else key.enabled)
            return {} if stays else {"enabled": enabled, "disabled_with_consumer": not enabled}

        event = self._author().event("enabled" if enabled else "disabled", self._clock(), reason)
        return self._change(name, event, {"enabled": enabled}, of_key, progress)

    def delete(self, name: str, *, with_keys: bool, progress: Report) -> int:
        """Removes the consumer, and `with_keys` its keys too, malformed ones as well, of which it returns the number.

        :raises NotFound: there is neither a consumer of this name nor a key.
        :raises Conflict: it has keys, and they are not to be removed.
        """
        deleted: set[str] = set()
        while items := list(self._database.of_consumer(name)):
            if not with_keys:
                raise Conflict(f"{name!r} still has keys ({len(items)}). Delete them first, or with it: --with-keys.")
            total = len(deleted | {item["pk"]["S"] for item in items})
            for start in range(0, len(items), MAX_TRANSACTION):
                batch = {item["pk"]["S"]: item for item in items[start : start + MAX_TRANSACTION]}
                self._remove({pk: removal(item, self._clock()) for pk, item in batch.items()})
                deleted.update(batch)
                progress(len(deleted), total)
            self._sleep(INDEX_SECONDS)
        if not deleted:
            self.find(name)
        self._remove({consumer_pk(name): delete(consumer_pk(name))})
        return len(deleted)

    def unchanged(self, consumer: Consumer, *names: str) -> Write:
        """A check that the consumer is still enabled, and these attributes still as they were read.

        :raises Conflict: it is disabled.
        """
        if not consumer.enabled:
            raise Conflict(
                f"The consumer {consumer.name!r} is disabled. `keys consumer enable` lets it have keys again."
            )
        return check(consumer, ("enabled", *names))

    def _change(
        self, name: str, event: Event, changes: Mapping[str, Any], of_key: Changes | None, progress: Report
    ) -> tuple[Consumer, int, bool]:
        done: set[str] = set()
        change = of_key or (lambda _key: {})

        def pending() -> list[Key]:
            keys = self.keys_of(name) if of_key else []
            return [key for key in keys if change(key) and key.digest not in done]

        def attempt() -> tuple[Consumer, bool]:
            old = self.find(name)
            differs = any(getattr(old, field) != value for field, value in changes.items())
            new = old.changed(event, **changes) if differs else old
            waiting = pending()
            together = waiting if len(waiting) < MAX_TRANSACTION else []
            owner = update(old, new) if differs else check(old, ())
            if differs or together:
                self._database.write([owner, *(update(key, key.changed(event, **change(key))) for key in together)])
            done.update(key.digest for key in together)
            return new, differs

        def landed() -> tuple[Consumer, bool] | None:
            consumer = self._landed(name, event)
            return None if consumer is None else (consumer, True)

        consumer, changed = self._database.attempt(attempt, landed)
        if of_key:
            self._sleep(INDEX_SECONDS)
        while waiting := pending():
            total = len(done) + len(waiting)
            for start in range(0, len(waiting), MAX_TRANSACTION):
                batch = waiting[start : start + MAX_TRANSACTION]
                self._database.attempt(_Batch(self._database, batch, event, change))
                done.update(key.digest for key in batch)
                progress(len(done), total)
        return consumer, len(done), changed or bool(done)

    def _remove(self, writes: Mapping[str, Write]) -> None:
        """The removals, each by its partition key."""

        def landed() -> bool | None:
            items = [item for pk in writes if (item := self._database.get(pk))]
            return True if all(is_deleted(item) for item in items) else None

        self._database.attempt(lambda: self._database.write(list(writes.values())), landed)

    def _landed(self, name: str, event: Event) -> Consumer | None:
        consumer = self.get(name)
        return consumer if consumer and event in consumer.history else None


class _Batch:
    """Makes the change of these keys in one transaction; reads them anew only when that did not succeed."""

    def __init__(self, database: Database, keys: list[Key], event: Event, of_key: Changes) -> None:
        self._database = database
        self._keys = keys
        self._event = event
        self._of_key = of_key

    def __call__(self) -> None:
        try:
            self._database.write(
                [update(key, key.changed(self._event, **self._of_key(key))) for key in self._keys if self._of_key(key)]
            )
        except Changed:
            items = (self._database.get(key.digest) for key in self._keys)
            self._keys = [Key.from_item(item) for item in items if item is not None]
            raise
