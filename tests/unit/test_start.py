"""What a start loads: only what a decision needs, seen in a fresh interpreter."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
from authorizer import handler
print(json.dumps(sorted(sys.modules)))
"""
PROVIDER = {"JWT_ISSUER": "https://issuer.example/", "JWT_AUDIENCE": "https://api.example"}
JWT_HALF = {"jwt", "cryptography", "authorizer.jwt_bearer", "authorizer.signing_key", "authorizer.jwks"}
NEVER = {"authorizer.access", "authorizer.rules_file", "keys", "me"}


def start(variables: dict[str, str]) -> tuple[set[str], dict[str, str]]:
    """The modules that are loaded once the function has started, and the versions that it names."""
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(Path("src").resolve()),
        "AWS_DEFAULT_REGION": "eu-west-1",
        "API_KEYS_TABLE": "keys",
    }
    started = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment | variables, capture_output=True, text=True, check=True
    )
    line, modules = started.stdout.splitlines()
    return set(json.loads(modules)), json.loads(line)["versions"]


@pytest.fixture(scope="module")
def api_keys_only() -> tuple[set[str], dict[str, str]]:
    return start({})


@pytest.fixture(scope="module")
def with_provider() -> tuple[set[str], dict[str, str]]:
    return start(PROVIDER)


def test_without_a_provider_the_jwt_half_is_not_loaded(api_keys_only: tuple[set[str], dict[str, str]]) -> None:
    modules, versions = api_keys_only
    assert not {name for name in modules if name.split(".")[0] in JWT_HALF} | modules & JWT_HALF
    assert versions.keys() == {"python", "aws-lambda-powertools", "boto3", "botocore"}


def test_with_a_provider_it_is(with_provider: tuple[set[str], dict[str, str]]) -> None:
    modules, versions = with_provider
    assert modules >= JWT_HALF
    assert versions.keys() == {"python", "aws-lambda-powertools", "boto3", "botocore", "pyjwt", "cryptography"}


def test_what_no_decision_needs_is_not_loaded(with_provider: tuple[set[str], dict[str, str]]) -> None:
    assert with_provider[0] & NEVER == set()
