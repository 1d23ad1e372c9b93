"""What one change of an item in the table means: from its old and its new image to events."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from key_events.envelope import Event
from keys.core import attributes, history

Image = Mapping[str, Any]
"""An item in DynamoDB's format."""

TIME_TO_LIVE: Final = "dynamodb"
"""The actor of a deletion by time to live."""
NOT_RECORDED: Final = "unknown"
"""The actor of a change without an entry in the history: another program wrote the item."""

BOOKKEEPING: Final = frozenset(["pk", "history", "version", "end_day", "delete_after", "live", "made", "made_on"])
"""Attributes that follow from others. A change of these alone is no event."""

_KEY: Final = re.compile(r"[0-9a-f]{64}")
_KEY_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_CONSUMER: Final = re.compile(r"(?:consumer|owner)#.*", re.DOTALL)
_SUBJECT: Final = re.compile(r"subject#[0-9a-f]{64}")


class UnreadableRecord(Exception):
    """The record is not that of a key, a consumer or a subject. The text has no value of the item."""


def events_of(old: Image | None, new: Image | None, *, at: int, order: str, by_time_to_live: bool) -> Iterator[Event]:
    """The events of one change, in the order of the history.

    `old`: None for a new item. `new`: None for a removed item. `at`: the time of the change in seconds since 1970.
    `order`: a text that is the same in each delivery of the change, and sorts as the changes of one item do.

    A change that has entries in the history gives one event for each. Another change gives one event, whose actor is
    `NOT_RECORDED`. A removal gives none if the history already has the entry of the deletion.

    :raises UnreadableRecord: an image has no partition key, or a key without key ID.
    """
    if (kind := _kind(old, new)) is None:
        return
    # The item that remains of a deleted imported key has no key ID. For the key, it is a removal.
    before, after = (image if image and _is_whole(image, kind) else None for image in (old, new))
    item = after or before
    if item is None:
        return
    changes = _changed(before or {}, after or {})
    entries = _added(before, after)
    if not entries and (what := _unrecorded(before, after, changes)):
        entries = [history.Event(what, at, TIME_TO_LIVE if by_time_to_live else NOT_RECORDED, "stream")]
    for number, entry in enumerate(entries):
        yield Event(
            name=f"{kind}.{entry.what}",
            event_id=f"{order}-{number:02}",
            key_id=_key_id(item) if kind == "key" else None,
            consumer=None if kind == "subject" else _text(item, "consumer" if kind == "key" else "name"),
            # The digest of issuer and subject, not the subject, which is a claim.
            subject=(_text(item, "pk") or "").removeprefix("subject#") if kind == "subject" else None,
            actor=entry.by,
            via=entry.how,
            reason=entry.reason,
            at=entry.at,
            changes=tuple(sorted(changes)),
        )


def _kind(old: Image | None, new: Image | None) -> str | None:
    """`key`, `consumer` or `subject`. None: an item of another kind."""
    pk = _text(new or old or {}, "pk")
    if pk is None:
        raise UnreadableRecord("The record has no partition key.")
    if _KEY.fullmatch(pk):
        return "key"
    if _SUBJECT.fullmatch(pk):
        return "subject"
    return "consumer" if _CONSUMER.fullmatch(pk) else None


def _is_whole(image: Image, kind: str) -> bool:
    return kind != "key" or "key_id" in image


def _key_id(image: Image) -> str:
    key_id = _text(image, "key_id")
    # Another program can have stored anything here, such as the key itself.
    if key_id is None or not _KEY_ID.fullmatch(key_id):
        raise UnreadableRecord("The key ID is malformed.")
    return key_id


def _text(image: Image, name: str) -> str | None:
    value = image.get(name, {}).get("S")
    return value if isinstance(value, str) else None


def _changed(before: Image, after: Image) -> set[str]:
    """The names of the attributes that differ, except bookkeeping."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} - BOOKKEEPING


def _added(before: Image | None, after: Image | None) -> list[history.Event]:
    """The entries that the new image's history has and the old one's has not.

    Entries are compared by number. An older version of the `keys` command writes the history without numbers, so
    entries without one are compared by what they say.
    """
    if after is None:
        return []
    known = _history(before)
    last = max((entry.n for entry in known if entry.n is not None), default=-1)
    spoken = Counter(_said(entry) for entry in known)
    added = []
    for entry in _history(after):
        if entry.n is not None and all(other.n is not None for other in known):
            if entry.n > last:
                added.append(entry)
        elif spoken[_said(entry)]:
            spoken[_said(entry)] -= 1
        else:
            added.append(entry)
    return added


def _history(image: Image | None) -> history.History:
    return history.parse(attributes.read((image or {}).get("history", {})))


def _said(entry: history.Event) -> tuple[object, ...]:
    return entry.what, entry.at, entry.by, entry.how, entry.reason


def _unrecorded(before: Image | None, after: Image | None, changes: set[str]) -> str | None:
    """The name of a change without an entry. None: nothing that matters has changed."""
    if before is None:
        return "created"
    if after is None:
        entries = _history(before)
        return None if entries and entries[-1].what == "deleted" else "deleted"
    if "revoked_at" in after and "revoked_at" not in before:
        return "revoked"
    if "enabled" in changes:
        return "enabled" if after.get("enabled") == {"BOOL": True} else "disabled"
    return "updated" if changes else None
