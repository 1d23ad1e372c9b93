"""One identity provider: whose tokens are accepted, and which of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from authorizer.algorithms import ALGORITHMS
from authorizer.claims import Path
from authorizer.entry import Entry
from authorizer.urls import is_fetchable

MEMBERS: Final = (
    "issuer",
    "audience",
    "jwks_url",
    "algorithms",
    "token_types",
    "required_claims",
    "scope_claims",
    "authorized_parties",
    "data_claims",
)

_COGNITO_ISSUER = re.compile(
    r"https://(?:cognito-idp|issuer-cognito-idp)\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/[A-Za-z0-9_-]+\Z"
)


@dataclass(frozen=True)
class Provider:
    """One identity provider: whose tokens are accepted, and which of them.

    `audiences`: one of them must be the token's. `jwks_url`: where its keys are, None to discover it from the
    issuer. `algorithms`: allow-list. `token_types`: allowed `typ` headers, in lower case. `required_claims`: each
    must be in the token with exactly this value. `scope_claims`: claims that hold scopes. `authorized_parties`: the
    token's `azp` must be one of them, unless empty. `data_claims`: the claims to pass on, None for all of them.
    """

    issuer: str
    audiences: frozenset[str]
    jwks_url: str | None = None
    algorithms: frozenset[str] = ALGORITHMS
    token_types: frozenset[str] = frozenset({"jwt", "at+jwt"})
    required_claims: Mapping[Path, Any] = field(default_factory=dict)
    scope_claims: tuple[Path, ...] = (("scope",), ("scp",))
    authorized_parties: frozenset[str] = frozenset()
    data_claims: tuple[Path, ...] | None = None

    @property
    def is_cognito(self) -> bool:
        """Whether the issuer is a Cognito user pool. Its access tokens name the client in `client_id`, not `aud`."""
        return _COGNITO_ISSUER.match(self.issuer) is not None


def read_providers(entries: Sequence[Entry]) -> tuple[Provider, ...]:
    """The providers in these tables. What is wrong with them is told to the tables."""
    providers = tuple(_read(entry) for entry in entries)
    first: dict[str, Entry] = {}
    for entry, provider in zip(entries, providers, strict=True):
        other = first.setdefault(provider.issuer, entry)
        if provider.issuer and other is not entry:
            entry.wrong("issuer", f"the issuer is that of {other.place(None)} as well: give one provider an issuer")
    return providers


def _read(entry: Entry) -> Provider:
    entry.check_names(MEMBERS, "a provider")
    issuer, jwks_url = entry.text("issuer"), entry.text("jwks_url")
    if entry.members.get("issuer") is None:
        entry.wrong("issuer", 'issuer is missing: the "iss" of the provider\'s tokens, character for character')
    for name, url in (("issuer", issuer), ("jwks_url", jwks_url)):
        if url and not is_fetchable(url):
            entry.wrong(name, f"{name} must be an https URL without credentials and fragment; not {url!r}")
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
        algorithms=algorithms or ALGORITHMS,
        token_types=frozenset(item.lower() for item in entry.texts("token_types")) or Provider.token_types,
        required_claims=entry.claims("required_claims"),
        scope_claims=entry.paths("scope_claims") or Provider.scope_claims,
        authorized_parties=frozenset(entry.texts("authorized_parties")),
        data_claims=entry.paths("data_claims") or None,
    )
