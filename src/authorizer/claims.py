"""Paths to claims, and conditions on them. Identity providers and access rules use the same notation.

| text | meaning |
|---|---|
| `realm_access.roles` | the member `roles` of the claim `realm_access` |
| `"kubernetes.io".namespace` | the member `namespace` of `kubernetes.io`: a name in double quotes is literal |
| `https://example.com/roles` | one claim: a text with `://` is literal, because namespaced claims have URLs as names |
| `"https://example.com/org".id` | the member `id` of the claim `https://example.com/org` |
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

Path = tuple[str, ...]
MISSING: Final = object()

_SEGMENTS = re.compile(r'(?:"[^"]+"|[^".]+)(?:\.(?:"[^"]+"|[^".]+))*')
_SEGMENT = re.compile(r'"([^"]+)"|([^".]+)')
_SCALARS = (str, bool, int, float)


class PathError(Exception):
    """The text is not a claim path. The message says why."""


class Claim:
    """A condition on claims: the value at `path`, or a member of the list there, is one of `values`.

    Values are strings, booleans and numbers. `2` is equal to `2.0`, because JSON has one type of number. A boolean is
    never equal to a number.
    """

    __slots__ = ("accepted", "path", "values")

    def __init__(self, path: Path, values: Iterable[Any]) -> None:
        self.path: Final = path
        self.values: Final = tuple(values)
        self.accepted: Final = frozenset(map(_comparable, self.values))

    def is_in(self, claims: Mapping[str, Any]) -> bool:
        """Whether the claims satisfy the condition. It takes time proportional to the members of the list."""
        found = find(claims, self.path)
        return any(
            type(member) in _SCALARS and _comparable(member) in self.accepted
            for member in (found if isinstance(found, list) else (found,))
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Claim) and (self.path, self.accepted) == (other.path, other.accepted)

    def __hash__(self) -> int:
        return hash((self.path, self.accepted))

    def __str__(self) -> str:
        """The condition in words, such as ``hd is one of "example.com", "example.org"``."""
        values = ", ".join(json.dumps(value, ensure_ascii=False) for value in self.values)
        return f"{write_path(self.path)} is {'one of ' if len(self.values) > 1 else ''}{values}"


def parse_path(text: str) -> Path:
    """:raises PathError: a name is empty, or a quotation mark does not enclose a whole name."""
    if '"' not in text:
        path = (text,) if "://" in text else tuple(text.split("."))
        if not all(path):
            raise PathError(f"The claim path {text!r} has an empty part. Remove the extra full stop.")
        return path
    if not _SEGMENTS.fullmatch(text):
        raise PathError(
            f"The claim path {text!r} has a quotation mark or a full stop that does not enclose or separate whole "
            'names. Write it like "kubernetes.io".namespace.'
        )
    segments = [(literal, plain) for literal, plain in _SEGMENT.findall(text)]
    if any("://" in plain for _, plain in segments):
        raise PathError(f"The claim path {text!r} has a URL without quotation marks. Write it in double quotes.")
    return tuple(literal or plain for literal, plain in segments)


def write_path(path: Path) -> str:
    """The text of a path, with quotation marks where they are needed."""
    if len(path) == 1 and "://" in path[0]:
        return path[0]
    return ".".join(f'"{name}"' if not name or re.search(r'[."]|://', name) else name for name in path)


def find(claims: Mapping[str, Any], path: Path) -> Any:
    """The value at this path, or `MISSING`."""
    found: Any = claims
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return MISSING
        found = found[name]
    return found


def pick(claims: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """Only the claims at these paths, in their nested objects. Absent claims are left out."""
    picked: dict[str, Any] = {}
    for path in paths:
        value = find(claims, path)
        if value is not MISSING:
            *outer, last = path
            inner = picked
            for name in outer:
                inner = inner.setdefault(name, {})
            inner[last] = value
    return picked


def flatten(table: Mapping[str, Any], within: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The paths and values of a table of claims.

    A name with a value is a path. A name with a table is literal, as all names in the table: TOML reads
    `"kubernetes.io".namespace = "x"` as such a table.

    :raises PathError: see `parse_path`.
    """
    for name, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, (*within, name))
        else:
            yield (*within, name) if within else parse_path(name), value


def is_scalar(value: object) -> bool:
    """Whether `Claim` accepts the value. TOML also has dates, times and numbers that are not finite."""
    return type(value) in _SCALARS and (not isinstance(value, float) or math.isfinite(value))


def _comparable(value: Any) -> object:
    """A value that is equal to another one exactly if JSON's values are. Python considers True and 1 equal."""
    return (value,) if isinstance(value, bool) else value
