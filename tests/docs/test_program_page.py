"""The example of the page on keys in your own program, with the permissions of its policy."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from authorizer import api_key
from tests.docs.pages import blocks
from tests.docs.test_policies import VALUES, by_kind, of_dynamodb, recorded
from tests.support.keys_command import KeysCommand
from tests.support.policies import filled, permits

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PAGE = Path("docs/keys-in-your-program.md")


@pytest.fixture
def handler(dynamodb: "DynamoDBClient", table_name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    (example,) = [block.text for block in blocks(PAGE) if block.language == "python"]
    monkeypatch.setenv("TABLE_NAME", table_name)
    monkeypatch.setenv("KEY_PREFIX", "acme")
    monkeypatch.setattr(boto3, "client", lambda _service: dynamodb)
    module: dict[str, Any] = {}
    exec(example, module)  # noqa: S102 - the page's own code
    return module["handler"]


def test_the_example_creates_a_key_that_the_commands_show(
    handler: Any, dynamodb: "DynamoDBClient", table_name: str
) -> None:
    answer = handler({"customer_id": "customer-7", "plan": "gold"}, None)
    assert api_key.is_well_formed(answer["key"], "acme")
    shown = KeysCommand(dynamodb, table_name).json("show", answer["key_id"])
    assert (shown["consumer"], shown["data"]) == ("customer-7", {"plan": "gold"})
    assert (shown["history"][0]["by"], shown["history"][0]["how"]) == ("sign-up", "sign-up function")


def test_the_example_tells_that_a_consumer_is_disabled(
    handler: Any, dynamodb: "DynamoDBClient", table_name: str
) -> None:
    event = {"customer_id": "customer-7", "plan": "gold"}
    handler(event, None)
    KeysCommand(dynamodb, table_name).run("consumer", "disable", "customer-7", "--yes")
    assert handler(event, None) == {"error": "consumer_disabled"}


def test_the_policy_permits_what_the_example_calls_and_nothing_else(handler: Any, dynamodb: "DynamoDBClient") -> None:
    def create_two() -> None:
        for _ in range(2):
            handler({"customer_id": "customer-7", "plan": "gold"}, None)

    calls = recorded(dynamodb, create_two)
    assert all(permits(filled("program", VALUES), *call) for call in calls)
    assert by_kind(calls) == of_dynamodb("program")
