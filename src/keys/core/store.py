"""Create, change and delete keys."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from authorizer import api_key
from authorizer.key_record import is_deleted
from keys.core.change import Write, delete_key, put_new, update
from keys.core.consumers import Consumers
from keys.core.database import Database
from keys.core.errors import BadInput, Conflict, NotFound
from keys.core.fields import parse_data
from keys.core.history import Author, Event
from keys.core.record import DIGEST, Consumer, Key, State, make_hint, new_key_id, parsed


@dataclass(frozen=True, slots=True)
class Created:
    """A new key: the secret, which is not stored, and the stored record."""

    secret: str
    key: Key
    new_consumer: bool = False


@dataclass(frozen=True, slots=True)
class Rolled:
    """A roll: the new key, and the old key after the roll."""

    created: Created
    old: Key


class Store:
    """The keys in a table. `author` is recorded in the history. `report` is called for malformed items.

    `ref` is a key's ID or digest. A digest always identifies one key, since it is the partition key. If the answer to
    a change is lost, the result is looked up in the table. `OutcomeUnknown` is raised if that fails too.
    """

    def __init__(
        self,
        database: Database,
        consumers: Consumers,
        *,
        author: Callable[[], Author],
        clock: Callable[[], float],
        report: Callable[[str], None],
    ) -> None:
        self._database = database
        self._consumers = consumers
        self._author = author
        self._clock = clock
        self._report = report

    def find(self, ref: str) -> Key:
        """:raises NotFound: there is no such key.
        :raises MalformedItem: its item is malformed.
        :raises Conflict: several keys have this ID.
        """
        key = self.get(self._pk(ref))
        if key is None:
            raise self._not_found(ref)
        return key

    def get(self, digest: str) -> Key | None:
        """The key with this digest, or None.

        :raises MalformedItem: its item is malformed.
        """
        item = self._database.get(digest)
        return None if item is None or is_deleted(item) else Key.from_item(item)

    def all(self, consumer: str | None = None) -> Iterator[Key]:
        """All keys, or those of one consumer, eventually consistent."""
        items = self._database.all_keys() if consumer is None else self._database.keys_of_consumer(consumer)
        return parsed(Key.from_item, items, self._report)

    def create(
        self,
        *,
        consumer: str,
        prefix: str,
        key_id: str | None = None,
        description: str = "",
        data: str | None = None,
        scopes: frozenset[str] = frozenset(),
        tags: Mapping[str, str] | None = None,
        expires_in: int | None = None,
    ) -> Created:
        """Create a key, and its consumer if it does not exist.

        Without `data`, the key gets the data of the consumer. A new consumer gets the data of the key. With a `key_id`
        from `new_key_id`, the caller can look for the key after `OutcomeUnknown`.

        :raises BadInput: the data or the scopes are invalid or too large for the authorizer's context.
        :raises Conflict: the consumer is disabled.
        """
        secret = api_key.generate(prefix)
        event = self._author().event("created", self._clock())
        is_new = False

        def attempt() -> Created:
            nonlocal is_new
            owner = self._consumers.get(consumer)
            is_new = owner is None
            text = parse_data(data or (owner.data if owner else "{}"), consumer, scopes)
            fields = {"description": description, "data": text, "scopes": scopes, "tags": tags or {}}
            key = _new_key(secret, prefix, key_id, event, expires_in, consumer=consumer, **fields)
            owner_write = (
                self._consumers.unchanged(owner, "data")
                if owner
                else put_new(Consumer(name=consumer, data=text, created_at=event.at, history=(event,)))
            )
            self._database.write([put_new(key), owner_write])
            return Created(secret, key, is_new)

        def find_result() -> Created | None:
            key = self.get(api_key.digest(secret))
            return None if key is None else Created(secret, key, is_new)

        return self._database.retry_conflicts(attempt, find_result)

    def revoke(self, ref: str, reason: str | None = None) -> tuple[Key, bool]:
        """Revoke the key permanently. Returns it, and whether it changed."""
        event = self._author().event("revoked", self._clock(), reason)
        return self._change(ref, event, lambda key: {} if key.revoked_at is not None else {"revoked_at": event.at})

    def enable(self, ref: str, reason: str | None = None) -> tuple[Key, bool]:
        """Enable the key. Returns it, and whether it changed.

        :raises Conflict: it is revoked, or its consumer is disabled.
        """

        def change(key: Key) -> dict[str, Any]:
            _require_not_revoked(key)
            return {} if key.enabled else {"enabled": True, "disabled_with_consumer": False}

        return self._change(ref, self._author().event("enabled", self._clock(), reason), change, enables=True)

    def disable(self, ref: str, reason: str | None = None) -> tuple[Key, bool]:
        """Disable the key. It stays disabled when its consumer is enabled. Returns it, and whether it changed.

        :raises Conflict: it is revoked.
        """

        def change(key: Key) -> dict[str, Any]:
            _require_not_revoked(key)
            is_disabled = not key.enabled and not key.disabled_with_consumer
            return {} if is_disabled else {"enabled": False, "disabled_with_consumer": False}

        return self._change(ref, self._author().event("disabled", self._clock(), reason), change)

    def delete(self, ref: str) -> None:
        """Delete the key, whatever its state, also if its item is malformed.

        The digest of an imported key is kept (see `change.delete_key`). A second call with the digest deletes it too.

        :raises NotFound: there is no such key.
        """
        pk = self._pk(ref)
        item = self._database.get(pk)
        if item is None:
            raise self._not_found(ref)

        def find_result() -> bool | None:
            left = self._database.get(pk)
            return True if left is None or (is_deleted(left) and not is_deleted(item)) else None

        write = delete_key(item, self._clock())
        self._database.retry_conflicts(lambda: self._database.write([write]), find_result)

    def roll(
        self,
        ref: str,
        *,
        prefix: str,
        grace: int,
        expires_in: int | None = None,
        reason: str | None = None,
        key_id: str | None = None,
    ) -> Rolled:
        """Create a key like the old one, which now expires after `grace` seconds, or earlier as before.

        Both changes are one transaction. The lifetime of the new key is `expires_in` seconds, or that of the old key.
        `key_id`: see `create`.

        :raises NotFound: there is no such key.
        :raises BadInput: the lifetime of the old key is not known.
        :raises Conflict: the key is not active, was rolled before, or its consumer is disabled.
        """
        secret = api_key.generate(prefix)
        event = self._author().event("rolled", self._clock(), reason)

        def attempt() -> Rolled:
            old = self.find(ref)
            if old.rolled_to is not None:
                undo = ", or specify --undo" if old.state(event.at) is State.ACTIVE else ""
                raise Conflict(f"{old.ref} was already rolled to {old.rolled_to}. Roll that key{undo}.")
            _require_active(old, event.at)
            lifetime = _lifetime(old) if expires_in is None else expires_in
            created = dataclasses.replace(event, what="created")
            fields = {name: getattr(old, name) for name in ("consumer", "description", "data", "scopes", "tags")}
            new = _new_key(secret, prefix, key_id, created, lifetime, rolled_from=old.key_id, **fields)
            end = event.at + grace
            ended = old.changed(
                event,
                rolled_to=new.key_id,
                unrolled_expires_at=old.expires_at,
                expires_at=end if old.expires_at is None else min(old.expires_at, end),
            )
            unchanged = ("consumer", "data", "enabled", "revoked_at")
            self._database.write([put_new(new), update(old, ended, unchanged), *self._check_consumer(old)])
            return Rolled(Created(secret, new), ended)

        def find_result() -> Rolled | None:
            new = self.get(api_key.digest(secret))
            return None if new is None else Rolled(Created(secret, new), self.find(ref))

        return self._database.retry_conflicts(attempt, find_result)

    def undo_roll(self, ref: str, reason: str | None = None) -> tuple[Key, Key | None]:
        """Undo a roll during the grace period: restore the expiry of the old key, and revoke the new key.

        Returns both keys; None for the new key if it was deleted.

        :raises NotFound: there is no such key.
        :raises Conflict: the key was not rolled, or is not active anymore.
        """
        event = self._author().event("unrolled", self._clock(), reason)
        rolled_to = ""

        def attempt() -> tuple[Key, Key | None]:
            nonlocal rolled_to
            old = self.find(ref)
            if old.rolled_to is None:
                raise Conflict(f"{old.ref} was not rolled.")
            _require_active(old, event.at)
            if "unrolled_expires_at" in old.stored and old.unrolled_expires_at is None:
                raise Conflict(f"{old.ref}: its unrolled_expires_at is malformed. Create a key with `keys create`.")
            restored = old.changed(event, rolled_to=None, unrolled_expires_at=None, expires_at=old.unrolled_expires_at)
            writes = [update(old, restored, ("enabled", "revoked_at"))]
            rolled_to = old.rolled_to
            new = self._successor(rolled_to)
            if new is not None and new.rolled_to is not None:
                raise Conflict(f"{new.ref} was rolled to {new.rolled_to}. Undo that roll first.")
            if new is not None and new.revoked_at is None:
                revoked = new.changed(dataclasses.replace(event, what="revoked"), revoked_at=event.at)
                writes.append(update(new, revoked, ("rolled_to",)))
                new = revoked
            self._database.write(writes)
            return restored, new

        def find_result() -> tuple[Key, Key | None] | None:
            old = self.find(ref)
            return (old, self._successor(rolled_to)) if event in old.history else None

        return self._database.retry_conflicts(attempt, find_result)

    def update(self, ref: str, changes: Mapping[str, Any], reason: str | None = None) -> tuple[Key, bool]:
        """Change these fields of a key. Returns the key, and whether it changed.

        :raises NotFound: the key does not exist.
        :raises BadInput: with these scopes, the key is too large for the authorizer's context.
        """

        def change(key: Key) -> Mapping[str, Any]:
            if "scopes" in changes:
                parse_data(key.data, key.consumer, changes["scopes"])
            return {name: value for name, value in changes.items() if getattr(key, name) != value}

        return self._change(ref, self._author().event("updated", self._clock(), reason), change)

    def _change(
        self, ref: str, event: Event, changes: Callable[[Key], Mapping[str, Any]], *, enables: bool = False
    ) -> tuple[Key, bool]:
        """The key after the change, and whether it changed. `enables`: the consumer must be enabled."""

        def attempt() -> tuple[Key, bool]:
            old = self.find(ref)
            if not (changed := changes(old)):
                return old, False
            new = old.changed(event, **changed)
            self._database.write([update(old, new, ("revoked_at",)), *(self._check_consumer(old) if enables else [])])
            return new, True

        def find_result() -> tuple[Key, bool] | None:
            key = self.find(ref)
            return (key, True) if event in key.history else None

        return self._database.retry_conflicts(attempt, find_result)

    def _check_consumer(self, key: Key) -> list[Write]:
        """Check in a transaction that the key's consumer is enabled, if it exists.

        :raises Conflict: it is disabled.
        """
        owner = self._consumers.get(key.consumer)
        return [] if owner is None else [self._consumers.unchanged(owner)]

    def _successor(self, key_id: str) -> Key | None:
        try:
            return self.find(key_id)
        except NotFound:
            return None

    def _not_found(self, ref: str) -> NotFound:
        return NotFound(f"There is no key {ref} in the table {self._database.table}. To list the keys: `keys list`.")

    def _pk(self, ref: str) -> str:
        if DIGEST.fullmatch(ref):
            return ref
        pks = self._database.pks_of_key_id(ref)
        if len(pks) > 1:
            raise Conflict(f"{len(pks)} keys have the ID {ref}. Specify the digest of one of them: {' '.join(pks)}")
        if not pks:
            raise self._not_found(ref)
        return pks[0]


def _new_key(secret: str, prefix: str, key_id: str | None, event: Event, lifetime: int | None, **fields: Any) -> Key:
    return Key(
        digest=api_key.digest(secret),
        key_id=key_id or new_key_id(),
        created_at=event.at,
        expires_at=None if lifetime is None else event.at + lifetime,
        hint=make_hint(secret, prefix),
        history=(event,),
        **fields,
    )


def _lifetime(key: Key) -> int | None:
    if key.expires_at is None:
        return None
    lifetime = 0 if key.created_at is None else key.expires_at - key.created_at
    if lifetime <= 0:
        raise BadInput(f"The lifetime of {key.ref} is not known. Specify that of the new key with --expires-in.")
    return lifetime


def _require_active(key: Key, now: int) -> None:
    state = key.state(now)
    if state is not State.ACTIVE:
        remedy = "Enable it first." if state is State.DISABLED else "Create another key with `keys create`."
        raise Conflict(f"{key.ref} is {state}. {remedy}")


def _require_not_revoked(key: Key) -> None:
    if key.revoked_at is not None:
        raise Conflict(f"{key.ref} is permanently revoked. Create another key with `keys create`.")
