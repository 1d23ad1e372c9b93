"""The plan of a consumer in the table: each key has a copy, and a key of API Gateway's own is never shown."""

import json

import pytest
from click.testing import CliRunner

from keys.cli.main import main
from keys.core import BadInput, MalformedItem, Store
from keys.core.record import Consumer
from keys.deployment.target import Resolved
from tests.support.keys_command import KeysCommand

GOLD = {"plan": "gold", "usage_key": "Gold0000000000000000Gold"}


@pytest.fixture
def store(keys: KeysCommand) -> Store:
    return keys.app().store


def plans(store: Store) -> list[tuple[str | None, str | None]]:
    return [(key.plan, key.usage_key) for key in store.all("acme")]


def test_a_plan_reaches_all_keys_of_the_consumer_and_leaves_them_with_it(store: Store) -> None:
    for _ in range(3):
        store.create(consumer="acme", prefix="mak")
    assert store.consumers.update("acme", GOLD).keys == 3
    assert plans(store) == [("gold", GOLD["usage_key"])] * 3
    assert store.consumers.update("acme", dict.fromkeys(GOLD)).keys == 3
    assert plans(store) == [(None, None)] * 3


def test_new_rolled_and_imported_keys_have_the_plan_of_their_consumer(keys: KeysCommand, store: Store) -> None:
    old = store.create(consumer="acme", prefix="mak").key
    store.consumers.update("acme", GOLD)
    store.roll(old.ref, prefix="mak", grace=60)
    store.create(consumer="acme", prefix="mak")
    text = "consumer,key\nacme,0123456789abcdef-1\n"
    assert keys.run("import", "-", "--format", "csv", stdin=text).exit_code == 0
    assert plans(store) == [("gold", GOLD["usage_key"])] * 4


def test_a_roll_takes_the_plan_that_the_consumer_has_now(keys: KeysCommand, store: Store) -> None:
    old = store.create(consumer="acme", prefix="mak").key
    store.consumers.update("acme", GOLD)
    keys.client.update_item(  # As before an interrupted change has reached the key.
        TableName=keys.table, Key={"pk": {"S": old.digest}}, UpdateExpression="REMOVE #plan, usage_key",
        ExpressionAttributeNames={"#plan": "plan"},
    )  # fmt: skip
    new = store.roll(old.ref, prefix="mak", grace=60).created.key
    assert (new.plan, new.usage_key) == ("gold", GOLD["usage_key"])


def test_no_command_shows_the_key_of_api_gateway(keys: KeysCommand, store: Store) -> None:
    made = store.create(consumer="acme", prefix="mak").key
    store.consumers.update("acme", GOLD)
    for command in (["show", made.ref], ["consumer", "show", "acme"], ["list"], ["export", "--with-digests"]):
        shown = keys.run(*command, "--output", "json").stdout
        assert GOLD["usage_key"] not in shown
        assert "gold" in shown


def test_an_export_is_restored_with_the_plan_of_the_consumer_in_the_table(keys: KeysCommand, store: Store) -> None:
    store.create(consumer="acme", prefix="mak")
    store.consumers.update("acme", GOLD)
    text = keys.run("export", "--with-digests").stdout
    assert [json.loads(line)["plan"] for line in text.splitlines()] == ["gold", "gold"]
    app = keys.app()
    app.__dict__["resolved"] = Resolved(app.table, "mak", False, stack="prod")
    app.resolved.__dict__["described"] = ({"Version": "0.3.0"}, {})
    answer = CliRunner().invoke(main, ["import", "-", "--format", "jsonl"], obj=app, input=text)
    assert answer.exit_code == 0, answer.stderr
    assert plans(store) == [("gold", GOLD["usage_key"])]


@pytest.mark.parametrize("attribute", ["plan", "usage_key"])
def test_a_consumer_whose_plan_cannot_be_read_gets_no_new_key(keys: KeysCommand, store: Store, attribute: str) -> None:
    store.consumers.create("acme")
    keys.client.update_item(
        TableName=keys.table, Key={"pk": {"S": "consumer#acme"}}, UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": attribute}, ExpressionAttributeValues={":value": {"N": "1"}},
    )  # fmt: skip
    with pytest.raises(MalformedItem, match=f"{attribute} is malformed"):
        store.create(consumer="acme", prefix="mak")


@pytest.mark.parametrize("plan", ["", "gold,silver", " gold", "g" * 129, 'go"ld'])
def test_a_plan_has_a_name_that_can_be_the_value_of_a_tag(plan: str) -> None:
    with pytest.raises(BadInput, match="name of a plan"):
        Consumer.from_json({"name": "acme", "plan": plan})


def test_a_deletion_that_fails_before_the_end_is_completed_by_the_same_call(store: Store) -> None:
    store.create(consumer="acme", prefix="mak")
    store.consumers.update("acme", GOLD)

    def fail(_consumer: Consumer) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        store.consumers.delete("acme", with_keys=True, before_removal=fail)
    seen: list[Consumer] = []
    store.consumers.delete("acme", with_keys=True, before_removal=seen.append)
    assert [consumer.usage_key for consumer in seen] == [GOLD["usage_key"]]
    assert list(store.all("acme")) == []
    assert store.consumers.get("acme") is None
