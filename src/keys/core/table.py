"""Reads, conditional writes and transactions on the DynamoDB table."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import ClientError

from keys.core.aws_errors import translate
from keys.core.errors import Code, Conflict, OutcomeUnknown, ServiceFailure
from keys.core.record import keys_in

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from keys.core.change import Write
    from keys.core.record import Item

T = TypeVar("T")

Report = Callable[[int, int | None], None]
"""Progress: called with the amount completed and the total, None if the total is not known."""

MAX_TRANSACTION: Final = 100
"""DynamoDB's limit of writes in one transaction."""

SEGMENTS: Final = 8
"""How many parts of the table a parallel scan reads at a time."""

_WAITS = (0.05, 0.1, 0.2, 0.4, 0.8)
_SENDINGS: Final = (0.5, 2.0, 5.0, None)
"""The waits before a transaction is sent again. DynamoDB completes a transaction in progress after 5 seconds (API
reference, TransactionInProgressException), and a token is valid for 10 minutes (TransactWriteItems).
"""
_CONFLICTS = frozenset(["ConditionalCheckFailed", "TransactionConflict"])
_THROTTLED = frozenset(["ThrottlingError", "ProvisionedThroughputExceeded"])
_CANCELLED: Final = frozenset(["TransactionCanceledException", "TransactionConflictException"])
_IN_PROGRESS: Final = "TransactionInProgressException"


def ignore(_done: int, _total: int | None) -> None:
    """A report that nobody reads."""


class WriteConflict(Exception):
    """Nothing was written: a condition failed, another transaction was in progress, or the table was throttled.

    `failed`: the numbers of the writes whose condition failed, each with the existing item if DynamoDB returned it.
    `throttled`: the reason from DynamoDB, if it was throttling.
    """

    def __init__(self, failed: Mapping[int, Item | None] | None = None, throttled: str | None = None) -> None:
        super().__init__()
        self.failed: Final = failed or {}
        self.throttled: Final = throttled


class Table:
    """One table. `sleep` is called between attempts."""

    def __init__(self, client: DynamoDBClient, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.client: Final = client
        self.name: Final = name
        self._sleep = sleep

    def get(self, pk: str) -> Item | None:
        """The item, read consistently."""
        answer = self.client.get_item(TableName=self.name, Key={"pk": {"S": pk}}, ConsistentRead=True)
        return answer.get("Item")

    def get_many(self, pks: Sequence[str]) -> dict[str, Item]:
        """Those of at most 100 items that exist, read consistently. It needs no more permissions than `get`."""
        reads: Any = [{"Get": {"TableName": self.name, "Key": {"pk": {"S": pk}}}} for pk in pks]
        try:
            answers: Any = self.client.transact_get_items(TransactItems=reads)["Responses"]
            found = [answer.get("Item") for answer in answers]
        except ClientError as error:
            # Another transaction writes one of them.
            if _code(error) not in _CANCELLED:
                raise
            found = [self.get(pk) for pk in pks]
        return {pk: item for pk, item in zip(pks, found, strict=True) if item}

    def pks_of_key_id(self, key_id: str) -> list[str]:
        """The partition keys of the items with this key ID. More than one only if other programs wrote items.

        The index is eventually consistent, so the query is repeated for 0.8 seconds while it finds nothing.
        """
        for wait in (0.2, 0.6, None):
            items = self.client.query(
                TableName=self.name,
                IndexName="by_key_id",
                KeyConditionExpression="key_id = :key_id",
                ExpressionAttributeValues={":key_id": {"S": key_id}},
            )["Items"]
            if items or wait is None:
                return [item["pk"]["S"] for item in keys_in(items)]
            self._sleep(wait)
        return []

    def keys_of_consumer(self, name: str) -> Iterator[Item]:
        """The items of a consumer's keys, eventually consistent: for lists, and never for a statement of safety."""
        return self._pages(
            self.client.query,
            IndexName="by_consumer",
            KeyConditionExpression="consumer = :consumer",
            ExpressionAttributeValues={":consumer": {"S": name}},
        )

    def all_keys(self) -> Iterator[Item]:
        """The items of all keys, eventually consistent: for lists, and never for a statement of safety."""
        return self._pages(self.client.scan, IndexName="by_consumer")

    def all_of_kind(self, kind: str) -> Iterator[Item]:
        """The items whose partition key begins with `kind#`."""
        return self._pages(
            self.client.scan,
            FilterExpression="begins_with(pk, :kind)",
            ExpressionAttributeValues={":kind": {"S": f"{kind}#"}},
        )

    def all_items(self) -> Iterator[Item]:
        """All items, read consistently."""
        return self._pages(self.client.scan, ConsistentRead=True)

    def scan_consistently(self, progress: Report, **filter_: Any) -> Iterator[Item]:
        """The items that match `filter_` (arguments of Scan), by one parallel scan with consistent reads.

        It finds every item that was in the table when it began. `progress` is called with the number of items read.
        """
        pages: SimpleQueue[Any] = SimpleQueue()
        stopped = threading.Event()

        def read(segment: int) -> None:
            try:
                arguments = {**filter_, "ConsistentRead": True, "Segment": segment, "TotalSegments": SEGMENTS}
                for page in self._answers(self.client.scan, **arguments):
                    pages.put(page)
                    if stopped.is_set():
                        return
            except BaseException as error:
                pages.put(error)
            else:
                pages.put(None)

        seen, running = 0, SEGMENTS
        with ThreadPoolExecutor(SEGMENTS) as pool:
            for segment in range(SEGMENTS):
                pool.submit(read, segment)
            try:
                while running:
                    page = pages.get()
                    if isinstance(page, BaseException):
                        raise page
                    if page is None:
                        running -= 1
                        continue
                    seen += page["ScannedCount"]
                    progress(seen, None)
                    yield from page["Items"]
            finally:
                stopped.set()

    def write(self, writes: Sequence[Write]) -> None:
        """Apply all of at most `MAX_TRANSACTION` writes, or none.

        If there is no answer, the transaction is sent again with the same token, so DynamoDB applies it at most once.

        :raises WriteConflict: none was applied.
        :raises OutcomeUnknown: there was no answer, or the call was interrupted. The writes might have been applied.
        """
        if not writes:
            return
        items: Any = [
            {action: {**arguments, "TableName": self.name} for action, arguments in write.items()} for write in writes
        ]
        try:
            self._send(items, str(uuid.uuid4()))
        except (KeyboardInterrupt, SystemExit) as error:
            raise OutcomeUnknown(Code.INTERRUPTED) from error

    def _send(self, items: Any, token: str) -> None:
        might_be_applied = False
        for wait in _SENDINGS:
            try:
                self.client.transact_write_items(TransactItems=items, ClientRequestToken=token)
                return
            except ClientError as error:
                if _code(error) in _CANCELLED:
                    raise _conflict(error) or error from None
                is_open = _is_open(error)
                might_be_applied |= is_open
                if not might_be_applied:
                    raise
                if wait is None or not is_open:
                    raise _outcome_unknown(error) from error
            except Exception as error:
                might_be_applied = True
                if wait is None:
                    raise _outcome_unknown(error) from error
            self._sleep(wait)

    def retry_conflicts(self, operation: Callable[[], T]) -> T:
        """Call `operation`, which reads, decides and writes, again after each `WriteConflict`. Returns its result.

        :raises Conflict: each attempt failed because of concurrent changes.
        :raises ServiceFailure: each attempt was throttled.
        """
        throttled = None
        for wait in _WAITS:
            try:
                return operation()
            except WriteConflict as error:
                throttled = error.throttled
                self._sleep(wait)
        if throttled:
            raise ServiceFailure(Code.THROTTLED, reason=throttled)
        raise Conflict(Code.TOO_MANY_CHANGES)

    def _pages(self, operation: Callable[..., Any], **arguments: Any) -> Iterator[Item]:
        return (item for page in self._answers(operation, **arguments) for item in page["Items"])

    def _answers(self, operation: Callable[..., Any], **arguments: Any) -> Iterator[Any]:
        start: dict[str, Any] = {}
        while True:
            page = operation(TableName=self.name, **arguments, **start)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _outcome_unknown(error: Exception) -> OutcomeUnknown:
    known = translate(error)
    if known and known.problem:
        return OutcomeUnknown(known.problem, **known.data)
    return OutcomeUnknown(Code.AWS_NO_ANSWER, reason=type(error).__name__)


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def _is_open(error: ClientError) -> bool:
    """Whether the transaction might have been applied, or still be: a 5xx answer, one in progress, or the refusal of a
    retry of the client, since the attempt before it might have had no answer.
    """
    answer = error.response.get("ResponseMetadata", {})
    is_retry = bool(answer.get("RetryAttempts"))
    return answer.get("HTTPStatusCode", 400) >= 500 or _code(error) == _IN_PROGRESS or is_retry


def _conflict(error: ClientError) -> WriteConflict | None:
    """The conflict, if the transaction can succeed when it is decided again; else None."""
    response: Any = error.response
    reasons = response.get("CancellationReasons", [])
    codes = {reason.get("Code", "None"): reason.get("Message") for reason in reasons}
    if codes.keys() - {"None"} - (_CONFLICTS | _THROTTLED):
        return None
    throttled = [f"{code}: {text}" if text else code for code, text in codes.items() if code in _THROTTLED]
    failed = {
        number: reason.get("Item")
        for number, reason in enumerate(reasons)
        if reason.get("Code") == "ConditionalCheckFailed"
    }
    return WriteConflict(failed, ", ".join(throttled) or None)
