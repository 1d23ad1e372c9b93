"""The checks of a token's claims (RFC 7519, section 4.1), and the identity that they describe."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from authorizer.claims import MISSING, Path, find, pick
from authorizer.identity import SCOPE_PATTERN, Identity
from authorizer.provider import DEFAULTS, Provider
from authorizer.refusal import Reason, Refusal
from authorizer.subject_hash import subject_hash

LATEST_TIME: Final = 253_402_300_799
"""The end of the year 9999, in seconds since 1970. A later time has the wrong unit, or is an attack."""


def check_times(claims: Mapping[str, Any], now: float, leeway: float) -> None:
    """Check `exp`, `nbf` and `iat`. `now` is in seconds since 1970, `leeway` in seconds.

    :raises Refusal: the token has expired, is not valid yet, or has an invalid time.
    """
    expires_at = _time(claims, "exp")
    if expires_at is None:
        raise refused(Reason.MALFORMED_CLAIMS)
    if now >= expires_at + leeway:
        raise refused(Reason.EXPIRED_TOKEN)
    not_before, issued_at = _time(claims, "nbf"), _time(claims, "iat")
    if not_before is not None and now < not_before - leeway:
        raise refused(Reason.NOT_YET_VALID)
    if issued_at is not None and now < issued_at - leeway:
        raise refused(Reason.ISSUED_IN_FUTURE)


def identify(claims: Mapping[str, Any], provider: Provider, hash_key: str | None = None) -> Identity:
    """The identity that the claims describe, after the checks that the provider's settings require.

    `hash_key`: see `subject_hash.subject_hash`; None if subjects are not counted.

    :raises Refusal: a check fails, or there is no valid subject.
    """
    sub = _first(claims, provider.subject_claims)
    if not isinstance(sub, str) or not sub.isprintable():
        raise refused(Reason.MALFORMED_CLAIMS)
    # The sender would have to prove possession of a key (RFC 7800), which a bearer token does not do.
    if "cnf" in claims:
        raise refused(Reason.BOUND_TOKEN)
    if provider.audiences.isdisjoint(_audiences(claims, provider)):
        raise refused(Reason.WRONG_AUDIENCE)
    azp = claims.get("azp")
    if provider.authorized_parties and not (isinstance(azp, str) and azp in provider.authorized_parties):
        raise refused(Reason.WRONG_PARTY)
    if not all(claim.is_in(claims) for claim in provider.required_claims):
        raise refused(Reason.WRONG_CLAIM)
    scopes = frozenset(scope for path in provider.scope_claims for scope in _scopes(find(claims, path)))
    passed_on = claims if provider.data_claims is None else pick(claims, provider.data_claims)
    hashed = subject_hash(hash_key, provider.issuer, sub) if hash_key else None
    return Identity("jwt", sub, passed_on, scopes, issuer=provider.issuer, subject_hash=hashed)


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate in seconds (RFC 7519, section 2), or None if the claim is absent or null."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LATEST_TIME:
        raise refused(Reason.MALFORMED_CLAIMS)
    return value


def _first(claims: Mapping[str, Any], paths: Iterable[Path]) -> Any:
    """The first of these claims that exists and is not empty, or `MISSING`. A claim of the wrong type is not empty."""
    return next((found for path in paths if (found := find(claims, path)) not in (MISSING, "", [])), MISSING)


def _audiences(claims: Mapping[str, Any], provider: Provider) -> list[str]:
    paths = provider.audience_claims
    if paths == DEFAULTS.audience_claims and "aud" not in claims and claims.get("token_use") == "access":
        # Cognito's access tokens have no aud. Their client_id names the app client.
        paths = (*paths, ("client_id",)) if provider.is_cognito else paths
    found = _first(claims, paths)
    return [] if found is MISSING else _text_list(found)


def _scopes(value: object) -> Iterable[str]:
    """The scopes of a claim. Only U+0020 separates scopes (RFC 6749, section 3.3). What is no scope is left out."""
    if value is MISSING or value is None:
        return ()
    if isinstance(value, str):
        texts = value.split(" ")
    else:
        texts = list(value) if isinstance(value, dict) else _text_list(value)
    return filter(SCOPE_PATTERN.fullmatch, texts)


def _text_list(value: object) -> list[str]:
    values: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in values):
        raise refused(Reason.MALFORMED_CLAIMS)
    return values


def refused(reason: Reason) -> Refusal:
    """The refusal of a JWT."""
    return Refusal(reason, "jwt")
