"""Where a claim stands: one notation of paths, for identity providers and access rules alike.

`realm_access.roles` is the member `roles` of the object `realm_access`: a full stop leads inwards. A name with `://`
in it, as providers give to claims of one's own, is one name.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

Path = tuple[str, ...]
MISSING: Final = object()


class PathError(Exception):
    """This is no path to a claim. The text says why."""


def parse_path(text: str) -> Path:
    """:raises PathError: a part of it is empty."""
    path = (text,) if "://" in text else tuple(text.split("."))
    if not all(path):
        raise PathError(f"the claim {text!r} has an empty part in its path")
    return path


def find(claims: Mapping[str, Any], path: Path) -> Any:
    """What stands there, or `MISSING`."""
    found: Any = claims
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return MISSING
        found = found[name]
    return found


def pick(claims: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """These claims alone, those that are there, each within the objects that it stands in."""
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
    """Paths and values of a table, in which `{"a.b": 1}` and `{"a": {"b": 1}}` are the same.

    :raises PathError: see `parse_path`.
    """
    for name, value in table.items():
        path = (*within, *parse_path(name))
        if isinstance(value, Mapping) and value:
            yield from flatten(value, path)
        else:
            yield path, value
