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

MOST_AHEAD_SECONDS: Final = 2 * 3600
"""CloudWatch Logs takes no line that is further ahead of its clock (API reference, PutLogEvents)."""

_API_KEY: Final = "api_key"
_JWT: Final = "jwt"
_ABSENT: Final = "-"
_STATUS: Final = re.compile(r"[2-5][0-9]{2}")
_SUBJECT_HASH: Final = re.compile(r"[0-9a-f]{32}")


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


def read(events: Iterable[Mapping[str, Any]], now: float) -> Batch:
    """Count the events of a batch. Each has a `timestamp` in milliseconds since 1970, and a `message`. `now`: in
    seconds since 1970.

    A line that has another form is skipped, and stops nothing. Of a line, only the key ID, or issuer and hash of the
    subject, the class of the status and the time are used. A time in the future counts as now.
    """
    found = Batch()
    for event in events:
        try:
            line = json.loads(event["message"])
            seconds = _time(event["timestamp"], now)
            kind, key_id, issuer, subject_hash, status = (
                line.get(name) for name in ("credential", "keyId", "issuer", "subjectHash", "status")
            )
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            found.skipped["malformed"] += 1
            continue
        subjects = _subjects(kind, key_id, issuer, subject_hash)
        status_class = _class(status)
        if not subjects or status_class is None:
            found.skipped["malformed" if subjects else "no_credential"] += 1
            continue
        if kind == _JWT:
            found.issuers.add(issuer)
        day, quarter = usage_items.day_of(seconds), usage_items.quarter_of(seconds)
        for subject in subjects:
            use = found.uses.setdefault((subject, day), Use())
            use.counts[status_class] += 1
            use.quarters.add(quarter)
    return found


def _time(timestamp: Any, now: float) -> float:
    """The time of a line in seconds since 1970.

    :raises ValueError: it is in the future, or so long ago that its item would have no time to live.
    """
    seconds = int(timestamp) / 1000
    if not now - usage_items.RETENTION_SECONDS < seconds <= now + MOST_AHEAD_SECONDS:
        raise ValueError(seconds)
    return min(seconds, now)


def _subjects(kind: Any, key_id: Any, issuer: Any, subject_hash: Any) -> list[str]:
    """What a line is counted for. Empty if it names nothing that can be counted."""
    if kind == _API_KEY and isinstance(key_id, str) and KEY_ID.fullmatch(key_id):
        return [usage_items.key_subject(key_id)]
    if kind == _JWT and isinstance(issuer, str) and _is_issuer(issuer):
        is_hash = isinstance(subject_hash, str) and _SUBJECT_HASH.fullmatch(subject_hash)
        return [usage_items.issuer_subject(issuer), *([usage_items.user_subject(subject_hash)] if is_hash else [])]
    return []


def _class(status: Any) -> str | None:
    """The class of a status, such as `2xx`. A format without quotes around `$context.status` makes it a number."""
    text = str(status) if type(status) is int and status < 1000 else status
    return f"{text[0]}xx" if isinstance(text, str) and _STATUS.fullmatch(text) else None


def _is_issuer(text: str) -> bool:
    # A lone surrogate, which cannot be written, is not printable.
    return text not in ("", _ABSENT) and text.isprintable() and len(text.encode()) <= usage_items.MOST_BYTES
