"""Credentials in the input of a command, and in its error messages."""

import re
from typing import Final

from authorizer.api_key import BODY_PATTERN

_HEADER: Final = re.compile(r"(?:authorization: *)?bearer(?: +|\Z)", re.IGNORECASE)
_CREDENTIAL: Final = re.compile(rf"[a-z][a-z0-9_]*_{BODY_PATTERN}|eyJ[\w-]+\.[\w.-]+", re.ASCII)


def credential_in(text: str) -> str:
    """The credential in a text: the text itself, or what follows `Bearer` in a line of a request."""
    return _HEADER.sub("", text, count=1) if _HEADER.match(text) else text


def hide(message: str) -> str:
    """The message without API keys in the product's format and without JWTs.

    Click repeats arguments in its messages, and a command line can contain a credential by mistake.
    """
    return _CREDENTIAL.sub("[credential hidden]", message)
