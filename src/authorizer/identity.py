"""The caller that a credential identifies, and the context that API Gateway passes to the backend."""

import base64
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from authorizer.refusal import CredentialKind, Reason, Refusal

if TYPE_CHECKING:
    from authorizer.networks import Networks

DataEncoding = Literal["json", "base64url"]

MAX_CONTEXT_BYTES: Final = 8192
"""The maximum size of all context values together, as UTF-8. AWS documents no limit. This one is below API Gateway's
limit of 10,240 bytes for all headers of a request, which applies to contexts that are passed on as headers."""

SCOPE_PATTERN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""RFC 6749, section 3.3. Such a scope needs no escaping in JSON and contains no space."""

_NO_DATA: Final[Mapping[str, Any]] = {}
_JSON: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class Identity:
    """An authenticated caller. It is immutable.

    `sub`: the consumer's name or the token's subject. It is unique only together with `kind` and `issuer`. `data`: the
    consumer's metadata or the token's claims. `scopes`: each matches `SCOPE_PATTERN`. `key_id`: of an API key.
    `issuer`: of a JWT, or of the user who made the API key. `networks`: the credential is accepted only in requests
    from them; None for no limit. `plan`: the name of the caller's usage plan. `usage_key`: the value of the API key of
    API Gateway that is counted.
    `subject_hash`: of a JWT, if subjects are counted; see `subject_hash.subject_hash`.
    """

    __slots__ = (
        "_contexts",
        "data",
        "issuer",
        "key_id",
        "kind",
        "networks",
        "plan",
        "scopes",
        "sub",
        "subject_hash",
        "usage_key",
    )

    def __init__(
        self,
        kind: CredentialKind,
        sub: str,
        data: Mapping[str, Any] = _NO_DATA,
        scopes: frozenset[str] = frozenset(),
        key_id: str | None = None,
        issuer: str | None = None,
        networks: "Networks | None" = None,
        plan: str | None = None,
        usage_key: str | None = None,
        subject_hash: str | None = None,
    ) -> None:
        self.kind: Final = kind
        self.sub: Final = sub
        self.data: Final = data
        self.scopes: Final = scopes
        self.key_id: Final = key_id
        self.issuer: Final = issuer
        self.networks: Final = networks
        self.plan: Final = plan
        self.usage_key: Final = usage_key
        self.subject_hash: Final = subject_hash
        self._contexts: dict[DataEncoding, Mapping[str, str]] = {}

    def __eq__(self, other: object) -> bool:
        """Whether they are the same caller with the same data."""
        return isinstance(other, Identity) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__ if name != "_contexts"
        )

    def on_plan(self, plan: str | None, usage_key: str | None) -> "Identity":
        """The same caller with this plan."""
        known = {name: getattr(self, name) for name in self.__slots__ if name != "_contexts"}
        return Identity(**{**known, "plan": plan, "usage_key": usage_key})

    def context(self, encoding: DataEncoding = "json") -> Mapping[str, str]:
        """The authorizer context. Every value is a string, because API Gateway accepts no nested values.

        `sub`; `data` as JSON or as base64url of JSON; `credential`, the kind; `issuer`, if there is one; `subject_hash`
        of a JWT, if subjects are counted; `key_id` of an API key; `scope`, a list separated by spaces, if there is any;
        `plan`, if there is one. It is kept, because the key cache keeps identities.

        :raises Refusal: the values exceed `MAX_CONTEXT_BYTES`. A shortened identity would be another one.
        """
        if (kept := self._contexts.get(encoding)) is not None:
            return kept
        data = _JSON.encode(self.data)
        if encoding == "base64url":
            data = base64.urlsafe_b64encode(data.encode()).rstrip(b"=").decode()
        context: dict[str, str] = {"sub": self.sub, "data": data, "credential": self.kind}
        if self.issuer:
            context["issuer"] = self.issuer
        if self.subject_hash:
            context["subject_hash"] = self.subject_hash
        if self.key_id:
            context["key_id"] = self.key_id
        if self.scopes:
            context["scope"] = " ".join(sorted(self.scopes))
        if self.plan:
            context["plan"] = self.plan
        if context_bytes(context) > MAX_CONTEXT_BYTES:
            raise Refusal(Reason.IDENTITY_TOO_LARGE, self.kind, self.key_id)
        self._contexts[encoding] = context
        return context


def context_bytes(context: Mapping[str, str]) -> int:
    """The size of all values together, as UTF-8."""
    return len("".join(context.values()).encode())
