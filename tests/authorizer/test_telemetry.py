"""The log line, which is also the metric."""

import itertools
import json
import logging
import time
from typing import Any

import pytest

from authorizer.decision import Decision
from authorizer.telemetry import Telemetry

TOTAL = ["service", "stack"]
BY_OUTCOME = [*TOTAL, "outcome"]
BY_REASON = [*BY_OUTCOME, "kind", "reason"]


class Written:
    """The JSON documents on standard output, one per line."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def lines(self) -> list[Any]:
        text = self._capsys.readouterr().out
        assert not text or text.endswith("}\n")
        return [json.loads(line) for line in text.splitlines()]

    def line(self) -> Any:
        (line,) = self.lines()
        return line


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Written:
    return Written(capsys)


def decide(telemetry: Telemetry, outcome: str = "refuse", *, request_id: str = "r", **changes: Any) -> None:
    decision: dict[str, Any] = {"kind": "jwt", "reason": "expired_token", **changes}
    telemetry.decision(Decision(outcome, **decision), request_id, 1.23456)


def warm(level: str = "INFO", stack: str | None = "prod-auth") -> Telemetry:
    return Telemetry(level, stack=stack, starts_cold=False)


def counted(line: Any) -> dict[tuple[str, ...], dict[str, float]]:
    """The metrics that CloudWatch reads from a line: name and value, by the names of the dimensions."""
    metrics: dict[tuple[str, ...], dict[str, float]] = {}
    for directive in line["_aws"]["CloudWatchMetrics"]:
        assert directive["Namespace"] == "MultiAuth"
        for names in directive["Dimensions"]:
            assert all(isinstance(line[name], str) and line[name] for name in names)
            for metric in directive["Metrics"]:
                (value,) = line[metric["Name"]]
                metrics.setdefault(tuple(names), {})[metric["Name"]] = value
    return metrics


def test_a_decision_is_one_line_that_is_its_metrics_as_well(written: Written) -> None:
    decide(warm(), key_id="key_1")
    line = written.line()
    assert counted(line) == {
        tuple(TOTAL): {"Decisions": 1, "FailedDecisions": 0},
        tuple(BY_OUTCOME): {"Decisions": 1},
        tuple(BY_REASON): {"Decisions": 1},
    }
    assert abs(line.pop("_aws")["Timestamp"] / 1000 - time.time()) < 60
    assert line.pop("timestamp").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "message": "decision",
        "service": "authorizer",
        "stack": "prod-auth",
        "outcome": "refuse",
        "kind": "jwt",
        "reason": "expired_token",
        "request_id": "r",
        "key_id": "key_1",
        "latency_ms": 1.23,
        "Decisions": [1],
        "FailedDecisions": [0],
    }


def test_the_line_of_a_refused_jwt_has_its_issuer_and_kid_if_they_are_known(written: Written) -> None:
    decide(warm(), issuer="https://issuer.example/", kid="k1")
    line = written.line()
    assert (line["issuer"], line["kid"]) == ("https://issuer.example/", "k1")
    decide(warm(), issuer=None, kid=None)
    assert {"issuer", "kid"}.isdisjoint(written.line())


def test_decisions_of_one_kind_are_counted_each_at_its_own_time(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = itertools.count(1_790_000_000)
    telemetry = warm()
    monkeypatch.setattr(time, "time", lambda: next(moments))
    decide(telemetry)
    decide(telemetry)
    monkeypatch.undo()
    first, second = (line["_aws"]["Timestamp"] for line in written.lines())
    assert first < second


def test_a_failure_is_counted_without_dimensions_of_its_outcome(written: Written) -> None:
    decide(warm(), "fail")
    assert counted(written.line())[tuple(TOTAL)] == {"Decisions": 1, "FailedDecisions": 1}


def test_the_first_decision_after_a_cold_start_counts_the_start(written: Written) -> None:
    telemetry = Telemetry(stack="prod-auth")
    decide(telemetry)
    decide(telemetry)
    first, second = (counted(line)[tuple(TOTAL)] for line in written.lines())
    assert first["ColdStart"] == 1
    assert "ColdStart" not in second


def test_without_a_stack_there_is_no_such_dimension(written: Written) -> None:
    decide(warm(stack=None))
    assert list(counted(written.line())) == [
        ("service",),
        ("service", "outcome"),
        ("service", "outcome", "kind", "reason"),
    ]


def test_service_and_namespace_are_settings(written: Written) -> None:
    decide(Telemetry(service="edge", namespace="Company", starts_cold=False))
    line = written.line()
    assert line["service"] == "edge"
    assert {directive["Namespace"] for directive in line["_aws"]["CloudWatchMetrics"]} == {"Company"}


def test_what_is_below_the_level_is_counted_but_not_logged(written: Written) -> None:
    decide(warm("WARNING"), key_id="key_1")
    line = written.line()
    assert line.keys() == {
        *("_aws", "service", "stack", "outcome", "kind", "reason"),
        *("Decisions", "FailedDecisions"),
    }
    assert counted(line)[tuple(BY_REASON)] == {"Decisions": 1}


def test_a_failure_is_logged_at_every_level(written: Written) -> None:
    decide(warm("ERROR"), "fail")
    line = written.line()
    assert (line["level"], line["request_id"]) == ("ERROR", "r")


@pytest.mark.parametrize("missing", ["kind", "reason"])
def test_every_dimension_has_a_value(missing: str, written: Written) -> None:
    changes: dict[str, Any] = {missing: None}
    decide(warm(), "allow", **changes)
    line = written.line()
    assert line[missing] == "none"
    assert tuple(BY_REASON) in counted(line)


@pytest.mark.parametrize(
    ("name", "level", "logged", "metric"),
    [
        ("jwks_fetched", "INFO", "INFO", "JwksFetched"),
        ("jwks_fetched", "WARNING", None, "JwksFetched"),
        ("jwks_fetch_failed", "WARNING", "WARNING", "JwksFetchFailed"),
        ("jwks_key_skipped", "WARNING", "WARNING", None),
    ],
)
def test_what_happens_to_signing_keys_is_logged_and_counted(
    name: str, level: str, logged: str | None, metric: str | None, written: Written
) -> None:
    warm(level).event(name, "detail")
    line = written.line()
    assert (line.get("level"), line.get("detail")) == (logged, "detail" if logged else None)
    if metric:
        assert counted(line) == {tuple(TOTAL): {metric: 1}}
    else:
        assert "_aws" not in line


def test_what_is_neither_logged_nor_counted_is_not_written(written: Written) -> None:
    warm("ERROR").event("jwks_key_skipped", "detail")
    warm("WARNING").started("detail", {})
    assert written.lines() == []


def test_a_start_is_one_line_with_the_versions_of_the_libraries(written: Written) -> None:
    warm().started("2 providers", {"boto3": "1.2.3"})
    line = written.line()
    assert (line["level"], line["message"], line["detail"]) == ("INFO", "started", "2 providers")
    assert line["versions"].keys() == {"apigateway-multi-auth", "python", "aws-lambda-powertools", "boto3"}


def test_the_newest_level_counts_where_two_are_made(written: Written) -> None:
    warm("ERROR")
    warm("INFO").event("jwks_fetched", "detail")
    assert written.line()["detail"] == "detail"


def test_a_line_is_written_whatever_its_values_are(written: Written) -> None:
    decide(warm(), request_id="lone \ud800 surrogate", key_id=b"bytes")
    line = written.line()
    assert (line["request_id"], line["key_id"]) == ("lone \ud800 surrogate", "b'bytes'")
    assert counted(line)


def test_an_exception_is_in_the_line(written: Written) -> None:
    warm()
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("authorizer").exception("failed")
    line = written.line()
    assert (line["level"], line["message"], line["service"]) == ("ERROR", "failed", "authorizer")
    assert line["exception"].endswith("ValueError: why")
