"""The lines of a file of keys to import: read one by one, and checked."""

from __future__ import annotations

import csv
import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from authorizer import api_key
from keys.life import fields
from keys.life.errors import BadInput, KeysError
from keys.life.record import hint

COLUMNS: Final = ("key", "sha256", "consumer", "data", "scopes", "tags", "enabled", "created_at", "expires_at", "hint")

_KEY = re.compile(r"[\x21-\x7e]{16,512}")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Row:
    """A key to import. What the file does not say is None. Times in seconds since 1970."""

    digest: str
    consumer: str
    data: str | None
    scopes: frozenset[str] | None
    tags: dict[str, str] | None
    enabled: bool
    created_at: int | None
    expires_at: int | None
    hint: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file: its number, and the row in it or what is wrong with it."""

    number: int
    row: Row | None = None
    problem: str | None = None


def read_csv(text: Iterable[str], prefix: str) -> Iterator[Line]:
    """The lines of a CSV file with a heading, whose columns are some of `COLUMNS` in any order.

    :raises BadInput: there is no such heading, or the file is not CSV.
    """
    reader = csv.reader(text, strict=True)
    try:
        heading = [name.strip().lower() for name in next(reader, [])]
        _check_heading(heading)
        for cells in reader:
            if cells:
                yield _line(reader.line_num, prefix, functools.partial(_from_cells, heading, cells))
    except csv.Error as error:
        raise BadInput(f"Line {reader.line_num} is not CSV: {error}. Nothing after it was read.") from None


def read_json_lines(text: Iterable[str], prefix: str) -> Iterator[Line]:
    """The lines of a JSON Lines file: an object each, whose members are some of `COLUMNS`. Empty lines are left out."""
    for number, line in enumerate(text, 1):
        if line.strip():
            yield _line(number, prefix, functools.partial(_from_json, line))


READERS: Final[Mapping[str, Callable[[Iterable[str], str], Iterator[Line]]]] = {
    "csv": read_csv,
    "jsonl": read_json_lines,
}


def _line(number: int, prefix: str, values: Callable[[], Mapping[str, Any]]) -> Line:
    try:
        return Line(number, _row(values(), prefix))
    except KeysError as error:
        return Line(number, problem=str(error))


def _check_heading(heading: list[str]) -> None:
    unknown = [name for name in heading if name not in COLUMNS]
    if unknown or len(set(heading)) != len(heading) or "consumer" not in heading:
        raise BadInput(
            "The first line must name the columns, each once: consumer, key or sha256, and, as needed, "
            f"{', '.join(COLUMNS[3:])}."
        )


def _from_cells(heading: list[str], cells: list[str]) -> dict[str, Any]:
    """A CSV line's values in the types that JSON has. An empty cell is as good as none."""
    if len(cells) != len(heading):
        raise BadInput(f"There are {len(cells)} cells under {len(heading)} columns.")
    values: dict[str, Any] = {name: cell for name, cell in zip(heading, cells, strict=True) if cell}
    for name in ("data", "tags"):
        if name in values:
            values[name] = _json(values[name], f"The column {name}")
    if "enabled" in values:
        values["enabled"] = {"true": True, "false": False}.get(values["enabled"].lower())
        if values["enabled"] is None:
            raise BadInput("enabled is true or false.")
    return values


def _from_json(line: str) -> dict[str, Any]:
    values = _json(line, "The line")
    if not isinstance(values, dict):
        raise BadInput("The line must be a JSON object.")
    unknown = values.keys() - set(COLUMNS)
    if unknown:
        raise BadInput(f"A line has some of these members, and no other: {', '.join(COLUMNS)}.")
    return {name: value for name, value in values.items() if value is not None}


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        # Not the error's own text: it may quote what it stumbled over, and the line holds a key.
        raise BadInput(f"{what} is not JSON.") from None


def _row(values: Mapping[str, Any], prefix: str) -> Row:
    consumer = fields.check_name(_text(values, "consumer") or "")
    digest, own_hint = _digest_and_hint(values, prefix)
    enabled = values.get("enabled", True)
    if not isinstance(enabled, bool):
        raise BadInput("enabled is true or false.")
    scopes = _scopes(values["scopes"]) if "scopes" in values else None
    return Row(
        digest=digest,
        consumer=consumer,
        data=fields.data_text(values["data"], consumer, scopes or frozenset()) if "data" in values else None,
        scopes=scopes,
        tags=_tags(values["tags"]) if "tags" in values else None,
        enabled=enabled,
        created_at=_time(values, "created_at"),
        expires_at=_time(values, "expires_at"),
        hint=own_hint,
    )


def _digest_and_hint(values: Mapping[str, Any], prefix: str) -> tuple[str, str | None]:
    key, digest, given = _text(values, "key"), _text(values, "sha256"), _text(values, "hint")
    if (key is None) == (digest is None):
        raise BadInput("A line has either key or sha256.")
    if given is not None:
        given = fields.check_hint(given)
    if key is None:
        if not _DIGEST.fullmatch(digest or ""):
            raise BadInput("sha256 must be the SHA-256 of the key, as 64 hexadecimal digits.")
        return (digest or "").lower(), given
    if not _KEY.fullmatch(key):
        raise BadInput("A key has 16 to 512 visible ASCII characters, without spaces.")
    if api_key.has_prefix(key, prefix) and not api_key.is_well_formed(key, prefix):
        raise BadInput(f"The key begins with {prefix}_ but is not one of ours: the authorizer would not look it up.")
    return api_key.digest(key), given or hint(key, prefix)


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise BadInput(f"{name} must be a text.")
    return value


def _scopes(value: object) -> frozenset[str]:
    texts = re.split(r"[ ,]+", value.strip(" ,")) if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadInput("scopes is a list of texts, or one text with spaces or commas between them.")
    return fields.parse_scopes(text for text in texts if text)


def _tags(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise BadInput("tags is an object of names and texts.")
    return fields.check_tags(value)


def _time(values: Mapping[str, Any], name: str) -> int | None:
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,11}", value):
        value = int(value)
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        # Without an offset it would mean another time on another machine.
        if moment is not None and moment.tzinfo is not None:
            value = int(moment.astimezone(UTC).timestamp())
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 99_999_999_999:
        raise BadInput(f"{name} is a time like 2030-01-31T00:00:00Z, or in whole seconds since 1970.")
    return value
