"""A batch of access log lines, as CloudWatch Logs sends it to a function: from lines to counts.

Source: Amazon CloudWatch Logs User Guide, "Log group-level subscription filters" (the members of a batch).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from keys.core import usage_items
from keys.core.fields import KEY_ID

_API_KEY: Final = "api_key"
_JWT: Final = "jwt"
_ABSENT: Final = "-"
_STATUS: Final = re.compile(r"[2-5][0-9]{2}")


@dataclass(slots=True)
class Use:
    """What a batch has of one subject and day. `counts`: by class of status. `quarters`: see `usage_items`."""

    counts: Counter[str] = field(default_factory=Counter)
    quarters: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Batch:
    """`uses`: by subject and day. `issuers`: those of JWTs. `skipped`: the lines that are not counted, by reason."""

    uses: dict[tuple[str, str], Use] = field(default_factory=dict)
    issuers: set[str] = field(default_factory=set)
    skipped: Counter[str] = field(default_factory=Counter)


def read(events: Iterable[Mapping[str, Any]]) -> Batch:
    """Count the events of a batch. Each has a `timestamp` in milliseconds since 1970, and a `message`.

    A line that has another form is skipped, and stops nothing. Of a line, only the key ID or issuer, the class of the
    status and the time are used.
    """
    found = Batch()
    for event in events:
        try:
            line = json.loads(event["message"])
            seconds = int(event["timestamp"]) / 1000
            day, quarter = usage_items.day_of(seconds), usage_items.quarter_of(seconds)
            members = {name: line.get(name) for name in ("credential", "keyId", "issuer", "status")}
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError, RecursionError):
            found.skipped["malformed"] += 1
            continue
        subject = _subject(members, found)
        status = _STATUS.fullmatch(str(members["status"]))
        if subject is None or status is None:
            found.skipped["malformed" if subject else "no_credential"] += 1
            continue
        use = found.uses.setdefault((subject, day), Use())
        use.counts[f"{status[0][0]}xx"] += 1
        use.quarters.add(quarter)
    return found


def _subject(members: Mapping[str, Any], found: Batch) -> str | None:
    """The subject of a line, or None if it names none that can be counted."""
    kind, key_id, issuer = (members[name] for name in ("credential", "keyId", "issuer"))
    if kind == _API_KEY and isinstance(key_id, str) and KEY_ID.fullmatch(key_id):
        return usage_items.key_subject(key_id)
    if kind == _JWT and isinstance(issuer, str) and _is_issuer(issuer):
        found.issuers.add(issuer)
        return usage_items.issuer_subject(issuer)
    return None


def _is_issuer(text: str) -> bool:
    # A lone surrogate, which cannot be written, is not printable.
    return text not in ("", _ABSENT) and text.isprintable() and len(text.encode()) <= usage_items.MOST_BYTES
