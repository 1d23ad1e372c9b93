"""The use of keys, from the table of stacks/usage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from keys.core import attributes, usage_items

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DAYS: Final = 30
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Use:
    """`last`: when a key was last used, in seconds since 1970; None for never. `days`: requests on the last 30 days, to
    today in UTC.
    """

    last: int | None
    days: list[int]


class Uses:
    """Reads one table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def of(self, key_id: str, now: int) -> Use:
        """The use of a key, with one query."""
        names = [usage_items.day_of(now - _DAY * ago) for ago in reversed(range(DAYS))]
        # The item with the newest day of all is in the answer too: its sort key, a word, is greater than that of a day.
        items: Any = self._client.query(
            TableName=self._table,
            KeyConditionExpression="subject = :subject AND #day >= :first",
            ExpressionAttributeNames={"#day": "day"},
            ExpressionAttributeValues={
                ":subject": {"S": usage_items.key_subject(key_id)},
                ":first": {"S": names[0]},
            },
        )["Items"]
        found = {item["day"]["S"]: item for item in items}
        return Use(_last(found), [_requests(found.get(name, {})) for name in names])


def _requests(item: Any) -> int:
    return sum(attributes.read(item[name]) or 0 for name in usage_items.CLASSES if name in item)


def _last(found: dict[str, Any]) -> int | None:
    days = sorted(found.keys() - {usage_items.LAST})
    if days:
        quarters = attributes.read(found[days[-1]].get("used_at", {})) or ["00:00"]
        return usage_items.start_of(days[-1], max(quarters))
    last = attributes.read(found.get(usage_items.LAST, {}).get("last_day", {}))
    return usage_items.start_of(last) if isinstance(last, str) else None
