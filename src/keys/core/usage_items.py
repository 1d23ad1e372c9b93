"""The items of the table of usage, which the function of stacks/usage writes and the commands read.

Partition key `subject`, sort key `day`. A subject is a key, an issuer or the hash of a user. It has an item for each
day, with counts by class of status and the quarters of an hour in which it was used, and one item `last` with its
newest day. A log group has one item, with the time since which its lines are counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

LAST: Final = "last"
"""The sort key of the item with the newest day."""
BEGAN: Final = "began"
"""The sort key of a log group's item."""
ISSUERS: Final = "issuers"
"""The subject whose sort keys are the issuers."""
RETENTION_SECONDS: Final = 400 * 86_400
"""The time to live of the items of a day, and of the item `last` after the last use."""
CLASSES: Final = ("2xx", "3xx", "4xx", "5xx")
MOST_BYTES: Final = 1024
"""Of a sort key: DynamoDB's limit."""

QUARTER_SECONDS: Final = 900


def key_subject(key_id: str) -> str:
    return f"key#{key_id}"


def issuer_subject(issuer: str) -> str:
    return f"issuer#{issuer}"


def user_subject(subject_hash: str) -> str:
    """`subject_hash`: see `authorizer.subject_hash`."""
    return f"user#{subject_hash}"


def log_subject(group: str) -> str:
    return f"log#{group}"


def day_of(seconds: float) -> str:
    """The day in UTC, such as `2026-11-26`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def quarter_of(seconds: float) -> str:
    """The begin of the quarter of an hour in UTC, such as `13:45`."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at.hour:02}:{at.minute - at.minute % (QUARTER_SECONDS // 60):02}"


def start_of(day: str, quarter: str = "00:00") -> int:
    """The begin of a day, or of a quarter of an hour in it, in seconds since 1970."""
    return int(datetime.fromisoformat(f"{day}T{quarter}:00+00:00").timestamp())


def delete_after(day: str) -> int:
    return start_of(day) + RETENTION_SECONDS


def counting(counts: Mapping[str, int], quarters: Collection[str], day: str) -> dict[str, Any]:
    """The update of the item of a day, as arguments of UpdateItem.

    It has no condition. A set of times only grows, so the last use cannot go back, whatever the order of batches, and a
    batch that comes twice does not change it. The item stays below 1 KB, so an update is one write unit.

    `counts`: by class of status, as in `CLASSES`.
    """
    names = {f"#c{number}": name for number, name in enumerate(sorted(counts))}
    values = {f":c{number}": {"N": str(counts[name])} for number, name in enumerate(sorted(counts))}
    added = [f"#c{number} :c{number}" for number in range(len(counts))]
    return {
        "UpdateExpression": f"SET delete_after = :ttl ADD {', '.join([*added, 'used_at :quarters'])}",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": {
            **values,
            ":quarters": {"SS": sorted(quarters)},
            ":ttl": {"N": str(delete_after(day))},
        },
    }


def newest_day(day: str) -> dict[str, Any]:
    """The update of the item `last`, as arguments of UpdateItem. Its condition fails if a newer day is there."""
    return {
        "UpdateExpression": "SET last_day = :day, delete_after = :ttl",
        "ConditionExpression": "attribute_not_exists(last_day) OR last_day < :day",
        "ExpressionAttributeValues": {":day": {"S": day}, ":ttl": {"N": str(delete_after(day))}},
    }
