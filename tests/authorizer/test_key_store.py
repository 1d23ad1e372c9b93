"""Lookups of API keys: the number of reads, the key cache, and the meaning of each record."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from authorizer import api_key
from authorizer.item_store import MOST_FOUND
from authorizer.key_store import UNKNOWN_SECONDS, ApiKeyAuthenticator, KeyStore
from authorizer.refusal import Reason, Refusal

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = 1_790_000_000
NOT_FOUND: dict[str, Any] = {
    "ResponseMetadata": {"HTTPHeaders": {"content-type": "application/x-amz-json-1.0"}, "HTTPStatusCode": 200}
}


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Table:
    """A DynamoDB client that counts its reads."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    reads: int = 0
    before_answer: Callable[[], None] = lambda: None

    def get_item(self, *, Key: dict[str, dict[str, str]], **_arguments: object) -> dict[str, Any]:  # noqa: N803
        self.reads += 1
        self.before_answer()
        item = self.items.get(Key["pk"]["S"])
        return {"Item": item} if item else NOT_FOUND

    def add(self, token: str, **attributes: Any) -> str:
        item = {"key_id": {"S": "key_1"}, "consumer": {"S": "acme"}, "enabled": {"BOOL": True}}
        self.items[api_key.digest(token)] = {n: v for n, v in (item | attributes).items() if v is not None}
        return token


def store(table: Table, clock: Clock, *, cache_seconds: float = 30) -> KeyStore:
    client = cast("DynamoDBClient", table)
    return KeyStore(client, "keys", cache_seconds=cache_seconds, clock=clock)


def authenticator(
    table: Table, clock: Clock | None = None, *, imported: bool = False, **store_arguments: float
) -> ApiKeyAuthenticator:
    clock = clock or Clock()
    keys = store(table, clock, **store_arguments)
    return ApiKeyAuthenticator(keys, "mak", accept_imported=imported, clock=clock)


def refusal(authenticator: ApiKeyAuthenticator, token: str) -> Reason:
    with pytest.raises(Refusal) as caught:
        authenticator.authenticate(token)
    assert caught.value.kind == "api_key"
    return caught.value.reason


def test_a_key_of_the_table_is_its_consumers_identity() -> None:
    table = Table()
    key = table.add(api_key.generate("mak"), data={"S": '{"plan":"gold"}'}, scopes={"SS": ["a", "b"]})
    identity = authenticator(table).authenticate(key)
    assert identity is not None
    assert (identity.kind, identity.sub, identity.data, identity.key_id) == (
        "api_key",
        "acme",
        {"plan": "gold"},
        "key_1",
    )
    assert identity.scopes == {"a", "b"}


def test_a_stored_scope_that_would_read_as_others_is_left_out() -> None:
    table = Table()
    key = table.add(api_key.generate("mak"), scopes={"SS": ["read", "write admin", 'say "x"', "ü", "a\u00a0b"]})
    identity = authenticator(table).authenticate(key)
    assert identity is not None
    assert identity.scopes == {"read"}


@pytest.mark.parametrize(
    "change",
    [lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"), lambda key: key[:-1], lambda key: key + "0"],
    ids=["one character changed", "cut short", "too long"],
)
def test_a_mistyped_key_is_refused_without_a_read(change: Callable[[str], str]) -> None:
    table = Table()
    assert refusal(authenticator(table, imported=True), change(api_key.generate("mak"))) == Reason.MALFORMED_KEY
    assert table.reads == 0


def test_a_key_of_another_prefix_is_not_ours_and_costs_no_read() -> None:
    table = Table()
    assert authenticator(table).authenticate(api_key.generate("other")) is None
    assert table.reads == 0


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"revoked_at": {"N": "1"}}, Reason.REVOKED_KEY),
        ({"revoked_at": {"N": "1"}, "enabled": {"BOOL": False}}, Reason.REVOKED_KEY),
        ({"enabled": {"BOOL": False}}, Reason.DISABLED_KEY),
        ({"expires_at": {"N": str(NOW)}}, Reason.EXPIRED_KEY),
        ({"enabled": None}, Reason.MALFORMED_RECORD),
        ({"deleted_at": {"N": "1"}}, Reason.MALFORMED_RECORD),
        ({"enabled": {"S": "true"}}, Reason.MALFORMED_RECORD),
        ({"consumer": None}, Reason.MALFORMED_RECORD),
        ({"consumer": {"S": ""}}, Reason.MALFORMED_RECORD),
        ({"consumer": {"S": "a\nb"}}, Reason.MALFORMED_RECORD),
        ({"consumer": {"N": "1"}}, Reason.MALFORMED_RECORD),
        ({"key_id": None}, Reason.MALFORMED_RECORD),
        ({"data": {"S": "[]"}}, Reason.MALFORMED_RECORD),
        ({"data": {"S": "{"}}, Reason.MALFORMED_RECORD),
        ({"data": {"S": '{"a": NaN}'}}, Reason.MALFORMED_RECORD),
        ({"data": {"S": "[" * 100_000}}, Reason.MALFORMED_RECORD),
        ({"data": {"M": {}}}, Reason.MALFORMED_RECORD),
        ({"data": {"S": '{"a": "\\ud800"}'}}, Reason.MALFORMED_RECORD),
        ({"data": {"S": '{"a": 1e999}'}}, Reason.MALFORMED_RECORD),
        ({"data": {"S": '{"a": 1, "a": 2}'}}, Reason.MALFORMED_RECORD),
        ({"data": {"S": '{"a": ' + "[" * 64 + "]" * 64 + "}"}}, Reason.MALFORMED_RECORD),
        ({"data": {"S": '{"a": ' + "9" * 5000 + "}"}}, Reason.MALFORMED_RECORD),
        ({"key_id": {"S": 'key"1'}}, Reason.MALFORMED_RECORD),
        ({"key_id": {"S": "key\n1"}}, Reason.MALFORMED_RECORD),
        ({"key_id": {"S": "key\\1"}}, Reason.MALFORMED_RECORD),
        ({"scopes": {"S": "a"}}, Reason.MALFORMED_RECORD),
        ({"expires_at": {"N": "1e3"}}, Reason.MALFORMED_RECORD),
        ({"expires_at": {"S": "never"}}, Reason.MALFORMED_RECORD),
    ],
)
def test_a_record_that_does_not_permit_its_key_refuses_it(attributes: dict[str, Any], reason: Reason) -> None:
    table = Table()
    assert refusal(authenticator(table), table.add(api_key.generate("mak"), **attributes)) == reason


def test_a_key_works_until_the_second_of_its_expiry_also_from_memory() -> None:
    table, clock = Table(), Clock()
    key = table.add(api_key.generate("mak"), expires_at={"N": str(NOW + 10)})
    keys = authenticator(table, clock)
    clock.now = NOW + 9.9
    assert keys.authenticate(key)
    clock.now = NOW + 10
    assert refusal(keys, key) == Reason.EXPIRED_KEY
    assert table.reads == 1


def test_a_found_key_is_read_once_in_its_time() -> None:
    table, clock = Table(), Clock()
    key = table.add(api_key.generate("mak"))
    keys = authenticator(table, clock)
    for second in (0, 10, 29.9):
        clock.now = NOW + second
        assert keys.authenticate(key)
    assert table.reads == 1
    clock.now = NOW + 30
    keys.authenticate(key)
    assert table.reads == 2


def test_an_unknown_key_is_remembered_for_a_shorter_time() -> None:
    table, clock = Table(), Clock()
    key = api_key.generate("mak")
    keys = authenticator(table, clock)
    assert [refusal(keys, key) for _ in range(3)] == [Reason.UNKNOWN_KEY] * 3
    assert table.reads == 1
    table.add(key)
    clock.now = NOW + UNKNOWN_SECONDS
    assert keys.authenticate(key)


@pytest.mark.parametrize("seconds", [0.5, 1])
def test_a_key_is_cached_for_a_second_or_less(seconds: float) -> None:
    table, clock = Table(), Clock()
    token = table.add(api_key.generate("mak"))
    keys = authenticator(table, clock, cache_seconds=seconds)
    for elapsed, reads in [(0, 1), (seconds / 2, 1), (seconds, 2)]:
        clock.now = NOW + elapsed
        keys.authenticate(token)
        assert table.reads == reads


def test_without_cache_seconds_every_decision_reads() -> None:
    table = Table()
    key = table.add(api_key.generate("mak"))
    keys = authenticator(table, cache_seconds=0)
    for _ in range(3):
        keys.authenticate(key)
    assert table.reads == 3


def test_a_clock_that_was_set_back_does_not_prolong_a_key() -> None:
    table, clock = Table(), Clock()
    key = table.add(api_key.generate("mak"))
    keys = authenticator(table, clock)
    keys.authenticate(key)
    clock.now = NOW - 3600
    keys.authenticate(key)
    assert table.reads == 2


def test_the_least_recently_used_keys_are_read_again_when_the_cache_is_full() -> None:
    table = Table()
    keys = store(table, Clock())
    for number in range(MOST_FOUND + 10):
        table.items[str(number)] = {"key_id": {"S": "k"}, "consumer": {"S": "c"}, "enabled": {"BOOL": True}}
        keys.find(str(number))
    reads = table.reads
    keys.find("10")
    assert table.reads == reads
    keys.find("9")
    assert table.reads == reads + 1


def test_a_failure_is_not_remembered() -> None:
    table = Table()
    key = table.add(api_key.generate("mak"))
    keys = authenticator(table)

    def fail() -> None:
        raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "GetItem")

    table.before_answer = fail
    with pytest.raises(ClientError):
        keys.authenticate(key)
    table.before_answer = lambda: None
    assert keys.authenticate(key)


@pytest.mark.parametrize("is_there", [True, False])
def test_what_is_read_is_as_old_as_the_start_of_the_read(is_there: bool) -> None:
    table, clock = Table(), Clock()
    key = api_key.generate("mak")
    if is_there:
        table.add(key)

    def freeze() -> None:
        clock.now = NOW + 3600

    table.before_answer = freeze
    keys = authenticator(table, clock)
    for _ in range(2):
        if is_there:
            assert keys.authenticate(key)
        else:
            assert refusal(keys, key) == Reason.UNKNOWN_KEY
        table.before_answer = lambda: None
    assert table.reads == 2


def test_an_imported_key_is_found_in_any_format() -> None:
    table = Table()
    legacy = table.add("legacy-key-0123456789")
    assert authenticator(table, imported=True).authenticate(legacy)
    assert authenticator(table).authenticate(legacy) is None


@pytest.mark.parametrize("token", ["x" * 15, "x" * 513, "x" * 16])
def test_a_token_that_is_no_imported_key_is_left_to_the_next_authenticator(token: str) -> None:
    table = Table()
    assert authenticator(table, imported=True).authenticate(token) is None
    assert table.reads == (1 if len(token) == 16 else 0)
