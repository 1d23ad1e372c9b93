"""The template: its gateway responses, filled in as API Gateway does; its table; its builds."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from local.template_file import load

CONTEXT = {
    "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    "error.messageString": '"User is not authorized to access this resource"',
    "authorizer.missing_scopes": "reports:read reports:write",
}
TEMPLATE: dict[str, Any] = load(Path("template.yaml"))
RESPONSES: dict[str, Any] = TEMPLATE["Resources"]["Api"]["Properties"]["GatewayResponses"]


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


def test_the_table_is_a_global_one_with_this_region_alone_for_its_replica() -> None:
    table = TEMPLATE["Resources"]["ApiKeysTable"]
    assert table["Type"] == "AWS::DynamoDB::GlobalTable"
    (replica,) = table["Properties"]["Replicas"]
    assert replica["Region"] == {"Ref": "AWS::Region"}
    assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_the_table_is_protected_unless_it_is_for_a_trial_and_always_outlives_the_stack() -> None:
    table = TEMPLATE["Resources"]["ApiKeysTable"]
    (replica,) = table["Properties"]["Replicas"]
    assert TEMPLATE["Conditions"]["ProtectsTable"] == {"Fn::Equals": [{"Ref": "TableRemovalPolicy"}, "Retain"]}
    assert replica["DeletionProtectionEnabled"] == {"Fn::If": ["ProtectsTable", True, False]}
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    assert TEMPLATE["Parameters"]["TableRemovalPolicy"]["Default"] == "Retain"


def test_whatever_names_the_table_names_the_existing_one_where_there_is_one() -> None:
    text = json.dumps(TEMPLATE["Resources"] | TEMPLATE["Outputs"])
    chosen = json.dumps({"Fn::If": ["MakesTable", {"Ref": "ApiKeysTable"}, {"Ref": "ExistingTable"}]})
    assert text.count(chosen) == 2
    assert text.count('{"Ref": "ApiKeysTable"}') == 2
    (statement,) = [
        statement
        for statement in TEMPLATE["Resources"]["AuthorizerRole"]["Properties"]["Policies"][0]["PolicyDocument"][
            "Statement"
        ]
        if statement.get("Action") == "dynamodb:GetItem"
    ]
    made, existing = statement["Resource"]["Fn::If"][1:]
    assert made == {"Fn::GetAtt": "ApiKeysTable.Arn"}
    assert existing["Fn::Sub"].endswith(":table/${ExistingTable}")


def test_there_is_a_build_for_each_runtime_and_architecture() -> None:
    metadata = TEMPLATE["Resources"]["Authorizer"]["Metadata"]
    for runtime in TEMPLATE["Parameters"]["PythonRuntime"]["AllowedValues"]:
        for architecture in TEMPLATE["Parameters"]["Architecture"]["AllowedValues"]:
            folder = metadata["ContextPath"]["Fn::Sub"]
            folder = folder.replace("${PythonRuntime}", runtime).replace("${Architecture}", architecture)
            assert Path(folder, "Makefile").read_text(encoding="utf-8").splitlines() == [
                f"RUNTIME := {runtime}",
                f"ARCHITECTURE := {architecture}",
                "include artifact/function.mk",
            ]


def test_every_request_can_be_attributed_from_the_access_log_cached_ones_included() -> None:
    """API Gateway fills in the context of a cached answer too: its developer guide, "Variables for access logging"."""
    context = {
        "extendedRequestId": "Jh8xUFxxIAMFrXw=",
        "requestId": "chosen by the client",
        "authorizer.credential": "api_key",
        "authorizer.key_id": "key_XKJOxcX1d1KhgQjM",
        "authorizer.sub": "the subject",
    }
    setting = TEMPLATE["Resources"]["Api"]["Properties"]["AccessLogSetting"]["Fn::If"][1]
    line = json.loads(re.sub(r"\$context\.([a-zA-Z_.]+)", lambda found: context.get(found[1], "-"), setting["Format"]))
    assert (line["requestId"], line["credential"], line["keyId"]) == (
        "Jh8xUFxxIAMFrXw=",
        "api_key",
        "key_XKJOxcX1d1KhgQjM",
    )
    assert not {"the subject", "chosen by the client"} & set(line.values())
