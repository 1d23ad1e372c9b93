"""The built function under AWS's own Runtime Interface Emulator answers every sample event as documented."""

import json
import platform
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from local.deployment import BUILD
from local.emulator import free_port
from local.step import tail
from local.system import System
from tests.e2e.conftest import DIRECTORY, Keys
from tests.unit.test_events import EVENTS, EXPECTED, load

MACHINE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
EMULATORS = list(Path(".tools/sam").glob("lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-*"))
RIE = next((path for path in EMULATORS if path.name.endswith(MACHINE.get(platform.machine(), "none"))), None)

pytestmark = pytest.mark.skipif(
    RIE is None or sys.platform != "linux",
    reason="the Runtime Interface Emulator in the SAM CLI is a Linux program for x86_64 and arm64",
)


@pytest.fixture(scope="module")
def jwks_url() -> Iterator[str]:
    """The sample provider's key set on loopback."""
    body = (EVENTS / "jwks.json").read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/jwks.json"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def function(system: System, jwks_url: str) -> Iterator[str]:
    """URL that invokes the built function, with the sample table item and the sample provider."""
    assert RIE is not None
    Keys(system).dynamodb.put_item(TableName=system.deployment.table, Item=load("api_key_item.json"))
    address, runtime = (f"127.0.0.1:{free_port()}" for _ in range(2))
    environment = system.emulator.environment() | {
        "API_KEYS_TABLE": system.deployment.table,
        "JWT_ISSUER": "https://issuer.example/",
        "JWT_AUDIENCE": "https://api.example",
        "JWT_JWKS_URL": jwks_url,
        "AWS_LAMBDA_FUNCTION_NAME": "Authorizer",
    }
    command: list[str | Path] = [RIE.resolve(), "--runtime-interface-emulator-address", address]
    command += ["--runtime-api-address", runtime]
    command += [Path(sys.executable), "-m", "awslambdaric", "authorizer.handler.lambda_handler"]
    log = DIRECTORY / "rie.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=BUILD / "Authorizer", env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://{address}/2015-03-31/functions/function/invocations"
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            try:
                invoke(url, {})
                break
            except OSError:
                time.sleep(0.05)
        else:
            pytest.fail(f"the function did not start\n{tail(log)}", pytrace=False)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def invoke(url: str, event: Any) -> Any:
    request = urllib.request.Request(url, json.dumps(event).encode())
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.loads(response.read())


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
