"""Keys and consumers, and the DynamoDB items that they are stored as."""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from authorizer import api_key
from authorizer.api_key import ALPHABET
from authorizer.key_record import KeyRecord, MalformedRecord, refusal
from authorizer.refusal import Reason
from keys.core import history
from keys.core.errors import MalformedItem
from keys.core.fields import KEY_ID
from keys.core.history import Event, History

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Item = Mapping[str, "AttributeValueTypeDef"]
T = TypeVar("T")

RETENTION_SECONDS: Final = 30 * 86_400
"""How long the item of a revoked or expired key is kept."""

CONSUMER_PK: Final = "consumer#"
DIGEST: Final = re.compile(r"[0-9a-f]{64}")

_ID_LENGTH = 16
_HINT_CHARACTERS = 4
_PREFIXED_HINT = re.compile(rf"(.+)_[0-9A-Za-z]{{{_HINT_CHARACTERS}}}")


class State(StrEnum):
    """The state of a key. The authorizer only accepts active keys."""

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
    """The common fields of keys and consumers. `stored`: the item that was read, empty for a new record."""

    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    created_at: int | None
    history: History = ()
    stored: Item = field(default_factory=dict, compare=False, repr=False)

    def changed(self, event: Event, **changes: Any) -> Self:
        """The record with these fields changed, and with the event added to its history."""
        return dataclasses.replace(self, history=history.appended(self.history, event), **changes)

    def attributes(self) -> dict[str, Any]:
        """The item's attributes as Python values. None and empty values are omitted."""
        raise NotImplementedError

    def to_item(self) -> dict[str, AttributeValueTypeDef]:
        """The item in DynamoDB's format."""
        return serialized(self.attributes())


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(Record):
    """One API key. Only the `digest` of the secret is stored. Times in seconds since 1970.

    `data`: a JSON object as compact text. `disabled_with_consumer`: the key was disabled because its consumer was.
    `rolled_from` and `rolled_to`: the IDs of the previous and the next key. `unrolled_expires_at`: the expiry before
    the key was rolled, to undo the roll. `hint`: the prefix and first characters of the secret.
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
        """The argument that identifies this key in every command: its ID, or its digest if the ID is malformed."""
        return self.key_id if KEY_ID.fullmatch(self.key_id) else self.digest

    @property
    def format_prefix(self) -> str | None:
        """The prefix of a key in the product's key format, as its hint shows it; None for other keys."""
        match = _PREFIXED_HINT.fullmatch(self.hint or "")
        return match[1] if match and not self.is_imported else None

    @property
    def is_imported(self) -> bool:
        """Whether the key was imported, so that importing the same file again must not restore it."""
        return self.key_id == imported_key_id(self.digest)

    def is_looked_up(self, prefix: str, *, accept_imported: bool) -> bool:
        """Whether an authorizer with these settings looks up keys of this format. True if the format is not known."""
        return accept_imported or self.hint is None or api_key.has_prefix(self.hint, prefix)

    def state(self, now: float) -> State:
        """The state at this time."""
        ends = {"expires_at": self.expires_at, "revoked_at": self.revoked_at}
        return _STATES[refusal(enabled=self.enabled, **ends, now=now)]

    def expires_within(self, seconds: int, now: float) -> bool:
        """Whether the key is active now and expires within this time."""
        return self.state(now) is State.ACTIVE and self.expires_at is not None and self.expires_at <= now + seconds

    @property
    def delete_after(self) -> int | None:
        """The TTL of the item, or None. The item of an imported key is kept: without it, importing the same file again
        would restore the key.
        """
        if self.is_imported:
            return None
        end = self.revoked_at if self.revoked_at is not None else self.expires_at
        return None if end is None else end + RETENTION_SECONDS

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
        """Every item that the authorizer can accept is a key. Malformed attributes that it does not read are ignored.

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
        hint = _text(values, "hint")
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
            # Another program can have stored the whole key as the hint.
            hint=None if hint is None or api_key.digest(hint) == digest else hint,
            history=history.parse(values.get("history")),
            stored=item,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer(Record):
    """The holder of keys. `name`: the `sub` of its keys. `data`: that of its keys, unless created with other data."""

    name: str
    data: str = "{}"
    enabled: bool = True

    def attributes(self) -> dict[str, Any]:
        # Without `consumer` and `key_id`, the item is in no index.
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
            raise MalformedItem("name is missing, or differs from pk", str(values.get("pk")))
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
    """The digest of a deleted imported key. It prevents that importing the same file again restores the key."""

    digest: str
    deleted_at: int

    def attributes(self) -> dict[str, Any]:
        # Without `consumer` and `key_id`, the item is in no index, and the authorizer takes it for no key.
        return {"pk": self.digest, "deleted_at": self.deleted_at}

    @classmethod
    def from_item(cls, item: Item) -> Deleted:
        """:raises MalformedItem: the item is not that of a deleted key."""
        values = deserialized(item)
        digest, deleted_at = _text(values, "pk") or "", _time(values, "deleted_at")
        if deleted_at is None or not DIGEST.fullmatch(digest):
            raise MalformedItem("deleted_at is not a time", digest)
        return cls(digest=digest, deleted_at=deleted_at, created_at=None)


def parsed(parse: Callable[[Item], T], items: Iterable[Item], report: Callable[[str], None]) -> Iterator[T]:
    """The records of the items. Malformed items are left out; `report` is called for each."""
    for item in items:
        try:
            record = parse(item)
        except MalformedItem as error:
            report(f"Left out: {error}")
        else:
            yield record


def serialized(values: Mapping[str, Any]) -> dict[str, AttributeValueTypeDef]:
    """Python values in DynamoDB's format."""
    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in values.items()}


def deserialized(item: Item) -> dict[str, Any]:
    """An item's attributes as Python values. Numbers are `Decimal`."""
    deserialize = TypeDeserializer().deserialize
    return {name: deserialize(value) for name, value in item.items()}


def consumer_pk(name: str) -> str:
    """The partition key of a consumer's item. Those of keys are 64 hexadecimal digits, so they never collide."""
    return f"{CONSUMER_PK}{name}"


def new_key_id() -> str:
    """A new key ID, with 95 random bits."""
    return "key_" + "".join(secrets.choice(ALPHABET) for _ in range(_ID_LENGTH))


def imported_key_id(digest: str) -> str:
    """The key ID of an imported key. It is derived from the digest, so that an import can be repeated."""
    number = int(digest, 16)
    characters = []
    for _ in range(_ID_LENGTH):
        number, position = divmod(number, len(ALPHABET))
        characters.append(ALPHABET[position])
    return "key_" + "".join(characters)


def make_hint(key: str, prefix: str) -> str:
    """The part of a key that can be shown, so that its holder recognizes it: the prefix and the next 4 characters."""
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
