"""Who can call each route of a deployed API. The stubs check the answers of API Gateway against its service model."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from keys.core.errors import NotFound
from keys.deployment import live_api

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:authorizer"


def uri(function: str) -> str:
    return f"arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{function}/invocations"


def authorizer(number: str, name: str, kind: str, function: str, header: str = "Authorization") -> dict[str, str]:
    source = {"identitySource": f"method.request.header.{header}"}
    return {"id": number, "name": name, "type": kind, "authorizerUri": uri(function), **source}


def guards(rest: dict[str, Any], http: dict[str, Any]) -> dict[str, str]:
    """The guards of the API, if API Gateway gives these answers in this order. None: it does not find the API."""
    session: Any = boto3.Session("a", "b", region_name="eu-west-1")
    clients: dict[str, Any] = {}
    for service, answers in (("apigateway", rest), ("apigatewayv2", http)):
        clients[service] = session.client(service)
        stubber = Stubber(clients[service])
        for operation, answer in answers.items():
            if answer is None:
                stubber.add_client_error(operation, "NotFoundException")
            else:
                stubber.add_response(operation, answer)
        stubber.activate()
    found = live_api.read("a1b2c3", f"{FUNCTION}:live", clients.__getitem__)
    return {str(endpoint): " | ".join([str(endpoint.guard), *endpoint.guard.faults]) for endpoint in found.endpoints}


def test_the_methods_of_a_rest_api_have_their_authorizers() -> None:
    authorizers = [
        authorizer("1", "ours", "REQUEST", f"{FUNCTION}:live"),
        authorizer("2", "other", "TOKEN", "arn:other"),
        {"id": "3", "name": "pool", "type": "COGNITO_USER_POOLS"},
        authorizer("4", "stage", "REQUEST", "${stageVariables.f}"),
        authorizer("5", "tenant", "REQUEST", FUNCTION, "X-Tenant"),
    ]
    methods = {
        "GET": {"authorizationType": "CUSTOM", "authorizerId": "1"},
        "PUT": {"authorizationType": "CUSTOM", "authorizerId": "2"},
        "POST": {"authorizationType": "COGNITO_USER_POOLS", "authorizerId": "3"},
        "DELETE": {"authorizationType": "AWS_IAM", "apiKeyRequired": True},
        "OPTIONS": {"authorizationType": "NONE"},
        "HEAD": {"authorizationType": "NONE", "apiKeyRequired": True},
        "PATCH": {"authorizationType": "CUSTOM", "authorizerId": "4"},
    }
    tenants = {"GET": {"authorizationType": "CUSTOM", "authorizerId": "5"}}
    resources = [
        {"path": "/a/{id}", "resourceMethods": methods},
        {"path": "/b", "resourceMethods": tenants},
        {"path": "/"},
    ]
    answers = {
        "get_rest_api": {"id": "a1b2c3"},
        "get_authorizers": {"items": authorizers},
        "get_resources": {"items": resources},
    }
    found = guards(answers, {})
    assert found.pop("GET /b").startswith("this authorizer | the authorizer tenant has the identity source")
    assert found == {
        "GET /a/{id}": "this authorizer",
        "PUT /a/{id}": "another authorizer: the Lambda function arn:other",
        "POST /a/{id}": "another authorizer: the Cognito authorizer pool",
        "DELETE /a/{id}": "another authorizer: IAM",
        "OPTIONS /a/{id}": "anyone",
        "HEAD /a/{id}": "anyone: only an API key of a usage plan is asked for, which is no authorization",
        "PATCH /a/{id}": "not known: the function of the authorizer stage is ${stageVariables.f}",
    }


def test_the_routes_of_an_http_api_have_their_authorizers() -> None:
    authorizers: list[dict[str, Any]] = [
        {"AuthorizerId": "1", "Name": "ours", "AuthorizerType": "REQUEST", "AuthorizerUri": uri(FUNCTION)},
        {"AuthorizerId": "2", "Name": "idp", "AuthorizerType": "JWT"},
    ]
    tenant = {
        "IdentitySource": ["$request.header.X-Tenant"],
        "AuthorizerType": "REQUEST",
        "AuthorizerUri": uri(FUNCTION),
    }
    authorizers += [
        {"AuthorizerId": "3", "Name": "uncached", **tenant},
        {"AuthorizerId": "4", "Name": "cached", "AuthorizerResultTtlInSeconds": 60, **tenant},
    ]
    routes = [
        {"RouteKey": "GET /a", "AuthorizationType": "CUSTOM", "AuthorizerId": "1"},
        {"RouteKey": "GET /b", "AuthorizationType": "JWT", "AuthorizerId": "2"},
        {"RouteKey": "GET /c", "AuthorizationType": "CUSTOM", "AuthorizerId": "3"},
        {"RouteKey": "GET /d", "AuthorizationType": "CUSTOM", "AuthorizerId": "4"},
        {"RouteKey": "$default"},
    ]
    api = {"Name": "x", "ProtocolType": "HTTP", "RouteSelectionExpression": "$request.method"}
    answers = {"get_api": api, "get_authorizers": {"Items": authorizers}, "get_routes": {"Items": routes}}
    found = guards({"get_rest_api": None}, answers)
    assert found.pop("GET /d").startswith("this authorizer | the authorizer cached has the identity source")
    assert found == {
        "$default": "anyone",
        "GET /a": "this authorizer",
        "GET /c": "this authorizer",
        "GET /b": "another authorizer: the JWT authorizer idp",
    }


def test_an_api_that_does_not_exist_is_named() -> None:
    with pytest.raises(NotFound, match="There is no REST or HTTP API a1b2c3 in eu-west-1"):
        guards({"get_rest_api": None}, {"get_api": None})
