"""The JWT authenticator: checks a signed token (RFC 7519) of a configured provider by RFC 8725 and RFC 9068.

All checks that need only the token and the settings come before the signature. A token that fails them can neither
cause a fetch nor get a 503 during an outage of the provider.
"""

import base64
import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from authorizer import strict_json
from authorizer.algorithms import permitted
from authorizer.identity import Identity
from authorizer.jwt_claims import check_times, identify, refused
from authorizer.provider import Provider, media_type
from authorizer.refusal import Reason, Refusal
from authorizer.tiers import Tiers, assign

if TYPE_CHECKING:
    from authorizer.subjects import Subjects

_TOKEN = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
# The canonical last characters (RFC 4648, section 3.5), whose unused bits are zero, by the length of the text modulo 4.
_LAST_CHARACTERS: Final = ("", "", "AQgw", "AEIMQUYcgkosw048")


class KeySource(Protocol):
    """Verifies signatures of one issuer; see `jwks.SigningKeys`."""

    def verify(self, kid: str | None, algorithm: str, message: bytes, signature: bytes, /) -> None: ...

    def published_kid(self, kid: object, /) -> str | None: ...


class JwtAuthenticator:
    """Accepts tokens of the configured providers.

    The token's `iss` selects one of them by exact comparison. No URL in a token is ever fetched. `hash_key`: see
    `jwt_claims.identify`. `subjects` and `tiers` are asked only about a token whose signature was verified.
    """

    def __init__(
        self,
        providers: Iterable[tuple[Provider, KeySource]],
        *,
        leeway_seconds: float,
        clock: Callable[[], float],
        hash_key: str | None = None,
        subjects: "Subjects | None" = None,
        tiers: Tiers = (),
    ) -> None:
        self._providers = {provider.issuer: (provider, keys) for provider, keys in providers}
        self._longest = max((provider.max_token_bytes for provider, _ in self._providers.values()), default=0)
        self._leeway = leeway_seconds
        self._clock = clock
        self._hash_key = hash_key
        self._subjects = subjects
        self._tiers = tiers

    def authenticate(self, token: str) -> Identity | None:
        """Check a token; see `authentication.Authenticator`. Every token with a full stop is a JWT.

        :raises jwks.KeysUnavailable: the provider's keys cannot be fetched.
        :raises Exception: the table of `subjects` could not be read.
        """
        if not self._providers or "." not in token:
            return None
        if len(token) > self._longest:
            raise refused(Reason.TOKEN_TOO_LONG)
        unverified = UnverifiedToken.parse(token)
        issuer = unverified.claims.get("iss")
        if not isinstance(issuer, str) or issuer not in self._providers:
            raise refused(Reason.WRONG_ISSUER)
        provider, keys = self._providers[issuer]
        try:
            if len(token) > provider.max_token_bytes:
                raise refused(Reason.TOKEN_TOO_LONG)
            algorithm, kid = _check_header(unverified.header, provider)
            check_times(unverified.claims, self._clock(), self._leeway)
            identity = identify(unverified.claims, provider, self._hash_key)
            keys.verify(kid, algorithm, unverified.signed, unverified.signature)
            if self._subjects is not None:
                identity = self._subjects.admit(identity, unverified.claims.get("iat"))
        except Refusal as error:
            error.issuer, error.kid = issuer, keys.published_kid(unverified.header.get("kid"))
            raise
        return assign(self._tiers, identity) if self._tiers else identity


class UnverifiedToken(NamedTuple):
    """The parts of a token before any check."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes

    @classmethod
    def parse(cls, token: str) -> "UnverifiedToken":
        """Parse three base64url parts. Only the canonical encoding is accepted, so that a token has one spelling.

        :raises Refusal: the token is malformed.
        """
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            raise refused(Reason.MALFORMED_TOKEN)
        header, claims = _parse_header(parts[1]), _parse_object(_decode(parts[2]), Reason.MALFORMED_CLAIMS)
        return cls(header, claims, token[: parts.end(2)].encode("ascii"), _decode(parts[3]))


@functools.lru_cache(maxsize=64)
def _parse_header(part: str) -> Mapping[str, Any]:
    """Parse a header. It is cached, because tokens with the same signing key usually have the same header."""
    return _parse_object(_decode(part), Reason.MALFORMED_HEADER)


def _decode(part: str) -> bytes:
    remainder = len(part) % 4
    if remainder and part[-1] not in _LAST_CHARACTERS[remainder]:
        raise refused(Reason.MALFORMED_TOKEN)
    return base64.urlsafe_b64decode(part + "=" * (-remainder % 4))


def _parse_object(text: bytes, reason: Reason) -> Mapping[str, Any]:
    try:
        return strict_json.parse_object(text)
    except ValueError:
        raise refused(reason) from None


def _check_header(header: Mapping[str, Any], provider: Provider) -> tuple[str, str | None]:
    """The algorithm and the key id. Members with a key or its URL (`jwk`, `jku`, `x5c`, `x5u`) are ignored."""
    name = header.get("alg")
    algorithm = permitted(name, provider.algorithms) if isinstance(name, str) else None
    if algorithm is None:
        raise refused(Reason.WRONG_ALGORITHM)
    # No critical extension is supported (RFC 7515, section 4.1.11; `b64`: RFC 7797).
    if "crit" in header or "b64" in header:
        raise refused(Reason.CRITICAL_HEADER)
    # A token without typ counts as JWT, so a provider that accepts only at+jwt (RFC 9068, section 4) refuses it.
    token_type = header.get("typ", "JWT")
    if not isinstance(token_type, str) or media_type(token_type) not in provider.token_types:
        raise refused(Reason.WRONG_TYPE)
    kid = header.get("kid")
    if "kid" in header and not (isinstance(kid, str) and kid):
        raise refused(Reason.MALFORMED_HEADER)
    return algorithm, kid
