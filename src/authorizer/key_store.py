"""API keys in DynamoDB: one read by digest, kept in memory for a while, and the authenticator that decides by it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from authorizer import api_key
from authorizer.authentication import InvalidCredential, Reason
from authorizer.cache import ExpiringCache
from authorizer.identity import Identity
from authorizer.key_record import KeyRecord, MalformedRecord, is_deleted

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST_FOUND: Final = 2_000
MOST_UNKNOWN: Final = 10_000
UNKNOWN_SECONDS: Final = 5
"""Shorter than the time for found keys: a key that was just made should work at once."""

_IMPORTED = re.compile(r"[\x21-\x7e]{16,512}")


class ForeignAnswer(Exception):
    """Something else than DynamoDB has answered in its place."""


class KeyStore:
    """Looks keys up by the digest of the token, which alone it ever sees.

    Found keys are kept for `cache_seconds` from the start of the read, the fact that one is unknown for
    `UNKNOWN_SECONDS` at most, failures not at all. The digest needs no comparison in constant time: it is an index of
    the table, and how long a search takes tells about the SHA-256 of a guess, not about a key.
    """

    def __init__(self, client: DynamoDBClient, table: str, *, cache_seconds: float, clock: Callable[[], float]) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._found = ExpiringCache[KeyRecord](cache_seconds, MOST_FOUND, clock)
        self._unknown = ExpiringCache[bool](min(cache_seconds, UNKNOWN_SECONDS), MOST_UNKNOWN, clock)

    def find(self, digest: str) -> KeyRecord | None:
        """The key with this digest, or None when there is none.

        :raises MalformedRecord: the item is not a key's.
        :raises Exception: DynamoDB failed, or did not answer within the client's timeouts.
        """
        record = self._found.get(digest)
        if record is not None or self._unknown.get(digest):
            return record
        started_at = self._clock()
        answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": digest}})
        item = answer.get("Item")
        if item is None or is_deleted(item):
            _check_sender(answer)
            self._unknown.put(digest, True, started_at)
            return None
        record = KeyRecord.from_item(item)
        self._found.put(digest, record, started_at)
        return record


class ApiKeyAuthenticator:
    """Accepts the keys in the store.

    A token with our prefix is ours, and refused with no read unless its form and checksum are right. With
    `accept_imported`, other tokens of 16 to 512 visible characters are looked up too; one that is not in the table
    may then still be another kind of credential.
    """

    def __init__(self, store: KeyStore, prefix: str, *, accept_imported: bool, clock: Callable[[], float]) -> None:
        self._store = store
        self._prefix = prefix
        self._accept_imported = accept_imported
        self._clock = clock

    def authenticate(self, token: str) -> Identity | None:
        """See `authentication.Authenticator`."""
        ours = api_key.has_prefix(token, self._prefix)
        if ours and not api_key.is_well_formed(token, self._prefix):
            raise InvalidCredential(Reason.MALFORMED_KEY, "api_key")
        if not ours and not (self._accept_imported and _IMPORTED.fullmatch(token)):
            return None
        try:
            record = self._store.find(api_key.digest(token))
        except MalformedRecord:
            raise InvalidCredential(Reason.MALFORMED_RECORD, "api_key") from None
        if record is None:
            if ours:
                raise InvalidCredential(Reason.UNKNOWN_KEY, "api_key")
            return None
        reason = record.refusal(self._clock())
        if reason is not None:
            raise InvalidCredential(reason, "api_key", record.identity.key_id)
        return record.identity


def _check_sender(answer: Mapping[str, Any]) -> None:
    """The client takes a page of HTML with status 200, a proxy's say, for an answer without an item."""
    content_type = answer["ResponseMetadata"]["HTTPHeaders"].get("content-type", "")
    if not content_type.startswith("application/x-amz-json"):
        raise ForeignAnswer
