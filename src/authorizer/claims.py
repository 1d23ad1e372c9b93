"""Paths to claims. Identity providers and access rules use the same notation.

A full stop separates the names: `realm_access.roles` is the member `roles` of the object `realm_access`. A text that
contains `://` is one name, because namespaced claims have URLs as names.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

Path = tuple[str, ...]
MISSING: Final = object()


class PathError(Exception):
    """The text is not a claim path. The message says why."""


def parse_path(text: str) -> Path:
    """:raises PathError: a name in the path is empty."""
    path = (text,) if "://" in text else tuple(text.split("."))
    if not all(path):
        raise PathError(f"The claim path {text!r} has an empty part. Remove the extra full stop.")
    return path


def find(claims: Mapping[str, Any], path: Path) -> Any:
    """The value at this path, or `MISSING`."""
    found: Any = claims
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
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
    """The paths and values of a table. `{"a.b": 1}` and `{"a": {"b": 1}}` give the same result.

    :raises PathError: see `parse_path`.
    """
    for name, value in table.items():
        path = (*within, *parse_path(name))
        if isinstance(value, Mapping) and value:
            yield from flatten(value, path)
        else:
            yield path, value
