"""Notices before and at the end of keys.

A key has a moment for each notice: N days before its end, and the end itself. A run sends the notices whose moments lie
between the end of the last complete run and now. A late run thus makes up for missed ones, and a repeated run sends the
same notices with the same event IDs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from key_events.envelope import Event

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from key_events.outlet import Outlet

DAY: Final = 86_400
MOST_DAYS_BACK: Final = 35
"""How far a run goes back. A notice from before that would be of no use."""
DONE: Final = "notices#done"
"""The partition key of the item that has the end of the last complete run."""
ACTOR: Final = "schedule"


class Notices:
    """Finds the notices that are due, and puts them to the outlet. `days`: how many days before the end."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        outlet: Outlet,
        *,
        days: Sequence[int],
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._table = table
        self._outlet = outlet
        self._days = tuple(sorted({*days, 0}, reverse=True))
        self._clock = clock

    def run(self) -> int:
        """Send what is due. Returns the number of notices."""
        now = int(self._clock())
        start = max(self._done() or now - DAY, now - MOST_DAYS_BACK * DAY)
        sent = 0
        for days in self._days:
            for event in self._due(start, now, days):
                self._outlet.put([event])
                sent += 1
        self._client.put_item(TableName=self._table, Item={"pk": {"S": DONE}, "done_until": {"N": str(now)}})
        return sent

    def _done(self) -> int | None:
        item = self._get(DONE)
        return int(item["done_until"]["N"]) if item else None

    def _due(self, start: int, now: int, days: int) -> Iterator[Event]:
        """The notices this number of days before the end, with a moment after `start` and not after `now`."""
        first, last = start + days * DAY + 1, now + days * DAY
        for pk in self._ending(first, last):
            # The index is eventually consistent, and has the keys of each whole day.
            item = self._get(pk)
            end = _end(item)
            if item is None or end is None or not first <= end <= last or (days and end <= now):
                continue
            if "revoked_at" in item or "rolled_to" in item:
                continue
            moment = end - days * DAY
            yield Event(
                name="key.expiring" if days else "key.expired",
                # After the changes of the same second.
                event_id=f"{moment:010}-{'notice':z<40}-{days:02}",
                key_id=item["key_id"]["S"],
                consumer=item.get("consumer", {}).get("S"),
                actor=ACTOR,
                via="notices",
                reason=None,
                at=moment,
                days=days or None,
            )

    def _ending(self, first: int, last: int) -> Iterator[str]:
        """The partition keys of the items whose day of the end is between those of these times."""
        day, final = (datetime.fromtimestamp(time, UTC).date() for time in (first, last))
        while day <= final:
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName="by_end_day",
                KeyConditionExpression="end_day = :day",
                ExpressionAttributeValues={":day": {"S": day.isoformat()}},
            )
            for page in pages:
                yield from (item["pk"]["S"] for item in page["Items"])
            day += timedelta(1)

    def _get(self, pk: str) -> dict[str, Any] | None:
        answer: Any = self._client.get_item(TableName=self._table, Key={"pk": {"S": pk}}, ConsistentRead=True)
        item: dict[str, Any] | None = answer.get("Item")
        return item


def _end(item: dict[str, Any] | None) -> int | None:
    """The end of a key in seconds since 1970. None: it has none, or it is malformed."""
    text = (item or {}).get("expires_at", {}).get("N", "")
    return int(text) if text.isdigit() else None
