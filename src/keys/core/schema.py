"""How a field of a record is stored, shown and given. Each field is declared in one line of `record`.

An attribute is read from DynamoDB's own format, and on its own: a value of another type, or a number that Python cannot
represent, is an absent value, and never an error for the rest of the item.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from keys.core import fields, history

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Attribute = Mapping[str, Any]
"""One value in DynamoDB's format, such as `{"S": "acme"}`."""

_LAST_SECOND: Final = 253_402_300_799


def iso(time: int | None) -> str | None:
    """A time in seconds since 1970 as ISO 8601 in UTC; as a number if it is after the year 9999."""
    if time is None or time > _LAST_SECOND:
        return None if time is None else str(time)
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def json_value(text: str) -> Any:
    """The value of a JSON text; the text itself if it is not JSON, or has a number that JSON cannot show."""
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return text
    return value


@dataclass(frozen=True, slots=True)
class Form:
    """The forms of a value. None stands for no value.

    `read`: from DynamoDB's format; None if it is malformed. `store`: to DynamoDB's format. `json`: to the JSON output.
    `parse`: from an argument, or from JSON (raises `BadInput`). `metavar`: of its command-line option. `keeps_empty`:
    whether a value that Python takes for false is stored too.
    """

    read: Callable[[Attribute], Any]
    store: Callable[[Any], AttributeValueTypeDef]
    json: Callable[[Any], Any] = lambda value: value
    parse: Callable[[Any], Any] = lambda value: value
    metavar: str = "TEXT"
    keeps_empty: bool = False


def _text(attribute: Attribute) -> str | None:
    value = attribute.get("S")
    return value if isinstance(value, str) else None


def _number(attribute: Attribute) -> int | None:
    value = attribute.get("N")
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value) else None


def _tags(attribute: Attribute) -> dict[str, str] | None:
    pairs = attribute.get("M")
    if not isinstance(pairs, Mapping):
        return None
    return {name: value["S"] for name, value in pairs.items() if "S" in value}


def _scopes(attribute: Attribute) -> frozenset[str] | None:
    values = attribute.get("SS")
    return frozenset(values) if values else None


def _scopes_given(value: str | list[str]) -> frozenset[str]:
    texts = (value.split(",") if value.strip() else []) if isinstance(value, str) else value
    return fields.parse_scopes(texts)


TEXT: Final = Form(_text, lambda value: {"S": value}, parse=fields.check_description)
NAME: Final = dataclasses.replace(TEXT, parse=fields.check_name)
KEY_ID: Final = dataclasses.replace(TEXT, parse=fields.check_key_id)
HINT: Final = dataclasses.replace(TEXT, parse=fields.check_hint)
DATA: Final = dataclasses.replace(TEXT, json=json_value, parse=fields.compact_data, metavar="JSON")
FLAG: Final = Form(
    lambda attribute: attribute.get("BOOL"),
    lambda value: {"BOOL": value},
    parse=lambda value: fields.parse_boolean(value, "The value"),
    keeps_empty=True,
)
MARK: Final = dataclasses.replace(FLAG, keeps_empty=False)
TIME: Final = Form(
    _number,
    lambda value: {"N": str(value)},
    iso,
    lambda value: fields.parse_time(value, "The time"),
    keeps_empty=True,
)
NUMBER: Final = Form(_number, lambda value: {"N": str(value)})
SCOPES: Final = Form(_scopes, lambda value: {"SS": sorted(value)}, sorted, _scopes_given, "A,B")
TAGS: Final = Form(
    _tags,
    lambda value: {"M": {name: {"S": text} for name, text in value.items()}},
    dict,
    fields.check_tags,
    "NAME=VALUE",
)
HISTORY: Final = Form(
    lambda attribute: history.read(attribute.get("L")),
    lambda events: {"L": [event.store() for event in events]},
    json=lambda events: [{**event.to_map(), "at": iso(event.at)} for event in events],
    parse=history.parse,
)


@dataclass(frozen=True, slots=True)
class Declaration:
    """One field. `attribute`: its name in the item. `shown`: whether the JSON output has it. `label`: its name in text.

    `given`: the help of the option that sets it; empty if only the program does. `since`: the first version whose
    authorizer reads it; empty unless the field restricts what a key can do.
    """

    name: str
    form: Form
    attribute: str
    shown: bool
    label: str
    given: str
    since: str


def declared(
    form: Form,
    default: Any = dataclasses.MISSING,
    *,
    attribute: str = "",
    shown: bool = True,
    label: str = "",
    given: str = "",
    since: str = "",
    compare: bool = True,
) -> Any:
    """A field of a record; see `Declaration`. `compare`: whether records that differ in it are different."""
    known: dict[str, Any] = {} if default is dataclasses.MISSING else {"default": default}
    if isinstance(default, dict):
        known = {"default_factory": dict}
    more = {"attribute": attribute, "shown": shown, "label": label, "given": given, "since": since}
    return dataclasses.field(**known, compare=compare, metadata={"form": form, **more})


def declarations(record: type) -> tuple[Declaration, ...]:
    """The stored fields of a record type: its own in their order, then those that all types have."""
    fields_ = sorted(dataclasses.fields(record), key=lambda field: field.name not in record.__annotations__)
    return tuple(
        Declaration(
            field.name,
            field.metadata["form"],
            field.metadata["attribute"] or field.name,
            field.metadata["shown"],
            field.metadata["label"] or field.name.replace("_", " ").capitalize(),
            field.metadata["given"],
            field.metadata["since"],
        )
        for field in fields_
        if "form" in field.metadata
    )
