"""An API key as an item of the table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from authorizer import attributes, strict_json
from authorizer.attributes import MalformedRecord
from authorizer.identity import SCOPE_PATTERN, Identity
from authorizer.owner import holder
from authorizer.refusal import Reason

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from authorizer.networks import Networks

NETWORKS: Final = ("networks", "consumer_networks")
"""The attributes that limit a key to networks: its own, and a copy of its consumer's."""


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
        consumer, key_id = attributes.value(item, "consumer", "S"), attributes.value(item, "key_id", "S")
        if not consumer or not consumer.isprintable():
            raise MalformedRecord("consumer is missing or not printable")
        # The access log writes the key ID into JSON without escaping it.
        if not key_id or not attributes.is_name(key_id):
            raise MalformedRecord("key_id is missing or not printable, or has a quotation mark or a backslash")
        enabled = attributes.flag(item, "enabled")
        scopes = frozenset(filter(SCOPE_PATTERN.fullmatch, attributes.value(item, "scopes", "SS") or ()))
        data = _json_object(attributes.value(item, "data", "S"))
        plan, usage_key = attributes.plan(item)
        sub, issuer = holder(item, consumer)
        identity = Identity("api_key", sub, data, scopes, key_id, issuer, _networks(item), plan, usage_key)
        return cls(identity, enabled, attributes.time(item, "expires_at"), attributes.time(item, "revoked_at"))

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


def _networks(item: Mapping[str, AttributeValueTypeDef]) -> Networks | None:
    """The networks of the key that are also networks of its consumer. None if neither has any."""
    given = [blocks for name in NETWORKS if (blocks := attributes.value(item, name, "SS")) is not None]
    if not given:
        return None
    from authorizer.networks import NetworkError, Networks

    try:
        return reduce(and_, map(Networks.parse, given))
    except NetworkError:
        raise MalformedRecord("networks or consumer_networks has a text that is not a network") from None


def _json_object(text: str | None) -> Mapping[str, Any]:
    if text is None:
        return {}
    try:
        return strict_json.parse_object(text.encode())
    except ValueError:
        raise MalformedRecord("data is not a JSON object that can be passed on") from None
