"""The template's gateway responses, filled in as API Gateway does: `$context.x` is its value, or empty."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from keys.deployment.template import load

CONTEXT = {
    "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    "error.messageString": '"User is not authorized to access this resource"',
    "authorizer.missing_scopes": "reports:read reports:write",
}
RESPONSES: dict[str, Any] = load(Path("template.yaml"))["Resources"]["Api"]["Properties"]["GatewayResponses"]


def body(name: str, context: dict[str, str]) -> Any:
    (template,) = RESPONSES[name]["ResponseTemplates"].values()
    return json.loads(re.sub(r"\$context\.([a-zA-Z_.]+)", lambda match: context.get(match[1], ""), template))


@pytest.mark.parametrize("name", RESPONSES)
def test_a_gateway_response_is_a_problem_document(name: str) -> None:
    problem = body(name, CONTEXT)
    assert problem.keys() >= {"type", "title", "requestId", "detail"}
    assert problem.get("status") == RESPONSES[name].get("StatusCode")


def test_a_403_names_the_missing_scopes_and_is_well_formed_without_any() -> None:
    assert body("ACCESS_DENIED", CONTEXT)["missing_scopes"] == "reports:read reports:write"
    assert body("ACCESS_DENIED", {"requestId": "x"})["missing_scopes"] == ""


@pytest.mark.parametrize("name", sorted(RESPONSES.keys() - {"ACCESS_DENIED"}))
def test_no_other_response_tells_anything_about_the_identity(name: str) -> None:
    assert "authorizer" not in json.dumps(RESPONSES[name])
