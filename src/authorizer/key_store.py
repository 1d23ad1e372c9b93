"""API keys in DynamoDB: the lookup with its key cache, and the authenticator that uses it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from authorizer import api_key
from authorizer.attributes import MalformedRecord
from authorizer.cache import ExpiringCache
from authorizer.identity import Identity
from authorizer.key_record import KeyRecord, is_deleted
from authorizer.refusal import Reason, Refusal

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST_FOUND: Final = 2_000
MOST_UNKNOWN: Final = 10_000
UNKNOWN_SECONDS: Final = 5
"""Short, so that a new key works soon even if it was used before it was created."""

_IMPORTED = re.compile(r"[\x21-\x7e]{16,512}")


class ForeignAnswer(Exception):
    """The response is not from DynamoDB: boto3 reads an HTML page of a proxy as a response without an item."""


class KeyStore:
    """Looks up keys by the digest of the token.

    A key that is found is cached for `cache_seconds` from the start of the read. An unknown digest is cached for at
    most `UNKNOWN_SECONDS`. Failures are not cached. The lookup needs no constant-time comparison: its duration depends
    on the SHA-256 of the token, which reveals nothing about a key.
    """

    def __init__(self, client: DynamoDBClient, table: str, *, cache_seconds: float, clock: Callable[[], float]) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._found = ExpiringCache[KeyRecord](cache_seconds, MOST_FOUND, clock)
        self._unknown = ExpiringCache[bool](min(cache_seconds, UNKNOWN_SECONDS), MOST_UNKNOWN, clock)

    def find(self, digest: str) -> KeyRecord | None:
        """The key with this digest, or None if there is none.

        :raises MalformedRecord: the item is not a valid key.
        :raises Exception: DynamoDB failed, or did not answer in time.
        """
        record = self._found.get(digest)
        if record is not None or self._unknown.get(digest):
            return record
        started_at = self._clock()
        answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": digest}})
        item = answer.get("Item")
        if item is None or is_deleted(item):
            sent = answer["ResponseMetadata"]["HTTPHeaders"].get("content-type", "")
            if not sent.startswith("application/x-amz-json"):
                raise ForeignAnswer
            self._unknown.put(digest, True, started_at)
            return None
        record = KeyRecord.from_item(item)
        self._found.put(digest, record, started_at)
        return record


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
