"""What a container reaches of this machine while it answers an event: GetItem on one table."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from typing import Any

import pytest

from local import http_server
from local.emulator import Endpoint
from local.forward import GET_ITEM, MAX_BYTES, forwarding

KEY = "SAMPLE0123456789"
ITEM = b'{"Item": {"pk": {"S": "x"}}}'


class Emulator:
    """Answers whatever comes, and keeps it."""

    def __init__(self) -> None:
        self.received: list[tuple[Message, bytes]] = []
        self.endpoint = Endpoint("", "")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    emulator = Emulator()

    class Handler(http_server.Handler):
        def do_POST(self) -> None:
            emulator.received.append((self.headers, self.body()))
            self.answer(200, ITEM, {"x-amz-crc32": "7"})

    with http_server.serving(Handler) as url:
        emulator.endpoint = Endpoint(url, "LOCALOFTHERUN")
        yield emulator


@pytest.fixture
def url(emulator: Emulator) -> Iterator[str]:
    with forwarding(emulator.endpoint, "sample-keys", KEY) as url:
        yield url


def ask(url: str, body: bytes | None = None, **changes: str) -> tuple[int, bytes, Any]:
    signature = f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/dynamodb/aws4_request, Signature=0"
    headers = {"Authorization": signature, "X-Amz-Target": GET_ITEM} | changes
    asked = json.dumps({"TableName": "sample-keys", "Key": {"pk": {"S": "x"}}}).encode() if body is None else body
    try:
        with urllib.request.urlopen(urllib.request.Request(url, asked, headers), timeout=10) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def test_get_item_on_the_table_is_passed_on_with_the_runs_key(url: str, emulator: Emulator) -> None:
    status, body, headers = ask(url)
    assert (status, body, headers["x-amz-crc32"]) == (200, ITEM, "7")
    ((passed, asked),) = emulator.received
    assert passed["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=LOCALOFTHERUN/")
    assert "/us-east-1/dynamodb/aws4_request, SignedHeaders=" in passed["Authorization"]
    assert json.loads(asked)["TableName"] == "sample-keys"


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/", None, {"X-Amz-Target": "DynamoDB_20120810.PutItem"}),
        ("/", None, {"X-Amz-Target": "DynamoDB_20120810.Scan"}),
        ("/", None, {"X-Amz-Target": ""}),
        ("/", None, {"Authorization": "AWS4-HMAC-SHA256 Credential=LOCALOFTHERUN/20260101/us-east-1/x/aws4_request"}),
        ("/", None, {"Authorization": ""}),
        ("/?Action=CreateUser", None, {}),
        ("/2015-03-31/functions", None, {}),
        ("/", b'{"TableName": "another"}', {}),
        ("/", b'["sample-keys"]', {}),
        ("/", b"{", {}),
        ("/", b" " * (MAX_BYTES + 1), {}),
    ],
)
def test_nothing_else_is_passed_on(
    path: str, body: bytes | None, headers: dict[str, str], url: str, emulator: Emulator
) -> None:
    assert ask(f"{url}{path}", body, **headers)[0] == 403
    assert not emulator.received


def test_afterwards_nobody_listens(emulator: Emulator) -> None:
    with forwarding(emulator.endpoint, "sample-keys", KEY) as url:
        assert ask(url)[0] == 200
    with pytest.raises(urllib.error.URLError, match="refused"):
        ask(url)


def test_an_emulator_that_has_ended_is_a_fault_of_the_table() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with forwarding(Endpoint(nobody, "LOCALOFTHERUN"), "sample-keys", KEY) as url:
        assert ask(url)[0] == 502


def test_other_methods_are_unknown(url: str, emulator: Emulator) -> None:
    for method in ("GET", "PUT", "DELETE"):
        with pytest.raises(urllib.error.HTTPError, match="501"):
            urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10)
    assert not emulator.received
