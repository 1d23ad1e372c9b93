"""The table of usage: what a batch adds to it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from keys.core import usage_items

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from usage.batch import Batch

MOST_KNOWN: Final = 200_000
"""How many subjects are kept in memory with their newest day, and how many issuers and log groups."""


class Counter:
    """Writes counts. An instance knows what it has written, so that the items `last` are written once for each day."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._newest = dict[str, str]()
        self._known = set[tuple[str, str]]()

    def add(self, batch: Batch, group: str, now: int) -> int:
        """Add a batch of a log group. `now`: in seconds since 1970. A group counts as read from its first batch on,
        whatever its lines say: a time that is too early would make keys unused that are not.

        Return the number of updates. A batch that failed in the middle can be added again: its counts can then be too
        high, and the last uses are right.
        """
        updates = self._begin(usage_items.log_subject(group), usage_items.BEGAN, now)
        updates += sum(self._begin(usage_items.ISSUERS, issuer, now) for issuer in sorted(batch.issuers))
        for (subject, day), use in sorted(batch.uses.items()):
            # First, so that a failure between both cannot leave a used key without it.
            updates += self._renew(subject, day)
            self._update(subject, day, usage_items.counting(use.counts, use.quarters, day))
            updates += 1
        return updates

    def _renew(self, subject: str, day: str) -> int:
        if self._newest.get(subject, "") >= day:
            return 0
        with contextlib.suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._update(subject, usage_items.LAST, usage_items.newest_day(day))
        if len(self._newest) >= MOST_KNOWN:
            self._newest.clear()
        self._newest[subject] = day
        return 1

    def _begin(self, subject: str, sort: str, at: int) -> int:
        """Write an item with the time `began`. That of an existing item stays."""
        if (subject, sort) in self._known:
            return 0
        update = {"UpdateExpression": "SET began = if_not_exists(began, :at)"}
        self._update(subject, sort, {**update, "ExpressionAttributeValues": {":at": {"N": str(at)}}})
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known.add((subject, sort))
        return 1

    def _update(self, subject: str, sort: str, update: dict[str, Any]) -> None:
        self._client.update_item(TableName=self._table, Key={"subject": {"S": subject}, "day": {"S": sort}}, **update)
