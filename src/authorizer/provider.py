"""One identity provider: whose tokens are accepted, and which of them."""

import re
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

# RFC 7519, section 2: a StringOrURI is a URI if it has a colon in it.
_ISSUER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]*|[^\s:](?:[^:]*[^\s:])?")

_COGNITO_ISSUER = re.compile(
    r"https://(?:cognito-idp|issuer-cognito-idp)\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/[A-Za-z0-9_-]+\Z"
)


@dataclass(frozen=True)
class Provider:
    """One identity provider: whose tokens are accepted, and which of them.

    `issuer`: the token's `iss`, only ever compared. `audiences`: one of them must be the token's, which stands in the
    first of `audience_claims` that is there and not empty. `jwks_url`: where its keys are, None to discover it from
    the issuer. `ca_bundle`: a PEM file of the authorities to trust there, None for the operating system's.
    `algorithms`: allow-list. `token_types`: allowed `typ` headers, in lower case. `max_token_bytes`: a longer token is
    refused. `authorized_parties`: the token's `azp` must be one of them, unless empty. `required_claims`: each must be
    in the token with exactly this value. `subject_claims`: the first that is there and not empty is the identity's
    `sub`. `scope_claims`: all that hold scopes. `data_claims`: those to pass on, None for all of them.
    """

    issuer: str
    audiences: frozenset[str]
    jwks_url: str | None = None
    ca_bundle: Path | None = None
    algorithms: frozenset[str] = ALGORITHMS
    token_types: frozenset[str] = frozenset({"jwt", "at+jwt"})
    max_token_bytes: int = 8192
    audience_claims: tuple[claims.Path, ...] = (("aud",),)
    authorized_parties: frozenset[str] = frozenset()
    required_claims: Mapping[claims.Path, Any] = field(default_factory=dict)
    subject_claims: tuple[claims.Path, ...] = (("sub",),)
    scope_claims: tuple[claims.Path, ...] = (("scope",), ("scp",))
    data_claims: tuple[claims.Path, ...] | None = None

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
    return Provider(
        issuer=issuer or "",
        audiences=frozenset(entry.texts("audience")),
        jwks_url=jwks_url,
        ca_bundle=entry.file("ca_bundle"),
        algorithms=algorithms or Provider.algorithms,
        token_types=frozenset(item.lower() for item in entry.texts("token_types")) or Provider.token_types,
        max_token_bytes=entry.number("max_token_bytes", 1024, MOST_TOKEN_BYTES) or Provider.max_token_bytes,
        audience_claims=entry.paths("audience_claims") or Provider.audience_claims,
        authorized_parties=frozenset(entry.texts("authorized_parties")),
        required_claims=entry.claims("required_claims"),
        subject_claims=entry.paths("subject_claims") or Provider.subject_claims,
        scope_claims=entry.paths("scope_claims") or Provider.scope_claims,
        data_claims=entry.paths("data_claims") or None,
    )
