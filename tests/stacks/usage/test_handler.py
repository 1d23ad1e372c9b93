"""The function of stacks/usage: a batch as CloudWatch Logs sends it, and what it answers."""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from keys.core import usage_items
from tests.support.usage_table import NAME, event, item, line, make_table, request
from usage.counter import Counter

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = "key_1a2B3c4D5e6F7g8H"
NOON = 1_800_014_400


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module in the environment of the function, imported anew."""
    environment = {
        "USAGE_TABLE": NAME,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, "usage.handler", raising=False)
    return importlib.import_module("usage.handler")


def count(handler: Any, dynamodb: DynamoDBClient, batch: dict[str, Any], now: float = NOON) -> Any:
    return handler.count(batch, Counter(dynamodb, NAME), now)


def test_a_compressed_batch_is_counted(dynamodb: DynamoDBClient, handler: Any) -> None:
    make_table(dynamodb)
    lines = [request(NOON, KEY), request(NOON, KEY, "403"), line(NOON, "no JSON"), request(NOON, "-", "401")]
    assert count(handler, dynamodb, event(*lines)) == {"lines": 4, "skipped": 2, "updates": 3}
    found = item(dynamodb, f"key#{KEY}", "2027-01-15") or {}
    assert (found["2xx"], found["4xx"]) == ({"N": "1"}, {"N": "1"})


def test_a_control_message_and_an_empty_batch_change_nothing(dynamodb: DynamoDBClient, handler: Any) -> None:
    make_table(dynamodb)
    assert handler.lambda_handler(event(line(NOON, "CWL CONTROL MESSAGE"), kind="CONTROL_MESSAGE"), None)["lines"] == 0
    assert handler.lambda_handler(event(), None) == {"lines": 0, "skipped": 0, "updates": 0}
    assert dynamodb.scan(TableName=NAME)["Items"] == []


@pytest.mark.usefixtures("dynamodb")
def test_a_batch_that_the_table_does_not_take_fails_so_that_lambda_tries_again(handler: Any) -> None:
    with pytest.raises(ClientError):
        handler.lambda_handler(event(request(time.time(), KEY)), None)


def test_no_line_of_the_log_has_a_part_of_a_skipped_line(
    dynamodb: DynamoDBClient, handler: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    make_table(dynamodb)
    secret = "mak_secret"
    handler.lambda_handler(event(line(NOON, f"Bearer {secret}")), None)
    assert secret not in "".join(capsys.readouterr())


def test_the_sample_event_is_counted_as_its_page_says(dynamodb: DynamoDBClient, handler: Any) -> None:
    make_table(dynamodb)
    november = 1_795_176_000
    sample = json.loads(Path("events/usage/batch.json").read_text(encoding="utf-8"))
    assert usage_items.day_of(november) == "2026-11-20"
    answer = count(handler, dynamodb, sample, november + 5)
    assert (answer["lines"], answer["skipped"]) == (5, 1)
    days = {each["subject"]["S"]: each for each in dynamodb.scan(TableName=NAME)["Items"] if "used_at" in each}
    user = "user#0123456789abcdef0123456789abcdef"
    assert days.keys() == {f"key#{KEY}", "key#key_9z8Y7x6W5v4U3t2S", "issuer#https://issuer.example/", user}
    assert {each["day"]["S"] for each in days.values()} == {"2026-11-20"}
    assert (days[f"key#{KEY}"]["2xx"], days[f"key#{KEY}"]["4xx"]) == ({"N": "1"}, {"N": "1"})


def test_lines_without_a_valid_time_do_not_fail_the_batch(dynamodb: DynamoDBClient, handler: Any) -> None:
    make_table(dynamodb)
    lines = [{**request(NOON, KEY), "timestamp": timestamp} for timestamp in ("soon", None, 10**30, -1)]
    without = {"id": "1", "message": "{}"}
    assert count(handler, dynamodb, event(*lines, without, request(NOON, KEY)))["skipped"] == 5
    assert (item(dynamodb, f"key#{KEY}", "2027-01-15") or {})["2xx"] == {"N": "1"}


def test_the_clock_of_the_function_is_that_of_its_environment(dynamodb: DynamoDBClient, handler: Any) -> None:
    make_table(dynamodb)
    now = time.time()
    assert handler.lambda_handler(event(request(now, KEY)), None)["skipped"] == 0
    assert handler.lambda_handler(event(request(now + 2 * 86_400, KEY)), None)["skipped"] == 1
