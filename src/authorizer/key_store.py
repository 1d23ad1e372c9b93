"""API keys in DynamoDB: the lookup, and the authenticator that uses it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from authorizer import api_key
from authorizer.attributes import MalformedRecord
from authorizer.identity import Identity
from authorizer.item_store import ItemStore
from authorizer.key_record import KeyRecord, is_deleted
from authorizer.refusal import Reason, Refusal

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from authorizer.attributes import Item

UNKNOWN_SECONDS: Final = 5
"""Short, so that a new key works soon even if it was used before it was created."""

_IMPORTED = re.compile(r"[\x21-\x7e]{16,512}")


class KeyStore(ItemStore[KeyRecord]):
    """Looks up keys by the digest of the token.

    An unknown digest is cached for at most `UNKNOWN_SECONDS`. The lookup needs no constant-time comparison: its
    duration depends on the SHA-256 of the token, which reveals nothing about a key.
    """

    def __init__(self, client: DynamoDBClient, table: str, *, cache_seconds: float, clock: Callable[[], float]) -> None:
        unknown = min(cache_seconds, UNKNOWN_SECONDS)
        super().__init__(client, table, _read, cache_seconds=cache_seconds, absent_seconds=unknown, clock=clock)


def _read(item: Item) -> KeyRecord | None:
    return None if is_deleted(item) else KeyRecord.from_item(item)


class ApiKeyAuthenticator:
    """Accepts API keys.

    A token with the prefix is always an API key. It is refused without a read if its format or checksum is wrong. With
    `accept_imported`, other tokens of 16 to 512 visible characters are looked up as well. If such a token is not in
    the table, it can still be another kind of credential.
    """

    def __init__(self, store: KeyStore, prefix: str, *, accept_imported: bool, clock: Callable[[], float]) -> None:
        self._store = store
        self._prefix = prefix
        self._accept_imported = accept_imported
        self._clock = clock

    def authenticate(self, token: str) -> Identity | None:
        """Check a token; see `authentication.Authenticator`."""
        has_prefix = api_key.has_prefix(token, self._prefix)
        if has_prefix and not api_key.is_well_formed(token, self._prefix):
            raise Refusal(Reason.MALFORMED_KEY, "api_key")
        if not has_prefix and not (self._accept_imported and _IMPORTED.fullmatch(token)):
            return None
        try:
            record = self._store.find(api_key.digest(token))
        except MalformedRecord:
            raise Refusal(Reason.MALFORMED_RECORD, "api_key") from None
        if record is None:
            if has_prefix:
                raise Refusal(Reason.UNKNOWN_KEY, "api_key")
            return None
        reason = record.refusal(self._clock())
        if reason is not None:
            raise Refusal(reason, "api_key", record.identity.key_id)
        return record.identity
