"""Keys and consumers, and the items of the table that hold them."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from authorizer.api_key import ALPHABET
from keys.life.errors import MalformedItem

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Item = Mapping[str, "AttributeValueTypeDef"]

KEPT_SECONDS: Final = 30 * 86_400
"""How long a key's item stays after its end, for who asks what became of it."""

_ID_LENGTH = 16
_HINT_CHARACTERS = 4


class State(StrEnum):
    """What the authorizer makes of a key: only an active one is accepted."""

    ACTIVE = "active"
    DISABLED = "disabled"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One API key, without the key itself: `digest` is all that is stored of it. Times in seconds since 1970.

    `data` is a JSON object as compact text. `rolled_from` and `rolled_to` are the ids of the key before and after
    this one; `unrolled_expires_at` is the expiry that the key had before it was rolled, to undo that.
    """

    digest: str
    key_id: str
    consumer: str
    data: str
    scopes: frozenset[str] = frozenset()
    tags: Mapping[str, str]
    enabled: bool = True
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    rolled_from: str | None = None
    rolled_to: str | None = None
    unrolled_expires_at: int | None = None
    hint: str | None = None

    def state(self, now: float) -> State:
        """What the authorizer makes of the key at this time, in the order in which it looks."""
        if self.revoked_at is not None:
            return State.REVOKED
        if not self.enabled:
            return State.DISABLED
        if self.expires_at is not None and now >= self.expires_at:
            return State.EXPIRED
        return State.ACTIVE

    def expires_within(self, seconds: int, now: float) -> bool:
        """Whether the key is active now and will have expired after so many seconds."""
        return self.state(now) is State.ACTIVE and self.expires_at is not None and self.expires_at <= now + seconds

    @property
    def delete_after(self) -> int | None:
        """When DynamoDB may remove the item; None for a key that has no end."""
        ends = self.revoked_at if self.revoked_at is not None else self.expires_at
        return None if ends is None else ends + KEPT_SECONDS

    def to_item(self) -> dict[str, AttributeValueTypeDef]:
        """The item as DynamoDB takes it. What is absent or empty has no attribute."""
        return _present(
            pk=_s(self.digest),
            key_id=_s(self.key_id),
            consumer=_s(self.consumer),
            data=_s(self.data),
            scopes={"SS": sorted(self.scopes)} if self.scopes else None,
            tags=_m(self.tags),
            enabled={"BOOL": self.enabled},
            created_at=_n(self.created_at),
            expires_at=_n(self.expires_at),
            revoked_at=_n(self.revoked_at),
            rolled_from=_s(self.rolled_from),
            rolled_to=_s(self.rolled_to),
            unrolled_expires_at=_n(self.unrolled_expires_at),
            hint=_s(self.hint),
            delete_after=_n(self.delete_after),
        )

    @classmethod
    def from_item(cls, item: Item) -> Key:
        """:raises MalformedItem: the item is not a key's."""
        enabled = _required(item, "enabled", "BOOL")
        return cls(
            digest=_required(item, "pk", "S"),
            key_id=_required(item, "key_id", "S"),
            consumer=_required(item, "consumer", "S"),
            data=_stored_data(item),
            scopes=frozenset(_optional(item, "scopes", "SS") or ()),
            tags=_stored_tags(item),
            enabled=enabled,
            created_at=_required_time(item, "created_at"),
            expires_at=_time(item, "expires_at"),
            revoked_at=_time(item, "revoked_at"),
            rolled_from=_optional(item, "rolled_from", "S"),
            rolled_to=_optional(item, "rolled_to", "S"),
            unrolled_expires_at=_time(item, "unrolled_expires_at"),
            hint=_optional(item, "hint", "S"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """Who holds keys. Its name is their `sub`, its data is theirs unless they were made with data of their own."""

    name: str
    description: str = ""
    data: str = "{}"
    tags: Mapping[str, str]
    created_at: int

    def to_item(self) -> dict[str, AttributeValueTypeDef]:
        """The item as DynamoDB takes it. It has neither `consumer` nor `key_id`, which keeps it out of the indexes."""
        return _present(
            pk=_s(consumer_pk(self.name)),
            name=_s(self.name),
            description=_s(self.description or None),
            data=_s(self.data),
            tags=_m(self.tags),
            created_at=_n(self.created_at),
        )

    @classmethod
    def from_item(cls, item: Item) -> Consumer:
        """:raises MalformedItem: the item is not a consumer's."""
        return cls(
            name=_required(item, "name", "S"),
            description=_optional(item, "description", "S") or "",
            data=_stored_data(item),
            tags=_stored_tags(item),
            created_at=_required_time(item, "created_at"),
        )


def consumer_pk(name: str) -> str:
    """The partition key of a consumer's item. A key's is 64 hexadecimal digits: they never meet."""
    return f"consumer#{name}"


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


def _s(text: str | None) -> AttributeValueTypeDef | None:
    return None if text is None else {"S": text}


def _n(number: int | None) -> AttributeValueTypeDef | None:
    return None if number is None else {"N": str(number)}


def _m(texts: Mapping[str, str]) -> AttributeValueTypeDef | None:
    return {"M": {name: {"S": text} for name, text in texts.items()}} if texts else None


def _present(**attributes: AttributeValueTypeDef | None) -> dict[str, AttributeValueTypeDef]:
    return {name: value for name, value in attributes.items() if value is not None}


def _optional(item: Item, name: str, kind: str) -> Any:
    attribute: Mapping[str, Any] | None = item.get(name)
    if attribute is None:
        return None
    if kind not in attribute:
        raise MalformedItem(f"{name} is not of type {kind}")
    return attribute[kind]


def _required(item: Item, name: str, kind: str) -> Any:
    value = _optional(item, name, kind)
    if value is None or (kind == "S" and not (value and value.isprintable())):
        raise MalformedItem(f"{name} is missing, or is no visible text")
    return value


def _time(item: Item, name: str) -> int | None:
    text = _optional(item, name, "N")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,11}", text):
        raise MalformedItem(f"{name} is not a time in whole seconds")
    return int(text)


def _required_time(item: Item, name: str) -> int:
    time = _time(item, name)
    if time is None:
        raise MalformedItem(f"{name} is missing")
    return time


def _stored_data(item: Item) -> str:
    text: str = _optional(item, "data", "S") or "{}"
    try:
        is_object = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        is_object = False
    if not is_object:
        raise MalformedItem("data is not a JSON object")
    return text


def _stored_tags(item: Item) -> dict[str, str]:
    tags: Mapping[str, Mapping[str, str]] = _optional(item, "tags", "M") or {}
    if not all("S" in value for value in tags.values()):
        raise MalformedItem("a tag is not a text")
    return {name: value["S"] for name, value in tags.items()}
