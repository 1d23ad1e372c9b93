"""The table's items as DynamoDB gives and takes them: reads, conditional writes, transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import ClientError

from keys.life.errors import Conflict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from keys.life.record import Item

T = TypeVar("T")

MAX_TRANSACTION: Final = 100
"""The most writes that DynamoDB takes in one transaction."""

_WAITS = (0.05, 0.1, 0.2, 0.4, 0.8)
_PASSING_REASONS = frozenset(
    ["None", "ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]
)


class Changed(Exception):
    """The write's condition does not hold any more, or another write was in its way. Nothing was written."""

    def __init__(self, item: Item | None = None) -> None:
        super().__init__()
        self.item: Final = item


class Database:
    """One table. `sleep` is called between attempts."""

    def __init__(self, client: DynamoDBClient, table: str, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep

    def get(self, pk: str) -> Item | None:
        """The item as it is now."""
        answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": pk}}, ConsistentRead=True)
        return answer.get("Item")

    def pk_of_key_id(self, key_id: str) -> str | None:
        """The partition key of the key with this id.

        The index is a moment behind the table, so a key that is not found is looked for again within a second.
        """
        for wait in (0.2, 0.6, None):
            items = self._client.query(
                TableName=self._table,
                IndexName="by_key_id",
                KeyConditionExpression="key_id = :key_id",
                ExpressionAttributeValues={":key_id": {"S": key_id}},
            )["Items"]
            if items:
                return items[0]["pk"]["S"]
            if wait is not None:
                self._sleep(wait)
        return None

    def of_consumer(self, name: str) -> Iterator[Item]:
        """The items of a consumer's keys, possibly a moment old."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="by_consumer",
            KeyConditionExpression="consumer = :consumer",
            ExpressionAttributeValues={":consumer": {"S": name}},
        )
        return (item for page in pages for item in page["Items"])

    def all_keys(self) -> Iterator[Item]:
        """The items of all keys, possibly a moment old."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._table, IndexName="by_consumer")
        return (item for page in pages for item in page["Items"])

    def all_consumers(self) -> Iterator[Item]:
        """The items of all consumers."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression="begins_with(pk, :consumer)",
            ExpressionAttributeValues={":consumer": {"S": "consumer#"}},
        )
        return (item for page in pages for item in page["Items"])

    def put_new(self, item: Item) -> None:
        """:raises Changed: there is an item with its `pk`; the error has it."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            existing: Any = error.response
            raise Changed(existing.get("Item")) from None

    def write(self, writes: Sequence[Mapping[str, Mapping[str, Any]]]) -> None:
        """All of these writes, at most `MAX_TRANSACTION`, or none: each is `{"Put": ...}` and so on, without table.

        :raises Changed: a condition does not hold, or another write was in the way.
        """
        if not writes:
            return
        items: Any = [
            {action: {**arguments, "TableName": self._table} for action, arguments in write.items()} for write in writes
        ]
        try:
            self._client.transact_write_items(TransactItems=items)
        except ClientError as error:
            if _is_passing(error):
                raise Changed from None
            raise

    def attempt(self, operation: Callable[[], T]) -> T:
        """What the operation returns. It reads, decides and writes, and is tried again when it raises `Changed`.

        :raises Conflict: others changed the same items each time.
        """
        for wait in _WAITS:
            try:
                return operation()
            except Changed:
                self._sleep(wait)
        raise Conflict("Somebody else is changing the same items at the same time. Try again.")


def put_new(item: Item) -> dict[str, Any]:
    """A transaction's write of an item that must not be there yet."""
    return {"Put": {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}


def delete(pk: str) -> dict[str, Any]:
    """A transaction's removal of an item, which may be gone already."""
    return {"Delete": {"Key": {"pk": {"S": pk}}}}


def _is_passing(error: ClientError) -> bool:
    code = error.response["Error"]["Code"]
    if code != "TransactionCanceledException":
        return code in ("TransactionConflictException", "TransactionInProgressException")
    response: Any = error.response
    return {reason.get("Code", "None") for reason in response.get("CancellationReasons", [])} <= _PASSING_REASONS
