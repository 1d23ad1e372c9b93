"""Queries of CloudWatch Logs Insights. It is the only module that asks logs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from keys.core.errors import ServiceFailure

MOST_RESULTS: Final = 10_000
"""The results of one query (CloudWatch Logs quotas)."""
POLL_SECONDS: Final = 0.5
MOST_QUERIES: Final = 500
"""The queries for the totals of one log group. A period whose totals do not fit one result is split."""
DAY: Final = "bin(1d)"
"""A member for `totals`: the day in UTC."""

_PLAIN: Final = re.compile(r"[\w .:/@+=-]*", re.ASCII)


class Incomplete(ServiceFailure):
    """Not all results came. Nothing may be concluded from what is missing."""


@dataclass(frozen=True, slots=True)
class Total:
    """Lines with the same values. `values`: by member, "" for an absent one. `newest`: the time of the newest line, in
    milliseconds since 1970.
    """

    values: Mapping[str, str]
    lines: int
    newest: int


@dataclass(frozen=True, slots=True)
class Logs:
    """CloudWatch Logs. `client`: of boto3. `sleep` is called between two questions for the results of a query.

    `most_results`: of one query. `most_queries`: for the totals of one log group.
    """

    client: Any
    sleep: Callable[[float], None]
    most_results: int = MOST_RESULTS
    most_queries: int = MOST_QUERIES

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

    def totals(
        self, group: str, by: Sequence[str], *, having: str, equal: Mapping[str, str], start: int, end: int
    ) -> Iterator[Total]:
        """How many lines of a log group have the same values, from `start` to before `end`, in milliseconds since 1970.

        `by`: members, and `DAY`. `having` and `equal`: as for `lines`, but a value of `equal` must be plain text. The
        same values can come several times, with parts of the lines.

        :raises Incomplete: a query failed, or the totals need more than `most_queries`.
        """
        conditions = [f"ispresent({having})", *(f'{name} = "{value}"' for name, value in sorted(equal.items()))]
        waiting, asked = [(start, end)], 0
        while waiting:
            first, last = waiting.pop()
            # The range of a query has whole seconds, and both ends belong to it. The conditions are exact.
            exact = [f"toMillis(@timestamp) >= {first}", f"toMillis(@timestamp) < {last}"]
            query = " | ".join(
                [
                    f"filter {' and '.join([*conditions, *exact])}",
                    f"stats count(*) as lines, max(@timestamp) as newest by {', '.join(by)}",
                    f"limit {self.most_results}",
                ]
            )
            asked += 1
            rows = self.rows(group, query, start=first // 1000, end=last // 1000 + 1)
            if len(rows) < self.most_results:
                yield from (
                    Total({name: row.get(name, "") for name in by}, int(row["lines"]), _moment(row["newest"]))
                    for row in rows
                )
            elif asked + len(waiting) + 2 > self.most_queries or last - first < 2:
                raise Incomplete(f"The totals of {group} need more than {self.most_queries:,} queries.")
            else:
                middle = (first + last) // 2
                waiting += [(middle, last), (first, middle)]

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


def _moment(text: str) -> int:
    """The milliseconds since 1970 of a computed time, which Insights shows as such a number or as `@timestamp`."""
    try:
        return int(float(text))
    except ValueError:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def _seconds(timestamp: str) -> int:
    """Insights shows a time in UTC, such as `2026-11-26 09:00:00.000`."""
    try:
        return int(datetime.fromisoformat(timestamp).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return 0
