"""Faults of DynamoDB with the real client: a decision fails within its time limit, and works after the fault."""

import json
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from authorizer import api_key
from authorizer.dynamodb import client
from authorizer.key_store import ApiKeyAuthenticator, KeyStore
from authorizer.refusal import Refusal
from tests.support import fault_server as faults
from tests.support.fault_server import Behaviour, FaultServer

TIMEOUT = 0.4
ITEM = {"Item": {"key_id": {"S": "key_1"}, "consumer": {"S": "acme"}, "enabled": {"BOOL": True}}}


def dynamodb(document: object, status: str = "200 OK") -> Behaviour:
    content = json.dumps(document).encode()
    headers = ("Content-Type: application/x-amz-json-1.0", f"x-amz-crc32: {zlib.crc32(content)}")
    return lambda connection: connection.answer(content, status, *headers, "Connection: close")


def error(name: str, status: str = "400 Bad Request") -> Behaviour:
    return dynamodb({"__type": f"com.amazonaws.dynamodb.v20120810#{name}", "message": "no"}, status)


# Only the function's timeout limits a response that arrives byte by byte: the client limits each wait, not the sum.
FAULTS: dict[str, Behaviour] = {
    "throttled by throughput": error("ProvisionedThroughputExceededException"),
    "throttled": error("ThrottlingException"),
    "over the account's limit": error("RequestLimitExceeded"),
    "access denied": error("AccessDeniedException"),
    "no such table": error("ResourceNotFoundException"),
    "expired credentials": error("ExpiredTokenException"),
    "internal error": error("InternalServerError", "500 Internal Server Error"),
    "unavailable": error("ServiceUnavailable", "503 Service Unavailable"),
    "HTML": faults.body(b"<html>proxy</html>", "Connection: close"),
    "an item that is a text": dynamodb({"Item": "x"}),
    "another checksum": faults.body(b'{"Item": {}}', "x-amz-crc32: 1", "Connection: close"),
    "hang": faults.hang,
    "reset": faults.reset,
    "closed without an answer": faults.close,
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FaultServer]:
    """A server that the AWS client uses as DynamoDB."""
    with FaultServer().running() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", server.url.removesuffix("/jwks.json"))
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        yield server


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_undecided_within_the_bound_and_over_when_it_is_over(fault: Behaviour, server: FaultServer) -> None:
    store = KeyStore(client(TIMEOUT), "keys", cache_seconds=30, clock=time.time)
    keys = ApiKeyAuthenticator(store, "mak", accept_imported=False, clock=time.time)
    server.behaviour = fault
    started = time.monotonic()
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one does not matter, but for the one below
        keys.authenticate(api_key.generate("mak"))
    # Far above the limit, and far below the time of the client's default retries and timeouts.
    assert time.monotonic() - started < TIMEOUT * 10
    assert not isinstance(caught.value, Refusal)
    assert server.requests <= 2
    server.behaviour = dynamodb(ITEM)
    identity = keys.authenticate(api_key.generate("mak"))
    assert identity is not None
    assert identity.sub == "acme"
