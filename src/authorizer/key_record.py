"""An API key as an item of the table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from authorizer import strict_json
from authorizer.identity import SCOPE_PATTERN, Identity
from authorizer.refusal import Reason

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from authorizer.networks import Networks

NETWORKS: Final = ("networks", "consumer_networks")
"""The attributes that limit a key to networks: its own, and a copy of its consumer's."""

_UNSAFE: Final = frozenset('"\\')


class MalformedRecord(Exception):
    """The item is not a valid API key. The text says why, and contains no value of the item."""


class KeyRecord(NamedTuple):
    """The state of one key. Times are in seconds since 1970."""

    identity: Identity
    enabled: bool
    expires_at: int | None
    revoked_at: int | None

    @classmethod
    def from_item(cls, item: Mapping[str, AttributeValueTypeDef]) -> KeyRecord:
        """Read an item, and check all that later code relies on. Scopes that OAuth does not permit are left out.

        :raises MalformedRecord: the item is not a valid API key.
        """
        if "deleted_at" in item:
            raise MalformedRecord("the key has deleted_at")
        consumer, key_id = _value(item, "consumer", "S"), _value(item, "key_id", "S")
        if not consumer or not consumer.isprintable():
            raise MalformedRecord("consumer is missing or not printable")
        # The access log writes the key ID into JSON without escaping it.
        if not key_id or not key_id.isprintable() or not _UNSAFE.isdisjoint(key_id):
            raise MalformedRecord("key_id is missing or not printable, or has a quotation mark or a backslash")
        enabled = _value(item, "enabled", "BOOL")
        if not isinstance(enabled, bool):
            raise MalformedRecord("enabled is missing")
        scopes = frozenset(filter(SCOPE_PATTERN.fullmatch, _value(item, "scopes", "SS") or ()))
        data = _json_object(_value(item, "data", "S"))
        identity = Identity("api_key", consumer, data, scopes, key_id, networks=_networks(item))
        return cls(identity, enabled, _time(item, "expires_at"), _time(item, "revoked_at"))

    def refusal(self, now: float) -> Reason | None:
        """See `refusal`. The expiry is checked here because DynamoDB deletes expired items only after days."""
        return refusal(enabled=self.enabled, expires_at=self.expires_at, revoked_at=self.revoked_at, now=now)


def is_deleted(item: Mapping[str, AttributeValueTypeDef]) -> bool:
    """Whether the item only prevents a deleted key from being imported again. It is not a key."""
    return "deleted_at" in item and "consumer" not in item


def refusal(*, enabled: bool, expires_at: int | None, revoked_at: int | None, now: float) -> Reason | None:
    """Why a key in this state is refused at this time, or None."""
    if revoked_at is not None:
        return Reason.REVOKED_KEY
    if not enabled:
        return Reason.DISABLED_KEY
    if expires_at is not None and now >= expires_at:
        return Reason.EXPIRED_KEY
    return None


def _value(item: Mapping[str, AttributeValueTypeDef], name: str, kind: str) -> Any:
    """The value of an attribute of this DynamoDB type, or None if it is absent."""
    attribute: Mapping[str, Any] | None = item.get(name)
    if attribute is None:
        return None
    if kind not in attribute:
        raise MalformedRecord(f"{name} is not of type {kind}")
    return attribute[kind]


def _networks(item: Mapping[str, AttributeValueTypeDef]) -> Networks | None:
    """The networks of the key that are also networks of its consumer. None if neither has any."""
    given = [blocks for name in NETWORKS if (blocks := _value(item, name, "SS")) is not None]
    if not given:
        return None
    from authorizer.networks import NetworkError, Networks

    try:
        return reduce(and_, map(Networks.parse, given))
    except NetworkError:
        raise MalformedRecord("networks or consumer_networks has a text that is not a network") from None


def _time(item: Mapping[str, AttributeValueTypeDef], name: str) -> int | None:
    text = _value(item, name, "N")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise MalformedRecord(f"{name} is not a time in whole seconds")
    return int(text)


def _json_object(text: str | None) -> Mapping[str, Any]:
    if text is None:
        return {}
    try:
        return strict_json.parse_object(text.encode())
    except ValueError:
        raise MalformedRecord("data is not a JSON object that can be passed on") from None
