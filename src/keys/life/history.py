"""Who changed a key or consumer, when, how and why: kept in its item, by the write that makes the change."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

MOST_EVENTS: Final = 10
"""The first and the last nine are kept, so that an item stays small: each decision of the authorizer reads it."""

_LONGEST: Final = 256


@dataclass(frozen=True, slots=True)
class Author:
    """`by`: an identity as AWS names it, or a profile. `how`: the command or program."""

    by: str
    how: str

    def event(self, what: str, now: float, reason: str | None = None) -> Event:
        """A change that this author makes now."""
        return Event(what, int(now), self.by[:_LONGEST], self.how[:_LONGEST], reason)


@dataclass(frozen=True, slots=True)
class Event:
    """One change: `what` in one word, `at` in seconds since 1970."""

    what: str
    at: int
    by: str
    how: str
    reason: str | None = None

    def to_map(self) -> dict[str, Any]:
        """As it stands in the item's list `history`."""
        told = dataclasses.asdict(self)
        return {name: value for name, value in told.items() if value is not None}


History = tuple[Event, ...]


def parse(stored: object) -> History:
    """The events in an item's attribute. What is of another form is left out: no history may keep a key alive."""
    events = [_parse_event(entry) for entry in stored] if isinstance(stored, Sequence) else []
    return tuple(event for event in events if event)


def appended(history: History, event: Event) -> History:
    """The history with one more event, and without its oldest but the first where there are too many."""
    kept = history if len(history) < MOST_EVENTS else (history[0], *history[2 - MOST_EVENTS :])
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
