"""Who calls: read from the authorizer's context of a request, and from nothing else of it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from authorizer import strict_json
from authorizer.claims import find
from authorizer.self_service import CLIENT_CLAIMS, SelfService
from keys.core.owners import Caller
from self_service.problem import Code, Problem

MOST_OWNER: Final = 255
"""OpenID Connect Core, section 2: the length of `sub`."""


@dataclass(frozen=True, slots=True)
class User:
    """A signed-in user. `scopes`: of the token. `claims`: those that the authorizer passes on."""

    caller: Caller
    scopes: frozenset[str]
    claims: Mapping[str, Any]

    def require_recent_sign_in(self, minutes: int | None, now: float) -> None:
        """:raises Problem: the user signed in longer ago, or the token does not say when (`auth_time`)."""
        if minutes is None:
            return
        at = _time(self.claims, "auth_time")
        if at is None or not now - minutes * 60 <= at <= now + self.caller.leeway:
            # RFC 9470, section 3.
            challenge = f'Bearer error="insufficient_user_authentication", max_age="{minutes * 60}"'
            raise Problem(
                Code.SIGN_IN_AGAIN,
                f"This requires a sign-in within the last {minutes} minutes. Sign in again.",
                headers={"WWW-Authenticate": challenge},
            )


def user_of(event: Mapping[str, Any], settings: SelfService, leeway: float) -> User:
    """The user who sent the request.

    :raises Problem: the credential is not a JWT of a client that the file lists, or has no owner.
    """
    context = event.get("requestContext", {}).get("authorizer") or {}
    if context.get("credential") != "jwt":
        raise Problem(Code.FORBIDDEN, "Only signed-in users can manage API keys; an API key cannot. Sign in.")
    issuer, sub = context.get("issuer"), context.get("sub")
    users = settings.users.get(issuer) if isinstance(issuer, str) else None
    if users is None or not isinstance(sub, str) or not sub:
        raise Problem(Code.FORBIDDEN, "Accounts of this identity provider cannot have API keys of their own.")
    claims = _claims(context.get("data"))
    if not _clients(claims) <= users.client_ids:
        raise Problem(Code.FORBIDDEN, "A token of this application cannot manage API keys.")
    owner = find(claims, users.owner_claim)
    if not isinstance(owner, str) or not 1 <= len(owner) <= MOST_OWNER or not owner.isprintable():
        raise Problem(Code.FORBIDDEN, "This account cannot have API keys: its token does not say whose they would be.")
    scopes = frozenset((context.get("scope") or "").split(" "))
    return User(Caller(users.issuer, owner, sub, _time(claims, "iat"), leeway), scopes, claims)


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    at = claims.get(name)
    return at if isinstance(at, int | float) and not isinstance(at, bool) else None


def _claims(data: object) -> Mapping[str, Any]:
    """The claims in the context: JSON, or the base64url of it; see `identity.Identity.context`."""
    text = data if isinstance(data, str) else ""
    if not text.startswith("{"):
        text = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    return strict_json.parse_object(text.encode())


def _clients(claims: Mapping[str, Any]) -> frozenset[Any]:
    """The clients that the token is for. One that nothing lists if it does not say."""
    found = next((claims[name] for name in CLIENT_CLAIMS if name in claims), None)
    named = found if isinstance(found, list) and found else [found]
    return frozenset(each if isinstance(each, str) else None for each in named)
