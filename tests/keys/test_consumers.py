"""The commands on consumers."""

import pytest

from authorizer import api_key
from keys.core import consumers
from keys.core.change import put_new
from keys.core.errors import Conflict
from keys.core.record import Consumer, Key
from keys.core.table import Table
from tests.support.keys_command import NOW, KeysCommand


def add_keys(keys: KeysCommand, count: int, consumer: str = "acme") -> None:
    for number in range(count):
        digest = api_key.digest(f"{consumer} {number}")
        key = Key(
            digest=digest,
            key_id=f"key_{digest[:16]}",
            consumer=consumer,
            data='{"plan":"old"}',
            tags={},
            created_at=NOW,
        )
        keys.client.put_item(TableName=keys.table, Item=key.to_item())


def plans(keys: KeysCommand) -> set[str]:
    return {key["data"].get("plan") for key in keys.json("list", "--consumer", "acme")}


def test_a_consumer_has_name_description_data_and_tags(keys: KeysCommand) -> None:
    made = keys.json("consumer", "create", "acme", "--description", "ACME Ltd.", "--data", '{"a": 1}', "--tag", "x=y")
    assert made == {
        "name": "acme",
        "description": "ACME Ltd.",
        "enabled": True,
        "data": {"a": 1},
        "networks": [],
        "plan": None,
        "tags": {"x": "y"},
        "created_at": "2027-01-15T08:00:00Z",
    }
    assert keys.json("consumer", "show", "acme") == {
        **made,
        "keys": {},
        "history": keys.json("consumer", "history", "acme"),
    }
    assert keys.json("consumer", "list") == [made]
    assert keys.json("consumer", "list", "--tag", "x=z") == []


def test_a_consumer_is_made_once(keys: KeysCommand) -> None:
    keys.run("consumer", "create", "acme", "--data", '{"a": 1}')
    assert keys.run("consumer", "create", "acme").exit_code == 4
    assert keys.json("consumer", "show", "acme")["data"] == {"a": 1}


def test_a_consumer_is_shown_with_the_states_of_its_keys(keys: KeysCommand) -> None:
    keys.create()
    keys.create()
    keys.run("disable", keys.create()["key_id"])
    assert keys.json("consumer", "show", "acme")["keys"] == {"active": 2, "disabled": 1}


def test_only_what_is_given_is_changed(keys: KeysCommand) -> None:
    keys.run("consumer", "create", "acme", "--description", "ACME", "--data", '{"a": 1}', "--tag", "x=y")
    changed = keys.json("consumer", "update", "acme", "--description", "ACME Ltd.")
    assert (changed["description"], changed["data"], changed["tags"]) == ("ACME Ltd.", {"a": 1}, {"x": "y"})
    assert keys.json("consumer", "update", "acme", "--clear-tags")["tags"] == {}
    assert keys.json("consumer", "update", "acme", "--tag", "b=c")["tags"] == {"b": "c"}


@pytest.mark.parametrize("count", [0, 1, 100])
def test_new_data_goes_to_all_keys_of_the_consumer(keys: KeysCommand, count: int) -> None:
    keys.run("consumer", "create", "acme")
    add_keys(keys, count)
    add_keys(keys, 1, consumer="other")
    changed = keys.json("consumer", "update", "acme", "--data", '{"plan": "new"}')
    assert (changed["data"], changed["keys_updated"]) == ({"plan": "new"}, count)
    assert plans(keys) == ({"new"} if count else set())
    assert keys.json("list", "--consumer", "other")[0]["data"] == {"plan": "old"}


def test_what_was_cut_off_is_done_by_the_same_command(keys: KeysCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "BATCH", 10)
    keys.run("consumer", "create", "acme", "--data", '{"plan":"old"}')
    add_keys(keys, 25)
    left = [keys.client.transact_write_items] * 2
    failing = keys.with_client(transact_write_items=lambda **arguments: left.pop()(**arguments))
    cut_off = failing.run("consumer", "update", "acme", "--data", '{"plan": "new"}')
    assert cut_off.exit_code == 1
    assert "Keys updated: 10 of 25." in cut_off.stderr
    assert "run the same command again" in cut_off.stderr
    assert plans(keys) == {"old", "new"}
    assert keys.json("consumer", "update", "acme", "--data", '{"plan": "new"}')["keys_updated"] == 15
    assert plans(keys) == {"new"}


def test_a_consumer_with_keys_is_not_deleted_by_mistake(keys: KeysCommand) -> None:
    keys.create()
    assert keys.run("consumer", "delete", "acme").exit_code == 2
    refused = keys.run("consumer", "delete", "acme", "--yes")
    assert refused.exit_code == 4
    assert "--with-keys" in refused.stderr
    assert len(keys.items()) == 2


def test_a_consumer_is_deleted_with_its_keys(keys: KeysCommand) -> None:
    keys.run("consumer", "create", "acme")
    add_keys(keys, 101)
    add_keys(keys, 1, consumer="other")
    deleted = keys.json("consumer", "delete", "acme", "--with-keys", "--yes")
    assert deleted == {"name": "acme", "deleted": True, "keys_deleted": 101}
    assert [item["consumer"]["S"] for item in keys.items()] == ["other"]


@pytest.mark.parametrize("command", [["show"], ["update", "--data", "{}"], ["delete", "--yes"]])
def test_a_consumer_that_does_not_exist_is_told_with_exit_code_3(keys: KeysCommand, command: list[str]) -> None:
    result = keys.run("consumer", *command, "acme")
    assert result.exit_code == 3
    assert "no consumer 'acme'" in result.stderr


def test_a_name_may_look_like_the_items_own_names(keys: KeysCommand) -> None:
    for name in ("consumer#acme", "#", "key_1a2B3c4D5e6F7g8H", "ab" * 32):
        keys.create(consumer=name)
        assert keys.json("consumer", "show", name)["keys"] == {"active": 1}
    assert len(keys.items()) == 8


def test_an_operation_that_always_comes_too_late_gives_up(keys: KeysCommand) -> None:
    waits: list[float] = []
    table = Table(keys.client, keys.table, waits.append)
    new = put_new(Consumer(name="acme"))
    table.write([new])
    with pytest.raises(Conflict, match="at the same time"):
        table.retry_conflicts(lambda: table.write([new]))
    assert 1 < sum(waits) < 5


def test_an_empty_list_of_consumers_says_why_it_is_empty(keys: KeysCommand) -> None:
    assert "There are no consumers in the table" in keys.run("consumer", "list").stderr
    keys.run("consumer", "create", "acme")
    assert "There is 1 consumer in the table" in keys.run("consumer", "list", "--tag", "a=b").stderr
