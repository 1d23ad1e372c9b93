"""Read the decisions of the deployed authorizer, and the events of keys, from their logs."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

HEADING: Final = (
    f"{'TIME':<8}  {'OUTCOME':<7}  {'KIND':<7}  {'REASON':<24}  {'DURATION':>11}  {'REQUEST ID':<16}  KEY ID"
)


@dataclass(frozen=True)
class Decision:
    """A decision in the authorizer's log. `time` is in this machine's time zone.

    `request_id` is the `requestId` in the body of a refusal, and the header `x-amz-apigw-id` of every response.
    """

    time: datetime
    outcome: str
    kind: str
    reason: str
    milliseconds: float
    request_id: str
    key_id: str

    def __str__(self) -> str:
        shown = f"{self.time:%H:%M:%S}  {self.outcome:<7}  {self.kind:<7}  {self.reason:<24}"
        return f"{shown}  {self.milliseconds:8.1f} ms  {self.request_id:<16}  {self.key_id}"


def parse(message: str) -> Decision | None:
    """Return the decision in a log line, or None for any other line."""
    try:
        line = json.loads(message)
    except ValueError:
        return None
    if not isinstance(line, dict) or line.get("message") != "decision":
        return None
    return Decision(
        datetime.fromisoformat(line["timestamp"]).astimezone(),
        line["outcome"],
        _shown(line["kind"]),
        _shown(line["reason"]),
        line["latency_ms"],
        _shown(line.get("request_id")),
        _shown(line.get("key_id")),
    )


def parse_event(message: str) -> str | None:
    """Return the line to show for an event of a key or consumer, or None for any other line."""
    try:
        line = json.loads(message)
    except ValueError:
        return None
    if not isinstance(line, dict) or "event_id" not in line:
        return None
    time = datetime.fromisoformat(line["at"]).astimezone()
    subject = line.get("key_id") or (
        f"subject {line['subject'][:16]}" if "subject" in line else f"consumer {line.get('consumer')}"
    )
    reason = f" ({line['reason']})" if line.get("reason") else ""
    return f"{time:%H:%M:%S}  event    {line['message']}{reason} by {line['actor'].rpartition('/')[2]}: {subject}"


def _shown(value: str | None) -> str:
    return "-" if value in (None, "none") else str(value)


class Log:
    """A log group that is read incrementally."""

    def __init__(self, logs: Any, group: str, parse: Callable[[str], Any] = parse, most: int | None = None) -> None:
        """`logs` is a client of CloudWatch Logs. `parse` returns what a line shows, or None for lines of others.

        `most`: how many lines one call of `new` returns before it counts the others, because an import of keys has an
        event for each of them. None: all.
        """
        self._logs = logs
        self._most = most
        self._group = group
        self._parse = parse
        self._from = 0
        self._seen: set[str] = set()

    def new(self) -> Iterator[Any]:
        """Return what `parse` made of the lines since the last call."""
        pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=self._group, startTime=self._from)
        events = [event for page in pages for event in page["events"] if event["message"] not in self._seen]
        if not events:
            return
        newest = max(event["timestamp"] for event in events)
        if newest > self._from:
            self._from, self._seen = newest, set()
        # More events of the same millisecond can follow. The emulator has no event IDs; a decision has its request ID.
        self._seen |= {event["message"] for event in events if event["timestamp"] == newest}
        shown = [line for event in events if (line := self._parse(event["message"]))]
        yield from shown[: self._most]
        if self._most is not None and len(shown) > self._most:
            yield f"{'':<8}  and {len(shown) - self._most} more at that time"
