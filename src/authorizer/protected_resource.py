"""The protected resource metadata of an API: where a client gets a token for it (RFC 9728)."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from authorizer.provider import Provider
from authorizer.urls import is_fetchable

PATH: Final = "/.well-known/oauth-protected-resource"


class ProtectedResource(NamedTuple):
    """An API that clients get tokens for. `identifier`: its URL. `scopes`: those that a client should ask for first."""

    identifier: str
    providers: Sequence[Provider]
    scopes: Sequence[str]

    def metadata(self) -> dict[str, Any]:
        """The metadata by RFC 9728, section 2. Parameters without a value are left out (section 3.2).

        The authorization servers are the issuers in the order of the file. An issuer that is no https URL is none
        (RFC 8414, section 2).
        """
        found = {
            "resource": self.identifier,
            "authorization_servers": [each.issuer for each in self.providers if is_fetchable(each.issuer)],
            "scopes_supported": list(self.scopes),
            "bearer_methods_supported": ["header"],
        }
        return {name: value for name, value in found.items() if value}
