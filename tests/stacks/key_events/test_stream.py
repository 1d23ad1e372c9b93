"""Records of the table's stream: to the outlet, or aside."""

from __future__ import annotations

import json
from typing import Any

import pytest

from key_events.outlet import NotSent, Outlet
from key_events.stream import Stream
from tests.stacks.key_events.images import DIGEST, entry, key, record


class Bus:
    """EventBridge's client: takes entries until it is `down`."""

    def __init__(self) -> None:
        self.requests: list[list[dict[str, Any]]] = []
        self.down: str | None = None

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - the member of the API
        self.requests.append(Entries)
        results = [{"ErrorCode": self.down} if self.down else {"EventId": "1"} for _ in Entries]
        return {"FailedEntryCount": len(Entries) if self.down else 0, "Entries": results}


class Parts:
    def __init__(self) -> None:
        self.bus, self.lines, self.aside = Bus(), list[tuple[str, dict[str, Any]]](), list[tuple[str, str]]()
        outlet = Outlet(self.bus, "keys-bus", "multi-auth.prod", lambda name, detail: self.lines.append((name, detail)))
        self.stream = Stream(outlet, lambda number, reason: self.aside.append((number, reason)))


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_an_event_is_a_line_of_the_record_and_an_entry_on_the_bus(parts: Parts) -> None:
    parts.stream.handle(record(None, key(entry("created", 1))))
    ((name, detail),) = parts.lines
    ((sent,),) = parts.bus.requests
    assert (name, sent["DetailType"], sent["Source"], sent["EventBusName"]) == (
        "key.created",
        "key.created",
        "multi-auth.prod",
        "keys-bus",
    )
    assert json.loads(sent["Detail"]) == detail


def test_a_record_that_is_delivered_again_has_the_same_event_ids(parts: Parts) -> None:
    for _ in range(2):
        parts.stream.handle(record(None, key(entry("created", 1))))
    first, second = (detail["event_id"] for _, detail in parts.lines)
    assert first == second


def test_event_ids_of_a_key_sort_in_the_order_of_its_changes(parts: Parts) -> None:
    parts.stream.handle(record(None, key(entry("created", 1)), "999999999999999999999"))
    parts.stream.handle(record(key(entry("created", 1)), None, "1000000000000000000000"))
    ids = [detail["event_id"] for _, detail in parts.lines]
    assert ids == sorted(ids)


def test_an_event_that_the_bus_does_not_take_is_reported_for_another_delivery(parts: Parts) -> None:
    parts.bus.down = "InternalFailure"
    with pytest.raises(NotSent, match="InternalFailure"):
        parts.stream.handle(record(None, key(entry("created", 1))))
    assert parts.aside == []


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"NewImage": {}},
        {"NewImage": None, "OldImage": None},
        {"NewImage": {"pk": "text"}},
        {"NewImage": {"pk": {"S": DIGEST}, "key_id": {"S": "s3cr3t\n"}}},
    ],
)
def test_a_record_that_cannot_be_read_is_set_aside_without_its_image(parts: Parts, change: dict[str, Any]) -> None:
    parts.stream.handle({"dynamodb": {"SequenceNumber": "12", "ApproximateCreationDateTime": 1, **change}})
    ((number, reason),) = parts.aside
    assert number == "12"
    assert "s3cr3t" not in reason
    assert parts.bus.requests == []


def test_only_the_service_of_dynamodb_deletes_by_time_to_live(parts: Parts) -> None:
    identity = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    parts.stream.handle(record(key(), None, userIdentity=identity))
    parts.stream.handle(record(key(), None, userIdentity={**identity, "principalId": "someone"}))
    assert [detail["actor"] for _, detail in parts.lines] == ["dynamodb", "unknown"]


@pytest.mark.parametrize(
    ("old", "new", "name", "count"),
    [
        (None, key(entry("imported", 1)), "key.imported", 100_000),
        (key(entry("created", 1)), key(entry("created", 1), entry("leaked", 2)), "key.leaked", 1_000),
        (key(entry("created", 1)), key(entry("created", 1), entry("disabled", 2)), "key.disabled", 10_000),
    ],
)
def test_many_changes_at_once_give_one_event_each_with_an_id_of_its_own(
    parts: Parts, old: dict[str, Any] | None, new: dict[str, Any], name: str, count: int
) -> None:
    for number in range(count):
        parts.stream.handle(record(old, new, str(number)))
    assert {line for line, _ in parts.lines} == {name}
    ids = [detail["event_id"] for _, detail in parts.lines]
    assert len(ids) == len(set(ids)) == count
    assert sum(map(len, parts.bus.requests)) == count
