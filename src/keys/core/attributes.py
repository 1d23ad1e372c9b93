"""Values in DynamoDB's format, such as `{"S": "acme"}`, and as Python's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Attribute = Mapping[str, Any]

_WHOLE: Final = re.compile(r"[0-9]{1,12}")


def read(attribute: Attribute) -> Any:
    """The value. None for a number that is not a small whole one, and for a type that no field has: another program can
    have written the item, and boto3's own reader fails at numbers that Python's decimals cannot hold.
    """
    kind: str
    value: Any
    kind, value = next(iter(attribute.items()), ("", None))
    match kind:
        case "N":
            return int(value) if _WHOLE.fullmatch(value) else None
        case "SS":
            return frozenset(value)
        case "M":
            return {name: read(member) for name, member in value.items()}
        case "L":
            return [read(member) for member in value]
    return value if kind in ("S", "BOOL") else None


def write(value: Any) -> AttributeValueTypeDef:
    """The value in DynamoDB's format."""
    match value:
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case frozenset():
            return {"SS": sorted(value)}
        case Mapping():
            return {"M": {name: write(member) for name, member in value.items()}}
    return {"L": [write(member) for member in value]}
