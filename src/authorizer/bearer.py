"""The bearer token of a request (RFC 6750, section 2.1)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

MAX_LENGTH: Final = 10_240
"""API Gateway's limit in bytes for all headers of a request."""

_CREDENTIALS = re.compile(r"bearer +([\x21-\x7e]+)", re.IGNORECASE | re.ASCII)


class BearerError(Exception):
    """The request has no valid bearer token. `reason` is a code for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason: Final = reason


def bearer_token(event: Mapping[str, Any]) -> str:
    """The token of the Authorization header of an authorizer event.

    Header names are compared without case (RFC 9110). Two Authorization headers are refused, because the authorizer
    and the backend could each read a different one.

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
    """All values of Authorization headers. `multiValueHeaders` has all of them, `headers` only the last one."""
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
