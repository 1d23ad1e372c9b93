"""`keys stack references`. The stubs check the answers of AWS against its service models."""

import json
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner

from keys.cli.app import App
from keys.cli.main import main
from keys.deployment import references
from keys.deployment.optional import FROM_OUTPUTS
from keys.deployment.references import Reference
from keys.deployment.stack import Deployment
from keys.deployment.target import Resolved
from tests.keys.test_live_api import FUNCTION, uri

ALIAS = f"{FUNCTION}:live"
OTHER = "arn:aws:lambda:eu-west-1:123456789012:function:other"


def permission(number: str, source: str) -> dict[str, Any]:
    return {
        "Sid": number,
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": FUNCTION,
        "Condition": {"ArnLike": {"AWS:SourceArn": source}},
    }


def clients(stacks: tuple[str, ...] = (), *, is_referred_to: bool = True) -> dict[str, Any]:
    """An account with two pages of REST APIs, one of HTTP APIs, a policy of the function, and these optional stacks."""
    session: Any = boto3.Session("a", "b", region_name="eu-west-1")
    made = {name: session.client(name) for name in ("apigateway", "apigatewayv2", "lambda", "cloudformation")}
    stubs = {name: Stubber(client) for name, client in made.items()}
    ours, theirs = (ALIAS, FUNCTION) if is_referred_to else (OTHER, OTHER)
    rest = stubs["apigateway"]
    rest.add_response("get_rest_apis", {"items": [{"id": "own", "name": "sample"}], "position": "2"})
    rest.add_response("get_rest_apis", {"items": [{"id": "a1", "name": "orders"}, {"id": "a2"}]}, {"position": "2"})
    rest.add_response("get_authorizers", {"items": [], "position": "2"}, {"restApiId": "a1"})
    second = [{"name": "MultiAuth", "type": "REQUEST", "authorizerUri": uri(ours)}]
    rest.add_response("get_authorizers", {"items": second}, {"restApiId": "a1", "position": "2"})
    others = [{"name": "pool", "type": "COGNITO_USER_POOLS"}, {"name": "x", "authorizerUri": uri(OTHER)}]
    if is_referred_to:
        others.append({"name": "stage", "authorizerUri": uri("${stageVariables.f}")})
    rest.add_response("get_authorizers", {"items": others}, {"restApiId": "a2"})
    api = {"ApiId": "h1", "Name": "web", "ProtocolType": "HTTP", "RouteSelectionExpression": "x"}
    stubs["apigatewayv2"].add_response("get_apis", {"Items": [api]})
    http = [{"Name": "keys", "AuthorizerUri": uri(theirs)}]
    stubs["apigatewayv2"].add_response("get_authorizers", {"Items": http}, {"ApiId": "h1"})
    here = permission("here", "arn:aws:execute-api:eu-west-1:123456789012:a1/authorizers/*")
    there = permission("partner", "arn:aws:execute-api:eu-west-1:999988887777:b1/authorizers/*")
    policy = {"Statement": [here, *([there] if is_referred_to else [])]}
    stubs["lambda"].add_response("get_policy", {"Policy": json.dumps(policy)}, {"FunctionName": FUNCTION})
    stubs["lambda"].add_client_error("get_policy", "ResourceNotFoundException")
    for name in sorted(FROM_OUTPUTS):
        if name in stacks:
            found = {"StackName": name, "CreationTime": "2026-01-01", "StackStatus": "CREATE_COMPLETE"}
            stubs["cloudformation"].add_response("describe_stacks", {"Stacks": [found]}, {"StackName": f"prod-{name}"})
        else:
            stubs["cloudformation"].add_client_error("describe_stacks", "ValidationError")
    for stub in stubs.values():
        stub.activate()
    return made


def deployment(made: dict[str, Any]) -> Deployment:
    return Deployment("prod", ALIAS, {}, {}, made.__getitem__)


def test_apis_of_all_pages_permissions_of_other_accounts_and_optional_stacks_are_found() -> None:
    assert sorted(references.find(deployment(clients(("events",))), "own")) == [
        Reference("HTTP API", "h1", "web", "the authorizer keys"),
        Reference("REST API", "a1", "orders", "the authorizer MultiAuth"),
        Reference("REST API", "a2", "", "not known: the function of the authorizer stage is ${stageVariables.f}"),
        Reference("permission", "b1", "", "an API of account 999988887777, Region eu-west-1: partner"),
        Reference("stack", "prod-events", "", "stacks/events of this authorizer"),
    ]


@pytest.mark.parametrize(("is_referred_to", "code"), [(True, 7), (False, 0)])
def test_the_exit_code_tells_whether_something_refers_to_the_authorizer(is_referred_to: bool, code: int) -> None:
    made = clients(is_referred_to=is_referred_to)
    table: Any = None
    resolved = Resolved(table, "mak", None, client=made.__getitem__, stack="prod")
    resolved.__dict__["described"] = ({"ApiUrl": "https://own.execute-api.eu-west-1.amazonaws.com/v1/me"}, {})
    app = App(env={}, resolve=lambda _target, _env: resolved, find_deployment=lambda _resolved: deployment(made))
    result = CliRunner().invoke(main, ["stack", "references"], obj=app, catch_exceptions=False)
    assert result.exit_code == code
    assert ("a1" in result.stdout) is is_referred_to
    assert "sample" not in result.stdout
    if not is_referred_to:
        assert "Nothing in this account and Region refers to the authorizer." in result.stderr
