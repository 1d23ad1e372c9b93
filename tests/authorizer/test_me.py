"""The sample backend: it responds to authorized requests only."""

import json
from typing import Any

import pytest

from me.handler import lambda_handler


@pytest.mark.parametrize("wrap", [lambda context: context, lambda context: {"lambda": context}])
def test_an_authorized_request_is_answered_with_its_identity(wrap: Any) -> None:
    context = {"sub": "acme", "data": '{"plan": "gold"}', "principalId": "acme"}
    answer = lambda_handler({"requestContext": {"authorizer": wrap(context)}}, None)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"message": "Authenticated", "sub": "acme", "data": {"plan": "gold"}}


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"requestContext": None},
        {"requestContext": {}},
        {"requestContext": {"authorizer": None}},
        {"requestContext": {"authorizer": {}}},
        {"requestContext": {"authorizer": {"lambda": None}}},
        {"requestContext": {"authorizer": {"data": "{}"}}},
        {"requestContext": {"authorizer": {"sub": "", "data": "{}"}}},
        {"requestContext": {"authorizer": {"sub": 7, "data": "{}"}}},
        {"requestContext": {"authorizer": {"sub": "acme"}}},
        {"requestContext": {"authorizer": {"sub": "acme", "data": "not json"}}},
        {"requestContext": {"authorizer": {"sub": "acme", "data": "[]"}}},
    ],
)
def test_a_request_without_the_authorizers_context_is_refused(event: dict[str, Any]) -> None:
    answer = lambda_handler(event, None)
    assert answer["statusCode"] == 401
    assert answer["headers"]["Content-Type"] == "application/problem+json"
