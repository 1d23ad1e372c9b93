"""The access log that local/gateway writes: a line for each request to a REST or HTTP API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local.deployment import STACK, deploy_template
from local.session import client
from local.system import System
from tests.e2e.conftest import DIRECTORY, Answer, Caller, Keys


def lines(system: System, group: str) -> list[dict[str, Any]]:
    """The lines of a log group."""
    pages = client(system.emulator, "logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return [json.loads(event["message"]) for page in pages for event in page["events"]]


def line_of(system: System, answer: Answer) -> dict[str, Any]:
    """The line of a request to the sample API."""
    request_id = answer.headers["x-amz-apigw-id"]
    (found,) = [line for line in lines(system, system.deployment.access_log_group) if line["requestId"] == request_id]
    return found


def test_each_request_with_a_key_has_a_line_whether_the_authorizer_cache_answers_or_not(
    system: System, caller: Caller, keys: Keys
) -> None:
    made = keys.create()
    miss, hit = (line_of(system, caller.bearer(made["key"])) for _ in range(2))
    told = {"status": "200", "method": "GET", "resource": "/me", "credential": "api_key", "keyId": made["key_id"]}
    assert miss.items() >= {**told, "issuer": "-", "error": "-", "authorizerStatus": "200"}.items()
    assert hit.items() >= {**told, "issuer": "-", "error": "-", "authorizerStatus": "-"}.items()


def test_a_route_that_is_not_permitted_has_the_key_in_its_line(system: System, caller: Caller, keys: Keys) -> None:
    made = keys.create()
    for _ in range(2):
        found = line_of(system, caller.send(f"Bearer {made['key']}", path="/reports", method="POST"))
        assert (found["status"], found["keyId"], found["error"]) == ("403", made["key_id"], "ACCESS_DENIED")


def test_requests_that_no_credential_identifies_have_hyphens(system: System, caller: Caller) -> None:
    none, refused = line_of(system, caller.send()), line_of(system, caller.bearer("nonsense"))
    assert [line["status"] for line in (none, refused)] == ["401", "401"]
    assert {line[name] for line in (none, refused) for name in ("credential", "keyId", "issuer")} == {"-"}
    assert [line["authorizerStatus"] for line in (none, refused)] == ["-", "401"]


def test_a_jwt_has_its_issuer_and_no_key_in_its_line(system: System, caller: Caller) -> None:
    found = line_of(system, caller.bearer(system.jwt))
    assert (found["credential"], found["issuer"], found["keyId"]) == ("jwt", system.provider.issuer, "-")


@pytest.fixture(scope="module")
def http(system: System) -> tuple[Caller, str]:
    """The HTTP API of the example, with a cache, and its access log group."""
    (stack,) = client(system.emulator, "cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    given = {"AuthorizerFunctionArn": outputs["AuthorizerFunctionArn"], "CacheSeconds": "60"}
    template, log = Path("examples/http-api/template.yaml"), DIRECTORY / "logged-http.log"
    made = deploy_template(system.emulator, template, "logged-http", given, log)
    return Caller(f"{system.emulator.endpoint_url}/_aws/execute-api/{made['Api']}/$default"), made["AccessLogs"]


def test_an_http_api_has_the_same_lines(system: System, http: tuple[Caller, str], keys: Keys) -> None:
    caller, group = http
    made = keys.create()
    requests = [("POST", "/reports"), ("POST", "/reports"), ("GET", "/nowhere")]
    answers = [caller.send(f"Bearer {made['key']}", method=method, path=path) for method, path in requests]
    ids = [answer.headers["apigw-requestid"] for answer in answers]
    found = {line["requestId"]: line for line in lines(system, group)}
    denied = {"status": "403", "resource": "POST /reports", "keyId": made["key_id"], "credential": "api_key"}
    assert [found[each].items() >= denied.items() for each in ids] == [True, True, False]
    assert (found[ids[2]]["status"], found[ids[2]]["keyId"]) == ("404", "-")
