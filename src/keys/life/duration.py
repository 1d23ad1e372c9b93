"""Lengths of time as operators write them: `30s`, `15m`, `72h`, `90d`."""

import re
from typing import Final

from keys.life.errors import BadInput

LONGEST: Final = 36_500 * 86_400
"""A hundred years: longer is a mistake, and times stay within what DynamoDB's TTL and calendars can hold."""

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_PATTERN = re.compile(r"([0-9]{1,10})([smhd])")


def parse(text: str) -> int:
    """The length in seconds. `0` needs no unit.

    :raises BadInput: the text is something else, or longer than `LONGEST`.
    """
    if text == "0":
        return 0
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise BadInput(f"{text!r} is not a duration: write a number and a unit, like 30s, 15m, 72h or 90d.")
    seconds = int(match[1]) * _SECONDS[match[2]]
    if seconds > LONGEST:
        raise BadInput(f"{text!r} is too long: at most {LONGEST // 86_400} days, or leave it out.")
    return seconds


def show(seconds: int) -> str:
    """The length in its largest units: `3d 4h`, at most two of them."""
    parts = []
    for unit, size in reversed(_SECONDS.items()):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"
