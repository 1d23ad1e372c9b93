"""How the claims in an auth.toml file are read."""

import json
import re
from collections.abc import Iterator

from authorizer.auth_file import AuthFile
from authorizer.claims import Path, write_path


def claim_notes(file: AuthFile) -> Iterator[str]:
    """How each path is read that is not a single plain name, what the `required_claims` mean, and unknown issuers."""
    for path in dict.fromkeys(_paths(file)):
        if len(path) > 1 or re.search(r'[."]|://', path[0]):
            yield f"the claim path {write_path(path)} is read as {', then '.join(map(json.dumps, path))}"
    for provider in file.providers:
        for claim in provider.required_claims:
            it = "one of them" if len(claim.values) > 1 else "it"
            yield f"tokens of {provider.issuer} are accepted only if {claim}, or a list that contains {it}"
    issuers = {provider.issuer for provider in file.providers}
    for rule in file.rules.rules if issuers else ():
        named = frozenset[str]().union(*(condition.issuers for condition in (rule.condition, *rule.alternatives)))
        for issuer in sorted(named - issuers):
            yield f"{rule.where}: no [[provider]] of this file has the issuer {issuer}, so its tokens are refused"


def _paths(file: AuthFile) -> Iterator[Path]:
    for provider in file.providers:
        yield from provider.audience_claims
        yield from provider.subject_claims
        yield from provider.scope_claims
        yield from provider.data_claims or ()
        yield from (claim.path for claim in provider.required_claims)
    for rule in file.rules.rules if file.rules else ():
        for condition in (rule.condition, *rule.alternatives):
            yield from (claim.path for claim in condition.claims)
