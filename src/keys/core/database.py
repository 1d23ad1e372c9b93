"""Reads, conditional writes and transactions on the DynamoDB table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from botocore.exceptions import ClientError

from keys.core.aws_errors import is_certain_refusal, translate
from keys.core.errors import Conflict, KeysError, OutcomeUnknown, ServiceFailure

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from keys.core.change import Write
    from keys.core.record import Item

T = TypeVar("T")

MAX_TRANSACTION: Final = 100
"""DynamoDB's limit of writes in one transaction."""

_WAITS = (0.05, 0.1, 0.2, 0.4, 0.8)
_CONFLICTS = frozenset(["ConditionalCheckFailed", "TransactionConflict"])
_THROTTLED = frozenset(["ThrottlingError", "ProvisionedThroughputExceeded"])


class WriteConflict(Exception):
    """Nothing was written: a condition failed, another transaction was in progress, or the table was throttled.

    `item`: the existing item, if the write returned it. `throttled`: the reason from DynamoDB, if it was throttling.
    """

    def __init__(self, item: Item | None = None, throttled: str | None = None) -> None:
        super().__init__()
        self.item: Final = item
        self.throttled: Final = throttled


class Database:
    """One table. `sleep` is called between attempts."""

    def __init__(self, client: DynamoDBClient, table: str, sleep: Callable[[float], None]) -> None:
        self._client = client
        self.table = table
        self._sleep = sleep

    def get(self, pk: str) -> Item | None:
        """The item, read consistently."""
        answer = self._client.get_item(TableName=self.table, Key={"pk": {"S": pk}}, ConsistentRead=True)
        return answer.get("Item")

    def pks_of_key_id(self, key_id: str) -> list[str]:
        """The partition keys of the items with this key ID. More than one only if other programs wrote items.

        The index is eventually consistent, so the query is repeated for 0.8 seconds while it finds nothing.
        """
        for wait in (0.2, 0.6, None):
            items = self._client.query(
                TableName=self.table,
                IndexName="by_key_id",
                KeyConditionExpression="key_id = :key_id",
                ExpressionAttributeValues={":key_id": {"S": key_id}},
            )["Items"]
            if items or wait is None:
                return [item["pk"]["S"] for item in items]
            self._sleep(wait)
        return []

    def keys_of_consumer(self, name: str) -> Iterator[Item]:
        """The items of a consumer's keys, eventually consistent."""
        return self._pages(
            "query",
            IndexName="by_consumer",
            KeyConditionExpression="consumer = :consumer",
            ExpressionAttributeValues={":consumer": {"S": name}},
        )

    def all_keys(self) -> Iterator[Item]:
        """The items of all keys, eventually consistent."""
        return self._pages("scan", IndexName="by_consumer")

    def all_consumers(self) -> Iterator[Item]:
        """The items of all consumers."""
        return self._pages(
            "scan",
            FilterExpression="begins_with(pk, :consumer)",
            ExpressionAttributeValues={":consumer": {"S": "consumer#"}},
        )

    def all_items(self) -> Iterator[Item]:
        """All items, read consistently."""
        return self._pages("scan", ConsistentRead=True)

    def put_new(self, item: Item) -> None:
        """:raises WriteConflict: an item with this partition key exists; the error has it."""
        try:
            self._client.put_item(
                TableName=self.table,
                Item=item,
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            existing: Any = error.response
            raise WriteConflict(existing.get("Item")) from None

    def write(self, writes: Sequence[Write]) -> None:
        """Apply all of at most `MAX_TRANSACTION` writes, or none.

        :raises WriteConflict: none was applied.
        :raises OutcomeUnknown: there was no answer, or the call was interrupted. The writes might have been applied.
        """
        if not writes:
            return
        items: Any = [
            {action: {**arguments, "TableName": self.table} for action, arguments in write.items()} for write in writes
        ]
        try:
            self._client.transact_write_items(TransactItems=items)
        except ClientError as error:
            raise _cancelled(error) or (error if is_certain_refusal(error) else _outcome_unknown(error)) from error
        except BaseException as error:
            raise _outcome_unknown(error) from error

    def retry_conflicts(self, operation: Callable[[], T], find_result: Callable[[], T | None] = lambda: None) -> T:
        """Call `operation`, which reads, decides and writes, again after each `WriteConflict`. Returns its result.

        `find_result` returns the result if it is found in the table, else None. It is called after a `WriteConflict`
        as well: a write whose answer was lost conflicts with its own retry by the client.

        :raises Conflict: each attempt failed because of concurrent changes.
        :raises ServiceFailure: each attempt was throttled.
        :raises OutcomeUnknown: see `write`; and `find_result` did not find it.
        """
        throttled = None
        for wait in _WAITS:
            try:
                return operation()
            except (WriteConflict, OutcomeUnknown) as error:
                is_interrupted = isinstance(error.__cause__, KeyboardInterrupt)
                found = None if is_interrupted else _call_unless_failing(find_result, error)
                if found is not None:
                    return found
                if isinstance(error, OutcomeUnknown):
                    raise
                throttled = error.throttled
                self._sleep(wait)
        if throttled:
            raise ServiceFailure(f"DynamoDB throttles the table. Try again in a moment. Its reason: {throttled}")
        raise Conflict("Another command changes the same items at the same time. Try again.")

    def _pages(self, operation: Literal["query", "scan"], **arguments: Any) -> Iterator[Item]:
        paginator: Any = self._client.get_paginator(operation)
        return (item for page in paginator.paginate(TableName=self.table, **arguments) for item in page["Items"])


def _call_unless_failing(find_result: Callable[[], T | None], error: WriteConflict | OutcomeUnknown) -> T | None:
    """:raises OutcomeUnknown: the table could not be read."""
    try:
        return find_result()
    except KeysError:
        return None
    except Exception as failure:
        raise (error if isinstance(error, OutcomeUnknown) else _outcome_unknown(failure)) from failure


def _outcome_unknown(error: BaseException) -> OutcomeUnknown:
    if isinstance(error, KeyboardInterrupt):
        return OutcomeUnknown("Interrupted before AWS answered.")
    known = translate(error) if isinstance(error, Exception) else None
    return OutcomeUnknown(str(known) if known else f"AWS did not answer: {type(error).__name__}.")


def _cancelled(error: ClientError) -> WriteConflict | None:
    """The conflict, if the transaction can succeed when it is repeated; else None."""
    code = error.response["Error"]["Code"]
    if code in ("TransactionConflictException", "TransactionInProgressException"):
        return WriteConflict()
    if code != "TransactionCanceledException":
        return None
    response: Any = error.response
    reasons = {reason.get("Code", "None"): reason.get("Message") for reason in response.get("CancellationReasons", [])}
    throttled = [f"{code}: {text}" if text else code for code, text in reasons.items() if code in _THROTTLED]
    if reasons.keys() - {"None"} <= _CONFLICTS | _THROTTLED:
        return WriteConflict(throttled=", ".join(throttled) or None)
    return None
