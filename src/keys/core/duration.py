"""Durations as command-line arguments: `30s`, `15m`, `72h`, `90d`."""

import re
from typing import Final

from keys.core.errors import BadInput, Code

MAX_SECONDS: Final = 36_500 * 86_400
"""100 years. Every time that is calculated from it fits DynamoDB's TTL and `datetime`."""

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_PATTERN = re.compile(r"([0-9]{1,10})([smhd])")


def parse(text: str) -> int:
    """The duration in seconds. `0` needs no unit.

    :raises BadInput: the text is invalid, or more than `MAX_SECONDS`.
    """
    if text == "0":
        return 0
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise BadInput(Code.DURATION_INVALID, text=text)
    seconds = int(match[1]) * _SECONDS[match[2]]
    if seconds > MAX_SECONDS:
        raise BadInput(Code.DURATION_TOO_LONG, text=text, limit=MAX_SECONDS // 86_400)
    return seconds


def show(seconds: int) -> str:
    """The duration in its two largest units that are not zero: `3d 4h`."""
    parts = []
    for unit, size in reversed(_SECONDS.items()):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"
