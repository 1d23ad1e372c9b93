"""Whether clients find their way from a 401 to a token: the protected resource metadata, and what providers lack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from authorizer.fetch import Fetch, FetchError, HttpsFetch
from authorizer.jwks import parse_object
from authorizer.protected_resource import PATH, ProtectedResource
from authorizer.provider import Provider

TIMEOUT_SECONDS: Final = 5.0
PAGE: Final = "docs/agents.md"


def problem(resource: ProtectedResource, fetch: Fetch | None) -> str | None:
    """What is wrong with the metadata that `ResourceIdentifier` announces, with its remedy. None if nothing is."""
    identifier, expected = resource.identifier, resource.metadata()
    if "authorization_servers" not in expected:
        return "no identity provider has an https issuer, so the metadata names no authorization server: add one"
    if not any(identifier in provider.audiences for provider in resource.providers):
        return (
            f"clients ask for tokens for {identifier}, which is no audience of an identity provider, so their tokens "
            "are refused: add it to audience"
        )
    url = f"{identifier}{PATH}"
    try:
        found = parse_object((fetch or HttpsFetch(None))(url, TIMEOUT_SECONDS))
    except FetchError as error:
        return f"this machine cannot read {url} ({error}): attach the output MetadataFunctionArn to it ({PAGE})"
    differing = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    if differing:
        return f"{url} differs from the settings in {', '.join(differing)}: deploy both stacks with the same values"
    return None


def notes(identifier: str, provider: Provider, discovered: dict[str, Any]) -> Iterator[str]:
    """What an MCP client misses at a provider with this discovery document."""
    if identifier not in provider.audiences:
        yield f"its audience does not have {identifier}, for which clients ask (RFC 8707)"
    if "S256" not in discovered.get("code_challenge_methods_supported", ()):
        yield "its metadata has no code_challenge_methods_supported with S256, so MCP clients must refuse it"
    if not (discovered.get("registration_endpoint") or discovered.get("client_id_metadata_document_supported")):
        yield "it announces no registration of clients, so each client needs a client ID that you register"
