"""The history of a key or consumer. The write that makes a change also writes the event to the item."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

MAX_EVENTS: Final = 10
"""The first and the last nine are kept. Items stay small, because the authorizer reads them for each decision."""

_MAX_LENGTH: Final = 256


@dataclass(frozen=True, slots=True)
class Author:
    """The origin of a change. `by`: an IAM ARN, or a profile. `how`: the command or program."""

    by: str
    how: str

    def event(self, what: str, now: float, reason: str | None = None) -> Event:
        """An event at this time, without a number."""
        return Event(what, int(now), self.by[:_MAX_LENGTH], self.how[:_MAX_LENGTH], reason)


@dataclass(frozen=True, slots=True)
class Event:
    """One change. `what`: one word, such as `created`. `at`: in seconds since 1970.

    `n`: the version of the item that the change made, so it grows with each entry of an item. None: the entry was
    written by a version before 0.3.0.
    """

    what: str
    at: int
    by: str
    how: str
    reason: str | None = None
    n: int | None = None

    def to_json(self) -> dict[str, Any]:
        """All members."""
        return {name: getattr(self, name) for name in self.__slots__}

    def to_map(self) -> dict[str, Any]:
        """The members that have a value, as they are stored."""
        return {name: value for name, value in self.to_json().items() if value is not None}


History = tuple[Event, ...]


def parse(entries: object) -> History:
    """The events of a list of objects. Malformed ones are skipped: they must not prevent a revocation."""
    return tuple(filter(None, map(_event, entries))) if isinstance(entries, Iterable) else ()


def appended(history: History, event: Event, n: int) -> History:
    """The history with one more event, which gets this number. If it is full, the oldest but the first is removed."""
    kept = history if len(history) < MAX_EVENTS else (history[0], *history[2 - MAX_EVENTS :])
    return (*kept, dataclasses.replace(event, n=n))


def _event(entry: object) -> Event | None:
    match entry:
        case {"what": str(what), "at": at, "by": str(by), "how": str(how), **more} if _is_count(at):
            reason, n = more.get("reason"), more.get("n")
            return Event(what, at, by, how, reason if isinstance(reason, str) else None, n if _is_count(n) else None)
    return None


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
