"""The authorizer's log, as `make run` shows it."""

import json
from typing import Any

import pytest

from local.decisions import Log, parse, parse_event


class Logs:
    """CloudWatch Logs with these events, two to a page."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def write(self, timestamp: int, reason: str) -> None:
        line = {
            "message": "decision",
            "timestamp": "2026-11-25T07:11:35.565+00:00",
            "outcome": "refuse",
            "kind": "none",
            "reason": reason,
            "latency_ms": 1.25,
            "request_id": "b2r5fiT-oAMFtgA=",
            "key_id": "k_1",
        }
        self.events.append({"timestamp": timestamp, "message": json.dumps(line)})

    def get_paginator(self, _name: str) -> "Logs":
        return self

    def paginate(self, *, logGroupName: str, startTime: int) -> list[dict[str, Any]]:  # noqa: N803 - AWS's names
        assert logGroupName == "group"
        found = [event for event in self.events if event["timestamp"] >= startTime]
        return [{"events": found[start : start + 2]} for start in range(0, len(found), 2)]


@pytest.mark.parametrize("message", ["", "START RequestId: 1", "[]", "null", '{"message": "started"}', "{"])
def test_a_line_that_is_no_decision_is_passed_over(message: str) -> None:
    assert parse(message) is None


def test_each_decision_is_told_once_though_several_share_a_millisecond() -> None:
    logs = Logs()
    log = Log(logs, "group")
    assert list(log.new()) == []
    for timestamp, reason in ((1, "a"), (1, "b"), (2, "c")):
        logs.write(timestamp, reason)
    assert [decision.reason for decision in log.new()] == ["a", "b", "c"]
    assert list(log.new()) == []
    logs.write(2, "d")
    logs.write(3, "e")
    assert [decision.reason for decision in log.new()] == ["d", "e"]
    assert list(log.new()) == []


def test_a_line_shows_time_outcome_kind_reason_milliseconds_and_ids() -> None:
    logs = Logs()
    logs.write(1, "unknown_key")
    (decision,) = Log(logs, "group").new()
    ids = ["b2r5fiT-oAMFtgA=", "k_1"]
    assert str(decision).split() == [f"{decision.time:%H:%M:%S}", "refuse", "-", "unknown_key", "1.2", "ms", *ids]
    assert decision.time.timestamp() == 1_795_590_695.565


def test_an_event_of_a_key_is_shown_with_its_actor_and_reason() -> None:
    line = {"message": "key.revoked", "event_id": "1", "key_id": "key_1", "consumer": "acme", "reason": "lost"}
    shown = parse_event(json.dumps(line | {"actor": "arn:aws:iam::1:user/jo", "at": "2026-11-26T09:00:00Z"}))
    assert shown is not None
    assert shown.endswith("key.revoked (lost) by jo: key_1")


@pytest.mark.parametrize("message", ["", "START", "[]", '{"message": "record set aside"}'])
def test_a_line_that_is_no_event_is_passed_over(message: str) -> None:
    assert parse_event(message) is None


def test_more_events_than_can_be_read_are_counted_and_each_is_counted_once() -> None:
    logs = Logs()
    log = Log(logs, "group", most=2)
    for number in range(5):
        logs.write(number, str(number))
    *shown, more = log.new()
    assert [decision.reason for decision in shown] == ["0", "1"]
    assert more.split() == ["and", "3", "more", "at", "that", "time"]
    assert list(log.new()) == []
