"""Items of the table: one read each, with a cache in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from authorizer.cache import ExpiringCache

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from authorizer.attributes import Item

MOST_FOUND: Final = 2_000
MOST_ABSENT: Final = 10_000

V = TypeVar("V")


class ForeignAnswer(Exception):
    """The response is not from DynamoDB: boto3 reads an HTML page of a proxy as a response without an item."""


class ItemStore(Generic[V]):
    """Looks up items by partition key. `read` returns the record of an item, or None for an item that counts as absent.

    A record is cached for `cache_seconds` from the start of the read, and that there is none for `absent_seconds`.
    Failures are not cached.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        read: Callable[[Item], V | None],
        *,
        cache_seconds: float,
        absent_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._table = table
        self._read = read
        self._clock = clock
        self._found = ExpiringCache[V](cache_seconds, MOST_FOUND, clock)
        self._absent = ExpiringCache[bool](absent_seconds, MOST_ABSENT, clock)

    def find(self, pk: str) -> V | None:
        """The record with this partition key, or None if there is none.

        :raises MalformedRecord: the item is not valid.
        :raises Exception: DynamoDB failed, or did not answer in time.
        """
        record = self._found.get(pk)
        if record is not None or self._absent.get(pk):
            return record
        started_at = self._clock()
        answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": pk}})
        item = answer.get("Item")
        record = None if item is None else self._read(item)
        if record is not None:
            self._found.put(pk, record, started_at)
            return record
        sent = answer["ResponseMetadata"]["HTTPHeaders"].get("content-type", "")
        if not sent.startswith("application/x-amz-json"):
            raise ForeignAnswer
        self._absent.put(pk, True, started_at)
        return None
