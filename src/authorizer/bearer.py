"""The bearer token of a request (RFC 6750, section 2.1)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

MAX_LENGTH: Final = 10_240
"""API Gateway's limit for all headers of one request, in bytes: nothing longer can be meant."""

_CREDENTIALS = re.compile(r"bearer +([\x21-\x7e]+)", re.IGNORECASE | re.ASCII)


class BearerError(Exception):
    """The request has no usable bearer token. `reason` is a code for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason: Final = reason


def bearer_token(event: Mapping[str, Any]) -> str:
    """The token of the one Authorization header of an authorizer event.

    Header names are compared without case (RFC 9110): API Gateway keeps the client's, and HTTP/2 clients send lower
    case. A second Authorization header is refused, because two parties could each trust a different one.

    :raises BearerError: `no_credential`, `several_credentials`, or `malformed_authorization`.
    """
    values = list(_authorization(event))
    if not values:
        raise BearerError("no_credential")
    if len(values) > 1:
        raise BearerError("several_credentials")
    value = values[0]
    match = _CREDENTIALS.fullmatch(value) if isinstance(value, str) and len(value) <= MAX_LENGTH else None
    if match is None:
        raise BearerError("malformed_authorization")
    return match[1]


def _authorization(event: Mapping[str, Any]) -> Iterator[object]:
    """Every value of every Authorization header. `multiValueHeaders` has them all, `headers` only the last one."""
    found = False
    for value in _named_authorization(event.get("multiValueHeaders")):
        found = True
        if isinstance(value, list):
            yield from value
        else:
            yield value
    if not found:
        yield from _named_authorization(event.get("headers"))


def _named_authorization(headers: object) -> Iterator[object]:
    if isinstance(headers, Mapping):
        yield from (value for name, value in headers.items() if str(name).lower() == "authorization")
