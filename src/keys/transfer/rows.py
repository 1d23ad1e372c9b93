"""The records of an import file, validated and converted to the values that are stored."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from authorizer import api_key
from keys.core import fields, history
from keys.core.errors import BadInput, KeysError
from keys.core.record import Consumer, Deleted, Key, imported_key_id, make_hint
from keys.transfer.formats import InputFile, InputRecord
from keys.transfer.sources import Source, find_source

COLUMNS: Final = (
    *("consumer", "key", "sha256", "description", "data", "scopes", "tags"),
    *("enabled", "created_at", "expires_at", "hint"),
)
EXPORT_COLUMNS: Final = (
    *("type", "name", "key_id", "state", "revoked_at", "rolled_from", "rolled_to", "unrolled_expires_at"),
    *("disabled_with_consumer", "history", "deleted_at"),
)
"""Further members of an export with digests, whose records have a `type`."""

_KEY = re.compile(r"[\x21-\x7e]{16,512}")
_COLUMN_NAME = re.compile(r"[^\W\d]([^\W\d]|[ .-]){0,14}")
"""A name without digits that is shorter than a key. Other values of a first line can be keys."""
_MEMBER_PREFIXES = ("data.", "tags.")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A key to import. None: the file has no value. Times in seconds since 1970."""

    digest: str
    consumer: str
    description: str = ""
    data: str | None = None
    scopes: frozenset[str] | None = None
    tags: dict[str, str] | None = None
    enabled: bool | None = None
    created_at: int | None = None
    expires_at: int | None = None
    hint: str | None = None


Row = KeyRow | Key | Consumer | Deleted
"""A key to import, or a record of an export, which is stored unchanged."""


@dataclass(frozen=True, slots=True)
class Line:
    """A record of the file: its number, and its row or the problem with it.

    `is_other_format`: the row is a key that is not in the product's key format, as far as the file shows.
    """

    number: int
    row: Row | None = None
    problem: str | None = None
    is_other_format: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """`names`: the target column by the file's column name in lowercase. `utc`: see `fields.parse_time`."""

    names: Mapping[str, str] = field(default_factory=dict)
    ignore_unknown: bool = False
    utc: bool = False


def parse_map(texts: tuple[str, ...]) -> dict[str, str]:
    """`Options.names` from arguments such as `name=consumer` and `plan=data.plan`.

    :raises BadInput: an argument is malformed, or its target is not a column.
    """
    names = {}
    for text in texts:
        name, equals, target = text.rpartition("=")
        is_member = target.startswith(_MEMBER_PREFIXES) and len(target) > len(_MEMBER_PREFIXES[0])
        if not (equals and name and (target in COLUMNS or is_member)):
            raise BadInput(
                f"--map {text}: specify THEIRS=OURS. OURS is one of {', '.join(COLUMNS)}, data.NAME and tags.NAME."
            )
        if name.lower() in names:
            raise BadInput(f"--map {text}: the column {name!r} is mapped twice.")
        names[name.lower()] = target
    return names


def read(file: InputFile, options: Options, prefix: str, report: Callable[[str], None]) -> Iterator[Line]:
    """The lines of a file. `report` is called with the detected source, and with the columns that are ignored.

    :raises BadInput: the heading is invalid, or the rest of the file cannot be read.
    """
    columns = _Columns(options, report)
    if file.heading is not None:
        columns.check_heading(file.heading)
    for record in file.records:
        try:
            values = columns.values(record)
            row = _row(values, prefix, options, columns.source)
        except KeysError as error:
            yield Line(record.number, problem=str(error))
        else:
            yield Line(record.number, row, is_other_format=_is_other_format(values, row, prefix))


class _Columns:
    """Maps the columns of a file to `COLUMNS` and `EXPORT_COLUMNS`."""

    def __init__(self, options: Options, report: Callable[[str], None]) -> None:
        self._options = options
        self._report = report
        self._targets_by_names: dict[tuple[str, ...], dict[str, str]] = {}
        self._is_first = True
        self.source: Source | None = None

    def values(self, record: InputRecord) -> dict[str, Any]:
        """The values of a record by target column."""
        given = record.values()
        result: dict[str, Any] = {}
        for name, target in self._cached_targets(given).items():
            value = given.get(name)
            if value is None and "." in name:
                value = _nested(given, name)
            if value is None:
                continue
            column, _, member = target.partition(".")
            if member:
                members = result.setdefault(column, {})
                members[member] = value if column == "data" or isinstance(value, str) else json.dumps(value)
            elif target in ("data", "tags"):
                result[target] = {**_json_object(value, target), **result.get(target, {})}
            else:
                result[target] = value
        return result

    def check_heading(self, heading: list[str]) -> None:
        """:raises BadInput: the columns cannot be imported."""
        lower = [name.lower() for name in heading]
        if not (set(lower) & {*COLUMNS, *self._options.names} or find_source(lower)):
            such = ", ".join(COLUMNS[:3])
            raise BadInput(f"The first line has no column names, such as {such}. {_names_read(heading)} {_REMEDY}")
        duplicates = {name for name in lower if lower.count(name) > 1}
        if duplicates:
            raise BadInput(f"The first line has duplicate column names: {', '.join(sorted(duplicates))}.")
        targets = self._targets(heading).values()
        if "consumer" not in targets and "type" not in targets:
            raise BadInput(f"There is no column consumer. {_REMEDY}")

    def _cached_targets(self, values: Mapping[str, Any]) -> dict[str, str]:
        names = tuple(values)
        targets = self._targets_by_names.get(names)
        if targets is None:
            if len(self._targets_by_names) > 1_000:
                self._targets_by_names.clear()
            targets = self._targets_by_names[names] = self._targets(list(names))
        return targets

    def _targets(self, names: list[str]) -> dict[str, str]:
        lower = {name.lower(): name for name in names}
        is_first, self._is_first = self._is_first, False
        if is_first:
            self.source = find_source(lower)
            if self.source:
                self._report(f"Format: {self.source.name}. {self.source.notice}".strip())
        mapped = self._options.names
        paths = {path: target for path, target in mapped.items() if "." in path and path not in lower}
        parents = {path.partition(".")[0] for path in paths}
        by_name = self._by_name(lower)
        unknown = [lower[name] for name in lower if name not in {*mapped, *parents, *by_name}]
        if unknown and not (self.source or self._options.ignore_unknown):
            raise BadInput(_unknown(unknown))
        if unknown and is_first:
            self._report(f"Ignored columns: {', '.join(name[:40] for name in unknown)}.")
        # --map takes precedence over a column that has the target's name.
        targets = {lower[name]: target for name, target in by_name.items() if target not in mapped.values()}
        targets = {**targets, **{lower[name]: target for name, target in mapped.items() if name in lower}, **paths}
        columns = [target for target in targets.values() if not target.startswith(_MEMBER_PREFIXES)]
        if len(set(columns)) < len(columns):
            raise BadInput("Two columns have the same target column. Correct --map.")
        return targets

    def _by_name(self, lower: Collection[str]) -> dict[str, str]:
        """The targets without `--map`."""
        if self.source:
            known = self.source.columns
        else:
            is_export = "type" in lower or "key_id" in lower
            known = {name: name for name in (*COLUMNS, *(EXPORT_COLUMNS if is_export else ()))}
        return {name: known[name] for name in lower if name in known and name not in self._options.names}


_REMEDY: Final = (
    "To name a column, specify --map THEIRS=OURS. Required: consumer, and key or sha256. Optional: "
    f"{', '.join(COLUMNS[3:])}, data.NAME, tags.NAME. To ignore other columns, specify --ignore-unknown."
)


_MIGHT_BE_KEY: Final = re.compile(r"(?=.*[0-9])[!-~]{16,}")


def _names_read(heading: list[str]) -> str:
    """A sentence with the names in the first line, unless one of them can be a key."""
    if not all(_COLUMN_NAME.fullmatch(name) for name in heading):
        return "The line is not shown, because it might have a key."
    more = f" and {len(heading) - 10} more" if len(heading) > 10 else ""
    return f"The names read are {', '.join(map(ascii, heading[:10]))}{more}."


def _unknown(names: list[str]) -> str:
    shown = []
    for name in names[:10]:
        close = difflib.get_close_matches(name.lower(), COLUMNS, 1)
        text = "one that is not shown, because it might be a key" if _MIGHT_BE_KEY.fullmatch(name) else ascii(name[:40])
        shown.append(f"{text}{f' (similar to {close[0]})' if close else ''}")
    return f"Unknown columns: {', '.join(shown)}. {_REMEDY}"


def _nested(values: Mapping[str, Any], path: str) -> Any:
    value: Any = values
    for name in path.split("."):
        value = {key.lower(): member for key, member in value.items()}.get(name) if isinstance(value, dict) else None
    return value


def _json_object(value: object, name: str) -> dict[str, Any]:
    """The object, or the object in a JSON text, as in a CSV cell or in a text column of a database."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise BadInput(f"The column {name} is not JSON.") from None
    if not isinstance(value, dict):
        raise BadInput(f"{name} must be a JSON object.")
    return value


def _is_other_format(values: Mapping[str, Any], row: Row, prefix: str) -> bool:
    """Whether the row is a key that the authorizer only accepts with `ACCEPT_IMPORTED_KEYS`."""
    shown = values.get("key") or (row.hint if isinstance(row, (KeyRow, Key)) else None)
    return isinstance(row, (KeyRow, Key)) and not (shown and api_key.has_prefix(shown, prefix))


def _row(values: dict[str, Any], prefix: str, options: Options, source: Source | None) -> Row:
    kind = values.get("type")
    if kind == "consumer":
        return _consumer(values)
    if kind == "deleted":
        deleted_at = fields.parse_time(values.get("deleted_at"), "deleted_at")
        digest = fields.parse_digest(_text(values, "sha256") or "")
        return Deleted(digest=digest, deleted_at=deleted_at)
    if kind not in ("key", None):
        raise BadInput("type must be key, consumer or deleted, as in `keys export --with-digests`.")
    row = _key(values, prefix, options, source)
    if kind == "key":
        return _exported_key(values, row)
    if row.created_at is not None and row.expires_at is not None and row.expires_at <= row.created_at:
        raise BadInput("expires_at is not after created_at.")
    return row


def _key(values: Mapping[str, Any], prefix: str, options: Options, source: Source | None) -> KeyRow:
    consumer = fields.check_name(_text(values, "consumer") or "")
    scopes = _scopes(values["scopes"]) if "scopes" in values else None
    digest, shown = _digest_and_hint(values, prefix, source)
    return KeyRow(
        digest=digest,
        consumer=consumer,
        description=fields.check_description(" ".join((_text(values, "description") or "").split())),
        data=fields.data_text(values["data"], consumer, scopes or frozenset()) if "data" in values else None,
        scopes=scopes,
        tags=fields.check_tags(values["tags"]) if "tags" in values else None,
        enabled=fields.parse_boolean(values["enabled"], "enabled") if "enabled" in values else None,
        created_at=_time(values, "created_at", utc=options.utc),
        expires_at=_time(values, "expires_at", utc=options.utc),
        hint=shown,
    )


def _exported_key(values: Mapping[str, Any], row: KeyRow) -> Key:
    return Key(
        digest=row.digest,
        key_id=_key_id(values, "key_id") or imported_key_id(row.digest),
        consumer=row.consumer,
        description=row.description,
        data=row.data or "{}",
        scopes=row.scopes or frozenset(),
        tags=row.tags or {},
        enabled=row.enabled is not False,
        disabled_with_consumer=fields.parse_boolean(
            values.get("disabled_with_consumer", False), "disabled_with_consumer"
        ),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=_time(values, "revoked_at"),
        rolled_from=_key_id(values, "rolled_from"),
        rolled_to=_key_id(values, "rolled_to"),
        unrolled_expires_at=_time(values, "unrolled_expires_at"),
        hint=row.hint,
        history=_history(values),
    )


def _consumer(values: Mapping[str, Any]) -> Consumer:
    name = fields.check_name(_text(values, "name") or "")
    return Consumer(
        name=name,
        description=fields.check_description(_text(values, "description") or ""),
        data=fields.data_text(values.get("data", {}), name),
        tags=fields.check_tags(values.get("tags", {})),
        enabled=fields.parse_boolean(values.get("enabled", True), "enabled"),
        created_at=_time(values, "created_at"),
        history=_history(values),
    )


def _history(values: Mapping[str, Any]) -> history.History:
    events = values.get("history", [])
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise BadInput("history must be a list of objects.")
    return history.parse(events)


def _key_id(values: Mapping[str, Any], name: str) -> str | None:
    text = _text(values, name)
    return None if text is None else fields.check_key_id(text)


def _time(values: Mapping[str, Any], name: str, *, utc: bool = False) -> int | None:
    return fields.parse_time(values[name], name, utc=utc) if name in values else None


def _digest_and_hint(values: Mapping[str, Any], prefix: str, source: Source | None) -> tuple[str, str | None]:
    key, digest, given = _text(values, "key"), _text(values, "sha256"), _text(values, "hint")
    if key is None and digest is None and source and source.missing_keys:
        raise BadInput(source.missing_keys)
    if key is None and digest is None and "key_id" in values:
        raise BadInput("The export has no digests. Export the keys with `keys export --with-digests`.")
    if (key is None) == (digest is None):
        raise BadInput("A line must have either key or sha256.")
    if given is not None:
        given = fields.check_hint(given)
    if key is None:
        return fields.parse_digest(digest or ""), given
    if not _KEY.fullmatch(key):
        raise BadInput("A key must have 16 to 512 visible ASCII characters, without spaces.")
    if api_key.has_prefix(key, prefix) and not api_key.is_well_formed(key, prefix):
        raise BadInput(
            f"The key begins with {prefix}_ but is not in the product's key format. The authorizer would refuse it."
        )
    return api_key.digest(key), given if given and key != given else make_hint(key, prefix)


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and name in ("consumer", "name"):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise BadInput(f"{name} must be a string.")
    return value


def _scopes(value: object) -> frozenset[str]:
    """From a list, or a string: a JSON list, PostgreSQL's `{a,b}`, or separated by spaces or commas."""
    if isinstance(value, str):
        if value.startswith("["):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise BadInput("scopes is not JSON.") from None
        else:
            inner = value.strip("{}").replace('"', "") if re.fullmatch(r"\{.*\}", value) else value
            value = re.split(r"[ ,]+", inner.strip(" ,"))
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise BadInput("scopes must be a list of strings, or a string with spaces or commas between the scopes.")
    return fields.parse_scopes(text for text in value if text)
