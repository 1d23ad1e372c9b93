"""What can be done with keys."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from authorizer import api_key
from keys.life.change import update
from keys.life.consumers import Consumers
from keys.life.database import Database, delete, put_new
from keys.life.errors import Conflict, MalformedItem, NotFound
from keys.life.fields import data_text
from keys.life.record import Consumer, Key, State, consumer_pk, hint, new_key_id


@dataclass(frozen=True, slots=True)
class Created:
    """A new key: the secret, which exists nowhere else, and what is stored."""

    secret: str
    key: Key


@dataclass(frozen=True, slots=True)
class Rolled:
    """A roll: the new key, and the old one as it is now."""

    created: Created
    old: Key


class Store:
    """The keys in a table. `report` is told of items that are not keys'."""

    def __init__(
        self,
        database: Database,
        consumers: Consumers,
        *,
        clock: Callable[[], float],
        report: Callable[[str], None],
    ) -> None:
        self._database = database
        self._consumers = consumers
        self._clock = clock
        self._report = report

    def find(self, key_id: str) -> Key:
        """The key with this id.

        :raises NotFound: there is none.
        :raises MalformedItem: its item is of another form.
        """
        item = self._database.get(self._pk(key_id))
        if item is None:
            raise _not_found(key_id)
        return Key.from_item(item)

    def with_digest(self, digest: str) -> Key | None:
        """The key with this digest, or None.

        :raises MalformedItem: its item is of another form.
        """
        item = self._database.get(digest)
        return None if item is None else Key.from_item(item)

    def all(self, consumer: str | None = None) -> Iterator[Key]:
        """All keys, or those of one consumer, possibly a moment old."""
        items = self._database.all_keys() if consumer is None else self._database.of_consumer(consumer)
        for item in items:
            try:
                yield Key.from_item(item)
            except MalformedItem as error:
                self._report(f"Left out the malformed item of {item['key_id'].get('S')!a}: {error.problem}.")

    def create(
        self,
        *,
        consumer: str,
        prefix: str,
        data: str | None = None,
        scopes: frozenset[str] = frozenset(),
        tags: Mapping[str, str] | None = None,
        expires_in: int | None = None,
    ) -> Created:
        """A new key of the consumer, which is created too if there is none of this name.

        Without `data` the key gets the consumer's; a new consumer gets the key's.

        :raises BadInput: data and scopes are more than the authorizer can pass on.
        """
        secret = api_key.generate(prefix)
        now = int(self._clock())

        def attempt() -> Key:
            owner = self._consumers.get(consumer)
            key = Key(
                digest=api_key.digest(secret),
                key_id=new_key_id(),
                consumer=consumer,
                data=data or (owner.data if owner else "{}"),
                scopes=scopes,
                tags=tags or {},
                created_at=now,
                expires_at=None if expires_in is None else now + expires_in,
                hint=hint(secret, prefix),
            )
            data_text(json.loads(key.data), consumer, scopes)
            new_owner = Consumer(name=consumer, data=key.data, tags={}, created_at=now)
            self._database.write([put_new(key.to_item()), _unchanged(owner) if owner else put_new(new_owner.to_item())])
            return key

        return Created(secret, self._database.attempt(attempt))

    def revoke(self, key_id: str) -> tuple[Key, bool]:
        """The key, revoked for good, and whether it was not revoked before."""

        def change(key: Key) -> Key:
            if key.revoked_at is not None:
                return key
            return dataclasses.replace(key, revoked_at=int(self._clock()))

        return self._change(key_id, change)

    def enable(self, key_id: str) -> tuple[Key, bool]:
        """The key, enabled, and whether it was not before.

        :raises Conflict: it is revoked.
        """
        return self._change(key_id, lambda key: _with_enabled(key, enabled=True))

    def disable(self, key_id: str) -> tuple[Key, bool]:
        """The key, disabled, and whether it was not before.

        :raises Conflict: it is revoked.
        """
        return self._change(key_id, lambda key: _with_enabled(key, enabled=False))

    def delete(self, key_id: str) -> None:
        """Removes the key, whatever its state."""
        self._database.write([delete(self._pk(key_id))])

    def roll(self, key_id: str, *, prefix: str, grace: int, expires_in: int | None = None) -> Rolled:
        """A new key like the old one, which ends after `grace` seconds, or at its own expiry if that is sooner.

        One transaction: either both have happened or nothing has. The new key lasts `expires_in` seconds, or
        as long as the old one was made for.

        :raises NotFound: there is no such key.
        :raises Conflict: it is not active, or was rolled before.
        """
        secret = api_key.generate(prefix)

        def attempt() -> Rolled:
            old = self.find(key_id)
            now = int(self._clock())
            if old.rolled_to is not None:
                raise Conflict(f"{key_id} was rolled to {old.rolled_to} before: roll that one, or --undo this roll.")
            _require_active(old, now)
            lifetime = expires_in
            if lifetime is None and old.expires_at is not None:
                lifetime = old.expires_at - old.created_at
            new = Key(
                digest=api_key.digest(secret),
                key_id=new_key_id(),
                consumer=old.consumer,
                data=old.data,
                scopes=old.scopes,
                tags=old.tags,
                created_at=now,
                expires_at=None if lifetime is None else now + lifetime,
                rolled_from=old.key_id,
                hint=hint(secret, prefix),
            )
            ended = dataclasses.replace(
                old,
                rolled_to=new.key_id,
                unrolled_expires_at=old.expires_at,
                expires_at=now + grace if old.expires_at is None else min(old.expires_at, now + grace),
            )
            guard = ("consumer", "data", "enabled", "revoked_at")
            self._database.write([put_new(new.to_item()), {"Update": update(old.to_item(), ended.to_item(), guard)}])
            return Rolled(Created(secret, new), ended)

        return self._database.attempt(attempt)

    def undo_roll(self, key_id: str) -> tuple[Key, Key | None]:
        """Takes a roll back within its grace: the old key has its own expiry again, the new one is revoked.

        Returns both; None for the new one when it was deleted since.

        :raises NotFound: there is no such key.
        :raises Conflict: the key was not rolled, or is not active any more.
        """

        def attempt() -> tuple[Key, Key | None]:
            old = self.find(key_id)
            now = int(self._clock())
            if old.rolled_to is None:
                raise Conflict(f"{key_id} was not rolled.")
            _require_active(old, now)
            restored = dataclasses.replace(
                old, rolled_to=None, unrolled_expires_at=None, expires_at=old.unrolled_expires_at
            )
            writes = [{"Update": update(old.to_item(), restored.to_item(), ("enabled", "revoked_at"))}]
            new = self._successor(old.rolled_to)
            if new is not None and new.rolled_to is not None:
                raise Conflict(f"{new.key_id} was rolled to {new.rolled_to} since: undo that roll first.")
            if new is not None and new.revoked_at is None:
                revoked = dataclasses.replace(new, revoked_at=now)
                writes.append({"Update": update(new.to_item(), revoked.to_item(), ("rolled_to",))})
                new = revoked
            self._database.write(writes)
            return restored, new

        return self._database.attempt(attempt)

    def _change(self, key_id: str, change: Callable[[Key], Key]) -> tuple[Key, bool]:
        """The key after the change, and whether it is another than before."""

        def attempt() -> tuple[Key, bool]:
            old = self.find(key_id)
            new = change(old)
            if new != old:
                self._database.write([{"Update": update(old.to_item(), new.to_item(), ("revoked_at",))}])
            return new, new != old

        return self._database.attempt(attempt)

    def _successor(self, key_id: str) -> Key | None:
        try:
            return self.find(key_id)
        except NotFound:
            return None

    def _pk(self, key_id: str) -> str:
        pk = self._database.pk_of_key_id(key_id)
        if pk is None:
            raise _not_found(key_id)
        return pk


def _not_found(key_id: str) -> NotFound:
    return NotFound(f"There is no key {key_id}. `keys list` shows those that there are.")


def _require_active(key: Key, now: int) -> None:
    state = key.state(now)
    if state is not State.ACTIVE:
        remedy = "Enable it first." if state is State.DISABLED else "Make a new one with `keys create`."
        raise Conflict(f"{key.key_id} is {state}. {remedy}")


def _with_enabled(key: Key, *, enabled: bool) -> Key:
    if key.revoked_at is not None:
        raise Conflict(f"{key.key_id} is revoked, and that is final. Make a new one with `keys create`.")
    return dataclasses.replace(key, enabled=enabled)


def _unchanged(owner: Consumer) -> dict[str, Any]:
    """A check that the data which the key was given is still the consumer's."""
    return {
        "ConditionCheck": {
            "Key": {"pk": {"S": consumer_pk(owner.name)}},
            "ConditionExpression": "#data = :data",
            "ExpressionAttributeNames": {"#data": "data"},
            "ExpressionAttributeValues": {":data": {"S": owner.data}},
        }
    }
