"""What a batch adds to the table of usage: counts, the last use, and how many updates that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keys.core import usage_items
from keys.core.record import new_key_id
from tests.support.usage_table import GROUP, NAME, item, make_table, request
from usage import batch
from usage.counter import Counter

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = "key_1a2B3c4D5e6F7g8H"
SUBJECT = f"key#{KEY}"
DAY = 86_400
NOON = 1_800_014_400
"""2027-01-15T12:00:00Z."""


class Recorder:
    """A client that keeps the updates. The first `failing` of them fail."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._client = client
        self.exceptions = client.exceptions
        self.updates: list[dict[str, Any]] = []
        self.failing = 0

    def update_item(self, **arguments: Any) -> None:
        if len(self.updates) < self.failing:
            self.updates.append(arguments)
            raise ConnectionError("throttled")
        self.updates.append(arguments)
        self._client.update_item(**arguments)


@pytest.fixture
def client(dynamodb: DynamoDBClient) -> Recorder:
    make_table(dynamodb)
    return Recorder(dynamodb)


def add(counter: Counter, *lines: dict[str, Any], now: int = NOON + 3 * DAY) -> int:
    return counter.add(batch.read(lines, now), GROUP, now)


def counter(client: Recorder) -> Counter:
    """The counter of a new execution environment."""
    made: Any = Counter(client, NAME)  # type: ignore[arg-type]
    found: Counter = made
    return found


def test_counts_are_added_and_the_last_day_is_kept(dynamodb: DynamoDBClient, client: Recorder) -> None:
    one = counter(client)
    add(one, request(NOON, KEY), request(NOON, KEY, "403"))
    add(one, request(NOON + 3600, KEY))
    found = item(dynamodb, SUBJECT, "2027-01-15") or {}
    assert (found["2xx"], found["4xx"]) == ({"N": "2"}, {"N": "1"})
    assert sorted(found["used_at"]["SS"]) == ["12:00", "13:00"]
    assert int(found["delete_after"]["N"]) == usage_items.start_of("2027-01-15") + 400 * DAY
    assert (item(dynamodb, SUBJECT, "last") or {})["last_day"] == {"S": "2027-01-15"}


def test_a_batch_is_one_update_without_a_condition_for_each_key_beside_the_first_of_a_day(client: Recorder) -> None:
    one = counter(client)
    lines = [request(NOON + number, key_id) for number in range(50) for key_id in (KEY, f"key_{'1' * 16}")]
    add(one, *lines)
    client.updates.clear()
    assert add(one, *lines) == 2
    assert [update["Key"]["day"]["S"] for update in client.updates] == ["2027-01-15"] * 2
    assert not any("ConditionExpression" in update for update in client.updates)


def test_a_batch_that_comes_twice_is_counted_twice_and_the_last_use_stays(
    dynamodb: DynamoDBClient, client: Recorder
) -> None:
    for one in (counter(client), counter(client)):
        add(one, request(NOON, KEY))
    found = item(dynamodb, SUBJECT, "2027-01-15") or {}
    assert (found["2xx"], found["used_at"]["SS"]) == ({"N": "2"}, ["12:00"])


def test_an_older_batch_that_comes_later_does_not_move_the_last_use_back(
    dynamodb: DynamoDBClient, client: Recorder
) -> None:
    add(counter(client), request(NOON, KEY))
    for one in (counter(client), counter(client)):
        add(one, request(NOON - 3600, KEY), request(NOON - DAY, KEY))
    assert (item(dynamodb, SUBJECT, "last") or {})["last_day"] == {"S": "2027-01-15"}
    assert max((item(dynamodb, SUBJECT, "2027-01-15") or {})["used_at"]["SS"]) == "12:00"


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(minutes=st.lists(st.integers(0, 3 * 24 * 60), min_size=1, max_size=8))
def test_the_last_use_is_the_newest_whatever_the_order(
    dynamodb: DynamoDBClient, client: Recorder, minutes: list[int]
) -> None:
    key_id = new_key_id()
    environments = [counter(client), counter(client)]
    for number, minute in enumerate(minutes):
        add(environments[number % 2], request(NOON + minute * 60, key_id))
    newest = NOON + max(minutes) * 60
    day = (item(dynamodb, f"key#{key_id}", "last") or {})["last_day"]["S"]
    assert day == usage_items.day_of(newest)
    assert max((item(dynamodb, f"key#{key_id}", day) or {})["used_at"]["SS"]) == usage_items.quarter_of(newest)


def test_a_batch_that_failed_can_be_added_again_and_leaves_no_used_key_without_its_last_day(
    dynamodb: DynamoDBClient, client: Recorder
) -> None:
    for failing in (1, 2, 3):
        key_id = f"key_{failing:016}"
        client.updates.clear()
        client.failing = failing
        one = counter(client)
        for _ in range(failing):
            with pytest.raises(ConnectionError):
                add(one, request(NOON, key_id))
        add(one, request(NOON, key_id))
        assert (item(dynamodb, f"key#{key_id}", "last") or {})["last_day"] == {"S": "2027-01-15"}


def test_a_log_group_is_counted_since_its_first_batch_whatever_its_lines_say(
    dynamodb: DynamoDBClient, client: Recorder
) -> None:
    add(counter(client), request(NOON - 300 * DAY, KEY), request(0, KEY), now=NOON)
    add(counter(client), request(NOON + DAY, KEY), now=NOON + DAY)
    assert (item(dynamodb, f"log#{GROUP}", "began") or {})["began"] == {"N": str(NOON)}


def test_no_line_moves_the_last_use_into_the_future_or_back(dynamodb: DynamoDBClient, client: Recorder) -> None:
    one = counter(client)
    add(one, request(NOON, KEY), now=NOON)
    for seconds in (NOON + DAY, NOON + 7000, NOON - DAY, 0, 10**12):
        add(one, request(seconds, KEY), now=NOON)
        add(counter(client), request(seconds, KEY), now=NOON)
    assert (item(dynamodb, SUBJECT, "last") or {})["last_day"] == {"S": "2027-01-15"}
    assert max((item(dynamodb, SUBJECT, "2027-01-15") or {})["used_at"]["SS"]) == "12:00"


def test_an_item_of_a_day_with_every_quarter_of_an_hour_is_below_one_write_unit(
    dynamodb: DynamoDBClient, client: Recorder
) -> None:
    start = usage_items.start_of("2027-01-15")
    lines = [request(start + number * 900, KEY, f"{number % 4 + 2}00") for number in range(96)]
    add(counter(client), *lines)
    found = item(dynamodb, SUBJECT, "2027-01-15") or {}
    assert len(found["used_at"]["SS"]) == 96
    # The size of an item: UTF-8 of names and texts, about 21 bytes for a number (DynamoDB developer guide).
    size = sum(len(name) for name in found) + len(SUBJECT) + len("2027-01-15") + 96 * 5 + 5 * 21
    assert size < 1024
