"""The envelope of every event. docs/events.schema.json describes it, and docs/events.md its members."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

VERSION: Final = 1


class Event(NamedTuple):
    """One event. `name` is its detail type on the bus. `at`: in seconds since 1970.

    `key_id` is None for an event of a consumer or a subject. `days`: how many days before the end a notice is sent.
    `subject`: see docs/events.schema.json. Both are None for other events.
    """

    name: str
    event_id: str
    key_id: str | None
    consumer: str | None
    actor: str
    via: str
    reason: str | None
    at: int
    changes: tuple[str, ...] = ()
    days: int | None = None
    subject: str | None = None

    def detail(self) -> dict[str, Any]:
        """The envelope: what the bus calls `detail`, and the record has in its line."""
        return {
            "version": VERSION,
            "event_id": self.event_id,
            "key_id": self.key_id,
            "consumer": self.consumer,
            "actor": self.actor,
            "via": self.via,
            "reason": self.reason,
            "at": datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "changes": list(self.changes),
            **({} if self.days is None else {"days": self.days}),
            **({} if self.subject is None else {"subject": self.subject}),
        }

    def entry(self, bus: str, source: str) -> dict[str, Any]:
        """The entry of a PutEvents request."""
        return {
            "EventBusName": bus,
            "Source": source,
            "DetailType": self.name,
            "Detail": json.dumps(self.detail(), ensure_ascii=False),
            "Time": datetime.fromtimestamp(self.at, UTC),
        }
