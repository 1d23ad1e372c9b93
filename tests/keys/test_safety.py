"""A key that was ended does not work again: with an index that is behind, lost answers, and other writers."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from authorizer import api_key
from authorizer.key_store import ApiKeyAuthenticator, KeyStore
from authorizer.refusal import Refusal
from keys.core import survey
from keys.core.change import put_new
from keys.core.errors import OutcomeUnknown
from keys.core.history import Author
from keys.core.record import Consumer, Key
from keys.core.store import Store
from keys.core.table import Table, WriteConflict
from tests.keys.test_failures import run_interfered
from tests.support import dynamodb_endpoint
from tests.support.dynamodb_endpoint import Documented, DynamoDBEndpoint, lose, send
from tests.support.keys_command import NOW, KeysCommand

LAG = 5


@pytest.fixture
def lagging(keys: KeysCommand) -> KeysCommand:
    """The command on a table whose indexes are 5 seconds behind."""
    client: Any = Documented(keys.client, LAG, keys.clock)
    return KeysCommand(client, keys.table, keys.clock)


def is_accepted(keys: KeysCommand, secret: str) -> bool:
    store = KeyStore(keys.client, keys.table, cache_seconds=0, clock=keys.clock)
    try:
        identity = ApiKeyAuthenticator(store, "mak", accept_imported=True, clock=keys.clock).authenticate(secret)
    except Refusal:
        return False
    return identity is not None


def change_item(keys: KeysCommand, secret: str, expression: str, **values: Any) -> None:
    """Change an item as a program does that does not know `version`."""
    client: Any = keys.client
    given = {"ExpressionAttributeValues": {f":{name}": value for name, value in values.items()}} if values else {}
    client.update_item(
        TableName=keys.table, Key={"pk": {"S": api_key.digest(secret)}}, UpdateExpression=expression, **given
    )


@pytest.mark.parametrize("command", [("disable",), ("delete", "--with-keys")])
def test_keys_that_the_index_does_not_have_yet_end_with_their_consumer(
    lagging: KeysCommand, command: tuple[str, ...]
) -> None:
    old = lagging.create()
    rolled = lagging.create()
    lagging.clock.advance(LAG)
    created = lagging.create()
    successor = lagging.json("roll", rolled["key_id"])
    lagging.run("import", "-", stdin="key,consumer\nlegacy-key-00000001,acme\n")
    assert {key["key_id"] for key in lagging.json("list")} == {key["key_id"] for key in (old, rolled)}
    result = lagging.run("consumer", *command, "acme", "--yes")
    assert result.exit_code == 0, result.stderr
    assert "5 keys" in result.stdout
    for secret in (old["key"], rolled["key"], created["key"], successor["key"], "legacy-key-00000001"):
        assert not is_accepted(lagging, secret)


def test_a_consumer_is_not_deleted_if_only_the_index_shows_no_keys(lagging: KeysCommand) -> None:
    created = lagging.create()
    refused = lagging.run("consumer", "delete", "acme", "--yes")
    assert (refused.exit_code, "still has keys" in refused.stderr) == (4, True)
    assert is_accepted(lagging, created["key"])
    assert lagging.json("consumer", "show", "acme")["enabled"]


@pytest.mark.parametrize("command", [("disable",), ("delete", "--with-keys")])
def test_no_key_is_made_or_enabled_while_a_consumer_ends(keys: KeysCommand, command: tuple[str, ...]) -> None:
    first, second = keys.create(), keys.create()
    keys.run("disable", second["key_id"])
    codes: list[int] = []

    def meanwhile() -> None:
        attempts = (("create", "--consumer", "acme"), ("enable", second["key_id"]), ("roll", first["key_id"]))
        codes.extend(keys.run(*attempt).exit_code for attempt in attempts)

    result = run_interfered(keys, meanwhile, "consumer", *command, "acme", "--yes", method="scan")
    assert result.exit_code == 0, result.stderr
    assert codes == [4, 4, 4] if command[0] == "disable" else codes[0] == 4
    assert not any(is_accepted(keys, key["key"]) for key in (first, second))
    assert survey.survey(Table(keys.client, keys.table), NOW).missing == []


def test_a_consumer_that_is_enabled_while_it_is_deleted_is_kept(keys: KeysCommand) -> None:
    keys.create()
    result = run_interfered(
        keys, lambda: keys.run("consumer", "enable", "acme"), "consumer", "delete", "acme", "--with-keys", "--yes",
        method="scan",
    )  # fmt: skip
    assert result.exit_code == 4
    assert keys.json("consumer", "show", "acme")["enabled"]


@pytest.mark.parametrize("command", [("enable",), ("roll",), ("roll", "--undo", "--yes")])
def test_a_key_that_another_program_revokes_meanwhile_is_not_revived(
    keys: KeysCommand, command: tuple[str, ...]
) -> None:
    created = keys.create()
    if command == ("enable",):
        keys.run("disable", created["key_id"])
    if "--undo" in command:
        keys.run("roll", created["key_id"])

    def revoke() -> None:
        change_item(keys, created["key"], "SET revoked_at = :now", now={"N": str(NOW)})

    result = run_interfered(keys, revoke, command[0], created["key_id"], *command[1:])
    assert result.exit_code == 4, result.stderr
    shown = keys.json("show", created["key_id"])
    assert (shown["state"], shown["rolled_to"] is None) == ("revoked", "--undo" not in command)
    assert not is_accepted(keys, created["key"])


def test_a_change_of_a_version_without_numbers_is_not_lost(keys: KeysCommand) -> None:
    created = keys.create()
    entry = {"what": {"S": "disabled"}, "at": {"N": str(NOW)}, "by": {"S": "ada"}, "how": {"S": "keys disable"}}

    def disable_as_version_0_2() -> None:
        item = keys.client.get_item(TableName=keys.table, Key={"pk": {"S": api_key.digest(created["key"])}})["Item"]
        first = {"M": {name: value for name, value in item["history"]["L"][0]["M"].items() if name != "n"}}
        history: Any = {"L": [first, {"M": entry}]}
        change_item(keys, created["key"], "SET enabled = :no, history = :history", no={"BOOL": False}, history=history)

    arguments = ("update", created["key_id"], "--description", "x")
    assert run_interfered(keys, disable_as_version_0_2, *arguments).exit_code == 0
    shown = keys.json("show", created["key_id"])
    assert (shown["state"], shown["description"]) == ("disabled", "x")
    assert [(event["what"], event.get("n")) for event in shown["history"]] == [
        *[("created", None), ("disabled", None)],
        ("updated", 3),
    ]


def test_an_update_writes_only_what_it_changes(keys: KeysCommand) -> None:
    calls: list[Any] = []

    def record(**arguments: Any) -> Any:
        calls.append(arguments)
        return keys.client.transact_write_items(**arguments)

    key_id = keys.create()["key_id"]
    keys.with_client(transact_write_items=record).run("update", key_id, "--description", "x")
    (write,) = calls[0]["TransactItems"]
    assert (
        write["Update"]["UpdateExpression"]
        == "SET #description = :description, #history = :history, #version = :version"
    )


def test_deleting_a_key_first_ends_it_with_an_entry(keys: KeysCommand) -> None:
    created = keys.create()
    items: list[Any] = []

    def look(**arguments: Any) -> Any:
        if "Delete" in arguments["TransactItems"][0]:
            items.extend(item for item in keys.items() if "key_id" in item)
        return keys.client.transact_write_items(**arguments)

    command = keys.with_client(transact_write_items=look)
    assert command.run("delete", created["key_id"], "--reason", "ticket 9", "--yes").exit_code == 0
    ended = Key.from_item(items[0])
    assert (ended.revoked_at, ended.history[-1].what, ended.history[-1].reason) == (NOW, "deleted", "ticket 9")
    assert keys.json("list") == []


def test_a_leaked_key_has_its_own_entry(keys: KeysCommand) -> None:
    created = keys.create()
    assert keys.run("leak", "--yes", "--reason", "in a log", stdin=created["key"]).exit_code == 0
    assert [event["what"] for event in keys.json("history", created["key_id"])] == ["created", "leaked"]


def test_the_numbers_of_a_history_grow_when_entries_are_removed(keys: KeysCommand) -> None:
    key_id = keys.create()["key_id"]
    for _ in range(6):
        keys.run("disable", key_id)
        keys.run("enable", key_id)
    assert [event["n"] for event in keys.json("history", key_id)] == [1, *range(5, 14)]


def test_the_consumer_of_a_key_that_is_enabled_is_created_if_it_is_missing(keys: KeysCommand) -> None:
    key_id = keys.create()["key_id"]
    keys.run("disable", key_id)
    keys.client.delete_item(TableName=keys.table, Key={"pk": {"S": "consumer#acme"}})
    assert keys.run("enable", key_id).exit_code == 0
    assert keys.json("consumer", "show", "acme")["enabled"]


def end_day(keys: KeysCommand, secret: str) -> str | None:
    item = keys.client.get_item(TableName=keys.table, Key={"pk": {"S": api_key.digest(secret)}})["Item"]
    day: str | None = item.get("end_day", {}).get("S")
    return day


def test_the_day_of_the_end_is_kept_by_every_write(keys: KeysCommand) -> None:
    lasting, ending = keys.create(), keys.create("--expires-in", "90d")
    assert (end_day(keys, lasting["key"]), end_day(keys, ending["key"])) == (None, "2027-04-15")
    keys.run("roll", lasting["key_id"], "--grace", "48h")
    assert end_day(keys, lasting["key"]) == "2027-01-17"
    keys.run("roll", lasting["key_id"], "--undo", "--yes")
    assert end_day(keys, lasting["key"]) is None
    keys.run("disable", ending["key_id"])
    assert end_day(keys, ending["key"]) == "2027-04-15"
    keys.run("revoke", ending["key_id"], "--yes")
    assert end_day(keys, ending["key"]) is None


def test_an_upgrade_adds_the_day_of_the_end_and_nothing_else(keys: KeysCommand) -> None:
    created = [keys.create("--expires-in", "90d") for _ in range(3)]
    for key in created:
        change_item(keys, key["key"], "REMOVE end_day")
    before = [item["history"] for item in keys.items()]
    client: Any = keys.client
    assert survey.survey(Table(client, keys.table), NOW).without_end_day == 3
    assert keys.json("table", "upgrade") == {"upgraded": 3}
    assert {end_day(keys, key["key"]) for key in created} == {"2027-04-15"}
    assert [item["history"] for item in keys.items()] == before
    assert keys.run("table", "upgrade").exit_code == 8


def test_a_survey_counts_active_keys_of_disabled_and_missing_consumers(keys: KeysCommand) -> None:
    created = [keys.create(consumer=name) for name in ("disabled", "missing", "enabled")]
    keys.client.update_item(
        TableName=keys.table,
        Key={"pk": {"S": "consumer#disabled"}},
        UpdateExpression="SET enabled = :no",
        ExpressionAttributeValues={":no": {"BOOL": False}},
    )
    keys.client.delete_item(TableName=keys.table, Key={"pk": {"S": "consumer#missing"}})
    found = survey.survey(Table(keys.client, keys.table), NOW)
    assert (found.disabled, found.missing) == ([created[0]["key_id"]], [created[1]["key_id"]])
    assert (found.keys, found.consumers) == (3, 2)


@pytest.fixture
def endpoint(keys: KeysCommand) -> Iterator[DynamoDBEndpoint]:
    with dynamodb_endpoint.running(keys.client) as running:
        yield running


def store_of(endpoint: DynamoDBEndpoint, keys: KeysCommand, attempts: int = 1) -> Store:
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "dynamodb",
        endpoint_url=endpoint.url,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
    )
    return Store(Table(client, keys.table, lambda _seconds: None), Author("ada", "test"), keys.clock)


def refuse(request: BaseHTTPRequestHandler) -> bool:
    send(request, 400, '{"__type": "AccessDeniedException", "message": "no"}', "application/x-amz-json-1.0")
    return True


def in_progress(request: BaseHTTPRequestHandler) -> bool:
    send(request, 400, '{"__type": "TransactionInProgressException", "message": ""}', "application/x-amz-json-1.0")
    return True


@pytest.mark.parametrize("faults", [[lose], [lose, in_progress, lose]])
def test_a_transaction_whose_answer_was_lost_is_applied_once(
    endpoint: DynamoDBEndpoint, keys: KeysCommand, faults: list[Callable[[BaseHTTPRequestHandler], bool]]
) -> None:
    endpoint.faults["TransactWriteItems"] = list(faults)
    created = store_of(endpoint, keys).create(consumer="acme", prefix="mak")
    assert is_accepted(keys, created.secret)
    assert [event["what"] for event in keys.json("history", created.key.key_id)] == ["created"]


@pytest.mark.parametrize(("faults", "attempts"), [([lose, refuse], 1), ([lose, refuse, refuse], 2), ([lose] * 4, 1)])
def test_a_refusal_after_a_lost_answer_is_an_unknown_outcome(
    endpoint: DynamoDBEndpoint, keys: KeysCommand, faults: list[Callable[[BaseHTTPRequestHandler], bool]], attempts: int
) -> None:
    endpoint.faults["TransactWriteItems"] = list(faults)
    with pytest.raises(OutcomeUnknown):
        store_of(endpoint, keys, attempts).create(consumer="acme", prefix="mak")


def test_a_refusal_of_the_first_attempt_is_certain(endpoint: DynamoDBEndpoint, keys: KeysCommand) -> None:
    def forbidden(request: BaseHTTPRequestHandler) -> bool:
        return refuse(request)

    endpoint.faults["TransactWriteItems"] = [forbidden]
    with pytest.raises(Exception, match="AccessDenied") as refused:
        store_of(endpoint, keys).create(consumer="acme", prefix="mak")
    assert not isinstance(refused.value, OutcomeUnknown)


def test_a_conflict_names_the_writes_that_failed(keys: KeysCommand) -> None:
    table = Table(keys.client, keys.table)
    existing = Consumer(name="acme")
    table.write([put_new(existing)])
    with pytest.raises(WriteConflict) as conflict:
        table.write([put_new(Consumer(name="new")), put_new(existing)])
    assert list(conflict.value.failed) == [1]
    assert json.dumps(conflict.value.failed[1]) == json.dumps(existing.to_item())
