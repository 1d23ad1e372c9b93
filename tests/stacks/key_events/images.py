"""Items as the table's stream has them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from keys.core import attributes
from keys.core.history import Event

DIGEST = "ab" * 32
KEY_ID = "key_0123456789abcdef"
AT = 1_790_000_000


SCHEMA = Draft202012Validator(json.loads(Path("docs/events.schema.json").read_text(encoding="utf-8")))
"""The documented form of an event's detail."""


def entry(what: str, n: int | None = None, *, at: int = AT, by: str = "arn:jo", reason: str | None = None) -> Event:
    return Event(what, at, by, "keys revoke", reason, n)


def key(*entries: Event, **attributes: Mapping[str, Any]) -> dict[str, Any]:
    """A key's item with this history."""
    return {
        "pk": {"S": DIGEST},
        "key_id": {"S": KEY_ID},
        "consumer": {"S": "acme"},
        "enabled": {"BOOL": True},
        **_history(entries),
        **attributes,
    }


def consumer(*entries: Event, **attributes: Mapping[str, Any]) -> dict[str, Any]:
    """A consumer's item with this history."""
    return {"pk": {"S": "consumer#acme"}, "name": {"S": "acme"}, **_history(entries), **attributes}


def subject(*entries: Event, **attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The item of a subject of JWTs with this history."""
    named = {"issuer": {"S": "https://issuer.example"}, "subject": {"S": "jo@example.com"}, "enabled": {"BOOL": True}}
    return {"pk": {"S": f"subject#{DIGEST}"}, **named, **_history(entries), **attributes}


def record(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, sequence_number: str = "7", **more: Any
) -> dict[str, Any]:
    """A record of the stream."""
    images = {name: image for name, image in (("OldImage", old), ("NewImage", new)) if image is not None}
    name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
    change = {"ApproximateCreationDateTime": float(AT), "SequenceNumber": sequence_number, **images}
    return {"eventName": name, "dynamodb": change, **more}


def _history(entries: Sequence[Event]) -> dict[str, Any]:
    return {"history": attributes.write([entry.to_map() for entry in entries])} if entries else {}
