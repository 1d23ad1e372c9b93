"""JWTs with the artifact: every vector of the unit tests, and every algorithm with one key set for all."""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from authorizer.claims import Claim, write_path
from authorizer.provider import DEFAULTS, Provider
from tests.authorizer.test_jwt_vectors import ALLOWED, UNAVAILABLE, VECTORS, Vector
from tests.support.interpreter import Artifact, ArtifactError, running
from tests.support.key_table import MAY, rows
from tests.support.rules_text import auth_toml
from tests.support.tokens import ALGORITHMS, ALL_TYPES, AUDIENCE, ISSUER, NOW, base64url, claims, jwk, key_set, token

BEARER_REASONS = ("malformed_authorization",)
"""The token has characters that a header cannot contain, so it is refused before the checks of JWTs."""


def configuration(provider: Provider, directory: Path) -> dict[str, str]:
    """The variables for a file with a provider."""
    entry: dict[str, Any] = {"jwks_url": "https://issuer.example/jwks.json"}
    for name, value in provider._asdict().items():
        if value != getattr(DEFAULTS, name):
            entry[{"audiences": "audience"}.get(name, name)] = _written(value)
    members = {name: value for name, value in entry.items() if value not in (None, {})}
    return {"API_KEYS_TABLE": "keys", "AUTH_CONFIG": auth_toml(directory, members)}


def _written(value: Any) -> Any:
    if isinstance(value, tuple) and value and isinstance(value[0], Claim):
        return {write_path(claim.path): list(claim.values) for claim in value}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):  # In order: the first claim that is there decides.
        return [".".join(path) for path in value]
    return value


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.what.encode("unicode_escape").decode())
def test_a_token_comes_to_its_outcome(vector: Vector, authorizer: Artifact, tmp_path: Path) -> None:
    authorizer.build(configuration(vector.provider, tmp_path), now=NOW, key_set=vector.keys())
    text = vector.make()
    outcome, reason = authorizer.bearer(text).outcome
    # Spaces before a token belong to the header field (RFC 9110, 11.4).
    if vector.outcome == ALLOWED or text.startswith(" "):
        assert (outcome, reason) == ("allow", None)
    elif vector.outcome == UNAVAILABLE:
        assert (outcome, reason) == ("fail", "KeysUnavailable")
    else:
        assert outcome == "refuse"
        assert reason in (vector.outcome, *BEARER_REASONS)


def verdicts(authorizer: Artifact, keys: Iterable[object] = ALL_TYPES) -> dict[str, list[str]]:
    """By algorithm: the outcomes of a valid, a forged and a random signature."""
    variables = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": "https://issuer.example/jwks.json"}
    authorizer.build({"API_KEYS_TABLE": "keys", **variables}, now=NOW, key_set=key_set(*keys))
    found: dict[str, list[str]] = {}
    for algorithm, kind in ALGORITHMS.items():
        right = token(alg=algorithm, header={"kid": f"the {kind} key"})
        header, _payload, signature = right.split(".")
        forged = f"{header}.{base64url(json.dumps(claims(sub='admin')).encode())}.{signature}"
        rubbish = right.removesuffix(signature) + base64url(os.urandom(len(signature) * 3 // 4))
        found[algorithm] = [authorizer.bearer(text).outcome[0] for text in (right, forged, rubbish)]
    return found


AS_THEY_SHOULD_BE = {algorithm: ["allow", "refuse", "refuse"] for algorithm in ALGORITHMS}


def test_each_algorithm_takes_the_right_signature_alone_with_one_key_set_of_all_types(authorizer: Artifact) -> None:
    assert verdicts(authorizer) == AS_THEY_SHOULD_BE


def test_members_of_a_key_set_that_cannot_be_used_cost_no_other_one(authorizer: Artifact) -> None:
    unusable = [None, {}, {"kty": "oct", "k": "AA"}, jwk("RS-1024", "x"), jwk("ES256", "y", x="AA"), jwk(alg="none")]
    assert verdicts(authorizer, [*unusable, *ALL_TYPES, *unusable]) == AS_THEY_SHOULD_BE


@pytest.mark.parametrize("kind", MAY)
def test_a_key_verifies_under_the_names_of_its_own_algorithms_alone(kind: str, authorizer: Artifact) -> None:
    of_kind = [row for row in rows() if row.kind == kind]
    assert {row.name for row in of_kind if row.is_right} == set(MAY[kind])
    for row in of_kind:
        verdict = authorizer.verifies(row.jwk, row.name, row.message, row.signature)
        assert (row.name, verdict) == (row.name, row.is_right)


@pytest.mark.parametrize("part", ["ciphers", "serialization", "../decrepit"])
def test_without_a_part_of_cryptography_the_test_of_the_algorithms_fails(
    part: str, artifact: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "artifact"
    shutil.copytree(artifact, copy)
    (copy / "cryptography/hazmat/primitives" / part).rename(tmp_path / "aside")
    with running(copy) as broken, pytest.raises((AssertionError, ArtifactError)):
        test_each_algorithm_takes_the_right_signature_alone_with_one_key_set_of_all_types(broken)
