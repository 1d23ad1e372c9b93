"""JSON objects that every parser reads in the same way (RFC 8259, sections 4 to 9), and that can be written again."""

import json
import math
from typing import Any, Final

MAX_DEPTH: Final = 64
"""The maximum nesting of objects and lists, so that code which reads an object later cannot fail on the depth."""


def parse_object(text: bytes) -> dict[str, Any]:
    """Parse an object in UTF-8.

    :raises ValueError: it is not a JSON object, has a member twice, a number that is not finite, a lone surrogate, or
        is nested more than `MAX_DEPTH` deep.
    """
    try:
        parsed = _STRICT.decode(text.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(parsed, dict):
        raise ValueError("not an object")
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH and _is_too_deep(parsed):
        raise ValueError("nested too deeply")
    # An escape can produce a lone surrogate, which cannot be encoded as UTF-8 later.
    if b"\\u" in text:
        json.dumps(parsed, ensure_ascii=False).encode()
    return parsed


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        nested = [item for item in level if isinstance(item, dict | list)]
        level = [inner for item in nested for inner in (item.values() if isinstance(item, dict) else item)]
    return bool(nested)


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has the same member twice")
    return members


def _finite(text: str) -> float:
    """Read a number. JSON has no NaN and no Infinity, and Python reads a number that is too large as infinite."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is not finite")
    return number


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_unique_members, parse_constant=_finite, parse_float=_finite)
