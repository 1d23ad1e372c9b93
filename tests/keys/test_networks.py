"""Networks of keys and consumers: what the commands store in the key, which is all that the authorizer reads."""

from typing import Any

import pytest

from authorizer.key_record import KeyRecord
from keys.core import BadInput, Store
from keys.core.record import Key
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


def test_an_imported_key_gets_the_networks_of_its_consumer_also_from_a_backup(keys: KeysCommand, store: Store) -> None:
    store.consumers.create("acme", networks=frozenset([OFFICE]))
    keys.run("import", "-", stdin="consumer,key\nacme,0123456789abcdef-imported\n")
    (imported,) = store.all()
    assert accepted_from(store, imported) == (OFFICE,)
