"""The modules that a start imports, in a new interpreter: only those that a decision needs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import dynamodb

SCRIPT = """
import json, sys
from authorizer import handler
print(json.dumps(sorted(sys.modules)))
"""
SNAPSHOT = """
import snapshot_restore_py
from authorizer import api_key, handler
for work, arguments, named in snapshot_restore_py.get_before_snapshot():
    work(*arguments, **named)
try:
    handler.lambda_handler({"headers": {"Authorization": f"Bearer {api_key.generate('mak')}"}}, None)
except Exception as error:
    print(error)
"""
PROVIDER = {"JWT_ISSUER": "https://issuer.example/", "JWT_AUDIENCE": "https://api.example"}
JWT_HALF = {"jwt", "cryptography", "authorizer.jwt_bearer", "authorizer.signing_key", "authorizer.jwks"}
NEVER = {"keys", "me"}


def start(variables: dict[str, str]) -> tuple[set[str], dict[str, str]]:
    """The imported modules after the start of the function, and the versions that it logs."""
    line, modules = run(SCRIPT, variables)
    return set(json.loads(modules)), json.loads(line)["versions"]


def run(script: str, variables: dict[str, str]) -> list[str]:
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(Path("src").resolve()),
        "AWS_DEFAULT_REGION": "eu-west-1",
        "API_KEYS_TABLE": "keys",
    }
    started = subprocess.run(
        [sys.executable, "-c", script], env=environment | variables, capture_output=True, text=True, check=True
    )
    return started.stdout.splitlines()


@pytest.fixture(scope="module")
def api_keys_only() -> tuple[set[str], dict[str, str]]:
    return start({})


@pytest.fixture(scope="module")
def with_provider() -> tuple[set[str], dict[str, str]]:
    return start(PROVIDER)


def test_without_a_provider_the_jwt_half_is_not_loaded(api_keys_only: tuple[set[str], dict[str, str]]) -> None:
    modules, versions = api_keys_only
    assert not {name for name in modules if name.split(".")[0] in JWT_HALF} | modules & JWT_HALF
    assert versions.keys() == {"apigateway-multi-auth", "python", "aws-lambda-powertools", "boto3", "botocore"}


def test_with_a_provider_it_is(with_provider: tuple[set[str], dict[str, str]]) -> None:
    modules, versions = with_provider
    assert modules >= JWT_HALF
    assert versions.keys() == {
        "apigateway-multi-auth",
        "python",
        "aws-lambda-powertools",
        "boto3",
        "botocore",
        "pyjwt",
        "cryptography",
    }


def test_what_no_decision_needs_is_not_loaded(with_provider: tuple[set[str], dict[str, str]]) -> None:
    assert with_provider[0] & NEVER == set()


def test_before_a_snapshot_the_table_is_read_once_and_no_connection_is_left() -> None:
    with dynamodb.serving() as table:
        variables = {
            "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
            "AWS_ENDPOINT_URL_DYNAMODB": table.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        *_lines, answer = run(SNAPSHOT, variables)
        assert answer == "Unauthorized"
        assert (table.reads, len(table.connections)) == (2, 2)


def test_a_table_that_cannot_be_read_does_not_keep_a_snapshot_from_being_taken() -> None:
    variables = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"}
    assert run(SNAPSHOT, variables)[-1].startswith("The credential could not be checked")
