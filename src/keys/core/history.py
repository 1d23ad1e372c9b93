"""The history of a key or consumer. The write that makes a change also writes the event to the item."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

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
    written by a version before 0.4.0.
    """

    what: str
    at: int
    by: str
    how: str
    reason: str | None = None
    n: int | None = None

    def to_map(self) -> dict[str, Any]:
        """The members that have a value."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}

    def store(self) -> AttributeValueTypeDef:
        """The entry of the item's list `history`."""
        members = self.to_map().items()
        return {"M": {name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in members}}


History = tuple[Event, ...]


def read(entries: object) -> History:
    """The events of the attribute `history`. Malformed ones are skipped: they must not prevent a revocation."""
    known = (_plain(entry.get("M")) for entry in entries) if isinstance(entries, Sequence) else ()
    return parse(known)


def parse(entries: object) -> History:
    """The events of a list of JSON objects, such as in an export. Malformed ones are skipped."""
    events = [_event(entry) for entry in entries] if isinstance(entries, Iterable) else []
    return tuple(event for event in events if event)


def appended(history: History, event: Event, n: int) -> History:
    """The history with one more event, which gets this number. If it is full, the oldest but the first is removed."""
    kept = history if len(history) < MAX_EVENTS else (history[0], *history[2 - MAX_EVENTS :])
    return (*kept, dataclasses.replace(event, n=n))


def _plain(entry: object) -> dict[str, Any]:
    """The texts and the whole numbers of a map in DynamoDB's format."""
    members: dict[str, Any] = {}
    for name, value in entry.items() if isinstance(entry, Mapping) else ():
        if isinstance(text := value.get("S"), str):
            members[name] = text
        elif re.fullmatch(r"[0-9]{1,12}", value.get("N", "")):
            members[name] = int(value["N"])
    return members


def _event(entry: object) -> Event | None:
    if not isinstance(entry, Mapping):
        return None
    texts = [entry.get(name) for name in ("what", "by", "how")]
    at, n, reason = (entry.get(name) for name in ("at", "n", "reason"))
    if not _is_count(at) or not all(isinstance(text, str) for text in texts):
        return None
    what, by, how = texts
    return Event(what, at, by, how, reason if isinstance(reason, str) else None, n if _is_count(n) else None)  # type: ignore[arg-type]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
