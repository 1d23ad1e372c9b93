"""Our keys in other text: the pattern that secret scanners need, and the search for keys that leaked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from authorizer import api_key

CHECKSUM_RULE: Final = (
    f"The last {api_key.CHECKSUM_LENGTH} characters are the CRC-32 (as in zlib) of all characters before them, the "
    "underscore included: as a number in base 62, digits 0-9 A-Z a-z in this order, most significant first, padded "
    "with 0. A match whose checksum is wrong is not a key."
)
_BODY = f"[0-9A-Za-z]{{{api_key.RANDOM_LENGTH}}}_[0-9A-Za-z]{{{api_key.CHECKSUM_LENGTH}}}"


@dataclass(frozen=True, slots=True)
class Find:
    """A key in a text, and the numbers of the lines that it is in."""

    key: str
    lines: tuple[int, ...]


def pattern(prefix: str) -> str:
    """The regular expression of a key. It is the same in all common dialects."""
    return f"{prefix}_{_BODY}"


def find(text: str, prefix: str) -> list[Find]:
    """The keys in a text, each once, in the order in which they come first. Only the checksum decides what is one."""
    lines: dict[str, list[int]] = {}
    for number, key in _matches(text, prefix):
        if api_key.is_well_formed(key, prefix):
            lines.setdefault(key, []).append(number)
    return [Find(key, tuple(dict.fromkeys(numbers))) for key, numbers in lines.items()]


def rule(prefix: str) -> dict[str, Any]:
    """What a scanner needs to know, as an object."""
    return {"name": _name(prefix), "prefix": prefix, "regex": _bounded(prefix), "checksum": CHECKSUM_RULE}


def gitleaks(prefix: str) -> str:
    """A whole `.gitleaks.toml`, with a rule for our keys beside the built-in ones."""
    return f"""\
[extend]
useDefault = true

[[rules]]
id = "{_name(prefix)}"
description = "API key with the prefix {prefix}"
regex = '''{_bounded(prefix)}'''
keywords = ["{prefix}_"]
"""


def github(prefix: str) -> str:
    """The fields of GitHub's form for a custom pattern of its secret scanning."""
    return f"""\
Pattern name:   {_name(prefix)}
Secret format:  {pattern(prefix)}
Before secret:  \\A|[^0-9A-Za-z]
After secret:   \\z|[^0-9A-Za-z]
"""


def _matches(text: str, prefix: str) -> Iterator[tuple[int, str]]:
    # The lookahead finds keys that overlap with what only looks like one.
    expression = re.compile(f"(?=({pattern(prefix)}))")
    for number, line in enumerate(text.splitlines(), 1):
        yield from ((number, match[1]) for match in expression.finditer(line))


def _bounded(prefix: str) -> str:
    return rf"\b{pattern(prefix)}\b"


def _name(prefix: str) -> str:
    return f"{prefix.replace('_', '-')}-api-key"
