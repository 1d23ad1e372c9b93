"""Who a credential stands for, and the form in which API Gateway hands that on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

CredentialKind = Literal["api_key", "jwt"]

MAX_CONTEXT_BYTES: Final = 8192
"""The most that `sub` and `data` may come to, as UTF-8. API Gateway's own limit is not documented; its 10,240 bytes
for all headers of a request bound what reaches a backend, and this keeps clear of them."""


class IdentityTooLarge(Exception):
    """The identity does not fit `MAX_CONTEXT_BYTES`. It is refused: cut short, it would be another identity."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated caller.

    `sub`: the consumer's name or the token's subject. `data`: the consumer's metadata or the token's claims.
    `scopes`: what the credential was issued for. `key_id`: the API key's public name, for logs.
    """

    kind: CredentialKind
    sub: str
    data: Mapping[str, Any] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset()
    key_id: str | None = None

    def context(self) -> dict[str, str]:
        """The authorizer context: `sub`, and `data` as one JSON text, since API Gateway refuses nested values.

        :raises IdentityTooLarge: the two do not fit `MAX_CONTEXT_BYTES`.
        """
        data = json.dumps(self.data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        if len(self.sub.encode()) + len(data.encode()) > MAX_CONTEXT_BYTES:
            raise IdentityTooLarge
        return {"sub": self.sub, "data": data}
