"""Outcomes in the forms that API Gateway knows, and what is recorded of each."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from authorizer import policy
from authorizer.authentication import InvalidCredential, Reason
from authorizer.decision import Decider, Unauthorized, Undecided
from authorizer.identity import Identity
from authorizer.telemetry import Telemetry
from tests.unit.test_authentication import Answering
from tests.unit.test_events import Recorder

EVENT: dict[str, Any] = {
    "headers": {"authorization": "Bearer secret-token"},
    "methodArn": "arn:aws:execute-api:eu-west-1:1:abc/v1/GET/me",
    "requestContext": {"requestId": "request-1"},
}


def decide(answer: Identity | Exception | None, event: object = EVENT) -> tuple[object, dict[str, Any]]:
    """What is returned or raised, and what is recorded."""
    recorder = Recorder()
    try:
        outcome: object = Decider([Answering(answer)], policy.every_route, recorder).decide(event, "lambda-1")
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
    }


def test_a_refusal_is_raised_with_exactly_the_text_that_makes_a_401() -> None:
    outcome, recorded = decide(InvalidCredential(Reason.REVOKED_KEY, "api_key", "key_1"))
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


def test_an_event_without_a_method_arn_makes_no_policy() -> None:
    outcome, recorded = decide(Identity("api_key", "acme"), EVENT | {"methodArn": None})
    assert isinstance(outcome, Undecided)
    assert recorded["reason"] == "MalformedArn"


def recorded_by(telemetry: Telemetry, lines: list[str], outcome: str = "refuse") -> Any:
    telemetry.decision(
        request_id="r", outcome=outcome, kind="jwt", reason="expired_token", key_id=None, latency_ms=1.23456
    )
    (line,) = lines
    assert line.endswith("}\n")
    return json.loads(line)


def test_a_decision_is_one_line_that_is_its_metric_as_well() -> None:
    lines: list[str] = []
    line = recorded_by(Telemetry(write=lines.append, clock=lambda: 1_790_000_000.25), lines)
    directive = line.pop("_aws")
    assert line == {
        "service": "authorizer",
        "level": "INFO",
        "message": "decision",
        "timestamp": "2026-09-21T14:13:20.250Z",
        "outcome": "refuse",
        "kind": "jwt",
        "reason": "expired_token",
        "request_id": "r",
        "key_id": None,
        "latency_ms": 1.23,
        "Decisions": 1,
    }
    assert directive == {
        "Timestamp": 1_790_000_000_250,
        "CloudWatchMetrics": [
            {
                "Namespace": "MultiAuth",
                "Dimensions": [["service"], ["service", "outcome"], ["service", "outcome", "kind", "reason"]],
                "Metrics": [{"Name": "Decisions", "Unit": "Count"}],
            }
        ],
    }


def test_what_is_below_the_level_is_counted_but_not_logged() -> None:
    lines: list[str] = []
    line = recorded_by(Telemetry("WARNING", write=lines.append), lines)
    assert line.keys() == {"service", "outcome", "kind", "reason", "Decisions", "_aws"}


def test_a_failure_is_logged_at_every_level() -> None:
    lines: list[str] = []
    line = recorded_by(Telemetry("ERROR", write=lines.append), lines, outcome="fail")
    assert (line["level"], line["request_id"]) == ("ERROR", "r")


def test_every_dimension_has_a_value() -> None:
    lines: list[str] = []
    Telemetry(write=lines.append).decision(
        request_id=None, outcome="allow", kind="jwt", reason=None, key_id=None, latency_ms=0
    )
    line = json.loads(lines[0])
    for names in line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]:
        assert all(isinstance(line[name], str) and line[name] for name in names)


@pytest.mark.parametrize(
    ("name", "level", "logged", "metric"),
    [
        ("jwks_fetched", "INFO", True, "JwksFetched"),
        ("jwks_fetched", "WARNING", False, "JwksFetched"),
        ("jwks_fetch_failed", "WARNING", True, "JwksFetchFailed"),
        ("jwks_key_skipped", "WARNING", True, None),
    ],
)
def test_what_happens_to_signing_keys_is_logged_and_counted(
    name: str, level: str, logged: bool, metric: str | None
) -> None:
    lines: list[str] = []
    Telemetry(level, write=lines.append).event(name, "detail")
    line = json.loads(lines[0])
    assert line.get("detail") == ("detail" if logged else None)
    assert line.get(metric or "none") == (1 if metric else None)


def test_what_is_neither_logged_nor_counted_is_not_written() -> None:
    lines: list[str] = []
    Telemetry("ERROR", write=lines.append).event("jwks_key_skipped", "detail")
    assert lines == []
