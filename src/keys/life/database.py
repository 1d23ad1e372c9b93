"""The table's items as DynamoDB gives and takes them: reads, conditional writes, transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import ClientError

from keys.life.aws_errors import refused, translate
from keys.life.errors import Conflict, KeysError, ServiceFailure, Unclear

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from keys.life.change import Write
    from keys.life.record import Item

T = TypeVar("T")

MAX_TRANSACTION: Final = 100
"""The most writes that DynamoDB takes in one transaction."""

_WAITS = (0.05, 0.1, 0.2, 0.4, 0.8)
_MEANWHILE = frozenset(["ConditionalCheckFailed", "TransactionConflict"])
_AT_ITS_LIMIT = frozenset(["ThrottlingError", "ProvisionedThroughputExceeded"])


class Changed(Exception):
    """The write's condition does not hold any more, or another write was in its way. Nothing was written.

    `limit`: what DynamoDB said when it was the table's limit that was in the way.
    """

    def __init__(self, item: Item | None = None, limit: str | None = None) -> None:
        super().__init__()
        self.item: Final = item
        self.limit: Final = limit


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

    def pks_of_key_id(self, key_id: str) -> list[str]:
        """The partition keys of the items with this key id: one, or none, unless items were made by other means.

        The index is a moment behind the table, so a key that is not found is looked for again within a second.
        """
        for wait in (0.2, 0.6, None):
            items = self._client.query(
                TableName=self._table,
                IndexName="by_key_id",
                KeyConditionExpression="key_id = :key_id",
                ExpressionAttributeValues={":key_id": {"S": key_id}},
            )["Items"]
            if items or wait is None:
                return [item["pk"]["S"] for item in items]
            self._sleep(wait)
        return []

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

    def all_items(self) -> Iterator[Item]:
        """All items, as they are now."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
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

    def write(self, writes: Sequence[Write]) -> None:
        """All of these writes, at most `MAX_TRANSACTION`, or none.

        :raises Changed: a condition does not hold, or another write or the table's limit was in the way.
        :raises Unclear: there was no answer, or it was interrupted. It may have been written.
        """
        if not writes:
            return
        items: Any = [
            {action: {**arguments, "TableName": self._table} for action, arguments in write.items()} for write in writes
        ]
        try:
            self._client.transact_write_items(TransactItems=items)
        except ClientError as error:
            raise _cancelled(error) or (error if refused(error) else _unclear(error)) from error
        except BaseException as error:
            raise _unclear(error) from error

    def attempt(self, operation: Callable[[], T], landed: Callable[[], T | None] = lambda: None) -> T:
        """What the operation returns. It reads, decides and writes, and is tried again when it raises `Changed`.

        `landed` looks into the table for what the operation has written, and returns the same, or None: a write whose
        answer was lost may have come through, and the client's own repetition of it is then in its own way.

        :raises Conflict: others changed the same items each time.
        :raises ServiceFailure: the table was at its limit each time.
        :raises Unclear: see `write`; and `landed` has not found it.
        """
        limit = None
        for wait in _WAITS:
            try:
                return operation()
            except (Changed, Unclear) as error:
                found = None if isinstance(error.__cause__, KeyboardInterrupt) else _looked(landed, error)
                if found is not None:
                    return found
                if isinstance(error, Unclear):
                    raise
                limit = error.limit
                self._sleep(wait)
        if limit:
            raise ServiceFailure(f"The table is at its limit: try again in a moment. AWS said: {limit}")
        raise Conflict("Somebody else is changing the same items at the same time. Try again.")


def _looked(landed: Callable[[], T | None], error: Changed | Unclear) -> T | None:
    try:
        return landed()
    except KeysError:
        return None
    except Exception as failure:
        raise (error if isinstance(error, Unclear) else _unclear(failure)) from failure


def _unclear(error: BaseException) -> Unclear:
    if isinstance(error, KeyboardInterrupt):
        return Unclear("Interrupted before AWS had answered.")
    known = translate(error) if isinstance(error, Exception) else None
    return Unclear(str(known) if known else f"No answer of AWS: {type(error).__name__}.")


def _cancelled(error: ClientError) -> Changed | None:
    """What a transaction was cancelled for, if that passes; None for all other errors."""
    code = error.response["Error"]["Code"]
    if code in ("TransactionConflictException", "TransactionInProgressException"):
        return Changed()
    if code != "TransactionCanceledException":
        return None
    response: Any = error.response
    reasons = {reason.get("Code", "None"): reason.get("Message") for reason in response.get("CancellationReasons", [])}
    limits = [f"{code}: {text}" if text else code for code, text in reasons.items() if code in _AT_ITS_LIMIT]
    if reasons.keys() - {"None"} <= _MEANWHILE | _AT_ITS_LIMIT:
        return Changed(limit=", ".join(limits) or None)
    return None
