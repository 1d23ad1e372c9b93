"""Keys that signed-in users make, within the bounds of their owner.

The item of an owner lists its live keys with their ends. Each change of a key is one transaction with a change of the
list, on the condition that nobody changed the item since it was read: of two requests at once, the second is decided
again.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from authorizer import api_key
from authorizer.attributes import MalformedRecord
from authorizer.owner import owner_pk
from authorizer.subject_record import SubjectRecord, subject_pk
from keys.core import fields
from keys.core.change import Write, check_unchanged, put_new, update
from keys.core.consumers import BATCH, Consumers, Session, inherited
from keys.core.errors import Code, Conflict, NotFound
from keys.core.history import Author, Event
from keys.core.making import Created, Rolled, new_key
from keys.core.record import Item, Key, LiveKey, Owner, State, records
from keys.core.schema import iso
from keys.core.table import Report, ignore

_DAY: Final = 86_400

Live = Mapping[str, LiveKey]


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in user. `owner`: whose keys the user makes. `sub`: the user, as in the context of the user's JWTs.

    `issued_at`: the `iat` of the user's token, in seconds since 1970. `leeway`: how far the provider's clock can be
    ahead, in seconds.
    """

    issuer: str
    owner: str
    sub: str
    issued_at: float | None = None
    leeway: float = 30


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many keys an owner can have, and how many can be made for it in a day in UTC.

    As many as it can have can also be rolled and still work.
    """

    keys: int
    per_day: int


class Owners:
    """The owners in a table. Each method reads whose keys they are from `Caller` alone."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._table = session.table

    def get(self, caller: Caller) -> Owner | None:
        """:raises MalformedItem: its item is malformed."""
        item = self._table.get(owner_pk(caller.issuer, caller.owner))
        return None if item is None else Owner.from_item(item)

    def plan_of(self, caller: Caller) -> tuple[Owner | None, str | None]:
        """The owner, and the name of the usage plan of a new key: that of the user, else that of the owner.

        :raises MalformedItem: the item of the owner is malformed.
        """
        pk, user_pk = owner_pk(caller.issuer, caller.owner), subject_pk(caller.issuer, caller.sub)
        items = self._table.get_many([pk, user_pk])
        owner = Owner.from_item(items[pk]) if pk in items else None
        return owner, _plan(_user(items.get(user_pk))).get("plan") or (owner.plan if owner else None)

    def keys_of(self, caller: Caller) -> list[Key]:
        """The owner's keys, eventually consistent. A key that was just made is missing for a moment."""
        found = records(self._table.keys_of_consumer(owner_pk(caller.issuer, caller.owner)), self._session.report)
        return [key for key in found if isinstance(key, Key)]

    def create(
        self, caller: Caller, bounds: Bounds, *, prefix: str, expires_in: int, data: Mapping[str, Any], **given: Any
    ) -> Created:
        """Create a key. `expires_in`: in seconds. `given`: `description` and `scopes`.

        :raises BadInput: data and scopes are too large for the authorizer's context.
        :raises Conflict: the owner or the user is disabled, or a bound is reached.
        """
        secret, event = api_key.generate(prefix), self._event(caller, "created")
        text = _data_text(caller, data, given["scopes"])

        def attempt() -> Created:
            owner, user, check = self._read(caller, event)
            live = owner.live_at(event.at)
            if sum(not each.replaced for each in live.values()) >= bounds.keys:
                live = self._confirmed(live, event.at)
            if (count := sum(not each.replaced for each in live.values())) >= bounds.keys:
                raise Conflict(Code.OWNER_LIMIT, count=count, limit=bounds.keys)
            key = self._new(caller, owner, user, event, secret, prefix, expires_in, data=text, **given)
            live[key.key_id] = LiveKey(key.digest, _end(key))
            self._table.write([put_new(key), _write(owner, _made(owner, bounds, event.at, live)), check])
            return Created(secret, key, not owner.stored)

        return self._table.retry_conflicts(attempt)

    def roll(
        self, caller: Caller, bounds: Bounds, key_id: str, *,
        prefix: str, grace: int, most_seconds: int, data: Mapping[str, Any], require: Callable[[Key], object],
    ) -> Rolled:  # fmt: skip
        """Create a key like the old one, which now expires after `grace` seconds, or earlier as before.

        It has new `data`, since what the user's token said before might not be true anymore. Its lifetime is that of
        the old key, or `most_seconds` if that is less. `require` is called with the old key, and raises what forbids
        another one like it.

        :raises NotFound: the owner has no such key that might be accepted now, whoever has. Then only the items of the
            owner and the user were read.
        :raises Conflict: the old key is not active or was rolled before; and as `create`.
        """
        secret, event = api_key.generate(prefix), self._event(caller, "rolled")
        created = dataclasses.replace(event, what="created")

        def attempt() -> Rolled:
            owner, user, check = self._read(caller, event)
            live = owner.live_at(event.at)
            old = self._find(owner, key_id, event.at)
            require(old)
            text = _data_text(caller, data, old.scopes)
            if old.rolled_to is not None:
                raise Conflict(Code.KEY_ROLLED, ref=key_id, successor=old.rolled_to, state=str(old.state(event.at)))
            if old.state(event.at) is not State.ACTIVE:
                raise Conflict(Code.KEY_NOT_ACTIVE, ref=key_id, state=str(old.state(event.at)))
            lifetime = most_seconds if old.expires_at is None else old.expires_at - (old.created_at or event.at)
            kept = {name: getattr(old, name) for name in ("description", "scopes", "networks", "tags")}
            new = self._new(
                caller,
                owner,
                user,
                created,
                secret,
                prefix,
                max(1, min(lifetime, most_seconds)),
                rolled_from=key_id,
                data=text,
                **kept,
            )
            end = min(event.at + grace, _end(old))
            replaced = old.changed(event, rolled_to=new.key_id, unrolled_expires_at=old.expires_at, expires_at=end)
            live |= {new.key_id: LiveKey(new.digest, _end(new)), key_id: LiveKey(old.digest, end, replaced=True)}
            live = {key_id: each for key_id, each in live.items() if each.end > event.at}
            if (count := sum(each.replaced for each in live.values())) > bounds.keys:
                raise Conflict(Code.OWNER_ROLL_LIMIT, count=count - 1, limit=bounds.keys)
            changed = _made(owner, bounds, event.at, live)
            self._table.write([put_new(new), update(old, replaced, alive=True), _write(owner, changed), check])
            return Rolled(Created(secret, new), replaced)

        return self._table.retry_conflicts(attempt)

    def revoke(self, caller: Caller, key_id: str) -> Key:
        """Revoke a key permanently. Returns it. This works also for a disabled owner.

        :raises NotFound: see `roll`.
        """
        event = self._event(caller, "revoked")

        def attempt() -> Key:
            owner = self.get(caller)
            old = self._find(owner, key_id, event.at)
            if owner is None or old.revoked_at is not None:
                return old
            live = owner.live_at(event.at)
            del live[key_id]
            new = old.changed(event, revoked_at=event.at)
            self._table.write([update(old, new), _write(owner, owner.counting(live=live))])
            return new

        return self._table.retry_conflicts(attempt)

    def disable_keys(
        self, issuer: str, sub: str, reason: str | None = None, progress: Report = ignore, checking: Report = ignore
    ) -> int:
        """Disable the owner of this name, and all keys that this user made for whatever owner. Returns their number.

        The owner is first: from then on, no key can be made for it. Those of an organization that others made stay. One
        consistent scan finds the keys, so that none is missed; see `Consumers.set_enabled` for the reports.
        """
        event = self._session.event("disabled", reason)
        name, consumers = owner_pk(issuer, sub), Consumers(self._session)
        if consumers.get(name) is not None:
            consumers.close(name, event)

        def changes(key: Key) -> Mapping[str, Any]:
            if key.revoked_at is not None or not key.enabled:
                return {}
            return {"enabled": False, "disabled_with_consumer": key.consumer == name}

        found = self._table.scan_consistently(
            checking,
            FilterExpression="owner_issuer = :issuer AND made_by = :sub",
            ExpressionAttributeValues={":issuer": {"S": issuer}, ":sub": {"S": sub}},
        )
        done = 0
        while batch := list(itertools.islice(found, BATCH)):
            done += self._session.change_keys(batch, event, changes)
            progress(done, None)
        return done

    def _event(self, caller: Caller, what: str) -> Event:
        """An event by the user, now."""
        author = Author(f"{caller.issuer} {caller.sub}", self._session.author().how)
        return author.event(what, self._session.clock())

    def _read(self, caller: Caller, event: Event) -> tuple[Owner, SubjectRecord | None, Write]:
        """The owner, for which keys can be made, or a new one; the user; and a condition: the item of the user does
        not change. Without it, a key could be made behind the back of who disables the user, and then the user's keys.

        :raises Conflict: the owner or the user is disabled, or the user's tokens were ended.
        """
        pk, user_pk = owner_pk(caller.issuer, caller.owner), subject_pk(caller.issuer, caller.sub)
        items = self._table.get_many([pk, user_pk])
        created = dataclasses.replace(event, what="created")
        owner = Owner.of(caller.issuer, caller.owner, created_at=event.at).changed(created)
        if pk in items:
            owner = Owner.from_item(items[pk])
        try:
            user = _user(items.get(user_pk))
        except MalformedRecord:
            raise Conflict(Code.OWNER_DISABLED) from None
        if not owner.enabled or (user and user.refusal(caller.issued_at, caller.leeway)):
            raise Conflict(Code.OWNER_DISABLED)
        return owner, user, check_unchanged(user_pk, items.get(user_pk))

    def _find(self, owner: Owner | None, key_id: str, now: int) -> Key:
        listed = owner.live_at(now).get(key_id) if owner else None
        key = self._session.key(listed.digest) if listed else None
        if owner is None or key is None or key.consumer != owner.name or key.key_id != key_id:
            raise NotFound(Code.KEY_NOT_FOUND, ref=key_id, table=self._table.name)
        return key

    def _confirmed(self, live: Live, now: int) -> dict[str, LiveKey]:
        """Those that are still there and not ended: an operator can have ended or deleted some."""
        counted = [each.digest for each in live.values() if not each.replaced]
        keys = {}
        for key in records(self._table.get_many(counted).values(), lambda _error: None):
            if isinstance(key, Key):
                keys[key.digest] = key.state(now)
        ended = (None, State.REVOKED, State.EXPIRED)
        return {key_id: each for key_id, each in live.items() if each.replaced or keys.get(each.digest) not in ended}

    def _new(
        self, caller: Caller, owner: Owner, user: SubjectRecord | None, event: Event,
        secret: str, prefix: str, lifetime: int, **known: Any,
    ) -> Key:  # fmt: skip
        return new_key(
            secret, prefix, None, event, lifetime,
            consumer=owner.name, owner=caller.owner, owner_issuer=caller.issuer, made_by=caller.sub,
            **{**known, **inherited(owner), **_plan(user)},
        )  # fmt: skip


def _user(item: Item | None) -> SubjectRecord | None:
    return SubjectRecord.from_item(item) if item else None


def _plan(user: SubjectRecord | None) -> dict[str, Any]:
    """The fields of a key that a plan of the user's own sets."""
    return {"plan": user.plan, "usage_key": user.usage_key} if user and (user.plan or user.usage_key) else {}


def _end(key: Key) -> int:
    return fields.LATEST if key.expires_at is None else key.expires_at


def _made(owner: Owner, bounds: Bounds, now: int, live: Live) -> Owner:
    """The owner after one more key was made.

    :raises Conflict: no more can be made today.
    """
    made = made_today(owner, now)
    if made >= bounds.per_day:
        raise Conflict(Code.OWNER_PER_DAY, count=made, limit=bounds.per_day, seconds=_DAY - now % _DAY)
    changes: Any = {"live": live, "made_on": _day(now), "made": made + 1}
    # The first event of a new owner has its version.
    return owner.counting(**changes) if owner.stored else dataclasses.replace(owner, **changes)


def made_today(owner: Owner, now: int) -> int:
    """How many keys were made for the owner on this day in UTC."""
    return owner.made if owner.made_on == _day(now) else 0


def _day(now: int) -> str:
    return (iso(now) or "")[:10]


def _write(old: Owner, new: Owner) -> Write:
    return update(old, new) if old.stored else put_new(new)


def _data_text(caller: Caller, data: Mapping[str, Any], scopes: frozenset[str]) -> str:
    # The context of such a key has both texts.
    return fields.data_text(data, caller.issuer + caller.owner, scopes)
