"""Queries of CloudWatch Logs Insights. It is the only module that asks logs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from keys.core.errors import ServiceFailure

MOST_RESULTS: Final = 10_000
"""The results of one query (CloudWatch Logs quotas)."""
POLL_SECONDS: Final = 0.5

_PLAIN: Final = re.compile(r"[\w .:/@+=-]*", re.ASCII)


class Incomplete(ServiceFailure):
    """Not all results came. Nothing may be concluded from what is missing."""


@dataclass(frozen=True, slots=True)
class Logs:
    """CloudWatch Logs. `client`: of boto3. `sleep` is called between two questions for the results of a query."""

    client: Any
    sleep: Callable[[float], None]

    def lines(
        self, group: str, *, having: str, equal: Mapping[str, str], start: int, end: int
    ) -> Iterator[dict[str, Any]]:
        """The lines of a log group from `start` to `end`, in seconds since 1970, as JSON objects, oldest first.

        `having`: a member that each line has. `equal`: members and their values. A line can come twice.

        :raises Incomplete: a query failed, or more than `MOST_RESULTS` lines are of one second.
        """
        # A value with other characters is compared here, since Insights does not document how to write it.
        plain = {name: value for name, value in equal.items() if _PLAIN.fullmatch(value)}
        conditions = [f"ispresent({having})", *(f'{name} = "{value}"' for name, value in sorted(plain.items()))]
        query = " | ".join(
            [
                "fields @timestamp, @message",
                f"filter {' and '.join(conditions)}",
                "sort @timestamp asc",
                f"limit {MOST_RESULTS}",
            ]
        )
        while True:
            rows = self.rows(group, query, start=start, end=end)
            for row in rows:
                line = _object(row.get("@message", ""))
                if having in line and all(line.get(name) == value for name, value in equal.items()):
                    yield line
            if len(rows) < MOST_RESULTS:
                return
            start, before = _seconds(rows[-1].get("@timestamp", "")), start
            if start <= before:
                raise Incomplete(f"More than {MOST_RESULTS:,} lines of {group} have the same time.")

    def rows(self, group: str, query: str, *, start: int, end: int) -> list[dict[str, str]]:
        """The results of one query, as texts by field.

        :raises Incomplete: the query did not complete.
        """
        started = self.client.start_query(logGroupName=group, startTime=start, endTime=end, queryString=query)
        while True:
            answer = self.client.get_query_results(queryId=started["queryId"])
            if answer["status"] == "Complete":
                return [{cell["field"]: cell["value"] for cell in row} for row in answer["results"]]
            if answer["status"] not in ("Scheduled", "Running"):
                raise Incomplete(f"The query of {group} ended with the status {answer['status']}.")
            self.sleep(POLL_SECONDS)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _seconds(timestamp: str) -> int:
    """Insights shows a time in UTC, such as `2026-11-26 09:00:00.000`."""
    try:
        return int(datetime.fromisoformat(timestamp).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return 0
