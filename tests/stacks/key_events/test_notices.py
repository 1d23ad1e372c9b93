"""Notices before and at the end of keys: when they are sent, when not, and what a missed or repeated run does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from key_events.notices import DAY, DONE, Notices
from key_events.outlet import Outlet
from tests.stacks.key_events.images import KEY_ID, SCHEMA, key
from tests.stacks.key_events.test_stream import Bus

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOON = 1_790_000_000 // DAY * DAY + DAY // 2


class Schedule:
    """Runs the notices on the template's table, at times of its own. `sent` has the entries of the bus."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self.client, self.table, self.bus, self.now = client, table, Bus(), NOON
        outlet = Outlet(self.bus, "bus", "multi-auth.prod", lambda _name, _detail: None)
        self._notices = Notices(client, table, outlet, days=[30, 7, 1], clock=lambda: self.now)

    def put(self, end: int, **attributes: Any) -> None:
        end_day = datetime.fromtimestamp(end, UTC).date().isoformat()
        item = key(expires_at={"N": str(end)}, end_day={"S": end_day}, **attributes)
        self.client.put_item(TableName=self.table, Item=item)

    def run(self, now: int) -> list[tuple[str, int | None]]:
        """The name and days of each notice of a run at this time."""
        self.now = now
        self.bus.requests.clear()
        self._notices.run()
        return [(event["DetailType"], detail(event).get("days")) for (event,) in self.bus.requests]


def detail(entry: dict[str, Any]) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(entry["Detail"])
    SCHEMA.validate(parsed)
    return parsed


@pytest.fixture
def schedule(dynamodb: DynamoDBClient, table_name: str) -> Schedule:
    made = Schedule(dynamodb, table_name)
    made.run(NOON)
    return made


def test_a_key_gets_a_notice_30_7_and_1_days_before_its_end_and_one_after_it(schedule: Schedule) -> None:
    schedule.put(NOON + 40 * DAY)
    found = {day: notices for day in range(1, 45) if (notices := schedule.run(NOON + day * DAY))}
    assert found == {
        10: [("key.expiring", 30)],
        33: [("key.expiring", 7)],
        39: [("key.expiring", 1)],
        40: [("key.expired", None)],
    }


@pytest.mark.parametrize("seconds", [1, DAY // 2 - 1, DAY // 2, DAY - 1])
def test_the_end_is_told_by_the_first_run_after_it_and_never_before(schedule: Schedule, seconds: int) -> None:
    schedule.put(NOON + DAY + seconds)
    assert ("key.expired", None) not in schedule.run(NOON + DAY)
    assert schedule.run(NOON + 2 * DAY) == [("key.expired", None)]


def test_a_run_that_is_days_late_makes_up_for_those_that_were_missed(schedule: Schedule) -> None:
    schedule.put(NOON + 10 * DAY)
    assert schedule.run(NOON + 9 * DAY) == [("key.expiring", 7), ("key.expiring", 1)]


def test_a_notice_that_is_late_for_a_key_that_has_ended_is_not_sent(schedule: Schedule) -> None:
    schedule.put(NOON + 8 * DAY)
    assert schedule.run(NOON + 9 * DAY) == [("key.expired", None)]


def test_a_run_that_is_repeated_sends_the_same_event_ids(schedule: Schedule) -> None:
    schedule.put(NOON + 7 * DAY + 60)
    schedule.run(NOON + DAY)
    (first,) = (detail(event)["event_id"] for (event,) in schedule.bus.requests)
    schedule.client.put_item(TableName=schedule.table, Item={"pk": {"S": DONE}, "done_until": {"N": str(NOON)}})
    schedule.run(NOON + DAY + 5)
    (second,) = (detail(event)["event_id"] for (event,) in schedule.bus.requests)
    assert first == second


def test_a_second_run_at_the_same_time_sends_nothing(schedule: Schedule) -> None:
    schedule.put(NOON + 7 * DAY + 1)
    assert schedule.run(NOON + 1) == [("key.expiring", 7)]
    assert schedule.run(schedule.now) == []


@pytest.mark.parametrize("attribute", [{"revoked_at": {"N": "1"}}, {"rolled_to": {"S": "key_2"}}])
def test_a_key_that_is_revoked_or_has_a_successor_gets_no_notice(schedule: Schedule, attribute: dict[str, Any]) -> None:
    schedule.put(NOON + 7 * DAY + 60, **attribute)
    assert schedule.run(NOON + DAY) == []


def test_an_end_that_was_changed_after_the_index_was_read_gets_no_notice(schedule: Schedule) -> None:
    schedule.put(NOON + 7 * DAY + 60)
    # The index still has the old day.
    schedule.client.update_item(
        TableName=schedule.table,
        Key={"pk": key()["pk"]},
        UpdateExpression="SET expires_at = :later",
        ExpressionAttributeValues={":later": {"N": str(NOON + 90 * DAY)}},
    )
    assert schedule.run(NOON + DAY) == []


def test_a_notice_has_the_key_the_consumer_the_days_and_no_reason(schedule: Schedule) -> None:
    schedule.put(NOON + 7 * DAY + 60)
    schedule.run(NOON + DAY)
    ((event,),) = schedule.bus.requests
    assert detail(event) == {
        "version": 1,
        "event_id": detail(event)["event_id"],
        "key_id": KEY_ID,
        "consumer": "acme",
        "actor": "schedule",
        "via": "notices",
        "reason": None,
        "at": datetime.fromtimestamp(NOON + 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "changes": [],
        "days": 7,
    }


def test_a_run_that_fails_is_made_up_for_by_the_next(schedule: Schedule) -> None:
    schedule.put(NOON + 7 * DAY + 60)
    schedule.bus.down = "Throttled"
    with pytest.raises(Exception, match="Throttled"):
        schedule.run(NOON + DAY)
    schedule.bus.down = None
    assert schedule.run(NOON + 2 * DAY) == [("key.expiring", 7)]
