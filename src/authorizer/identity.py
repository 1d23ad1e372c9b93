"""Who a credential stands for, and the form in which API Gateway hands that on."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

CredentialKind = Literal["api_key", "jwt"]
DataEncoding = Literal["json", "base64url"]

MAX_CONTEXT_BYTES: Final = 8192
"""The most that the values of the context may come to, as UTF-8. API Gateway's own limit is not documented; its
10,240 bytes for all headers of a request bound what reaches a backend, and this keeps clear of them."""

SCOPE_PATTERN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""RFC 6749, section 3.3. Such a scope can stand in a JSON text, and in a list separated by spaces, as it is."""

_JSON: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class IdentityTooLarge(Exception):
    """The identity does not fit `MAX_CONTEXT_BYTES`. It is refused: cut short, it would be another identity."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated caller.

    `sub`: the consumer's name or the token's subject, which is one only together with `kind` and `issuer`. `data`: the
    consumer's metadata or the token's claims. `scopes`: what the credential was issued for. `key_id`: the API key's
    public name. `issuer`: that of the JWT.
    """

    kind: CredentialKind
    sub: str
    data: Mapping[str, Any] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset()
    key_id: str | None = None
    issuer: str | None = None

    def context(self, encoding: DataEncoding = "json") -> dict[str, str]:
        """The authorizer context, in which every value is a text, since API Gateway refuses nested ones.

        `sub`; `data`, a JSON text, or the base64url of one; `credential`, the kind; `issuer` of a JWT; `key_id` of an
        API key; `scope`, separated by spaces, if there is any. A scope that holds a space, or anything else that
        none of OAuth's can, is left out of it: it would read as other scopes.

        :raises IdentityTooLarge: the values do not fit `MAX_CONTEXT_BYTES`.
        """
        data = _JSON.encode(self.data)
        if encoding == "base64url":
            data = base64.urlsafe_b64encode(data.encode()).rstrip(b"=").decode()
        scope = " ".join(sorted(filter(SCOPE_PATTERN.fullmatch, self.scopes)))
        values = {"issuer": self.issuer, "key_id": self.key_id, "scope": scope}
        context = {"sub": self.sub, "data": data, "credential": self.kind}
        context |= {name: value for name, value in values.items() if value}
        if sum(len(value.encode()) for value in context.values()) > MAX_CONTEXT_BYTES:
            raise IdentityTooLarge
        return context
