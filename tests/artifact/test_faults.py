"""Outages with the artifact: a decision fails and never refuses, and works again after the outage."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from authorizer import api_key
from tests.authorizer.test_dynamodb_faults import FAULTS as TABLE_FAULTS
from tests.authorizer.test_dynamodb_faults import ITEM, dynamodb
from tests.authorizer.test_fetch import FAULTS as KEY_SET_FAULTS
from tests.support import fault_server as faults
from tests.support.fault_server import Behaviour, FaultServer
from tests.support.interpreter import Artifact, running
from tests.support.tokens import AUDIENCE, ISSUER, NOW, jwk, key_set, token

SECONDS = 0.4


@pytest.fixture(scope="module")
def table() -> Iterator[FaultServer]:
    with FaultServer().running() as server:
        yield server


@pytest.fixture(scope="module")
def function(artifact: Path, table: FaultServer) -> Iterator[Artifact]:
    with running(artifact, AWS_ENDPOINT_URL_DYNAMODB=table.url.removesuffix("/jwks.json")) as function:
        yield function


@pytest.mark.parametrize("fault", TABLE_FAULTS.values(), ids=TABLE_FAULTS.keys())
def test_a_fault_of_dynamodb_is_undecided_and_over_when_it_is_over(
    fault: Behaviour, table: FaultServer, function: Artifact
) -> None:
    function.build({"API_KEYS_TABLE": "keys", "API_KEY_TIMEOUT_SECONDS": str(SECONDS)}, with_table=True)
    table.behaviour = fault
    started = time.monotonic()
    assert function.bearer(api_key.generate("mak")).outcome[0] == "fail"
    # Far above the limit, and far below the time of the client's default retries and timeouts.
    assert time.monotonic() - started < SECONDS * 10
    table.behaviour = dynamodb(ITEM)
    assert function.bearer(api_key.generate("mak")).outcome == ("allow", None)


@pytest.fixture
def key_server() -> Iterator[FaultServer]:
    with FaultServer().running() as server:
        yield server


@pytest.mark.parametrize("fault", KEY_SET_FAULTS.values(), ids=KEY_SET_FAULTS.keys())
def test_a_fault_of_the_key_set_is_undecided_and_over_when_it_is_over(
    fault: Behaviour, key_server: FaultServer, authorizer: Artifact
) -> None:
    variables = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": key_server.url}
    authorizer.build({"API_KEYS_TABLE": "keys", "JWKS_TIMEOUT_SECONDS": str(SECONDS)} | variables, now=NOW)
    key_server.behaviour = fault
    started = time.monotonic()
    assert authorizer.bearer(token()).outcome == ("fail", "KeysUnavailable")
    assert time.monotonic() - started < SECONDS * 10
    key_server.behaviour = faults.body(key_set(jwk()))
    authorizer.set_clock(NOW + 60)
    assert authorizer.bearer(token()).outcome == ("allow", None)
