"""One identity provider: whose tokens are accepted, and which of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ASYMMETRIC_ALGORITHMS: Final = frozenset(
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES256K", "ES384", "ES512", "EdDSA"]
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
    algorithms: frozenset[str] = ASYMMETRIC_ALGORITHMS
    token_types: frozenset[str] = frozenset({"jwt", "at+jwt"})
    required_claims: Mapping[str, Any] = field(default_factory=dict)
    scope_claims: tuple[str, ...] = ("scope", "scp")
    authorized_parties: frozenset[str] = frozenset()
    data_claims: tuple[str, ...] | None = None

    @property
    def is_cognito(self) -> bool:
        """Whether the issuer is a Cognito user pool. Its access tokens name the client in `client_id`, not `aud`."""
        return _COGNITO_ISSUER.match(self.issuer) is not None
