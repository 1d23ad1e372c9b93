"""The record of events: what happened to keys and consumers, also to those that are deleted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from keys.deployment.logs import Logs

MEMBERS: Final = (
    "event",
    "event_id",
    "key_id",
    "consumer",
    "actor",
    "via",
    "reason",
    "at",
    "changes",
    "days",
    "subject",
)
_NOT_IN_ALL: Final = ("days", "subject")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events. None: any. `actor`: the whole ARN, or the end of it after a slash, such as a session's name."""

    key_id: str | None = None
    consumer: str | None = None
    actor: str | None = None
    event: str | None = None

    def has(self, event: dict[str, Any]) -> bool:
        actor = str(event.get("actor"))
        return self.actor is None or actor == self.actor or actor.endswith(f"/{self.actor}")


def events(logs: Logs, group: str, wanted: Wanted, *, start: int, end: int) -> Iterator[dict[str, Any]]:
    """The events from `start` to `end`, in seconds since 1970, as objects with `MEMBERS`, each once.

    An event is found by the time of its line, which is when it was sent, and later than its `at`.

    :raises Incomplete: not all events came.
    """
    named = {"key_id": wanted.key_id, "consumer": wanted.consumer, "message": wanted.event}
    equal = {name: value for name, value in named.items() if value is not None}
    seen = set[str]()
    for line in logs.lines(group, having="event_id", equal=equal, start=start, end=end):
        event = {"event": line.get("message"), **line}
        if event["event_id"] not in seen and wanted.has(event):
            seen.add(event["event_id"])
            # A line of the record has no member whose value is null.
            yield {name: event.get(name) for name in MEMBERS if name in event or name not in _NOT_IN_ALL}
