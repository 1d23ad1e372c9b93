"""The attributes of an item of the table, and the limits that what is read from them has to keep."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Item = Mapping[str, "AttributeValueTypeDef"]

USAGE_KEY: Final = re.compile(r"[0-9A-Za-z]{20,128}")
"""The value of an API key of API Gateway: AWS CloudFormation template reference, AWS::ApiGateway::ApiKey, "Value"."""

_UNSAFE: Final = frozenset('"\\')


class MalformedRecord(Exception):
    """The item is not valid. The text says why, and contains no value of the item."""


def pk_of(kind: str, issuer: str, name: str) -> str:
    """The partition key of an item of this kind about what an issuer calls `name`.

    Neither text can contain a NUL, so no two of them have the same one.
    """
    return f"{kind}#" + hashlib.sha256(b"\0".join((issuer.encode(), name.encode()))).hexdigest()


def value(item: Item, name: str, kind: str) -> Any:
    """The value of an attribute of this DynamoDB type, or None if it is absent.

    :raises MalformedRecord: it is of another type.
    """
    attribute: Mapping[str, Any] | None = item.get(name)
    if attribute is None:
        return None
    if kind not in attribute:
        raise MalformedRecord(f"{name} is not of type {kind}")
    return attribute[kind]


def time(item: Item, name: str) -> int | None:
    """A time in seconds since 1970, or None if it is absent.

    :raises MalformedRecord: it is not a whole number.
    """
    text = value(item, name, "N")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise MalformedRecord(f"{name} is not a time in whole seconds")
    return int(text)


def flag(item: Item, name: str) -> bool:
    """:raises MalformedRecord: it is absent, or not a Boolean."""
    found = value(item, name, "BOOL")
    if not isinstance(found, bool):
        raise MalformedRecord(f"{name} is missing")
    return found


def is_name(text: str) -> bool:
    """Whether an access log can write the text into JSON without escaping it."""
    return text != "" and text.isprintable() and _UNSAFE.isdisjoint(text)


def plan(item: Item) -> tuple[str | None, str | None]:
    """The name of the usage plan, and the value of API Gateway's own API key that counts for it. Each can be absent.

    :raises MalformedRecord: one of them has another form.
    """
    name, usage_key = value(item, "plan", "S"), value(item, "usage_key", "S")
    if name is not None and not is_name(name):
        raise MalformedRecord("plan is not printable, or has a quotation mark or a backslash")
    if usage_key is not None and not USAGE_KEY.fullmatch(usage_key):
        raise MalformedRecord("usage_key is not 20 to 128 letters and digits")
    return name, usage_key
