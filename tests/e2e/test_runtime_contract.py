"""The built function under AWS's own Runtime Interface Emulator answers every sample event as documented."""

import json
import sys
from collections.abc import Iterator

import pytest

from local.build import FOLDER
from local.key_server import serving
from local.rie import executable, invoke, running_function
from local.system import System
from tests.e2e.conftest import DIRECTORY, Keys
from tests.unit.test_events import EVENTS, EXPECTED, load

pytestmark = pytest.mark.skipif(
    executable() is None, reason="the Runtime Interface Emulator is a Linux program for x86_64 and arm64"
)


@pytest.fixture(scope="module")
def jwks_url() -> Iterator[str]:
    """The sample provider's key set on loopback."""
    with serving((EVENTS / "jwks.json").read_bytes()) as url:
        yield url


@pytest.fixture(scope="module")
def function(system: System, jwks_url: str) -> Iterator[str]:
    """URL that invokes the built function, with the sample table item and the sample provider."""
    Keys(system).dynamodb.put_item(TableName=system.deployment.table, Item=load("api_key_item.json"))
    environment = system.emulator.environment() | {
        "API_KEYS_TABLE": system.deployment.table,
        "JWT_ISSUER": "https://issuer.example/",
        "JWT_AUDIENCE": "https://api.example",
        "JWT_JWKS_URL": jwks_url,
        "AWS_LAMBDA_FUNCTION_NAME": "Authorizer",
    }
    command = [sys.executable, "-m", "awslambdaric", "authorizer.handler.lambda_handler"]
    with running_function(command, FOLDER / "Authorizer", environment, DIRECTORY / "rie.log") as url:
        yield url


@pytest.mark.parametrize(("file", "outcome", "_reason"), EXPECTED, ids=[row[0] for row in EXPECTED])
def test_the_built_function_answers_an_event_as_its_table_says(
    file: str, outcome: str, _reason: str | None, function: str
) -> None:
    answer = invoke(function, load(file))
    if outcome == "allow":
        assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"
        assert json.loads(answer["context"]["data"])
    else:
        assert answer["errorMessage"] == "Unauthorized"
