"""The settings of one identity provider."""

import re
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from authorizer import bearer, claims
from authorizer.algorithms import ALGORITHMS
from authorizer.entry import Entry
from authorizer.urls import is_fetchable, shown

KEY_USES: Final = ("sig", "jwt-svid")
"""The `use` values of signing keys: RFC 7517, section 4.2, and SPIFFE "Trust Domain and Bundle", section 4.2.2."""

# RFC 7519, section 2: a StringOrURI that contains a colon must be a URI.
_ISSUER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]*|[^\s:](?:[^:]*[^\s:])?")

# In each partition. Issuers of replicated pools: `IssuerConfigurationType` in the Cognito API.
_COGNITO_ISSUER = re.compile(
    r"https://(?:issuer-)?cognito-idp\.[a-z0-9-]+\.amazonaws\.(?:com|com\.cn|eu)/[A-Za-z0-9_-]+"
)


class Provider(NamedTuple):
    """One identity provider. Members have the same names in the settings, except `audience` for `audiences`."""

    issuer: str
    """The `iss` of the tokens. The authorizer compares it exactly. Any value that RFC 7519 allows is accepted."""
    audiences: frozenset[str]
    """The accepted audiences: a list, or one string. A token must have at least one of them."""
    jwks_url: str | None = None
    """The https URL of the provider's key set (JWKS). Without it, the authorizer discovers the URL from the issuer,
    which must then be an https URL."""
    ca_bundle: Path | None = None
    """A PEM file with the only certificate authorities to trust for this provider's server. Its path is relative to
    this file."""
    key_uses: frozenset[str] = frozenset({"sig"})
    """The accepted values of a key's `use`: `sig`, and `jwt-svid` for SPIFFE. A key without `use` is accepted."""
    algorithms: frozenset[str] = ALGORITHMS
    """The accepted signature algorithms."""
    token_types: frozenset[str] = frozenset({"jwt", "at+jwt"})
    """The accepted values of a token's `typ` header, ignoring case. A token without `typ` counts as `jwt`."""
    max_token_bytes: int = 8192
    """The maximum length of a token. It can be at most 10,240, which is API Gateway's limit for all headers."""
    audience_claims: tuple[claims.Path, ...] = (("aud",),)
    """The claims to read the audience from. The first one that exists and is not empty is used."""
    authorized_parties: frozenset[str] = frozenset()
    """The accepted values of the token's `azp`. If the list is not set, `azp` is not checked."""
    required_claims: tuple[claims.Claim, ...] = ()
    """A table of claims, each with a value or a list of values. The token must have each of them with one of its
    values. A claim that is a list must contain one of them. Access rules compare in the same way."""
    subject_claims: tuple[claims.Path, ...] = (("sub",),)
    """The claims to read the caller's `sub` from. The first one that exists and is not empty is used."""
    scope_claims: tuple[claims.Path, ...] = (("scope",), ("scp",))
    """The claims to read scopes from. The scopes of all of them are used. A claim can be a string of scopes with
    spaces between them, a list, or an object whose names are the scopes. Any text that is not a scope by RFC 6749 is
    ignored."""
    data_claims: tuple[claims.Path, ...] | None = None
    """The claims to pass to the backend, in their nested objects. If it is not set, all claims are passed."""

    @property
    def is_cognito(self) -> bool:
        """Whether the issuer is a Cognito user pool, whose access tokens have `client_id` instead of `aud`."""
        return _COGNITO_ISSUER.fullmatch(self.issuer) is not None


MEMBERS: Final = ("issuer", "audience", *Provider._fields[2:])
"""The members of a provider's table."""


DEFAULTS: Final = Provider(issuer="", audiences=frozenset())
"""Has the default of each member that has one."""


def read_providers(entries: Sequence[Entry]) -> tuple[Provider, ...]:
    """Read the providers in these tables. Mistakes are reported to the tables."""
    first: dict[str, Entry] = {}
    for entry in entries:
        issuer = entry.members.get("issuer")
        if isinstance(issuer, str) and (other := first.setdefault(issuer, entry)) is not entry:
            entry.wrong("issuer", f"{other.place(None)} has the same issuer. Use one provider for each issuer.")
    return tuple(_read(entry) for entry in entries)


def _read(entry: Entry) -> Provider:
    entry.check_names(MEMBERS, "A provider")
    issuer, jwks_url = entry.text("issuer"), entry.text("jwks_url")
    if entry.members.get("issuer") is None:
        entry.wrong("issuer", 'issuer is missing. Set it to the "iss" of the provider\'s tokens.')
    elif issuer and not (issuer.isprintable() and _ISSUER.fullmatch(issuer)):
        problem = "issuer must be a URI, or a string without colons and outer spaces"
        entry.wrong("issuer", f"{problem}, not {shown(issuer)!r}.")
    elif issuer and "jwks_url" not in entry.members and not is_fetchable(issuer):
        problem = "jwks_url is missing. Discovery requires an https issuer"
        entry.wrong("issuer", f"{problem}, and this one is {shown(issuer)!r}.")
    if jwks_url and not is_fetchable(jwks_url):
        problem = "jwks_url must be an https URL without credentials and fragment"
        entry.wrong("jwks_url", f"{problem}, not {shown(jwks_url)!r}.")
    if entry.members.get("audience") is None:
        problem = 'audience is missing. Set it to the "aud" of this API\'s tokens, to refuse those of other services.'
        entry.wrong("audience", problem)
    algorithms = frozenset(entry.texts("algorithms"))
    if unknown := algorithms - ALGORITHMS:
        accepted, found = (", ".join(sorted(names)) for names in (ALGORITHMS, unknown))
        entry.wrong("algorithms", f"algorithms accepts {accepted}, not {found}.")
    key_uses = frozenset(entry.texts("key_uses"))
    if key_uses - set(KEY_USES):
        entry.wrong("key_uses", f"key_uses accepts only {' and '.join(KEY_USES)}.")
    return Provider(
        issuer=issuer or "",
        audiences=frozenset(entry.texts("audience")),
        jwks_url=jwks_url,
        ca_bundle=_authorities(entry),
        key_uses=key_uses or DEFAULTS.key_uses,
        algorithms=algorithms or DEFAULTS.algorithms,
        token_types=frozenset(map(media_type, entry.texts("token_types"))) or DEFAULTS.token_types,
        max_token_bytes=entry.number("max_token_bytes", 1024, bearer.MAX_LENGTH) or DEFAULTS.max_token_bytes,
        audience_claims=entry.paths("audience_claims") or DEFAULTS.audience_claims,
        authorized_parties=frozenset(entry.texts("authorized_parties")),
        required_claims=entry.claims("required_claims"),
        subject_claims=entry.paths("subject_claims") or DEFAULTS.subject_claims,
        scope_claims=entry.paths("scope_claims") or DEFAULTS.scope_claims,
        data_claims=entry.paths("data_claims") or None,
    )


def media_type(name: str) -> str:
    """The form of a `typ` header for comparison (RFC 7515, section 4.1.9)."""
    return name.lower().removeprefix("application/")


def _authorities(entry: Entry) -> Path | None:
    path = entry.file("ca_bundle")
    if path:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except OSError:  # ssl.SSLError is one.
            entry.wrong("ca_bundle", f"{path.name} has no valid PEM certificate. Add the certificate of the authority.")
    return path
