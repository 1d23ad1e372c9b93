"""The items of the table: the authorizer and the command read what was written."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from authorizer.identity import Identity
from authorizer.key_record import KeyRecord
from keys.core.errors import MalformedItem
from keys.core.record import Consumer, Key, State, imported_key_id, make_hint, new_key_id
from tests.support.keys_command import NOW

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = Key(
    digest="ab" * 32,
    key_id="key_1a2B3c4D5e6F7g8H",
    consumer="acme",
    data='{"plan":"gold"}',
    scopes=frozenset({"read", "write"}),
    tags={"env": "prod"},
    created_at=NOW,
    hint="mak_1a2B",
)


def test_a_key_comes_back_from_its_item() -> None:
    full = replace(
        KEY,
        enabled=False,
        expires_at=NOW + 9,
        revoked_at=NOW + 1,
        rolled_from="a",
        rolled_to="b",
        unrolled_expires_at=5,
    )
    for key in (KEY, full, replace(KEY, scopes=frozenset(), tags={}, hint=None)):
        assert Key.from_item(key.to_item()) == key


def test_what_is_empty_has_no_attribute() -> None:
    assert replace(KEY, scopes=frozenset(), tags={}, hint=None).to_item().keys() == {
        *("pk", "key_id", "consumer", "data", "enabled", "created_at")
    }


def test_the_authorizer_reads_the_same_from_the_item() -> None:
    record = KeyRecord.from_item(replace(KEY, expires_at=NOW + 60).to_item())
    same = Identity("api_key", "acme", {"plan": "gold"}, KEY.scopes, KEY.key_id)
    assert record.identity.context() == same.context()
    assert (record.enabled, record.expires_at, record.revoked_at) == (True, NOW + 60, None)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, State.ACTIVE),
        ({"expires_at": NOW + 1}, State.ACTIVE),
        ({"expires_at": NOW}, State.EXPIRED),
        ({"enabled": False}, State.DISABLED),
        ({"enabled": False, "expires_at": NOW}, State.DISABLED),
        ({"revoked_at": NOW, "enabled": False, "expires_at": NOW}, State.REVOKED),
    ],
)
def test_the_state_is_what_the_authorizer_decides_by(changes: dict[str, Any], state: State) -> None:
    key = replace(KEY, **changes)
    refusal = KeyRecord.from_item(key.to_item()).refusal(NOW)
    assert key.state(NOW) == state
    assert (refusal.value if refusal else "active_key") == f"{state}_key"


def test_an_item_may_be_removed_thirty_days_after_the_end_of_its_key() -> None:
    assert KEY.delete_after is None
    assert replace(KEY, expires_at=NOW).delete_after == NOW + 30 * 86_400
    assert replace(KEY, expires_at=NOW + 10**8, revoked_at=NOW).delete_after == NOW + 30 * 86_400


@pytest.mark.parametrize(
    "changes",
    [
        {"key_id": None},
        {"consumer": None},
        {"consumer": {"S": "a\nb"}},
        {"enabled": None},
        {"enabled": {"S": "true"}},
        {"expires_at": {"S": "soon"}},
        {"data": {"S": "[1]"}},
        {"data": {"S": "{"}},
        {"scopes": {"S": "read"}},
    ],
)
def test_an_item_of_another_form_is_named_as_malformed(changes: dict[str, Any]) -> None:
    item = {name: value for name, value in {**KEY.to_item(), **changes}.items() if value is not None}
    with pytest.raises(MalformedItem, match="malformed"):
        Key.from_item(item)


def test_a_consumer_comes_back_from_its_item_and_is_in_no_index(dynamodb: "DynamoDBClient", table_name: str) -> None:
    consumer = Consumer(name="acme", description="ACME Ltd.", data='{"a":1}', tags={"team": "x"}, created_at=NOW)
    dynamodb.put_item(TableName=table_name, Item=consumer.to_item())
    assert Consumer.from_item(dynamodb.scan(TableName=table_name)["Items"][0]) == consumer
    for index in ("by_consumer", "by_key_id"):
        assert not dynamodb.scan(TableName=table_name, IndexName=index)["Items"]


def test_a_hint_is_the_prefix_and_four_characters() -> None:
    assert make_hint("acme_live_a1B2c3D4", "acme_live") == "acme_live_a1B2"
    assert make_hint("sk_live_0123456789", "mak") == "sk_l"


def test_an_imported_key_always_gets_the_same_id() -> None:
    assert imported_key_id("ab" * 32) == imported_key_id("ab" * 32) != imported_key_id("ba" * 32)
    assert len(imported_key_id("00" * 32)) == len(new_key_id()) == 20
