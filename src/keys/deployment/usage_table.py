"""Usage as the table of stacks/usage has it: whole days, and the last use of each key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Any, Final

from keys.core import usage_items
from keys.core.errors import NotFound
from keys.deployment import optional
from keys.deployment.access_logs import AccessLog, AccessLogs, Unread
from keys.deployment.logs import Incomplete
from keys.deployment.target import Resolved
from keys.deployment.usage import API_KEY, JWT, By, Count, Used, User

STACK: Final = "usage"
MOST_KEYS: Final = 100
"""The keys of one BatchGetItem request (Amazon DynamoDB API reference)."""
READERS: Final = 8
"""How many requests are sent at a time."""

_ATTEMPTS: Final = 8


class Uses:
    """The items of the table. `client`: of DynamoDB. `sleep`: between attempts of a throttled request."""

    def __init__(self, client: Any, table: str, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep

    def last_days(self, key_ids: Iterable[str]) -> dict[str, str]:
        """The day of the last use of each key that was used, such as `2026-11-26`.

        :raises Incomplete: DynamoDB throttles the table.
        """
        rest = iter(dict.fromkeys(key_ids))
        batches = iter(lambda: list(islice(rest, MOST_KEYS)), [])
        found: dict[str, str] = {}
        with ThreadPoolExecutor(READERS) as readers:
            for part in readers.map(self._last_days, batches):
                found |= part
        return found

    def last_use(self, key_id: str) -> int | None:
        """The last use of a key, to a quarter of an hour, in seconds since 1970; None if it was not used."""
        day = self.last_days([key_id]).get(key_id)
        if day is None:
            return None
        counts = list(self.counts(usage_items.key_subject(key_id), API_KEY, key_id, day, day))
        return max((count.last for count in counts), default=usage_items.start_of(day))

    def counts(self, subject: str, kind: str, name: str, first: str, last: str) -> Iterator[Count]:
        """The counts of a subject by day and class of status, from the day `first` to the day `last`."""
        for item in self._items(subject, first, last):
            day = item["day"]["S"]
            newest = usage_items.start_of(day, max(item["used_at"]["SS"]))
            for status in usage_items.CLASSES:
                if status in item:
                    yield Count(kind, name, status, int(item[status]["N"]), newest, day)

    def counts_of(self, subject: str, kind: str, name: str, first: str, last: str) -> list[Count]:
        """See `counts`."""
        return list(self.counts(subject, kind, name, first, last))

    def issuers(self) -> list[str]:
        return [item["day"]["S"] for item in self._items(usage_items.ISSUERS)]

    def began(self, group: str) -> int | None:
        """Since when the lines of a log group are counted, in seconds since 1970; None if none was."""
        key = {"subject": {"S": usage_items.log_subject(group)}, "day": {"S": usage_items.BEGAN}}
        item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return int(item["began"]["N"]) if item else None

    def forget(self, subject: str) -> int:
        """Delete all items of a subject. Return their number."""
        count = 0
        for item in self._items(subject):
            self._client.delete_item(TableName=self._table, Key={name: item[name] for name in ("subject", "day")})
            count += 1
        return count

    def _items(self, subject: str, first: str = "", last: str = "") -> Iterator[Mapping[str, Any]]:
        """The items of a subject; with `first` and `last`, those of these days."""
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "subject = :subject",
            "ExpressionAttributeValues": {":subject": {"S": subject}},
        }
        if first:
            query["KeyConditionExpression"] += " AND #day BETWEEN :first AND :last"
            query["ExpressionAttributeNames"] = {"#day": "day"}
            query["ExpressionAttributeValues"] |= {":first": {"S": first}, ":last": {"S": last}}
        while True:
            page = self._client.query(**query)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _last_days(self, key_ids: Sequence[str]) -> dict[str, str]:
        wanted = [{"subject": {"S": usage_items.key_subject(each)}, "day": {"S": usage_items.LAST}} for each in key_ids]
        found: dict[str, str] = {}
        for attempt in range(_ATTEMPTS):
            answer = self._client.batch_get_item(RequestItems={self._table: {"Keys": wanted}})
            for item in answer["Responses"].get(self._table, []):
                found[item["subject"]["S"].partition("#")[2]] = item["last_day"]["S"]
            wanted = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
            if not wanted:
                return found
            self._sleep(0.1 * 2**attempt)
        raise Incomplete(f"DynamoDB throttles the table {self._table}.")


@dataclass(frozen=True)
class TableUsage:
    """A source of usage. `pending`: batches in the queue of failures, which are not counted yet. `all_keys`: the IDs of
    the keys to count if none are named.
    """

    uses: Uses
    unread: Sequence[Unread]
    began: int
    pending: int
    all_keys: Callable[[], Iterable[str]]

    name = "the table of usage"

    def counts(
        self,
        by: By,  # noqa: ARG002
        start: int,
        end: int,
        key_ids: Collection[str] | None = None,
        user: User | None = None,
    ) -> Iterator[Count]:
        first, last = usage_items.day_of(start), usage_items.day_of(end - 1)
        if user is not None:
            yield from self.uses.counts(usage_items.user_subject(user.subject_hash), JWT, user.issuer, first, last)
            return
        days = self.uses.last_days(self.all_keys() if key_ids is None else key_ids)
        wanted = [(usage_items.key_subject(each), API_KEY, each) for each in sorted(days) if days[each] >= first]
        if key_ids is None:
            wanted += [(usage_items.issuer_subject(each), JWT, each) for each in self.uses.issuers()]
        with ThreadPoolExecutor(READERS) as readers:
            subjects, kinds, names = zip(*wanted, strict=True) if wanted else ((), (), ())
            every = readers.map(self.uses.counts_of, subjects, kinds, names, repeat(first), repeat(last))
            for counts in every:
                yield from counts

    def used(self, start: int, end: int, key_ids: Collection[str]) -> Used:  # noqa: ARG002
        """A key that was used on the first day counts as used, also if that was before `start`."""
        first, days = usage_items.day_of(start), self.uses.last_days(key_ids)
        return Used({each: usage_items.start_of(day) for each, day in days.items() if day >= first}, start)


def outputs(resolved: Resolved, stack: str | None) -> Mapping[str, str] | None:
    """The outputs of the stack of usage; None if it is not deployed, or only a table was named."""
    if stack is None and resolved.stack is None:
        return None
    try:
        return optional.outputs(resolved, STACK, stack)[1]
    except NotFound:
        if stack:
            raise
        return None


def find(
    resolved: Resolved,
    stack: str | None,
    access_logs: AccessLogs,
    all_keys: Callable[[], Iterable[str]],
    sleep: Callable[[float], None],
) -> TableUsage | None:
    """The table of usage, and which of the access logs it counts. None if there is none.

    :raises NotFound: there is no stack of the given name.
    """
    found = outputs(resolved, stack)
    if found is None:
        return None
    uses = Uses(resolved.client("dynamodb"), found["UsageTableName"], sleep)
    logs, function = resolved.client("logs"), found["UsageFunctionArn"]
    began = {group: uses.began(group) if _is_sent(logs, group, function) else None for group in access_logs.groups}
    unsent = [_unsent(log, began[log.group]) for log in access_logs.read]
    counts = [at for at in began.values() if at is not None]
    queue = resolved.client("sqs").get_queue_attributes(
        QueueUrl=found["FailuresQueueUrl"],
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    return TableUsage(
        uses,
        (*access_logs.unread, *(each for each in unsent if each)),
        max(counts, default=0),
        sum(map(int, queue.values())),
        all_keys,
    )


def _is_sent(logs: Any, group: str, function: str) -> bool:
    filters = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    return any(each["destinationArn"] == function for each in filters)


def _unsent(log: AccessLog, began: int | None) -> Unread | None:
    if began is not None:
        return None
    return Unread(log.api, log.stage, f"the stack of usage has no line of its access log {log.group}")
