"""What can be done with keys."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from authorizer import api_key
from authorizer.key_record import is_deleted
from keys.life.change import Write, put_new, removal, update
from keys.life.consumers import Consumers
from keys.life.database import Database
from keys.life.errors import BadInput, Conflict, MalformedItem, NotFound
from keys.life.fields import parse_data
from keys.life.history import Author, Event
from keys.life.record import DIGEST, Consumer, Key, State, hint, new_key_id


@dataclass(frozen=True, slots=True)
class Created:
    """A new key: the secret, which exists nowhere else, and what is stored."""

    secret: str
    key: Key
    new_consumer: bool = False


@dataclass(frozen=True, slots=True)
class Rolled:
    """A roll: the new key, and the old one as it is now."""

    created: Created
    old: Key


class Store:
    """The keys in a table. `report` is told of items that are not keys'; `author` is who changes them.

    A `ref` names a key: by its id, or by its digest, which is its partition key and always leads to it. A change
    whose answer was lost is looked for in the table; `Unclear` is raised when that does not tell either.
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
        """The key.

        :raises NotFound: there is none.
        :raises MalformedItem: the authorizer refuses its item.
        :raises Conflict: several have this id.
        """
        key = self.with_digest(self._pk(ref))
        if key is None:
            raise _not_found(ref)
        return key

    def with_digest(self, digest: str) -> Key | None:
        """The key with this digest, or None.

        :raises MalformedItem: the authorizer refuses its item.
        """
        item = self._database.get(digest)
        return None if item is None or is_deleted(item) else Key.from_item(item)

    def all(self, consumer: str | None = None) -> Iterator[Key]:
        """All keys, or those of one consumer, possibly a moment old."""
        items = self._database.all_keys() if consumer is None else self._database.of_consumer(consumer)
        for item in items:
            try:
                yield Key.from_item(item)
            except MalformedItem as error:
                self._report(f"Left out: {error}")

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
        """A new key of the consumer, which is created too if there is none of this name.

        Without `data` the key gets the consumer's; a new consumer gets the key's. Whoever gives a new `key_id` knows
        what to look for when this raises `Unclear`.

        :raises BadInput: data and scopes are more than the authorizer can pass on.
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
            key = Key(
                digest=api_key.digest(secret),
                key_id=key_id or new_key_id(),
                consumer=consumer,
                description=description,
                data=text,
                scopes=scopes,
                tags=tags or {},
                created_at=event.at,
                expires_at=None if expires_in is None else event.at + expires_in,
                hint=hint(secret, prefix),
                history=(event,),
            )
            owner_write = (
                self._consumers.unchanged(owner, "data")
                if owner
                else put_new(Consumer(name=consumer, data=text, created_at=event.at, history=(event,)))
            )
            self._database.write([put_new(key), owner_write])
            return Created(secret, key, is_new)

        def landed() -> Created | None:
            key = self.with_digest(api_key.digest(secret))
            return None if key is None else Created(secret, key, is_new)

        return self._database.attempt(attempt, landed)

    def revoke(self, ref: str, reason: str | None = None) -> tuple[Key, bool]:
        """The key, revoked for good, and whether it was not revoked before."""
        event = self._author().event("revoked", self._clock(), reason)
        return self._change(ref, event, lambda key: {} if key.revoked_at is not None else {"revoked_at": event.at})

    def enable(self, ref: str, reason: str | None = None) -> tuple[Key, bool]:
        """The key, enabled, and whether it was not before.

        :raises Conflict: it is revoked, or its consumer is disabled.
        """

        def change(key: Key) -> dict[str, Any]:
            _require_not_revoked(key)
            return {} if key.enabled else {"enabled": True, "disabled_with_consumer": False}

        return self._change(ref, self._author().event("enabled", self._clock(), reason), change, opens=True)

    def disable(self, ref: str, reason: str | None = None) -> tuple[Key, bool]:
        """The key, disabled, and whether it was not before. It stays so when its consumer is enabled.

        :raises Conflict: it is revoked.
        """

        def change(key: Key) -> dict[str, Any]:
            _require_not_revoked(key)
            is_so = not key.enabled and not key.disabled_with_consumer
            return {} if is_so else {"enabled": False, "disabled_with_consumer": False}

        return self._change(ref, self._author().event("disabled", self._clock(), reason), change)

    def delete(self, ref: str) -> None:
        """Removes the key, whatever its state and form. Of an imported one the digest stays (see `change.removal`):
        named by it, that is removed too.

        :raises NotFound: there is none.
        """
        pk = self._pk(ref)
        item = self._database.get(pk)
        if item is None:
            raise _not_found(ref)

        def landed() -> bool | None:
            left = self._database.get(pk)
            return True if left is None or (is_deleted(left) and not is_deleted(item)) else None

        write = removal(item, self._clock())
        self._database.attempt(lambda: self._database.write([write]), landed)

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
        """A new key like the old one, which ends after `grace` seconds, or at its own expiry if that is sooner.

        One transaction: either both have happened or nothing has. The new key lasts `expires_in` seconds, or
        as long as the old one was made for. `key_id` is as for `create`.

        :raises NotFound: there is no such key.
        :raises BadInput: the old key's times do not tell how long it was made for.
        :raises Conflict: it is not active, was rolled before, or its consumer is disabled.
        """
        secret = api_key.generate(prefix)
        event = self._author().event("rolled", self._clock(), reason)

        def attempt() -> Rolled:
            old = self.find(ref)
            if old.rolled_to is not None:
                raise Conflict(f"{old.ref} was rolled to {old.rolled_to} before: roll that one, or --undo this roll.")
            _require_active(old, event.at)
            lifetime = _lifetime(old) if expires_in is None else expires_in
            new = Key(
                digest=api_key.digest(secret),
                key_id=key_id or new_key_id(),
                consumer=old.consumer,
                description=old.description,
                data=old.data,
                scopes=old.scopes,
                tags=old.tags,
                created_at=event.at,
                expires_at=None if lifetime is None else event.at + lifetime,
                rolled_from=old.key_id,
                hint=hint(secret, prefix),
                history=(dataclasses.replace(event, what="created"),),
            )
            end = event.at + grace
            ended = old.changed(
                event,
                rolled_to=new.key_id,
                unrolled_expires_at=old.expires_at,
                expires_at=end if old.expires_at is None else min(old.expires_at, end),
            )
            guard = ("consumer", "data", "enabled", "revoked_at")
            self._database.write([put_new(new), update(old, ended, guard), *self._owner_is_enabled(old)])
            return Rolled(Created(secret, new), ended)

        def landed() -> Rolled | None:
            new = self.with_digest(api_key.digest(secret))
            return None if new is None else Rolled(Created(secret, new), self.find(ref))

        return self._database.attempt(attempt, landed)

    def undo_roll(self, ref: str, reason: str | None = None) -> tuple[Key, Key | None]:
        """Takes a roll back within its grace: the old key has its own expiry again, the new one is revoked.

        Returns both; None for the new one when it was deleted since.

        :raises NotFound: there is no such key.
        :raises Conflict: the key was not rolled, or is not active any more.
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
                raise Conflict(f"{old.ref}: the item does not tell what its expiry was. Make a new key.")
            restored = old.changed(event, rolled_to=None, unrolled_expires_at=None, expires_at=old.unrolled_expires_at)
            writes = [update(old, restored, ("enabled", "revoked_at"))]
            rolled_to = old.rolled_to
            new = self._successor(rolled_to)
            if new is not None and new.rolled_to is not None:
                raise Conflict(f"{new.ref} was rolled to {new.rolled_to} since: undo that roll first.")
            if new is not None and new.revoked_at is None:
                revoked = new.changed(dataclasses.replace(event, what="revoked"), revoked_at=event.at)
                writes.append(update(new, revoked, ("rolled_to",)))
                new = revoked
            self._database.write(writes)
            return restored, new

        def landed() -> tuple[Key, Key | None] | None:
            old = self.find(ref)
            return (old, self._successor(rolled_to)) if event in old.history else None

        return self._database.attempt(attempt, landed)

    def _change(
        self, ref: str, event: Event, changes: Callable[[Key], Mapping[str, Any]], *, opens: bool = False
    ) -> tuple[Key, bool]:
        """The key after the change, and whether it is another than before. One that opens needs an enabled consumer."""

        def attempt() -> tuple[Key, bool]:
            old = self.find(ref)
            if not (changed := changes(old)):
                return old, False
            new = old.changed(event, **changed)
            self._database.write([update(old, new, ("revoked_at",)), *(self._owner_is_enabled(old) if opens else [])])
            return new, True

        def landed() -> tuple[Key, bool] | None:
            key = self.find(ref)
            return (key, True) if event in key.history else None

        return self._database.attempt(attempt, landed)

    def _owner_is_enabled(self, key: Key) -> list[Write]:
        """A check that the key's consumer, where there is one, is enabled, and stays so.

        :raises Conflict: it is not.
        """
        owner = self._consumers.get(key.consumer)
        return [] if owner is None else [self._consumers.unchanged(owner)]

    def _successor(self, key_id: str) -> Key | None:
        try:
            return self.find(key_id)
        except NotFound:
            return None

    def _pk(self, ref: str) -> str:
        if DIGEST.fullmatch(ref):
            return ref
        pks = self._database.pks_of_key_id(ref)
        if len(pks) > 1:
            raise Conflict(f"{len(pks)} items have the id {ref}. Name the one you mean by its digest: {' '.join(pks)}")
        if not pks:
            raise _not_found(ref)
        return pks[0]


def _not_found(ref: str) -> NotFound:
    return NotFound(f"There is no key {ref}. `keys list` shows those that there are.")


def _lifetime(key: Key) -> int | None:
    if key.expires_at is None:
        return None
    lifetime = 0 if key.created_at is None else key.expires_at - key.created_at
    if lifetime <= 0:
        raise BadInput(f"The times of {key.ref} do not tell how long a key should last: give --expires-in.")
    return lifetime


def _require_active(key: Key, now: int) -> None:
    state = key.state(now)
    if state is not State.ACTIVE:
        remedy = "Enable it first." if state is State.DISABLED else "Make a new one with `keys create`."
        raise Conflict(f"{key.ref} is {state}. {remedy}")


def _require_not_revoked(key: Key) -> None:
    if key.revoked_at is not None:
        raise Conflict(f"{key.ref} is revoked, and that is final. Make a new one with `keys create`.")
