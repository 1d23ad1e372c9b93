"""Create, change and delete keys."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from authorizer import api_key
from keys.core import fields
from keys.core.change import Write, put_new, update
from keys.core.consumers import Consumers, Session, inherited
from keys.core.errors import BadInput, Code, Conflict, MalformedItem, NotFound
from keys.core.history import Author, Event
from keys.core.making import Created, Rolled, new_key
from keys.core.owners import Owners
from keys.core.record import DIGEST, Key, State, records
from keys.core.subjects import Subjects
from keys.core.table import Table


class Store:
    """The keys in a table. `consumers` and `subjects`: the consumers and the subjects of JWTs in it.

    `author` is recorded in the history of what is changed. `report` is called for items that the authorizer refuses,
    which lists leave out. `ref` is a key's ID or digest. A digest always identifies one key, since it is the partition
    key. Every method that changes something can raise `OutcomeUnknown`: AWS did not answer.
    """

    def __init__(
        self,
        table: Table,
        author: Author | Callable[[], Author],
        clock: Callable[[], float] = time.time,
        report: Callable[[MalformedItem], object] = lambda _error: None,
    ) -> None:
        by = (lambda: author) if isinstance(author, Author) else author
        self._session = Session(table, by, clock, report)
        self._table = table
        self.consumers = Consumers(self._session)
        self.owners = Owners(self._session)
        self.subjects = Subjects(self._session)

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
        """The key with this digest, read consistently, or None.

        :raises MalformedItem: its item is malformed.
        """
        return self._session.key(digest)

    def all(self, consumer: str | None = None) -> Iterator[Key]:
        """All keys, or those of one consumer, eventually consistent."""
        items = self._table.all_keys() if consumer is None else self._table.keys_of_consumer(consumer)
        return (key for key in records(items, self._session.report) if isinstance(key, Key))

    def create(
        self,
        *,
        consumer: str,
        prefix: str,
        key_id: str | None = None,
        data: Mapping[str, Any] | str | None = None,
        expires_in: int | None = None,
        reason: str | None = None,
        **given: Any,
    ) -> Created:
        """Create a key, and its consumer if it does not exist.

        Without `data`, the key gets the data of the consumer. A new consumer gets the data of the key. `expires_in`: in
        seconds. `given`: other fields of `Key` that can be given, such as `description`, `scopes` and `tags`. With a
        `key_id` from `new_key_id`, the caller can look for the key after `OutcomeUnknown`.

        :raises BadInput: a value is invalid, or data and scopes are too large for the authorizer's context.
        :raises Conflict: the consumer is disabled.
        """
        consumer, prefix = fields.check_name(consumer), fields.check_prefix(prefix)
        secret = api_key.generate(prefix)
        event = self._session.event("created", reason)
        scopes = given.get("scopes", frozenset())
        own = None if data is None else fields.data_text(data, consumer, scopes)

        def attempt() -> Created:
            owner, holder = self.consumers.required(consumer, event, own or "{}")
            text = own or fields.data_text(owner.data, consumer, scopes)
            key = new_key(
                secret, prefix, key_id, event, expires_in,
                consumer=consumer, data=text, **inherited(owner), **given,
            )  # fmt: skip
            self._table.write([put_new(key), holder])
            return Created(secret, key, not owner.stored)

        return self._table.retry_conflicts(attempt)

    def revoke(self, ref: str, reason: str | None = None, *, leaked: bool = False) -> tuple[Key, bool]:
        """Revoke the key permanently. Returns it, and whether it changed. `leaked`: the history says so."""
        event = self._session.event("leaked" if leaked else "revoked", reason)
        return self._change(ref, event, lambda key: {} if key.revoked_at is not None else {"revoked_at": event.at})

    def enable(self, ref: str, reason: str | None = None) -> tuple[Key, bool]:
        """Enable the key. Returns it, and whether it changed.

        :raises Conflict: it is revoked, or its consumer is disabled.
        """
        event = self._session.event("enabled", reason)

        def change(key: Key) -> dict[str, Any]:
            _require_not_revoked(key)
            return {} if key.enabled else {"enabled": True, "disabled_with_consumer": False}

        return self._change(ref, event, change, wakes=True)

    def disable(self, ref: str, reason: str | None = None) -> tuple[Key, bool]:
        """Disable the key. It stays disabled when its consumer is enabled. Returns it, and whether it changed.

        :raises Conflict: it is revoked.
        """

        def change(key: Key) -> dict[str, Any]:
            _require_not_revoked(key)
            is_disabled = not key.enabled and not key.disabled_with_consumer
            return {} if is_disabled else {"enabled": False, "disabled_with_consumer": False}

        return self._change(ref, self._session.event("disabled", reason), change)

    def update(self, ref: str, changes: Mapping[str, Any], reason: str | None = None) -> tuple[Key, bool]:
        """Change these fields of a key. Returns the key, and whether it changed.

        :raises NotFound: the key does not exist.
        :raises BadInput: a value is invalid, or the key is then too large for the authorizer's context.
        """

        def change(key: Key) -> Mapping[str, Any]:
            if not changes.keys().isdisjoint(("data", "scopes")):
                fields.data_text(changes.get("data", key.data), key.consumer, changes.get("scopes", key.scopes))
            return {name: value for name, value in changes.items() if getattr(key, name) != value}

        return self._change(ref, self._session.event("updated", reason), change)

    def delete(self, ref: str, reason: str | None = None) -> None:
        """Delete the key, whatever its state, also if its item is malformed.

        The history of an item goes with it, so the key is ended first, with the entry `deleted`.

        :raises NotFound: there is no such key.
        """
        item = self._table.get(self._pk(ref))
        if item is None:
            raise self._not_found(ref)
        self._session.delete_keys([item], self._session.event("deleted", reason))

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
        secret = api_key.generate(fields.check_prefix(prefix))
        event = self._session.event("rolled", reason)
        created = dataclasses.replace(event, what="created")

        def attempt() -> Rolled:
            old = self.find(ref)
            _require_operator(old)
            if old.rolled_to is not None:
                raise Conflict(Code.KEY_ROLLED, ref=old.ref, successor=old.rolled_to, state=str(old.state(event.at)))
            _require_active(old, event.at)
            lifetime = _lifetime(old) if expires_in is None else expires_in
            kept = {each.name: getattr(old, each.name) for each in Key.fields() if each.given or each.since}
            owner, holder = self.consumers.required(old.consumer, event, old.data)
            if owner.stored:
                # Not those of the old key: a change of the consumer might not have reached it yet.
                kept |= inherited(owner)
            new = new_key(
                secret, prefix, key_id, created, lifetime, rolled_from=old.key_id, consumer=old.consumer, **kept
            )
            end = event.at + grace
            ended = old.changed(
                event,
                rolled_to=new.key_id,
                unrolled_expires_at=old.expires_at,
                expires_at=end if old.expires_at is None else min(old.expires_at, end),
            )
            # The new key has what the old one has, so neither must have ended meanwhile.
            self._table.write([put_new(new), update(old, ended, alive=True), holder])
            return Rolled(Created(secret, new), ended)

        return self._table.retry_conflicts(attempt)

    def undo_roll(self, ref: str, reason: str | None = None) -> tuple[Key, Key | None]:
        """Undo a roll during the grace period: restore the expiry of the old key, and revoke the new key.

        Returns both keys; None for the new key if it was deleted.

        :raises NotFound: there is no such key.
        :raises Conflict: the key was not rolled, or is not active anymore.
        """
        event = self._session.event("unrolled", reason)

        def attempt() -> tuple[Key, Key | None]:
            old = self.find(ref)
            _require_operator(old)
            if old.rolled_to is None:
                raise Conflict(Code.KEY_NOT_ROLLED, ref=old.ref)
            _require_active(old, event.at)
            if "unrolled_expires_at" in old.stored and old.unrolled_expires_at is None:
                raise Conflict(Code.ROLL_MALFORMED, ref=old.ref)
            restored = old.changed(event, rolled_to=None, unrolled_expires_at=None, expires_at=old.unrolled_expires_at)
            writes = [update(old, restored, alive=True), self._holder(old, event)]
            new = self._successor(old.rolled_to)
            if new is not None and new.rolled_to is not None:
                raise Conflict(Code.SUCCESSOR_ROLLED, ref=new.ref, successor=new.rolled_to)
            if new is not None and new.revoked_at is None:
                revoked = new.changed(dataclasses.replace(event, what="revoked"), revoked_at=event.at)
                writes.append(update(new, revoked))
                new = revoked
            self._table.write(writes)
            return restored, new

        return self._table.retry_conflicts(attempt)

    def _change(
        self, ref: str, event: Event, changes: Callable[[Key], Mapping[str, Any]], *, wakes: bool = False
    ) -> tuple[Key, bool]:
        """The key after the change, and whether it changed. `wakes`: the consumer must be enabled."""
        holder = (lambda key: self._holder(key, event)) if wakes else None
        return self._session.change_key(lambda: self.find(ref), event, changes, holder)

    def _holder(self, key: Key, event: Event) -> Write:
        return self.consumers.required(key.consumer, event, key.data)[1]

    def _successor(self, key_id: str) -> Key | None:
        try:
            return self.find(key_id)
        except NotFound:
            return None

    def _not_found(self, ref: str) -> NotFound:
        return NotFound(Code.KEY_NOT_FOUND, ref=ref, table=self._table.name)

    def _pk(self, ref: str) -> str:
        if DIGEST.fullmatch(ref):
            return ref
        pks = self._table.pks_of_key_id(ref)
        if len(pks) > 1:
            raise Conflict(Code.KEY_ID_AMBIGUOUS, count=len(pks), ref=ref, digests=" ".join(pks))
        if not pks:
            raise self._not_found(ref)
        return pks[0]


def _lifetime(key: Key) -> int | None:
    if key.expires_at is None:
        return None
    lifetime = 0 if key.created_at is None else key.expires_at - key.created_at
    if lifetime <= 0:
        raise BadInput(Code.LIFETIME_UNKNOWN, ref=key.ref)
    return lifetime


def _require_active(key: Key, now: int) -> None:
    state = key.state(now)
    if state is not State.ACTIVE:
        raise Conflict(Code.KEY_NOT_ACTIVE, ref=key.ref, state=str(state))


def _require_operator(key: Key) -> None:
    """The secret of a user's key is for the user alone, and the bounds of its owner hold for each roll."""
    if key.owner is not None:
        raise Conflict(Code.KEY_OF_OWNER, ref=key.ref)


def _require_not_revoked(key: Key) -> None:
    if key.revoked_at is not None:
        raise Conflict(Code.KEY_REVOKED, ref=key.ref)
