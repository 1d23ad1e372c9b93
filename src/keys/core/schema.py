"""How a field of a record is stored, shown and given. Each field is declared in one line of `record`.

An attribute is read on its own: a value of another type, or a number that Python cannot represent, is an absent value,
and never an error for the rest of the item.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from keys.core import attributes, fields, history

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from keys.core.attributes import Attribute

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


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Form:
    """The forms of a value. None stands for no value.

    `kind`: the type of the stored value, in Python's terms; other stored values are malformed. `from_stored` and
    `to_stored` convert it. `json`: to the JSON output. `parse`: from an argument, or from JSON (raises `BadInput`).
    `metavar`: of its command-line option. `keeps_empty`: whether a value that Python takes for false is stored too.
    """

    kind: type
    json: Callable[[Any], Any] = _same
    parse: Callable[[Any], Any] = _same
    metavar: str = "TEXT"
    keeps_empty: bool = False
    from_stored: Callable[[Any], Any] = _same
    to_stored: Callable[[Any], Any] = _same

    def read(self, attribute: Attribute) -> Any:
        """The value of an attribute; None if it is malformed."""
        value = attributes.read(attribute)
        return self.from_stored(value) if type(value) is self.kind else None

    def store(self, value: Any) -> AttributeValueTypeDef:
        """The value in DynamoDB's format."""
        return attributes.write(self.to_stored(value))


def _listed(parse: Callable[[Iterable[str]], frozenset[str]]) -> Callable[[str | list[str]], frozenset[str]]:
    """Read a list, or a text with commas between its members. An empty text is an empty list."""

    def read(value: str | list[str]) -> frozenset[str]:
        return parse((value.split(",") if value.strip() else []) if isinstance(value, str) else value)

    return read


TEXT: Final = Form(str, parse=fields.check_description)
CLAIM: Final = Form(str, parse=fields.check_claim)
NAME: Final = Form(str, parse=fields.check_name)
KEY_ID: Final = Form(str, parse=fields.check_key_id)
HINT: Final = Form(str, parse=fields.check_hint)
DATA: Final = Form(str, json=json_value, parse=fields.data_text, metavar="JSON")
FLAG: Final = Form(bool, parse=lambda value: fields.parse_boolean(value, "The value"), keeps_empty=True)
MARK: Final = dataclasses.replace(FLAG, keeps_empty=False)
TIME: Final = Form(int, iso, lambda value: fields.parse_time(value, "The time"), keeps_empty=True)
NUMBER: Final = Form(int)
SCOPES: Final = Form(frozenset, sorted, _listed(fields.parse_scopes), "A,B")
PLAN: Final = Form(str, parse=fields.check_plan)
USAGE_KEY: Final = Form(str, parse=fields.check_usage_key)
NETWORKS: Final = dataclasses.replace(SCOPES, parse=_listed(fields.parse_networks), metavar="CIDR,CIDR")
TAGS: Final = Form(
    dict,
    dict,
    fields.check_tags,
    "NAME=VALUE",
    from_stored=lambda tags: {name: text for name, text in tags.items() if isinstance(text, str)},
)
HISTORY: Final = Form(
    list,
    parse=history.parse,
    from_stored=history.parse,
    to_stored=lambda events: [event.to_map() for event in events],
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One field. `attribute`: its name in the item. `shown`: whether the JSON output has it. `label`: its name in text.

    `given`: the help of the option that sets it; empty if only the program does. `since`: the first version whose
    authorizer reads it; empty unless the field restricts what a key can do.
    """

    form: Form
    name: str = ""
    attribute: str = ""
    shown: bool = True
    label: str = ""
    given: str = ""
    since: str = ""


def declared(form: Form, default: Any = dataclasses.MISSING, *, compare: bool = True, **declaration: Any) -> Any:
    """A field of a record; see `Declaration`. `compare`: whether records that differ in it are different."""
    known: dict[str, Any] = {} if default is dataclasses.MISSING else {"default": default}
    if isinstance(default, dict):
        known = {"default_factory": dict}
    return dataclasses.field(**known, compare=compare, metadata={"form": form, **declaration})


def declarations(record: type) -> tuple[Declaration, ...]:
    """The stored fields of a record type: its own in their order, then those that all types have."""
    fields_ = sorted(dataclasses.fields(record), key=lambda field: field.name not in record.__annotations__)
    return tuple(
        Declaration(
            **{
                "attribute": field.name,
                "label": field.name.replace("_", " ").capitalize(),
                **field.metadata,
                "name": field.name,
            }
        )
        for field in fields_
        if "form" in field.metadata
    )
