"""Where events go: a line in the record, and the event bus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from key_events.envelope import Event

MOST_ENTRIES: Final = 10
"""The entries of one PutEvents request: Amazon EventBridge quotas."""


class NotSent(Exception):
    """The bus did not take an event. The text has the bus's code."""


class Outlet:
    """Writes events to the record, then sends them to the bus.

    A retry after `NotSent` writes the line again, with the same `event_id`. `write` writes a line; `client` is boto3's
    of EventBridge.
    """

    def __init__(self, client: Any, bus: str, source: str, write: Callable[[str, dict[str, Any]], None]) -> None:
        self._client = client
        self._bus = bus
        self._source = source
        self._write = write

    def put(self, events: Sequence[Event]) -> None:
        """:raises NotSent: at least one event was not taken."""
        for event in events:
            self._write(event.name, event.detail())
        for start in range(0, len(events), MOST_ENTRIES):
            entries = [event.entry(self._bus, self._source) for event in events[start : start + MOST_ENTRIES]]
            answer = self._client.put_events(Entries=entries)
            if answer.get("FailedEntryCount"):
                codes = sorted({entry["ErrorCode"] for entry in answer["Entries"] if "ErrorCode" in entry})
                raise NotSent(", ".join(codes))
