"""The history of a key or consumer. The transaction that makes a change also writes the event to the item."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

MAX_EVENTS: Final = 10
"""The first and the last nine are kept. Items stay small, because the authorizer reads them for each decision."""

_MAX_LENGTH: Final = 256


@dataclass(frozen=True, slots=True)
class Author:
    """The origin of a change. `by`: an IAM ARN, or a profile. `how`: the command or program."""

    by: str
    how: str

    def event(self, what: str, now: float, reason: str | None = None) -> Event:
        """An event at this time."""
        return Event(what, int(now), self.by[:_MAX_LENGTH], self.how[:_MAX_LENGTH], reason)


@dataclass(frozen=True, slots=True)
class Event:
    """One change. `what`: one word, such as `created`. `at`: in seconds since 1970."""

    what: str
    at: int
    by: str
    how: str
    reason: str | None = None

    def to_map(self) -> dict[str, Any]:
        """The entry of the item's list `history`."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}


History = tuple[Event, ...]


def parse(stored: object) -> History:
    """The events of the attribute `history`. Malformed ones are skipped: they must not prevent a revocation."""
    events = [_parse_event(entry) for entry in stored] if isinstance(stored, Sequence) else []
    return tuple(event for event in events if event)


def appended(history: History, event: Event) -> History:
    """The history with one more event. If it is full, the oldest event but the first is removed."""
    kept = history if len(history) < MAX_EVENTS else (history[0], *history[2 - MAX_EVENTS :])
    return (*kept, event)


def _parse_event(entry: object) -> Event | None:
    if not isinstance(entry, Mapping):
        return None
    what, at, by, how, reason = (entry.get(name) for name in ("what", "at", "by", "how", "reason"))
    if not isinstance(at, Decimal | int) or at < 0:
        return None
    if not (isinstance(what, str) and isinstance(by, str) and isinstance(how, str)):
        return None
    return Event(what, int(at), by, how, reason if isinstance(reason, str) else None)
