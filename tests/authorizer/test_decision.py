"""The outcomes in the form that API Gateway expects, and the log record of each."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from authorizer.decision import Decider, Unauthorized, Undecided
from authorizer.identity import Identity
from authorizer.policy import Responder
from authorizer.refusal import Reason, Refusal
from tests.authorizer.test_authentication import Answering
from tests.support.events import Recorder
from tests.support.rules_text import EVERY_ROUTE

EVENT: dict[str, Any] = {
    "headers": {"authorization": "Bearer secret-token"},
    "methodArn": "arn:aws:execute-api:eu-west-1:1:abc/v1/GET/me",
    "requestContext": {"requestId": "request-1"},
}


def decide(answer: Identity | Exception | None, event: object = EVENT) -> tuple[object, dict[str, Any]]:
    """The result or error, and the record."""
    recorder = Recorder()
    try:
        decider = Decider([Answering(answer)], Responder(EVERY_ROUTE).respond, recorder.decision)
        outcome: object = decider.decide(event, "lambda-1")
    except Exception as error:
        outcome = error
    (recorded,) = recorder.decisions
    return outcome, dict(recorded)


def test_an_identity_is_allowed_and_recorded_by_its_key_id() -> None:
    outcome, recorded = decide(Identity("api_key", "acme", key_id="key_1"))
    assert isinstance(outcome, dict)
    assert recorded.pop("latency_ms") >= 0
    assert recorded == {
        "request_id": "request-1",
        "outcome": "allow",
        "kind": "api_key",
        "reason": None,
        "key_id": "key_1",
        "issuer": None,
        "kid": None,
    }


def test_a_refusal_is_raised_with_exactly_the_text_that_makes_a_401() -> None:
    outcome, recorded = decide(Refusal(Reason.REVOKED_KEY, "api_key", "key_1"))
    assert isinstance(outcome, Unauthorized)
    assert str(outcome) == "Unauthorized"
    assert outcome.__cause__ is None
    assert (recorded["outcome"], recorded["reason"], recorded["key_id"]) == ("refuse", "revoked_key", "key_1")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "GetItem"), "ClientError:ThrottlingException"),
        (ConnectionError("secret detail"), "ConnectionError"),
        (RecursionError(), "RecursionError"),
    ],
)
def test_an_outage_is_raised_as_something_else_and_recorded_without_its_text(error: Exception, reason: str) -> None:
    outcome, recorded = decide(error)
    assert isinstance(outcome, Undecided)
    assert "Unauthorized" not in str(outcome)
    assert (recorded["outcome"], recorded["reason"]) == ("fail", reason)


def test_an_identity_that_does_not_fit_is_refused() -> None:
    outcome, recorded = decide(Identity("jwt", "user", {"x": "y" * 9000}))
    assert isinstance(outcome, Unauthorized)
    assert (recorded["reason"], recorded["kind"]) == ("identity_too_large", "jwt")


@pytest.mark.parametrize("event", [None, [], "text", {}, {"headers": 7}, {"methodArn": EVENT["methodArn"]}])
def test_an_event_without_a_credential_is_refused(event: object) -> None:
    outcome, recorded = decide(None, event)
    assert isinstance(outcome, Unauthorized)
    assert recorded["reason"] == "no_credential"


def test_a_websocket_apis_event_is_refused_with_a_reason_of_its_own() -> None:
    event = EVENT | {
        "methodArn": "arn:aws:execute-api:eu-west-1:1:abc/v1/$connect",
        "requestContext": {"routeKey": "$connect", "eventType": "CONNECT", "connectionId": "c="},
    }
    outcome, recorded = decide(Identity("api_key", "acme"), event)
    assert isinstance(outcome, Unauthorized)
    assert (recorded["outcome"], recorded["reason"]) == ("refuse", "websocket_api")


def test_an_event_of_a_token_authorizer_is_refused_with_a_reason_of_its_own() -> None:
    event = {"type": "TOKEN", "authorizationToken": "Bearer secret-token", "methodArn": EVENT["methodArn"]}
    outcome, recorded = decide(Identity("api_key", "acme"), event)
    assert isinstance(outcome, Unauthorized)
    assert (recorded["outcome"], recorded["reason"]) == ("refuse", "token_authorizer")


def test_an_event_without_a_method_arn_makes_no_policy() -> None:
    outcome, recorded = decide(Identity("api_key", "acme"), EVENT | {"methodArn": None})
    assert isinstance(outcome, Undecided)
    assert recorded["reason"] == "MalformedArn"


@pytest.mark.parametrize(
    ("context", "recorded"),
    [
        ({"requestId": "client's", "extendedRequestId": "gateway's"}, "gateway's"),
        ({"requestId": "only"}, "only"),
        ({"extendedRequestId": None, "requestId": "only"}, "only"),
        ({"extendedRequestId": 7}, "lambda-1"),
        ("text", "lambda-1"),
        (None, "lambda-1"),
    ],
)
def test_a_decision_is_recorded_under_the_request_id_that_a_client_cannot_choose(
    context: object, recorded: str
) -> None:
    assert decide(None, EVENT | {"requestContext": context})[1]["request_id"] == recorded
