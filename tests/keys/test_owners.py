"""Keys that signed-in users made, as the command shows and changes them."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from authorizer.owner import owner_pk
from keys.core.history import Author
from keys.core.owners import Bounds, Caller
from keys.core.record import Owner, read_item
from keys.core.store import Store
from keys.core.table import Table
from tests.keys.test_failures import run_interfered
from tests.support.apigateway import FakeApiGateway
from tests.support.keys_command import NOW, KeysCommand

ISSUER = "https://issuer.example/"
BOUNDS = Bounds(10, 50)


def store(keys: KeysCommand) -> Store:
    return Store(Table(keys.client, keys.table), Author("self-service", "self-service"), lambda: NOW)


def make(keys: KeysCommand, owner: str = "acme", sub: str | None = None) -> str:
    caller = Caller(ISSUER, owner, sub or owner)
    made = store(keys).owners.create(
        caller, BOUNDS, prefix="mak", expires_in=86_400, data={}, description="mine", scopes=frozenset()
    )
    return made.key.key_id


def listed(keys: KeysCommand, *arguments: str) -> list[Any]:
    found: list[Any] = json.loads(keys.run("list", *arguments, "--output", "json").stdout)
    return found


def test_the_list_of_a_consumer_has_no_key_of_a_user_of_that_name(keys: KeysCommand) -> None:
    operators, users = keys.create()["key_id"], make(keys)
    assert [key["key_id"] for key in listed(keys, "--consumer", "acme")] == [operators]
    (shown,) = listed(keys, "--owner", ISSUER, "acme")
    assert (shown["key_id"], shown["owner"], shown["owner_issuer"], shown["made_by"]) == (users, "acme", ISSUER, "acme")
    assert listed(keys, "--owner", "https://other.example/", "acme") == []
    assert len(listed(keys)) == 2


def test_a_command_names_either_a_consumer_or_an_owner(keys: KeysCommand) -> None:
    for command in (
        ["list", "--consumer", "acme", "--owner", ISSUER, "acme"],
        ["consumer", "show"],
        ["consumer", "show", "acme", "--owner", ISSUER, "acme"],
        ["list", "--consumer", owner_pk(ISSUER, "acme")],
        ["create", "--consumer", owner_pk(ISSUER, "acme")],
    ):
        result = keys.run(*command)
        assert (result.exit_code, "--owner" in result.stderr) == (2, True), (command, result.stderr)


@pytest.mark.parametrize("command", [("list",), ("consumer", "show"), ("consumer", "disable", "--yes")])
def test_an_unknown_owner_is_not_named_by_its_partition_key(keys: KeysCommand, command: tuple[str, ...]) -> None:
    result = keys.run(*command, "--owner", ISSUER, "nobody")
    assert "No signed-in user has made keys for this owner" in result.stderr
    assert "owner#" not in result.stderr


def test_a_list_that_no_key_of_an_owner_matches_says_so(keys: KeysCommand) -> None:
    make(keys)
    result = keys.run("list", "--state", "revoked", "--owner", ISSUER, "acme")
    assert "There is 1 key of this owner, but none matches the options." in result.stderr


def test_an_owner_is_shown_disabled_enabled_and_deleted_with_its_keys(keys: KeysCommand) -> None:
    key_id = make(keys)
    owner = ["--owner", ISSUER, "acme"]
    shown = json.loads(keys.run("consumer", "show", *owner, "--output", "json").stdout)
    assert (shown["owner"], shown["issuer"], shown["keys"]) == ("acme", ISSUER, {"active": 1})
    disabled = keys.run("consumer", "disable", *owner, "--yes")
    assert (disabled.exit_code, disabled.stdout) == (0, "This owner is disabled. 1 key disabled.\n")
    assert [key["state"] for key in listed(keys)] == ["disabled"]
    assert keys.run("enable", key_id).exit_code != 0
    assert keys.run("consumer", "enable", *owner).exit_code == 0
    assert [key["state"] for key in listed(keys)] == ["active"]
    assert keys.run("consumer", "delete", *owner, "--with-keys", "--yes").exit_code == 0
    assert keys.items() == []


def test_after_a_failure_the_command_to_look_is_one_that_is_accepted(keys: KeysCommand) -> None:
    make(keys)
    disable = ("consumer", "disable", "--owner", ISSUER, "acme", "--yes")
    writes = itertools.count()

    def second_is_interrupted() -> None:
        if next(writes):
            raise KeyboardInterrupt

    result = run_interfered(keys, second_is_interrupted, *disable, always=True)
    assert "keys consumer show --owner ISSUER OWNER" in result.stderr
    assert "owner#" not in result.stderr


def test_only_a_user_can_make_an_owner(keys: KeysCommand) -> None:
    key_id = make(keys)
    keys.client.delete_item(TableName=keys.table, Key={"pk": {"S": owner_pk(ISSUER, "acme")}})
    keys.run("disable", key_id)
    result = keys.run("enable", key_id)
    assert (result.exit_code, len(keys.items())) == (4, 1), result.stderr


def test_all_keys_that_a_user_made_are_disabled_and_no_others(keys: KeysCommand) -> None:
    operators = keys.create()["key_id"]
    own, of_organization = [make(keys), make(keys)], make(keys, "organization", "acme")
    others = [make(keys, "organization", "bob"), make(keys, "bob"), operators]
    disable = store(keys).owners.disable_keys
    assert disable(ISSUER, "acme", "left the company") == 3
    states = {key["key_id"]: key["state"] for key in listed(keys)}
    assert {states[key_id] for key_id in (*own, of_organization)} == {"disabled"}
    assert {states[key_id] for key_id in others} == {"active"}
    assert disable(ISSUER, "acme") == 0
    assert disable("https://other.example/", "acme") == 0


def test_a_check_of_the_table_finds_nothing_wrong_with_the_keys_of_users(keys: KeysCommand) -> None:
    from keys.core.survey import survey

    make(keys)
    found = survey(Table(keys.client, keys.table), NOW)
    assert (found.keys, found.active, found.missing, found.disabled, found.malformed) == (1, 1, [], [], [])


@pytest.mark.parametrize(
    "live",
    [
        {"S": "x"},
        {"M": {"key_1": {"S": "x"}, "key_2": {"M": {"digest": {"S": "d"}}}, "key_3": {"M": {"end": {"N": "1"}}}}},
    ],
    ids=str,
)
def test_what_is_malformed_in_the_list_of_an_owner_costs_nothing_else(live: Any) -> None:
    item: Any = {"pk": {"S": owner_pk(ISSUER, "acme")}, "issuer": {"S": ISSUER}, "owner": {"S": "acme"}, "live": live}
    owner = read_item(item)
    assert isinstance(owner, Owner)
    assert owner.live == {}


def test_the_keys_of_a_person_who_leaves_are_disabled_with_the_account(keys: KeysCommand) -> None:
    stack = replace(keys, gateway=FakeApiGateway())
    made = [make(keys), make(keys, "organization", "acme")]
    who = ("--issuer", ISSUER, "--subject", "acme", "--yes", "--output", "json")
    disabled = stack.run("subject", "disable", *who)
    assert (disabled.exit_code, json.loads(disabled.stdout)["keys_disabled"]) == (0, 2), disabled.stderr
    assert {key["key_id"]: key["state"] for key in listed(keys)} == dict.fromkeys(made, "disabled")
    again = stack.run("subject", "disable", *who)
    assert json.loads(again.stdout)["keys_disabled"] == 0


def test_the_keys_stay_when_only_the_tokens_are_ended_unless_asked(keys: KeysCommand) -> None:
    stack = replace(keys, gateway=FakeApiGateway())
    make(keys)
    who = ("--issuer", ISSUER, "--subject", "acme", "--yes", "--output", "json")
    assert "keys_disabled" not in json.loads(stack.run("subject", "end", *who).stdout)
    assert [key["state"] for key in listed(keys)] == ["active"]
    assert json.loads(stack.run("subject", "end", "--with-keys", *who).stdout)["keys_disabled"] == 1
