"""The JWT authenticator: a signed token (RFC 7519) of a configured provider, checked after RFC 8725 and RFC 9068.

Everything that the token alone decides is decided before a key is asked for. So what it claims can neither start a
request nor turn an outage of the provider into an answer.
"""

import base64
import functools
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from authorizer.algorithms import permitted
from authorizer.authentication import InvalidCredential, Reason
from authorizer.identity import Identity
from authorizer.jwt_claims import check_times, identify
from authorizer.provider import Provider, media_type

MAX_DEPTH: Final = 64
"""The most objects and lists within each other: what reads them later must not come to an end of its own."""

_TOKEN = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class KeySource(Protocol):
    """What verifies the signatures of one issuer: see `jwks.SigningKeys`."""

    def verify(self, kid: str | None, algorithm: str, message: bytes, signature: bytes, /) -> None: ...


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
        self._longest = max((provider.max_token_bytes for provider, _ in self._providers.values()), default=0)
        self._leeway = leeway_seconds
        self._clock = clock

    def authenticate(self, token: str) -> Identity | None:
        """See `authentication.Authenticator`. A token with a full stop is this kind's.

        :raises jwks.KeysUnavailable: the provider's keys cannot be had.
        """
        if not self._providers or "." not in token:
            return None
        if len(token) > self._longest:
            raise _refused(Reason.TOKEN_TOO_LONG)
        unverified = UnverifiedToken.parse(token)
        issuer = unverified.claims.get("iss")
        if not isinstance(issuer, str) or issuer not in self._providers:
            raise _refused(Reason.WRONG_ISSUER)
        provider, keys = self._providers[issuer]
        if len(token) > provider.max_token_bytes:
            raise _refused(Reason.TOKEN_TOO_LONG)
        algorithm, kid = _check_header(unverified.header, provider)
        check_times(unverified.claims, self._clock(), self._leeway)
        identity = identify(unverified.claims, provider)
        keys.verify(kid, algorithm, unverified.signed, unverified.signature)
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
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            raise _refused(Reason.MALFORMED_TOKEN)
        header, claims, signature = parts.groups()
        return cls(
            _parse_header(header),
            _parse_object(_decode(claims), Reason.MALFORMED_CLAIMS),
            token[: parts.end(2)].encode("ascii"),
            _decode(signature),
        )


@functools.lru_cache(maxsize=64)
def _parse_header(part: str) -> Mapping[str, Any]:
    """A provider's tokens have the same header as long as they have the same key."""
    return _parse_object(_decode(part), Reason.MALFORMED_HEADER)


def _decode(part: str) -> bytes:
    try:
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise _refused(Reason.MALFORMED_TOKEN) from None
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != part.encode():
        raise _refused(Reason.MALFORMED_TOKEN)
    return decoded


def _parse_object(text: bytes, reason: Reason) -> Mapping[str, Any]:
    """A JSON object in UTF-8, with nothing in it that two parsers could read in two ways (RFC 8259, 4 to 9)."""
    try:
        parsed = _STRICT.decode(text.decode())
        if text.count(b"[") + text.count(b"{") > MAX_DEPTH and _is_too_deep(parsed):
            raise ValueError("objects and lists within each other, too many")
        # An escape can make a lone surrogate, which is no text: nothing that is encoded later could hold it.
        if b"\\u" in text:
            json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise _refused(reason) from None
    if not isinstance(parsed, dict):
        raise _refused(reason)
    return parsed


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        nested = [item for item in level if isinstance(item, dict | list)]
        level = [inner for item in nested for inner in (item.values() if isinstance(item, dict) else item)]
    return bool(nested)


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


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_number, parse_float=_finite)


def _check_header(header: Mapping[str, Any], provider: Provider) -> tuple[str, str | None]:
    """Algorithm and key id. Members that bring or point to a key (`jwk`, `jku`, `x5c`, `x5u`) are ignored."""
    name = header.get("alg")
    algorithm = permitted(name, provider.algorithms) if isinstance(name, str) else None
    if algorithm is None:
        raise _refused(Reason.WRONG_ALGORITHM)
    # No extension is understood here, so none may be critical (RFC 7515, 4.1.11; `b64` is RFC 7797's).
    if "crit" in header or "b64" in header:
        raise _refused(Reason.CRITICAL_HEADER)
    # Without one it is a plain JWT: whoever asks for access tokens alone (RFC 9068, 4) is not given another.
    token_type = header.get("typ", "JWT")
    if not isinstance(token_type, str) or media_type(token_type) not in provider.token_types:
        raise _refused(Reason.WRONG_TYPE)
    kid = header.get("kid")
    if "kid" in header and not (isinstance(kid, str) and kid):
        raise _refused(Reason.MALFORMED_HEADER)
    return algorithm, kid


def _refused(reason: Reason) -> InvalidCredential:
    return InvalidCredential(reason, "jwt")
