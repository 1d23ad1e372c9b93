"""Keys and consumers, and the items of the table that hold them."""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from authorizer import api_key
from authorizer.api_key import ALPHABET
from authorizer.authentication import Reason
from authorizer.key_record import KeyRecord, MalformedRecord, refusal
from keys.life import history
from keys.life.errors import MalformedItem
from keys.life.history import Event, History

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Item = Mapping[str, "AttributeValueTypeDef"]

KEPT_SECONDS: Final = 30 * 86_400
"""How long a key's item stays after its end, for who asks what became of it."""

CONSUMER_PK: Final = "consumer#"
DIGEST: Final = re.compile(r"[0-9a-f]{64}")
KEY_ID: Final = re.compile(r"key_[0-9A-Za-z]{16}")

_ID_LENGTH = 16
_HINT_CHARACTERS = 4
_OWN_HINT = re.compile(rf"(.+)_[0-9A-Za-z]{{{_HINT_CHARACTERS}}}")


class State(StrEnum):
    """What the authorizer makes of a key: only an active one is accepted."""

    ACTIVE = "active"
    DISABLED = "disabled"
    EXPIRED = "expired"
    REVOKED = "revoked"


_STATES: Final = {
    None: State.ACTIVE,
    Reason.REVOKED_KEY: State.REVOKED,
    Reason.DISABLED_KEY: State.DISABLED,
    Reason.EXPIRED_KEY: State.EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What keys and consumers have in common. `stored` is the item that it was read from, empty for a new one."""

    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    created_at: int | None
    history: History = ()
    stored: Item = field(default_factory=dict, compare=False, repr=False)

    def changed(self, event: Event, **changes: Any) -> Self:
        """The record with these fields changed, and the event in its history."""
        return dataclasses.replace(self, history=history.appended(self.history, event), **changes)

    def attributes(self) -> dict[str, Any]:
        """The item's attributes as plain values. What is absent or empty has none."""
        raise NotImplementedError

    def to_item(self) -> dict[str, AttributeValueTypeDef]:
        """The item as DynamoDB takes it."""
        return serialized(self.attributes())


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(Record):
    """One API key, without the key itself: `digest` is all that is stored of it. Times in seconds since 1970.

    `data` is a JSON object as compact text. `disabled_with_consumer`: it is disabled because its consumer is.
    `rolled_from` and `rolled_to` are the ids of the key before and after this one; `unrolled_expires_at` is the expiry
    that the key had before it was rolled, to undo that.
    """

    digest: str
    key_id: str
    consumer: str
    data: str
    scopes: frozenset[str] = frozenset()
    enabled: bool = True
    disabled_with_consumer: bool = False
    expires_at: int | None = None
    revoked_at: int | None = None
    rolled_from: str | None = None
    rolled_to: str | None = None
    unrolled_expires_at: int | None = None
    hint: str | None = None

    @property
    def ref(self) -> str:
        """What names this key in every command: its id, or its digest when the id is not of our form."""
        return self.key_id if KEY_ID.fullmatch(self.key_id) else self.digest

    @property
    def own_prefix(self) -> str | None:
        """The prefix of a key in our own format, so far as its hint tells it; None for others."""
        match = _OWN_HINT.fullmatch(self.hint or "")
        return match[1] if match and not self.is_imported else None

    @property
    def is_imported(self) -> bool:
        """Whether the key was not made here, so that it may be in a file that is imported again."""
        return self.key_id == key_id_of_digest(self.digest)

    def is_looked_up(self, prefix: str, *, accept_imported: bool) -> bool:
        """Whether an authorizer with these settings looks keys of this form up. In doubt, it does."""
        return accept_imported or self.hint is None or self.hint.startswith(f"{prefix}_")

    def state(self, now: float) -> State:
        """What the authorizer makes of the key at this time."""
        ends = {"expires_at": self.expires_at, "revoked_at": self.revoked_at}
        return _STATES[refusal(enabled=self.enabled, **ends, now=now)]

    def expires_within(self, seconds: int, now: float) -> bool:
        """Whether the key is active now and will have expired after so many seconds."""
        return self.state(now) is State.ACTIVE and self.expires_at is not None and self.expires_at <= now + seconds

    @property
    def delete_after(self) -> int | None:
        """When DynamoDB may remove the item; None for a key that has no end, and for an imported one, which must stay
        ended when its file is imported again.
        """
        if self.is_imported:
            return None
        ends = self.revoked_at if self.revoked_at is not None else self.expires_at
        return None if ends is None else ends + KEPT_SECONDS

    def attributes(self) -> dict[str, Any]:
        return _present(
            pk=self.digest,
            key_id=self.key_id,
            consumer=self.consumer,
            description=self.description,
            data=self.data,
            scopes=set(self.scopes),
            tags=dict(self.tags),
            enabled=self.enabled,
            disabled_with_consumer=self.disabled_with_consumer or None,
            created_at=self.created_at,
            expires_at=self.expires_at,
            revoked_at=self.revoked_at,
            rolled_from=self.rolled_from,
            rolled_to=self.rolled_to,
            unrolled_expires_at=self.unrolled_expires_at,
            hint=self.hint,
            delete_after=self.delete_after,
            history=[event.to_map() for event in self.history],
        )

    @classmethod
    def from_item(cls, item: Item) -> Key:
        """What the authorizer accepts is a key here as well: of all that it does not read, the unreadable is left out.

        :raises MalformedItem: the authorizer refuses the item, whatever the token.
        """
        values = deserialized(item)
        digest = _text(values, "pk") or ""
        try:
            record = KeyRecord.from_item(item)
        except MalformedRecord as error:
            raise MalformedItem(str(error), digest) from None
        if not DIGEST.fullmatch(digest):
            raise MalformedItem("pk is not a SHA-256", digest)
        hint_ = _text(values, "hint")
        return cls(
            digest=digest,
            key_id=record.identity.key_id or "",
            consumer=record.identity.sub,
            description=_text(values, "description") or "",
            data=_text(values, "data") or "{}",
            scopes=record.identity.scopes,
            tags=_tags(values),
            enabled=record.enabled,
            disabled_with_consumer=values.get("disabled_with_consumer") is True,
            created_at=_time(values, "created_at"),
            expires_at=record.expires_at,
            revoked_at=record.revoked_at,
            rolled_from=_text(values, "rolled_from"),
            rolled_to=_text(values, "rolled_to"),
            unrolled_expires_at=_time(values, "unrolled_expires_at"),
            # Nothing but the beginning of a key may stand there, but others write items too.
            hint=None if hint_ is None or api_key.digest(hint_) == digest else hint_,
            history=history.parse(values.get("history")),
            stored=item,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer(Record):
    """Who holds keys. Its name is their `sub`, its data is theirs unless they were made with data of their own."""

    name: str
    data: str = "{}"
    enabled: bool = True

    def attributes(self) -> dict[str, Any]:
        # Neither `consumer` nor `key_id`, which keeps the item out of the indexes.
        return _present(
            pk=consumer_pk(self.name),
            name=self.name,
            description=self.description,
            data=self.data,
            enabled=self.enabled,
            tags=dict(self.tags),
            created_at=self.created_at,
            history=[event.to_map() for event in self.history],
        )

    @classmethod
    def from_item(cls, item: Item) -> Consumer:
        """:raises MalformedItem: the item is not a consumer's."""
        values = deserialized(item)
        name = _text(values, "name")
        if not name or values.get("pk") != consumer_pk(name):
            raise MalformedItem("name is missing, or is not the one of pk", str(values.get("pk")))
        return cls(
            name=name,
            description=_text(values, "description") or "",
            data=_text(values, "data") or "{}",
            enabled=values.get("enabled", True) is True,
            tags=_tags(values),
            created_at=_time(values, "created_at"),
            history=history.parse(values.get("history")),
            stored=item,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted(Record):
    """What stays of an imported key that was deleted, so that it does not come back with its file: its digest."""

    digest: str
    deleted_at: int

    def attributes(self) -> dict[str, Any]:
        # No consumer and no key_id: it is in no index, and no key to the authorizer.
        return {"pk": self.digest, "deleted_at": self.deleted_at}

    @classmethod
    def from_item(cls, item: Item) -> Deleted:
        """:raises MalformedItem: the item is not that of a deleted key."""
        values = deserialized(item)
        digest, deleted_at = _text(values, "pk") or "", _time(values, "deleted_at")
        if deleted_at is None or not DIGEST.fullmatch(digest):
            raise MalformedItem("deleted_at is not a time", digest)
        return cls(digest=digest, deleted_at=deleted_at, created_at=None)


def serialized(values: Mapping[str, Any]) -> dict[str, AttributeValueTypeDef]:
    """Plain values as DynamoDB takes them."""
    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in values.items()}


def deserialized(item: Item) -> dict[str, Any]:
    """An item's attributes as plain values: numbers as `Decimal`."""
    deserialize = TypeDeserializer().deserialize
    return {name: deserialize(value) for name, value in item.items()}


def consumer_pk(name: str) -> str:
    """The partition key of a consumer's item. A key's is 64 hexadecimal digits: they never meet."""
    return f"{CONSUMER_PK}{name}"


def new_key_id() -> str:
    """A new public name for a key: 95 random bits."""
    return "key_" + "".join(secrets.choice(ALPHABET) for _ in range(_ID_LENGTH))


def key_id_of_digest(digest: str) -> str:
    """A public name that is always the same for the same key, so that an import can be repeated."""
    number = int(digest, 16)
    characters = []
    for _ in range(_ID_LENGTH):
        number, position = divmod(number, len(ALPHABET))
        characters.append(ALPHABET[position])
    return "key_" + "".join(characters)


def hint(key: str, prefix: str) -> str:
    """What may be shown of a key so that its holder recognises it: the prefix and the first four characters after."""
    start = f"{prefix}_"
    shown = len(start) if key.startswith(start) else 0
    return key[: shown + _HINT_CHARACTERS]


def _present(**attributes: Any) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value or value is False or value == 0}


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) else None


def _time(values: Mapping[str, Any], name: str) -> int | None:
    value = values.get(name)
    return int(value) if isinstance(value, Decimal) and re.fullmatch(r"[0-9]{1,12}", str(value)) else None


def _tags(values: Mapping[str, Any]) -> dict[str, str]:
    tags: object = values.get("tags")
    pairs: Iterable[tuple[str, object]] = tags.items() if isinstance(tags, Mapping) else ()
    return {name: value for name, value in pairs if isinstance(value, str)}
