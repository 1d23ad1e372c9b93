"""One identity provider: whose tokens are accepted, and which of them."""

import math
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from authorizer import claims
from authorizer.algorithms import ALGORITHMS
from authorizer.entry import Entry
from authorizer.urls import is_fetchable

MEMBERS: Final = (
    "issuer",
    "audience",
    "jwks_url",
    "ca_bundle",
    "key_uses",
    "algorithms",
    "token_types",
    "max_token_bytes",
    "audience_claims",
    "authorized_parties",
    "required_claims",
    "subject_claims",
    "scope_claims",
    "data_claims",
)
MOST_TOKEN_BYTES: Final = 10_240
"""API Gateway takes no more in all headers of a request."""
KEY_USES: Final = ("sig", "jwt-svid")
"""What a JWK's `use` may say of a key for signatures: RFC 7517, 4.2, and SPIFFE's "Trust Domain and Bundle", 4.2.2."""

# RFC 7519, section 2: a StringOrURI is a URI if it has a colon in it.
_ISSUER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]*|[^\s:](?:[^:]*[^\s:])?")

_COGNITO_ISSUER = re.compile(
    r"https://(?:cognito-idp|issuer-cognito-idp)\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/[A-Za-z0-9_-]+\Z"
)


@dataclass(frozen=True)
class Provider:
    """One identity provider: whose tokens are accepted, and which of them. In settings, `audiences` is `audience`."""

    issuer: str
    """The tokens' `iss`, character for character. It is only compared: any text that RFC 7519 allows."""
    audiences: frozenset[str]
    """Whom tokens must be meant for: one of these. A list, or one text."""
    jwks_url: str | None = None
    """Where the provider publishes its signing keys. Without it, they are discovered from the issuer, an https URL."""
    ca_bundle: Path | None = None
    """A PEM file, beside this one, of the authorities that its server's certificate may be from: these alone."""
    key_uses: frozenset[str] = frozenset({"sig"})
    """What a key's `use` may be, where it has one: `sig`, and `jwt-svid` for SPIFFE."""
    algorithms: frozenset[str] = ALGORITHMS
    """The signature algorithms to accept."""
    token_types: frozenset[str] = frozenset({"jwt", "at+jwt"})
    """What a token's `typ` header may be, in any case. A token without one is a `jwt`."""
    max_token_bytes: int = 8192
    """A longer token is refused; at most 10,240, as much as API Gateway takes in all headers."""
    audience_claims: tuple[claims.Path, ...] = (("aud",),)
    """Where the audience stands: in the first of these claims that is there and not empty."""
    authorized_parties: frozenset[str] = frozenset()
    """The token's `azp` must be one of these. Without them, it is not looked at."""
    required_claims: Mapping[claims.Path, Any] = field(default_factory=dict)
    """A table of claims, each of which the token must have with exactly this value."""
    subject_claims: tuple[claims.Path, ...] = (("sub",),)
    """Where the caller's name stands, the `sub` that backends get: in the first that is there and not empty."""
    scope_claims: tuple[claims.Path, ...] = (("scope",), ("scp",))
    """Where scopes stand: all that these claims hold, as a list, or as a text with spaces between them."""
    data_claims: tuple[claims.Path, ...] | None = None
    """The claims to pass on to backends, within the objects that they stand in. Without it, all of them."""

    @property
    def is_cognito(self) -> bool:
        """Whether the issuer is a Cognito user pool. Its access tokens name the client in `client_id`, not `aud`."""
        return _COGNITO_ISSUER.match(self.issuer) is not None


def read_providers(entries: Sequence[Entry]) -> tuple[Provider, ...]:
    """The providers in these tables. What is wrong with them is told to the tables."""
    first: dict[str, Entry] = {}
    for entry in entries:
        issuer = entry.members.get("issuer")
        if isinstance(issuer, str) and (other := first.setdefault(issuer, entry)) is not entry:
            entry.wrong("issuer", f"the issuer is that of {other.place(None)} as well: give one provider an issuer")
    return tuple(_read(entry) for entry in entries)


def _read(entry: Entry) -> Provider:
    entry.check_names(MEMBERS, "a provider")
    issuer, jwks_url = entry.text("issuer"), entry.text("jwks_url")
    if entry.members.get("issuer") is None:
        entry.wrong("issuer", 'issuer is missing: the "iss" of the provider\'s tokens, character for character')
    elif issuer and not (issuer.isprintable() and _ISSUER.fullmatch(issuer)):
        entry.wrong(
            "issuer", f"issuer must be a URI, or a text without a colon and without outer spaces; not {issuer!r}"
        )
    elif issuer and "jwks_url" not in entry.members and not is_fetchable(issuer):
        entry.wrong("issuer", f"jwks_url is missing: only that of an https issuer can be discovered, not of {issuer!r}")
    if jwks_url and not is_fetchable(jwks_url):
        entry.wrong("jwks_url", f"jwks_url must be an https URL without credentials and fragment; not {jwks_url!r}")
    if entry.members.get("audience") is None:
        entry.wrong("audience", "audience is missing: without it, tokens made for any other service would be accepted")
    algorithms = frozenset(entry.texts("algorithms"))
    if unknown := algorithms - ALGORITHMS:
        entry.wrong(
            "algorithms",
            f"algorithms may hold {', '.join(sorted(ALGORITHMS))}; not {', '.join(sorted(unknown))}",
        )
    key_uses = frozenset(entry.texts("key_uses"))
    if key_uses - set(KEY_USES):
        entry.wrong("key_uses", f"key_uses may hold {' and '.join(KEY_USES)}; a key for anything else signs no token")
    return Provider(
        issuer=issuer or "",
        audiences=frozenset(entry.texts("audience")),
        jwks_url=jwks_url,
        ca_bundle=_authorities(entry),
        key_uses=key_uses or Provider.key_uses,
        algorithms=algorithms or Provider.algorithms,
        token_types=frozenset(map(_media_type, entry.texts("token_types"))) or Provider.token_types,
        max_token_bytes=entry.number("max_token_bytes", 1024, MOST_TOKEN_BYTES) or Provider.max_token_bytes,
        audience_claims=entry.paths("audience_claims") or Provider.audience_claims,
        authorized_parties=frozenset(entry.texts("authorized_parties")),
        required_claims=_required_claims(entry),
        subject_claims=entry.paths("subject_claims") or Provider.subject_claims,
        scope_claims=entry.paths("scope_claims") or Provider.scope_claims,
        data_claims=entry.paths("data_claims") or None,
    )


def _media_type(name: str) -> str:
    """As `typ` headers are compared (RFC 7515, 4.1.9)."""
    return name.lower().removeprefix("application/")


def _authorities(entry: Entry) -> Path | None:
    path = entry.file("ca_bundle")
    if path and path.is_file():
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except OSError:  # ssl.SSLError is one.
            entry.wrong("ca_bundle", f"{path.name} holds no certificate in PEM, or a broken one: give the authority's")
    return path


def _required_claims(entry: Entry) -> Mapping[claims.Path, Any]:
    required = entry.claims("required_claims")
    for path, value in required.items():
        if not _is_json(value):
            name = ".".join(path)
            entry.wrong(
                "required_claims",
                f"no token can have {value} in {name!r}: give a text, a number, true, false, or a list",
            )
    return required


def _is_json(value: object) -> bool:
    """Whether a token can have it: TOML has dates, times and infinite numbers besides."""
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, Mapping):
        return all(map(_is_json, value.values()))
    return value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
