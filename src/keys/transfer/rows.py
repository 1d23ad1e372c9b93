"""The records of an import file, validated and converted to the values that are stored."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, Final

from authorizer import api_key
from keys.core import fields
from keys.core.errors import BadInput, KeysError
from keys.core.record import Consumer, Deleted, Key, State, imported_key_id, make_hint
from keys.transfer.columns import ACTIVE_STATES, Columns, Options
from keys.transfer.formats import InputFile
from keys.transfer.key_text import check_key, hint_of, looks_like_digest

_DISABLED_STATES: Final = frozenset(["disabled", "inactive", "suspended", "blocked", "locked", "paused"])
_ENDED_STATES: Final = frozenset(
    ["revoked", "deleted", "removed", "archived", "banned", "cancelled", "canceled", "expired"]
)


_EXPORTED: Final = {
    "key": {"type", "sha256", "state", "created_by", "last_change", *(each.name for each in Key.fields())},
    "consumer": {"type", *(each.name for each in Consumer.fields())},
    "deleted": {"type", "sha256", "deleted_at"},
}
"""The members of each type of record in an export with digests."""


@dataclass(frozen=True, slots=True)
class Line:
    """A record of the file: its number, and what it stores or the problem with it.

    `given`: the fields that the file has of a key to import; None for a record of an export, which is stored unchanged.
    `is_active`: the key is neither revoked, disabled nor expired. `is_other_format`: it is not in the product's key
    format, as far as the file shows. `is_plain`: the key itself is in the file. `is_digest_like`: it has the form of a
    SHA-256.
    """

    number: int
    row: Key | Consumer | Deleted | None = None
    problem: KeysError | None = None
    given: Set[str] | None = None
    is_active: bool = True
    is_other_format: bool = False
    is_plain: bool = False
    is_digest_like: bool = False


def read(file: InputFile, options: Options, prefix: str, now: float, report: Callable[[str], None]) -> Iterator[Line]:
    """The lines of a file. `now`: the time at which keys end that are revoked without a time. `report`: see `Columns`.

    :raises BadInput: the heading is invalid, or the rest of the file cannot be read.
    """
    columns = Columns(options, report)
    if file.heading is not None:
        columns.check_heading(file.heading)
    for number, record in file.records:
        try:
            if isinstance(record, BadInput):
                raise record
            values = columns.values(record)
            row, given = _row(values, prefix, options, int(now))
        except KeysError as error:
            yield Line(number, problem=error)
            continue
        if not isinstance(row, Key):
            yield Line(number, row)
            continue
        key = values.get("key")
        shown = key or row.hint
        is_over = row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now)
        yield Line(
            number,
            row,
            given=given,
            is_active=row.enabled and not is_over,
            is_other_format=not (shown and api_key.has_prefix(shown, prefix)),
            is_plain=key is not None,
            is_digest_like=key is not None and not api_key.has_prefix(key, prefix) and looks_like_digest(key),
        )


def _row(
    values: dict[str, Any], prefix: str, options: Options, now: int
) -> tuple[Key | Consumer | Deleted, Set[str] | None]:
    """What is stored, and `Line.given`."""
    if values.get("type") is None:
        return _key(values, prefix, options, now)
    return _exported(values, now), None


def _exported(values: dict[str, Any], now: int) -> Key | Consumer | Deleted:
    kind = values["type"]
    if kind not in _EXPORTED:
        raise BadInput("type must be key, consumer or deleted, as in `keys export --with-digests`.")
    if surplus := values.keys() - _EXPORTED[kind]:
        raise BadInput(f"A record of the type {kind} has no {', '.join(sorted(surplus))}.")
    if kind == "consumer":
        return Consumer.from_json(values, name=fields.check_name(_text(values, "name") or ""))
    digest = fields.parse_digest(_text(values, "sha256") or "")
    if kind == "deleted":
        return Deleted.from_json(
            {}, digest=digest, deleted_at=fields.parse_time(values.get("deleted_at"), "deleted_at")
        )
    consumer = fields.check_name(_text(values, "consumer") or "")
    data = fields.data_text(values.get("data", {}), consumer, _scopes(values.get("scopes", [])))
    known = {"digest": digest, "consumer": consumer, "data": data}
    key = Key.from_json({"key_id": imported_key_id(digest), **values}, **known)
    if values.get("state", State.ACTIVE) != State.ACTIVE and key.state(now) is State.ACTIVE:
        raise BadInput(f"The record says that the key is {values['state']}, but nothing else in it does.")
    return key


def _key(values: Mapping[str, Any], prefix: str, options: Options, now: int) -> tuple[Key, Set[str]]:
    consumer = fields.check_name(_text(values, "consumer") or "")
    key, digest, hint = _text(values, "key"), _text(values, "sha256"), _text(values, "hint")
    if (key is None) == (digest is None):
        raise BadInput("A line must have either key or sha256.")
    digest = fields.parse_digest(digest or "") if key is None else api_key.digest(check_key(key, prefix))
    scopes = _scopes(values["scopes"]) if "scopes" in values else None
    enabled, revoked_at = _end(values, options, now)
    created_at = _time(values, "created_at", options)
    found = {
        "description": fields.check_description(" ".join((_text(values, "description") or "").split())),
        "scopes": scopes,
        "networks": fields.parse_networks(_members(values["networks"], "networks")) if "networks" in values else None,
        "tags": fields.check_tags(values["tags"]) if "tags" in values else None,
        "enabled": enabled,
        "created_at": created_at,
        "expires_at": _expiry(values, options, created_at),
        "revoked_at": revoked_at,
        "hint": hint_of(hint, prefix) if key is None and hint else make_hint(key, prefix) if key else None,
    }
    if "data" in values:
        found["data"] = fields.data_text(values["data"], consumer, scopes or frozenset())
    given: dict[str, Any] = {name: value for name, value in found.items() if value is not None}
    return Key(digest=digest, key_id=imported_key_id(digest), consumer=consumer, **given), given.keys()


def _end(values: Mapping[str, Any], options: Options, now: int) -> tuple[bool | None, int | None]:
    """Whether the key is enabled, None if the file does not say it, and when it was revoked."""
    said = [fields.parse_boolean(values["enabled"], "enabled")] if "enabled" in values else []
    if "disabled" in values:
        said.append(not fields.parse_boolean(values["disabled"], "disabled"))
    revoked_at = None
    if (revoked := values.get("revoked_at")) is not None:
        try:
            revoked_at = now if fields.parse_boolean(revoked, "revoked_at") else None
        except BadInput:
            revoked_at = _time(values, "revoked_at", options)
    if "state" in values:
        state = str(values["state"]).strip().lower()
        if state in _ENDED_STATES:
            revoked_at = revoked_at or now
        elif state in ACTIVE_STATES | _DISABLED_STATES:
            said.append(state in ACTIVE_STATES)
        else:
            raise BadInput(
                f"state must be one of {', '.join(sorted(ACTIVE_STATES | _DISABLED_STATES | _ENDED_STATES))}."
            )
    return (all(said) if said else None), revoked_at


def _expiry(values: Mapping[str, Any], options: Options, created_at: int | None) -> int | None:
    expires_at = _time(values, "expires_at", options)
    if "lifetime" in values:
        if created_at is None:
            raise BadInput("A line with lifetime must have created_at.")
        end = created_at + fields.parse_duration(str(values["lifetime"]))
        expires_at = end if expires_at is None else min(expires_at, end)
    if created_at is not None and expires_at is not None and expires_at <= created_at:
        raise BadInput("expires_at is not after created_at.")
    return expires_at


def _time(values: Mapping[str, Any], name: str, options: Options) -> int | None:
    return fields.parse_time(values[name], name, utc=options.utc) if name in values else None


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and name in ("consumer", "name"):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise BadInput(f"{name} must be a string.")
    return value


def _scopes(value: object) -> frozenset[str]:
    return fields.parse_scopes(_members(value, "scopes"))


def _members(value: object, name: str) -> list[str]:
    """From a list, or a string: a JSON list, PostgreSQL's `{a,b}`, or separated by spaces or commas."""
    if isinstance(value, str):
        if value.startswith("["):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise BadInput(f"{name} is not JSON.") from None
        else:
            inner = value.strip("{}").replace('"', "") if re.fullmatch(r"\{.*\}", value) else value
            value = re.split(r"[ ,]+", inner.strip(" ,"))
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise BadInput(f"{name} must be a list of strings, or a string with spaces or commas between the {name}.")
    return [text for text in value if text]
