"""What local/gateway adds to the emulator."""

import json
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.deployment import STACK, deploy_template, rest_api_stage, rest_api_url
from local.gateway import WRAPPERS
from local.gateway.wrapping import Wrapper, source_sha256
from local.session import client
from local.system import System
from tests.e2e.conftest import DIRECTORY, Caller, Keys


@pytest.mark.parametrize("wrapper", WRAPPERS, ids=lambda wrapper: f"{wrapper.module}.{wrapper.name}")
def test_a_wrapped_function_of_the_emulator_has_not_changed(wrapper: Wrapper) -> None:
    (packages,) = Path(".tools/emulator").glob("lib/python3*/site-packages")
    file = packages / f"{wrapper.module.replace('.', '/')}.py"
    found = source_sha256(file, wrapper.name)
    assert found == wrapper.source_sha256, f"Read {wrapper.name} in {file}, adapt its wrapper, and then its SHA-256."


def logged(system: System, request_id: str) -> dict[str, Any]:
    """The decision with this request ID."""
    logs, group = client(system.emulator, "logs"), system.deployment.log_group
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for event in logs.filter_log_events(logGroupName=group)["events"]:
            if request_id in event["message"]:
                found: dict[str, Any] = json.loads(event["message"])
                return found
    pytest.fail(f"{request_id} is not in the log", pytrace=False)


def test_one_request_has_the_same_ids_in_the_response_and_in_the_log(
    system: System, caller: Caller, keys: Keys
) -> None:
    refused = caller.bearer("nonsense")
    assert refused.body["requestId"] == refused.headers["x-amz-apigw-id"]
    assert refused.headers["x-amzn-requestid"] != refused.headers["x-amz-apigw-id"]
    assert logged(system, refused.body["requestId"])["reason"] == "unrecognised"
    made = keys.create()
    accepted = caller.bearer(made["key"])
    assert logged(system, accepted.headers["x-amz-apigw-id"])["key_id"] == made["key_id"]


def test_a_client_cannot_choose_the_ids(caller: Caller) -> None:
    url = urlsplit(caller.url)
    connection = HTTPConnection(url.hostname or "", url.port, timeout=30)
    connection.request("GET", f"{url.path}/me", headers={"x-amzn-requestid": "mine", "x-amz-apigw-id": "mine"})
    response = connection.getresponse()
    assert "mine" not in (response.headers["x-amzn-requestid"], response.headers["x-amz-apigw-id"])
    connection.close()


@pytest.fixture(scope="module")
def authorizer_arn(system: System) -> str:
    (stack,) = client(system.emulator, "cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return str(outputs["AuthorizerFunctionArn"])


def test_the_context_of_the_authorizer_is_in_a_403_whether_it_is_cached_or_not(caller: Caller, keys: Keys) -> None:
    made = keys.create()["key"]
    for _ in range(2):
        answer = caller.send(f"Bearer {made}", path="/reports", method="POST")
        assert (answer.status, answer.body["missing_scopes"]) == (403, "reports:write")
    scoped = keys.create("--consumer", "acme", "--scopes", "reports:write")["key"]
    answer = caller.send(f"Bearer {scoped}", path="/admin/whoami")
    assert (answer.status, answer.body["missing_scopes"]) == (403, "")


def test_the_gateway_responses_and_the_preflight_of_ones_own_template_are_deployed(
    system: System, authorizer_arn: str
) -> None:
    log, given = DIRECTORY / "own-rest.log", {"AuthorizerFunctionArn": authorizer_arn}
    api_id = deploy_template(system.emulator, Path("examples/rest-api/template.yaml"), "own-rest", given, log)["Api"]
    url = rest_api_url(system.emulator, api_id, rest_api_stage(system.emulator, api_id))
    refused = Caller(url).send("Bearer nonsense", path="/reports", method="POST")
    assert (refused.status, refused.headers["Content-Type"]) == (401, "application/problem+json")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.fixture(scope="module")
def http(system: System, authorizer_arn: str) -> Caller:
    template, given = Path("tests/support/http_api.yaml"), {"AuthorizerFunctionArn": authorizer_arn}
    api_id = deploy_template(system.emulator, template, "own-http", given, DIRECTORY / "own-http.log")["Http"]
    return Caller(f"{system.emulator.endpoint_url}/_aws/execute-api/{api_id}/$default")


def test_an_http_api_of_sam_has_its_routes_and_its_authorizer(http: Caller, system: System) -> None:
    assert http.send().status == 401
    assert http.send(path="/public").body == {"route": "GET /public", "sub": None}
    assert http.bearer(system.api_key).body == {"route": "GET /me", "sub": "acme"}
    assert http.send(f"Bearer {system.jwt}", path="/reports", method="POST").status == 403
    assert http.send(f"Bearer {system.api_key}", path="/reports", method="POST").body["sub"] == "acme"
    assert http.send(f"Bearer {system.api_key}", path="/nowhere").status == 404


def test_a_request_of_an_http_api_has_the_same_id_in_the_response_and_in_the_log(http: Caller, system: System) -> None:
    answer = http.bearer("nonsense")
    assert answer.status in (401, 500)
    assert logged(system, answer.headers["apigw-requestid"])["reason"] == "unrecognised"
