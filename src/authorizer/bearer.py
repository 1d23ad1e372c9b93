"""The bearer token of a request (RFC 6750, section 2.1)."""

import re
from collections.abc import Mapping
from typing import Any, Final

from authorizer.refusal import Reason, Refusal

MAX_LENGTH: Final = 10_240
"""API Gateway's limit in bytes for all headers of a request."""

_CREDENTIALS = re.compile(r"bearer +([\x21-\x7e]+)", re.IGNORECASE | re.ASCII)


def bearer_token(event: Mapping[str, Any]) -> str:
    """The token of the Authorization header of an authorizer event.

    Header names are compared without case (RFC 9110). Two Authorization headers are refused, because the authorizer
    and the backend could each read a different one.

    :raises Refusal: there is no Authorization header, more than one, or its value is not a bearer token.
    """
    values = _authorization(event)
    if not values:
        raise Refusal(Reason.NO_CREDENTIAL)
    if len(values) > 1:
        raise Refusal(Reason.SEVERAL_CREDENTIALS)
    value = values[0]
    match = _CREDENTIALS.fullmatch(value) if isinstance(value, str) and len(value) <= MAX_LENGTH else None
    if match is None:
        raise Refusal(Reason.MALFORMED_AUTHORIZATION)
    return match[1]


def _authorization(event: Mapping[str, Any]) -> list[object]:
    """All values of Authorization headers. `multiValueHeaders` has all of them, `headers` only the last one."""
    for headers in (event.get("multiValueHeaders"), event.get("headers")):
        named = headers.items() if isinstance(headers, dict) else ()
        found = [value for name, value in named if name.lower() == "authorization"]
        if found:
            return [each for value in found for each in (value if isinstance(value, list) else [value])]
    return []
