"""Networks of keys and consumers: what the commands store in the key, which is all that the authorizer reads."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from authorizer.key_record import KeyRecord
from keys.cli.main import main
from keys.core import BadInput, MalformedItem, Store
from keys.core.record import Key
from keys.deployment.target import Resolved
from tests.support.keys_command import KeysCommand

OFFICE, HOME = "203.0.113.0/24", "198.51.100.0/24"


@pytest.fixture
def store(keys: KeysCommand) -> Store:
    return keys.app().store


def accepted_from(store: Store, key: Key) -> tuple[str, ...] | None:
    """The networks that the authorizer reads."""
    networks = KeyRecord.from_item(store.find(key.ref).stored).identity.networks
    return None if networks is None else networks.blocks


def made(store: Store, **given: Any) -> Key:
    return store.create(consumer="acme", prefix="mak", **given).key


def test_a_new_key_has_its_own_networks_and_those_of_its_consumer(store: Store) -> None:
    store.consumers.create("acme", networks=frozenset([OFFICE]))
    assert accepted_from(store, made(store)) == (OFFICE,)
    assert accepted_from(store, made(store, networks=frozenset(["203.0.113.0/25"]))) == ("203.0.113.0/25",)
    assert accepted_from(store, made(store, networks=frozenset([HOME]))) == ()


def test_new_networks_of_a_consumer_reach_all_its_keys_and_leave_their_own(store: Store) -> None:
    free, own = made(store), made(store, networks=frozenset(["203.0.113.0/25"]))
    assert store.consumers.update("acme", {"networks": frozenset([OFFICE])}).keys == 2
    assert (accepted_from(store, free), accepted_from(store, own)) == ((OFFICE,), ("203.0.113.0/25",))
    store.consumers.update("acme", {"networks": frozenset()})
    assert (accepted_from(store, free), accepted_from(store, own)) == (None, ("203.0.113.0/25",))


def test_a_rolled_key_is_limited_like_the_old_one_and_by_the_consumer_as_it_is_now(store: Store) -> None:
    store.consumers.create("acme", networks=frozenset([OFFICE]))
    old = made(store, networks=frozenset(["203.0.113.0/25"]))
    new = store.roll(old.ref, prefix="mak", grace=60).created.key
    assert (new.networks, new.consumer_networks) == (old.networks, frozenset([OFFICE]))


@pytest.mark.parametrize("command", [["create", "--consumer", "acme"], ["consumer", "create", "acme"]])
def test_a_network_with_bits_after_its_prefix_length_is_refused_with_the_remedy(
    keys: KeysCommand, command: list[str]
) -> None:
    answer = keys.run(*command, "--networks", "203.0.113.7/24")
    assert answer.exit_code == 2
    assert 'write "203.0.113.0/24"' in " ".join(answer.stderr.split())
    assert keys.items() == []


def test_there_is_a_most_of_networks_that_a_policy_has_room_for() -> None:
    form = next(each.form for each in Key.fields() if each.name == "networks")
    assert len(form.parse(",".join(f"203.0.{2 * number}.0/24" for number in range(20)))) == 20
    with pytest.raises(BadInput, match="at most 20 networks"):
        form.parse(",".join(f"203.0.{2 * number}.0/24" for number in range(21)))


def test_no_key_is_made_for_a_consumer_whose_limit_cannot_be_read(keys: KeysCommand, store: Store) -> None:
    store.consumers.create("acme")
    keys.client.update_item(
        TableName=keys.table,
        Key={"pk": {"S": "consumer#acme"}},
        UpdateExpression="SET networks = :n",
        ExpressionAttributeValues={":n": {"S": OFFICE}},
    )
    with pytest.raises(MalformedItem, match="networks is malformed"):
        made(store)
    assert list(store.all()) == []


def imported(keys: KeysCommand, text: str, **version: str) -> tuple[int, str]:
    """The exit code and the errors of an import into a stack."""
    app = keys.app()
    stack = Resolved(app.table, "mak", True, stack="prod")
    stack.__dict__["described"] = ({"Version": version.get("version", "0.3.0")}, {})
    app.__dict__["resolved"] = stack
    answer = CliRunner().invoke(main, ["import", "-", "--format", "csv"], obj=app, input=text)
    return answer.exit_code, answer.stderr


CSV = "consumer,key,networks\nacme,0123456789abcdef-1,203.0.113.0/25 192.0.2.0/24\n"


def test_an_imported_key_has_the_networks_of_the_file_and_those_of_its_consumer(
    keys: KeysCommand, store: Store
) -> None:
    store.consumers.create("acme", networks=frozenset([OFFICE]))
    assert imported(keys, CSV)[0] == 0
    (key,) = store.all()
    assert key.networks == {"203.0.113.0/25", "192.0.2.0/24"}
    assert key.consumer_networks == {OFFICE}
    assert imported(keys, CSV)[0] == 0
    assert imported(keys, CSV.replace("/25", "/24"))[0] != 0


def test_no_limit_is_imported_for_an_authorizer_that_does_not_read_it(keys: KeysCommand, store: Store) -> None:
    code, told = imported(keys, CSV, version="0.2.0")
    assert code != 0
    assert "does not read networks" in " ".join(told.split())
    assert list(store.all()) == []


def test_a_backup_has_the_networks_and_restores_them(keys: KeysCommand, store: Store) -> None:
    store.consumers.create("acme", networks=frozenset([OFFICE]))
    made(store, networks=frozenset([HOME]))
    lines = [json.loads(line) for line in keys.run("export", "--with-digests").stdout.splitlines()]
    assert [line.get("networks") for line in lines] == [[OFFICE], [HOME]]
    assert lines[1]["consumer_networks"] == [OFFICE]


@pytest.fixture
def rules(tmp_path: Path) -> str:
    file = tmp_path / "auth.toml"
    file.write_text(f"[[rule]]\nroute = '* /*'\n[[rule]]\nroute = 'GET /admin/*'\nnetworks = ['{OFFICE}']\n")
    return str(file)


@pytest.mark.parametrize(
    ("source", "code", "permitted", "refused_by"),
    [
        ("203.0.113.7", 0, True, []),
        ("198.51.100.1", 5, False, [f"networks ({OFFICE}; this is 198.51.100.1)"]),
        ("::ffff:203.0.113.7", 5, False, [f"networks ({OFFICE}; this is ::ffff:203.0.113.7)"]),
    ],
)
def test_verify_decides_for_an_address(
    source: str, code: int, permitted: bool, refused_by: list[str], keys: KeysCommand, rules: str
) -> None:
    key = keys.create()["key"]
    arguments = ("verify", "--route", "GET /admin/x", "--rules", rules, "--source-ip", source)
    answer = keys.run(*arguments, "--output", "json", stdin=key)
    assert answer.exit_code == code
    told = json.loads(answer.stdout)
    assert (told["permitted"], told["source_ip"], told["rules"][1]["refused_by"]) == (permitted, source, refused_by)


def test_verify_says_that_networks_decide_if_no_address_is_given(keys: KeysCommand, rules: str) -> None:
    key = keys.create()["key"]
    answer = keys.run("verify", "--route", "GET /admin/x", "--rules", rules, stdin=key)
    assert "Networks decide: add --source-ip" in answer.stdout
    assert f"(except from {OFFICE})" in answer.stdout
    free = keys.run("verify", "--route", "GET /me", "--rules", rules, stdin=key)
    assert (free.exit_code, "Networks decide" in free.stdout) == (0, False)
    wrong = keys.run("verify", "--route", "GET /me", "--source-ip", "203.0.113.0/24", "--rules", rules, stdin=key)
    assert (wrong.exit_code, "Write one address" in wrong.stderr) == (2, True)
