"""Create, change and delete consumers."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from authorizer.key_record import is_deleted
from keys.core.change import Write, check, delete, delete_key, put_new, update
from keys.core.database import MAX_TRANSACTION, Database, WriteConflict
from keys.core.errors import Conflict, NotFound
from keys.core.history import Author, Event
from keys.core.progress import Report
from keys.core.record import Consumer, Key, consumer_pk, parsed

INDEX_SECONDS: Final = 0.5
"""How long the index can lag behind the table. After this time, it has the keys that were created before."""

KeyChanges = Callable[[Key], Mapping[str, Any]]
"""The fields of a key to change together with its consumer. Empty if the key already has these values."""


def disabled(name: str) -> Conflict:
    """The error for a new or enabled key of a disabled consumer."""
    return Conflict(f"The consumer {name!r} is disabled. To enable it: {_command('enable', name)}.")


def _command(verb: str, name: str) -> str:
    return f"`keys consumer {verb} {shlex.quote(name)}`"


class Consumers:
    """The consumers in a table. `author` is recorded in the history. `report` is called for malformed items."""

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

        :raises MalformedItem: its item is malformed.
        """
        item = self._database.get(consumer_pk(name))
        return None if item is None else Consumer.from_item(item)

    def find(self, name: str) -> Consumer:
        """:raises NotFound: there is no consumer with this name."""
        consumer = self.get(name)
        if consumer is None:
            raise NotFound(
                f"There is no consumer {name!r} in the table {self._database.table}. "
                "To list the consumers: `keys consumer list`."
            )
        return consumer

    def all(self) -> Iterator[Consumer]:
        """All consumers, in no defined order."""
        return parsed(Consumer.from_item, self._database.all_consumers(), self._report)

    def keys_of(self, name: str) -> list[Key]:
        """The consumer's keys, eventually consistent."""
        return list(parsed(Key.from_item, self._database.keys_of_consumer(name), self._report))

    def create(self, name: str, *, description: str, data: str, tags: Mapping[str, str]) -> Consumer:
        """Create a consumer.

        :raises Conflict: a consumer with this name exists.
        """
        event = self._author().event("created", self._clock())
        consumer = Consumer(
            name=name, description=description, data=data, tags=tags, created_at=event.at, history=(event,)
        )

        def attempt() -> Consumer:
            if self.get(name) is not None:
                raise Conflict(f"The consumer {name!r} already exists. To change it: {_command('update', name)}.")
            self._database.write([put_new(consumer)])
            return consumer

        return self._database.retry_conflicts(attempt, lambda: self._find_changed(name, event))

    def update(self, name: str, changes: Mapping[str, Any], progress: Report) -> tuple[Consumer, int, bool]:
        """Change these fields. Returns the consumer, the number of keys changed, and whether anything changed.

        New `data` also replaces the data of all keys of the consumer: up to `MAX_TRANSACTION` - 1 keys in the same
        transaction, more keys afterwards in batches. `progress` is called after each batch. After an interruption, the
        same call changes the remaining keys.

        :raises NotFound: there is no consumer with this name.
        """

        def set_data(key: Key) -> Mapping[str, Any]:
            return {} if key.data == changes["data"] else {"data": changes["data"]}

        key_changes = set_data if "data" in changes else None
        return self._change(name, self._author().event("updated", self._clock()), changes, key_changes, progress)

    def set_enabled(self, name: str, enabled: bool, reason: str | None, progress: Report) -> tuple[Consumer, int, bool]:
        """Disable the consumer and all its keys, or enable it and the keys that were disabled with it.

        Each key is changed, as in `update`, because the authorizer does not read the consumer's item. A disabled
        consumer cannot get a new key, and none of its keys can be enabled.

        :raises NotFound: there is no consumer with this name.
        """

        def key_changes(key: Key) -> Mapping[str, Any]:
            stays = key.revoked_at is not None or not (key.disabled_with_consumer if enabled else key.enabled)
            return {} if stays else {"enabled": enabled, "disabled_with_consumer": not enabled}

        event = self._author().event("enabled" if enabled else "disabled", self._clock(), reason)
        return self._change(name, event, {"enabled": enabled}, key_changes, progress)

    def delete(self, name: str, *, with_keys: bool, progress: Report) -> int:
        """Delete the consumer and, if `with_keys`, its keys, also malformed ones. Returns the number of keys.

        :raises NotFound: there is neither a consumer with this name nor a key of it.
        :raises Conflict: it has keys, and `with_keys` is false.
        """
        deleted: set[str] = set()
        while items := list(self._database.keys_of_consumer(name)):
            if not with_keys:
                raise Conflict(f"{name!r} still has keys ({len(items)}). Delete them first, or specify --with-keys.")
            total = len(deleted | {item["pk"]["S"] for item in items})
            for start in range(0, len(items), MAX_TRANSACTION):
                batch = {item["pk"]["S"]: item for item in items[start : start + MAX_TRANSACTION]}
                self._delete({pk: delete_key(item, self._clock()) for pk, item in batch.items()})
                deleted.update(batch)
                progress(len(deleted), total)
            self._sleep(INDEX_SECONDS)
        if not deleted:
            self.find(name)
        self._delete({consumer_pk(name): delete(consumer_pk(name))})
        return len(deleted)

    def unchanged(self, consumer: Consumer, *names: str) -> Write:
        """Check in a transaction that the consumer is enabled, and that these attributes have not changed.

        :raises Conflict: it is disabled.
        """
        if not consumer.enabled:
            raise disabled(consumer.name)
        return check(consumer, ("enabled", *names))

    def _change(
        self, name: str, event: Event, changes: Mapping[str, Any], key_changes: KeyChanges | None, progress: Report
    ) -> tuple[Consumer, int, bool]:
        done: set[str] = set()
        changes_of = key_changes or (lambda _key: {})

        def pending_keys() -> list[Key]:
            keys = self.keys_of(name) if key_changes else []
            return [key for key in keys if changes_of(key) and key.digest not in done]

        def attempt() -> tuple[Consumer, bool]:
            old = self.find(name)
            differs = any(getattr(old, field) != value for field, value in changes.items())
            new = old.changed(event, **changes) if differs else old
            pending = pending_keys()
            together = pending if len(pending) < MAX_TRANSACTION else []
            owner = update(old, new) if differs else check(old, ())
            if differs or together:
                self._database.write([owner, *(update(key, key.changed(event, **changes_of(key))) for key in together)])
            done.update(key.digest for key in together)
            return new, differs

        def find_result() -> tuple[Consumer, bool] | None:
            consumer = self._find_changed(name, event)
            return None if consumer is None else (consumer, True)

        consumer, changed = self._database.retry_conflicts(attempt, find_result)
        if key_changes:
            self._sleep(INDEX_SECONDS)
        while pending := pending_keys():
            total = len(done) + len(pending)
            for start in range(0, len(pending), MAX_TRANSACTION):
                batch = pending[start : start + MAX_TRANSACTION]
                self._change_keys(batch, event, changes_of)
                done.update(key.digest for key in batch)
                progress(len(done), total)
        return consumer, len(done), changed or bool(done)

    def _change_keys(self, keys: list[Key], event: Event, key_changes: KeyChanges) -> None:
        """Change the keys in one transaction. They are read again only after a conflict."""

        def attempt() -> None:
            nonlocal keys
            try:
                self._database.write(
                    [update(key, key.changed(event, **changes)) for key in keys if (changes := key_changes(key))]
                )
            except WriteConflict:
                items = (self._database.get(key.digest) for key in keys)
                keys = [Key.from_item(item) for item in items if item is not None and not is_deleted(item)]
                raise

        self._database.retry_conflicts(attempt)

    def _delete(self, deletions: Mapping[str, Write]) -> None:
        """Apply these deletions, by partition key."""

        def find_result() -> bool | None:
            items = [item for pk in deletions if (item := self._database.get(pk))]
            return True if all(is_deleted(item) for item in items) else None

        self._database.retry_conflicts(lambda: self._database.write(list(deletions.values())), find_result)

    def _find_changed(self, name: str, event: Event) -> Consumer | None:
        consumer = self.get(name)
        return consumer if consumer and event in consumer.history else None
