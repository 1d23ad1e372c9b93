"""The JWT authenticator: a signed token (RFC 7519) of a configured provider, checked after RFC 8725 and RFC 9068.

Everything that the token alone decides is decided before a key is asked for. So what it claims can neither start a
request nor turn an outage of the provider into an answer.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from authorizer.algorithms import permitted
from authorizer.authentication import InvalidCredential, Reason
from authorizer.claims import MISSING, find, pick
from authorizer.identity import Identity
from authorizer.json_value import is_same
from authorizer.provider import Provider

MAX_LENGTH: Final = 8192
LATEST_TIME: Final = 253_402_300_799
"""The end of the year 9999, in seconds since 1970. A later date is a mistake of unit, or an attack."""

_TOKEN = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class VerifyingKey(Protocol):
    """What checks a signature: see `signing_key.SigningKey`."""

    def verifies(self, algorithm: str, message: bytes, signature: bytes, /) -> bool: ...


class KeySource(Protocol):
    """Where the signing keys of one issuer come from: see `jwks.SigningKeys`."""

    def find(self, kid: str | None, algorithm: str, /) -> VerifyingKey: ...


class JwtAuthenticator:
    """Accepts tokens of the configured providers.

    The token's `iss` only chooses among them, by exact comparison; nothing that a token says is ever fetched.
    """

    def __init__(
        self,
        providers: Iterable[tuple[Provider, KeySource]],
        *,
        leeway_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._providers = {provider.issuer: (provider, keys) for provider, keys in providers}
        self._leeway = leeway_seconds
        self._clock = clock

    def authenticate(self, token: str) -> Identity | None:
        """See `authentication.Authenticator`. A token with a full stop is this kind's.

        :raises jwks.KeysUnavailable: the provider's keys cannot be had.
        """
        if not self._providers or "." not in token:
            return None
        unverified = UnverifiedToken.parse(token)
        issuer = unverified.claims.get("iss")
        if not isinstance(issuer, str) or issuer not in self._providers:
            raise _refused(Reason.WRONG_ISSUER)
        provider, keys = self._providers[issuer]
        algorithm, kid = _check_header(unverified.header, provider)
        _check_times(unverified.claims, self._clock(), self._leeway)
        identity = _identify(unverified.claims, provider)
        if not keys.find(kid, algorithm).verifies(algorithm, unverified.signed, unverified.signature):
            raise _refused(Reason.BAD_SIGNATURE)
        return identity


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """The parts of a token of which nothing is proven yet."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes

    @classmethod
    def parse(cls, token: str) -> "UnverifiedToken":
        """Three base64url parts, each in its one canonical spelling, so that a token cannot be written in two ways.

        :raises InvalidCredential: it is something else.
        """
        if len(token) > MAX_LENGTH:
            raise _refused(Reason.TOKEN_TOO_LONG)
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            raise _refused(Reason.MALFORMED_TOKEN)
        header, claims, signature = (_decode(part) for part in parts.groups())
        return cls(
            _parse_object(header, Reason.MALFORMED_HEADER),
            _parse_object(claims, Reason.MALFORMED_CLAIMS),
            token[: parts.end(2)].encode("ascii"),
            signature,
        )


def _decode(part: str) -> bytes:
    try:
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise _refused(Reason.MALFORMED_TOKEN) from None
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != part.encode():
        raise _refused(Reason.MALFORMED_TOKEN)
    return decoded


def _parse_object(text: bytes, reason: Reason) -> Mapping[str, Any]:
    """A JSON object in UTF-8, with nothing in it that two parsers could read in two ways (RFC 8259, 4 to 8)."""
    try:
        parsed = json.loads(
            text.decode(), object_pairs_hook=_unique, parse_constant=_refuse_number, parse_float=_finite
        )
        # An escape can make a lone surrogate, which is no text: nothing that is encoded later could hold it.
        if b"\\u" in text:
            json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise _refused(reason) from None
    if not isinstance(parsed, dict):
        raise _refused(reason)
    return parsed


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _refuse_number(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _check_header(header: Mapping[str, Any], provider: Provider) -> tuple[str, str | None]:
    """Algorithm and key id. Members that bring or point to a key (`jwk`, `jku`, `x5c`, `x5u`) are ignored."""
    name = header.get("alg")
    algorithm = permitted(name, provider.algorithms) if isinstance(name, str) else None
    if algorithm is None:
        raise _refused(Reason.WRONG_ALGORITHM)
    # No extension is understood here, so none may be critical (RFC 7515, 4.1.11; `b64` is RFC 7797's).
    if "crit" in header or "b64" in header:
        raise _refused(Reason.CRITICAL_HEADER)
    token_type = header.get("typ")
    if token_type is not None or "typ" in header:
        media_type = token_type.lower().removeprefix("application/") if isinstance(token_type, str) else None
        if media_type not in provider.token_types:
            raise _refused(Reason.WRONG_TYPE)
    kid = header.get("kid")
    if "kid" in header and not (isinstance(kid, str) and kid):
        raise _refused(Reason.MALFORMED_HEADER)
    return algorithm, kid


def _check_times(claims: Mapping[str, Any], now: float, leeway: float) -> None:
    expires_at = _time(claims, "exp")
    if expires_at is None:
        raise _refused(Reason.MALFORMED_CLAIMS)
    if now >= expires_at + leeway:
        raise _refused(Reason.EXPIRED_TOKEN)
    not_before, issued_at = _time(claims, "nbf"), _time(claims, "iat")
    if not_before is not None and now < not_before - leeway:
        raise _refused(Reason.NOT_YET_VALID)
    if issued_at is not None and now < issued_at - leeway:
        raise _refused(Reason.ISSUED_IN_FUTURE)


def _identify(claims: Mapping[str, Any], provider: Provider) -> Identity:
    """Whom the claims name, if they are meant for us."""
    sub = claims.get("sub")
    if not isinstance(sub, str) or not sub or not sub.isprintable():
        raise _refused(Reason.MALFORMED_CLAIMS)
    # It is bound to a key that its sender must prove to hold (RFC 7800), which a bearer does not.
    if "cnf" in claims:
        raise _refused(Reason.BOUND_TOKEN)
    if provider.audiences.isdisjoint(_audiences(claims, provider)):
        raise _refused(Reason.WRONG_AUDIENCE)
    if provider.authorized_parties and not _is_one_of(claims.get("azp"), provider.authorized_parties):
        raise _refused(Reason.WRONG_PARTY)
    for path, value in provider.required_claims.items():
        found = find(claims, path)
        if found is MISSING or not is_same(found, value):
            raise _refused(Reason.WRONG_CLAIM)
    scopes = frozenset(scope for path in provider.scope_claims for scope in _scopes(find(claims, path)))
    passed_on = claims if provider.data_claims is None else pick(claims, provider.data_claims)
    return Identity("jwt", sub, passed_on, scopes)


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate in seconds (RFC 7519, section 2), or None when the claim is not there."""
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LATEST_TIME:
        raise _refused(Reason.MALFORMED_CLAIMS)
    return value


def _audiences(claims: Mapping[str, Any], provider: Provider) -> list[str]:
    if "aud" not in claims and provider.is_cognito:
        # Cognito's access tokens have no audience. Which client they were made for stands in client_id.
        return _text_list(claims.get("client_id", [])) if claims.get("token_use") == "access" else []
    return _text_list(claims.get("aud", []))


def _scopes(value: object) -> Iterator[str]:
    if value is MISSING or value is None:
        return
    for text in _text_list(value):
        yield from text.split() if isinstance(value, str) else (text,)


def _text_list(value: object) -> list[str]:
    values: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in values):
        raise _refused(Reason.MALFORMED_CLAIMS)
    return values


def _is_one_of(value: object, texts: frozenset[str]) -> bool:
    return isinstance(value, str) and value in texts


def _refused(reason: Reason) -> InvalidCredential:
    return InvalidCredential(reason, "jwt")
