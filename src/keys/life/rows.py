"""The keys in a file to import: each record checked, and brought into the form in which keys are stored."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from authorizer import api_key
from keys.life import fields
from keys.life.errors import BadInput, KeysError
from keys.life.formats import Record, Records
from keys.life.record import make_hint
from keys.life.sources import Source, recognised

COLUMNS: Final = (
    *("consumer", "key", "sha256", "description", "data", "scopes", "tags"),
    *("enabled", "created_at", "expires_at", "hint"),
)
RESTORED: Final = (
    *("type", "name", "key_id", "state", "revoked_at", "rolled_from", "rolled_to", "unrolled_expires_at"),
    *("disabled_with_consumer", "history", "deleted_at"),
)
"""What an export has besides: members that are read back where there is a `type`."""

_KEY = re.compile(r"[\x21-\x7e]{16,512}")
_PARTS = ("data.", "tags.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What became of a key or consumer before it was exported. Times in seconds since 1970."""

    key_id: str | None = None
    revoked_at: int | None = None
    rolled_from: str | None = None
    rolled_to: str | None = None
    unrolled_expires_at: int | None = None
    disabled_with_consumer: bool = False
    history: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A key to import. What the file does not say is None. Times in seconds since 1970.

    `is_own`: it is of our own format, so far as the file tells. `past` is there when it is one of an export.
    """

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
    is_own: bool = False
    past: Past | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerRow:
    """A consumer of an export."""

    name: str
    description: str
    data: str
    tags: dict[str, str]
    enabled: bool
    created_at: int | None
    past: Past


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedRow:
    """The digest of a key that was deleted, and must not come back."""

    digest: str
    deleted_at: int


AnyRow = Row | ConsumerRow | DeletedRow


@dataclass(frozen=True, slots=True)
class Line:
    """A record of the file: where it begins, and the row in it or what is wrong with it."""

    number: int
    row: AnyRow | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """`names`: what columns of the file are called here, by their names in lower case. `utc`: see
    `fields.parse_time`.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    ignore_unknown: bool = False
    utc: bool = False


def parse_map(texts: tuple[str, ...]) -> dict[str, str]:
    """Names for columns from texts like `name=consumer`, `plan=data.plan`.

    :raises BadInput: a text is not like that, or does not name one of our columns.
    """
    names = {}
    for text in texts:
        theirs, equals, ours = text.rpartition("=")
        if not (equals and theirs and (ours in COLUMNS or (ours.startswith(_PARTS) and len(ours) > len(_PARTS[0])))):
            raise BadInput(
                f"--map is written THEIRS=OURS, where OURS is one of {', '.join(COLUMNS)}, data.NAME and tags.NAME."
            )
        names[theirs.lower()] = ours
    return names


def read(records: Records, options: Options, prefix: str, report: Callable[[str], None]) -> Iterator[Line]:
    """The lines of a file. `report` is told what its form was recognised as, and what is left out.

    :raises BadInput: its heading is not one, or the file stops to be of its format.
    """
    names = _Names(options, report)
    if records.heading is not None:
        names.check_heading(records.heading)
    for record in records.records:
        try:
            yield Line(record.number, _row(names.values(record), prefix, options, names.source))
        except KeysError as error:
            yield Line(record.number, problem=str(error))


class _Names:
    """What the file's columns are called here."""

    def __init__(self, options: Options, report: Callable[[str], None]) -> None:
        self._options = options
        self._report = report
        self._known: dict[tuple[str, ...], dict[str, str]] = {}
        self._is_begun = False
        self.source: Source | None = None

    def values(self, record: Record) -> dict[str, Any]:
        """The record's values by our names."""
        theirs = record.values()
        result: dict[str, Any] = {}
        for name, ours in self._ours(theirs).items():
            value = theirs.get(name)
            if value is None and "." in name:
                value = _inner(theirs, name)
            if value is None:
                continue
            part = ours[:5]
            if part in _PARTS:
                whole = result.setdefault(part[:4], {})
                whole[ours[5:]] = value if part == "data." or isinstance(value, str) else json.dumps(value)
            elif ours in ("data", "tags"):
                result[ours] = {**_json_object(value, ours), **result.get(ours, {})}
            else:
                result[ours] = value
        return result

    def check_heading(self, heading: list[str]) -> None:
        """:raises BadInput: these are not the names of columns that can be imported."""
        lower = [name.lower() for name in heading]
        if not (set(lower) & {*COLUMNS, *self._options.names} or recognised(lower)):
            # Not its cells: in a file without a heading, they are a key and its consumer.
            raise BadInput(f"The first line does not name the columns, such as {', '.join(COLUMNS[:3])}. {_REMEDY}")
        twice = {name for name in lower if lower.count(name) > 1}
        if twice:
            raise BadInput(f"The first line names columns twice: {', '.join(sorted(twice))}.")
        ours = self._targets(heading).values()
        if "consumer" not in ours and "type" not in ours:
            raise BadInput(f"None of the columns is called consumer. {_REMEDY}")

    def _ours(self, theirs: Mapping[str, Any]) -> dict[str, str]:
        names = tuple(theirs)
        known = self._known.get(names)
        if known is None:
            if len(self._known) > 1_000:
                self._known.clear()
            known = self._known[names] = self._targets(list(names))
        return known

    def _targets(self, names: list[str]) -> dict[str, str]:
        lower = {name.lower(): name for name in names}
        is_first = not self._is_begun
        if is_first:
            self._is_begun = True
            self.source = recognised(lower)
            if self.source:
                self._report(f"Read as {self.source.name}. {self.source.notice}".strip())
        said = self._options.names
        paths = {path: ours for path, ours in said.items() if "." in path and path not in lower}
        within = {path.partition(".")[0] for path in paths}
        by_name = self._by_name(lower)
        unknown = [lower[name] for name in lower if name not in {*said, *within, *by_name}]
        if unknown and not (self.source or self._options.ignore_unknown):
            raise BadInput(_unknown(unknown))
        if unknown and is_first:
            self._report(f"Left out: {', '.join(name[:40] for name in unknown)}.")
        # What was said on the command line counts more than what the column is called.
        targets = {lower[name]: ours for name, ours in by_name.items() if ours not in said.values()}
        targets = {**targets, **{lower[name]: ours for name, ours in said.items() if name in lower}, **paths}
        single = [ours for ours in targets.values() if not ours.startswith(_PARTS)]
        if len(set(single)) < len(single):
            raise BadInput("Two columns would be the same one here: look at --map.")
        return targets

    def _by_name(self, lower: Collection[str]) -> dict[str, str]:
        """What the columns are, without a word on the command line."""
        if self.source:
            known = self.source.columns
        else:
            ours = {*COLUMNS, *RESTORED} if "type" in lower or "key_id" in lower else set(COLUMNS)
            known = {name: name for name in ours}
        return {name: known[name] for name in lower if name in known and name not in self._options.names}


_REMEDY: Final = (
    "--map THEIRS=OURS says what a column is: consumer and either key or sha256, and, as needed, "
    f"{', '.join(COLUMNS[3:])}, data.NAME, tags.NAME. --ignore-unknown leaves others out."
)


def _unknown(names: list[str]) -> str:
    shown = []
    for name in names[:10]:
        close = difflib.get_close_matches(name.lower(), COLUMNS, 1)
        shown.append(f"{name[:40]!a}{f' (is it {close[0]}?)' if close else ''}")
    return f"Unknown columns: {', '.join(shown)}. {_REMEDY}"


def _inner(values: Mapping[str, Any], path: str) -> Any:
    value: Any = values
    for name in path.split("."):
        value = {key.lower(): member for key, member in value.items()}.get(name) if isinstance(value, dict) else None
    return value


def _json_object(value: object, name: str) -> dict[str, Any]:
    """The object, also from its JSON text: in a CSV cell, and in a JSON file of a database's texts."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise BadInput(f"The column {name} is not JSON.") from None
    if not isinstance(value, dict):
        raise BadInput(f"{name} must be a JSON object.")
    return value


def _row(values: dict[str, Any], prefix: str, options: Options, source: Source | None) -> AnyRow:
    kind = values.get("type", "key")
    if kind == "consumer":
        return _consumer(values)
    if kind == "deleted":
        return DeletedRow(
            digest=fields.parse_digest(_text(values, "sha256") or ""),
            deleted_at=fields.parse_time(values.get("deleted_at"), "deleted_at"),
        )
    if kind != "key":
        raise BadInput("type is key, consumer or deleted, as `keys export --with-digests` writes it.")
    return _key(values, prefix, options, source)


def _key(values: Mapping[str, Any], prefix: str, options: Options, source: Source | None) -> Row:
    consumer = fields.check_name(_text(values, "consumer") or "")
    scopes = _scopes(values["scopes"]) if "scopes" in values else None
    created_at, expires_at = (
        fields.parse_time(values[name], name, utc=options.utc) if name in values else None
        for name in ("created_at", "expires_at")
    )
    past = _past(values) if "type" in values else None
    if past is None and created_at is not None and expires_at is not None and expires_at <= created_at:
        raise BadInput("expires_at is not after created_at.")
    digest, shown, is_own = _digest_and_hint(values, prefix, source)
    return Row(
        digest=digest,
        consumer=consumer,
        description=fields.check_description(" ".join((_text(values, "description") or "").split())),
        data=fields.data_text(values["data"], consumer, scopes or frozenset()) if "data" in values else None,
        scopes=scopes,
        tags=fields.check_tags(values["tags"]) if "tags" in values else None,
        enabled=fields.parse_boolean(values["enabled"], "enabled") if "enabled" in values else None,
        created_at=created_at,
        expires_at=expires_at,
        hint=shown,
        is_own=is_own,
        past=past,
    )


def _consumer(values: Mapping[str, Any]) -> ConsumerRow:
    name = fields.check_name(_text(values, "name") or "")
    return ConsumerRow(
        name=name,
        description=fields.check_description(_text(values, "description") or ""),
        data=fields.data_text(values.get("data", {}), name),
        tags=fields.check_tags(values.get("tags", {})),
        enabled=fields.parse_boolean(values.get("enabled", True), "enabled"),
        created_at=fields.parse_time(values["created_at"], "created_at") if "created_at" in values else None,
        past=_past(values),
    )


def _past(values: Mapping[str, Any]) -> Past:
    history = values.get("history", [])
    if not isinstance(history, list) or not all(isinstance(event, dict) for event in history):
        raise BadInput("history is a list of objects.")
    return Past(
        key_id=_key_id(values, "key_id"),
        revoked_at=_past_time(values, "revoked_at"),
        rolled_from=_key_id(values, "rolled_from"),
        rolled_to=_key_id(values, "rolled_to"),
        unrolled_expires_at=_past_time(values, "unrolled_expires_at"),
        disabled_with_consumer=fields.parse_boolean(values.get("disabled_with_consumer", False), "disabled"),
        history=tuple(history),
    )


def _key_id(values: Mapping[str, Any], name: str) -> str | None:
    text = _text(values, name)
    return None if text is None else fields.check_key_id(text)


def _past_time(values: Mapping[str, Any], name: str) -> int | None:
    return fields.parse_time(values[name], name) if name in values else None


def _digest_and_hint(values: Mapping[str, Any], prefix: str, source: Source | None) -> tuple[str, str | None, bool]:
    key, digest, given = _text(values, "key"), _text(values, "sha256"), _text(values, "hint")
    if key is None and digest is None and source and source.keyless:
        raise BadInput(source.keyless)
    if key is None and digest is None and "key_id" in values:
        raise BadInput("It is of an export without digests: make it with `keys export --with-digests`.")
    if (key is None) == (digest is None):
        raise BadInput("A line has either key or sha256.")
    if given is not None:
        given = fields.check_hint(given)
    if key is None:
        return fields.parse_digest(digest or ""), given, bool(given and given.startswith(f"{prefix}_"))
    if not _KEY.fullmatch(key):
        raise BadInput("A key has 16 to 512 visible ASCII characters, without spaces.")
    is_own = api_key.has_prefix(key, prefix)
    if is_own and not api_key.is_well_formed(key, prefix):
        raise BadInput(f"The key begins with {prefix}_ but is not one of ours: the authorizer would not look it up.")
    return api_key.digest(key), given if given and key != given else make_hint(key, prefix), is_own


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and name in ("consumer", "name"):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise BadInput(f"{name} must be a text.")
    return value


def _scopes(value: object) -> frozenset[str]:
    """From a list, or a text: a JSON list, PostgreSQL's `{a,b}`, or separated by spaces or commas."""
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
        raise BadInput("scopes is a list of texts, or one text with spaces or commas between them.")
    return fields.parse_scopes(text for text in value if text)
