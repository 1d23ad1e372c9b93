"""Items of other programs, unknown prefixes and formats: what the authorizer accepts can be revoked."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authorizer import api_key
from authorizer.key_store import ApiKeyAuthenticator, KeyStore
from authorizer.refusal import Refusal
from keys.cli.app import App
from keys.core.table import Table
from keys.deployment.target import Resolved
from tests.keys.test_failures import run_interfered
from tests.support.keys_command import NOW, Clock, KeysCommand

SECRET = api_key.generate("mak")
DIGEST = api_key.digest(SECRET)
MINIMAL: dict[str, Any] = {
    "pk": {"S": DIGEST},
    "key_id": {"S": "7"},
    "consumer": {"S": "acme"},
    "enabled": {"BOOL": True},
}
ODD = st.sampled_from(
    [
        {"S": ""},
        {"S": "\x1b[31m"},
        {"S": SECRET},
        {"N": "-1.5"},
        {"N": "99999999999999"},
        {"BOOL": False},
        {"NULL": True},
        {"L": [{"S": "x"}, {"M": {"at": {"N": "1"}, "what": {"B": b"\x00"}}}, {"M": {"at": {"N": "-9e99"}}}]},
        {"M": {"a": {"N": "1"}, "b": {"S": "c"}}},
        {"NS": ["1"]},
        {"B": b"\x00"},
    ]
)
UNREAD = st.sampled_from(
    [
        *("created_at", "tags", "hint", "description", "history", "rolled_from", "unrolled_expires_at"),
        *("delete_after", "disabled_with_consumer", "of_another_program"),
    ]
)
ITEMS = st.dictionaries(UNREAD, ODD).map(lambda more: {**MINIMAL, **more})


def accepts(keys: KeysCommand, secret: str = SECRET, *, accept_imported: bool = False) -> bool:
    store = KeyStore(keys.client, keys.table, cache_seconds=0, clock=Clock())
    authenticator = ApiKeyAuthenticator(store, "mak", accept_imported=accept_imported, clock=Clock())
    try:
        return authenticator.authenticate(secret) is not None
    except Refusal:
        return False


@given(item=ITEMS, command=st.sampled_from(["revoke", "disable", "delete", "leak", "consumer"]))
@settings(
    max_examples=settings().max_examples // 5,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_the_authorizer_accepts_is_listed_and_can_be_shut(
    keys: KeysCommand, item: dict[str, Any], command: str
) -> None:
    keys.client.put_item(TableName=keys.table, Item=item)
    assert accepts(keys)
    listed = keys.run("list")
    assert DIGEST in listed.stdout, listed.stderr
    assert keys.run("show", DIGEST).exit_code == 0
    arguments = {
        "leak": ("leak", "--yes"),
        "consumer": ("consumer", "delete", "acme", "--with-keys", "--yes"),
        "disable": ("disable", DIGEST),
    }.get(command, (command, DIGEST, "--yes"))
    done = keys.run(*arguments, stdin=SECRET)
    assert done.exit_code == 0, done.stderr
    assert not accepts(keys)


@pytest.mark.parametrize(
    "changes", [{"enabled": {"S": "true"}}, {"consumer": {"S": "a\nb"}}, {"expires_at": {"S": "soon"}}]
)
def test_an_item_that_the_authorizer_refuses_is_named_by_its_digest_and_can_be_deleted(
    keys: KeysCommand, changes: dict[str, Any]
) -> None:
    keys.client.put_item(TableName=keys.table, Item={**MINIMAL, **changes})
    assert not accepts(keys)
    assert f"keys delete {DIGEST}" in keys.run("list").stderr
    refused = keys.run("revoke", DIGEST, "--yes")
    assert (refused.exit_code, "refuses it" in refused.stderr) == (4, True)
    assert keys.run("delete", DIGEST, "--yes").exit_code == 0
    assert keys.run("delete", DIGEST, "--yes").exit_code == 3


def test_of_two_keys_with_one_id_none_is_taken_for_the_other(keys: KeysCommand) -> None:
    first, second = keys.create(), keys.create()
    digest = api_key.digest(second["key"])
    keys.client.update_item(
        TableName=keys.table,
        Key={"pk": {"S": digest}},
        UpdateExpression="SET key_id = :id",
        ExpressionAttributeValues={":id": {"S": first["key_id"]}},
    )
    refused = keys.run("revoke", first["key_id"], "--yes")
    assert (refused.exit_code, digest in refused.stderr) == (4, True)
    assert keys.run("revoke", digest, "--yes").exit_code == 0
    assert accepts(keys, first["key"])
    assert not accepts(keys, second["key"])


def test_a_hint_that_is_the_whole_key_is_not_shown(keys: KeysCommand) -> None:
    keys.client.put_item(TableName=keys.table, Item={**MINIMAL, "hint": {"S": SECRET}})
    for arguments in (["list"], ["show", DIGEST], ["export"], ["list", "-o", "json"]):
        assert SECRET not in keys.run(*arguments).stdout


@pytest.mark.parametrize("times", [{}, {"created_at": {"N": str(NOW + 99)}}])
def test_the_new_key_of_a_roll_has_a_future_or_is_not_made(keys: KeysCommand, times: dict[str, Any]) -> None:
    keys.client.put_item(TableName=keys.table, Item={**MINIMAL, "expires_at": {"N": str(NOW + 50)}, **times})
    refused = keys.run("roll", DIGEST)
    assert (refused.exit_code, "--expires-in" in refused.stderr) == (2, True)
    rolled = keys.json("roll", DIGEST, "--expires-in", "1h")
    assert rolled["state"] == "active"
    assert accepts(keys, rolled["key"])


def of_table(keys: KeysCommand, prefix: str | None, accept_imported: bool | None = None) -> KeysCommand:
    """The command on a table of which only these settings are known."""
    known = Resolved(Table(keys.client, keys.table), prefix, accept_imported)

    class Known(KeysCommand):
        def app(self) -> App:
            app = super().app()
            app.resolve = lambda _target, _env: known
            return app

    return Known(keys.client, keys.table, keys.clock)


@pytest.mark.parametrize("command", [["create", "--consumer", "acme"], ["verify"]])
def test_another_prefix_than_the_stacks_is_refused(keys: KeysCommand, command: list[str]) -> None:
    known = of_table(keys, "acme")
    refused = known.run(*command, "--prefix", "zzz")
    assert (refused.exit_code, "prefix acme" in refused.stderr) == (2, True)
    assert not keys.items()


def test_an_unknown_prefix_is_that_of_the_tables_own_keys(keys: KeysCommand) -> None:
    created = keys.create("--prefix", "acme")
    unknown = of_table(keys, None)
    assert unknown.json("create", "--consumer", "acme")["key"].startswith("acme_")
    verified = unknown.run("verify", stdin=created["key"])
    assert "Using the prefix acme" in verified.stderr
    assert verified.exit_code == 0


@pytest.mark.parametrize("prefixes", [[], ["acme", "beta"]])
def test_a_prefix_that_nothing_tells_is_asked_for(keys: KeysCommand, prefixes: list[str]) -> None:
    for prefix in prefixes:
        keys.create("--prefix", prefix)
    unknown = of_table(keys, None)
    for command in (["create", "--consumer", "acme"], ["verify"]):
        refused = unknown.run(*command)
        assert (refused.exit_code, "--prefix" in refused.stderr) == (2, True)
        assert all(prefix in refused.stderr for prefix in prefixes)
    assert unknown.create("--prefix", "beta")["key"].startswith("beta_")


@pytest.mark.parametrize(("accept_imported", "text"), [(False, "AcceptImportedKeys=true"), (None, "is not known")])
def test_verify_says_why_a_key_that_is_in_the_table_is_not_looked_up(
    keys: KeysCommand, accept_imported: bool | None, text: str
) -> None:
    secret = "legacy-key-0123456789"
    keys.client.put_item(TableName=keys.table, Item={**MINIMAL, "pk": {"S": api_key.digest(secret)}})
    told = of_table(keys, "mak", accept_imported).run("verify", "-o", "table", stdin=secret)
    assert told.exit_code == 5
    assert "The key is in the table" in told.stdout
    assert text in told.stdout
    assert of_table(keys, "mak", accept_imported=True).run("verify", stdin=secret).exit_code == 0


def test_an_identity_that_nobody_tells_costs_no_change(keys: KeysCommand) -> None:
    key_id = of_table(keys, "mak").create()["key_id"]
    assert [event["by"] for event in keys.json("history", key_id)] == ["unknown"]


@pytest.mark.parametrize(
    ("reasons", "text"),
    [
        (["ThrottlingError", "None"], "throttles the table"),
        (["ConditionalCheckFailed"], "Other programs"),
        (["ValidationError"], "ValidationError"),
    ],
)
def test_a_cancelled_transaction_is_told_with_its_cause(keys: KeysCommand, reasons: list[str], text: str) -> None:
    def cancel() -> None:
        raise ClientError(
            {
                "Error": {"Code": "TransactionCanceledException", "Message": f"[{', '.join(reasons)}]"},
                "CancellationReasons": [{"Code": reason, "Message": f"said of {reason}"} for reason in reasons],
            },
            "TransactWriteItems",
        )

    result = run_interfered(keys, cancel, "create", "--consumer", "acme", always=True)
    assert (result.exit_code, text in result.stderr) == (4 if text == "Other programs" else 1, True), result.stderr
    if text == "throttles the table":
        assert "said of ThrottlingError" in result.stderr


def test_awss_own_words_are_told_beside_the_remedy(keys: KeysCommand) -> None:
    def refuse() -> None:
        text = "User: x is not authorized to perform: dynamodb:PutItem"
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": text}}, "TransactWriteItems")

    result = run_interfered(keys, refuse, "create", "--consumer", "acme")
    assert "dynamodb:PutItem" in result.stderr
    assert "--profile" in result.stderr


def test_a_history_keeps_the_first_change_and_the_last_nine(keys: KeysCommand) -> None:
    key_id = keys.create()["key_id"]
    for number in range(8):
        keys.run("disable", key_id, "--reason", str(number))
        keys.run("enable", key_id)
    events = keys.json("history", key_id)
    assert len(events) == 10
    assert events[0] == {
        "at": "2027-01-15T08:00:00Z",
        "what": "created",
        "by": "tester",
        "how": "keys create",
        "reason": None,
        "n": 1,
    }
    assert [event["reason"] for event in events[1:]] == [None, "4", None, "5", None, "6", None, "7", None]
    assert "by tester, with keys enable" in keys.run("show", key_id).stdout


def test_a_reason_is_kept_with_each_change_that_takes_one(keys: KeysCommand) -> None:
    key_id = keys.create()["key_id"]
    keys.run("roll", key_id, "--reason", "one")
    keys.run("roll", key_id, "--undo", "--yes", "--reason", "two")
    keys.run("consumer", "disable", "acme", "--yes", "--reason", "three")
    keys.run("revoke", key_id, "--yes", "--reason", "four")
    events = keys.json("history", key_id)
    assert [(event["what"], event["reason"]) for event in events[1:]] == [
        ("rolled", "one"),
        ("unrolled", "two"),
        ("disabled", "three"),
        ("revoked", "four"),
    ]
    assert [event["reason"] for event in keys.json("consumer", "history", "acme")] == [None, "three"]


def test_a_description_goes_with_a_key_and_with_its_successor(keys: KeysCommand) -> None:
    created = keys.create("--description", "the billing job")
    assert created["description"] == "the billing job"
    assert keys.json("roll", created["key_id"])["description"] == "the billing job"
    assert "the billing job" in keys.run("list").stdout


def test_a_disabled_consumer_gets_no_key_by_any_way(keys: KeysCommand) -> None:
    created = keys.create()
    own = keys.create()["key_id"]
    keys.run("disable", own)
    assert keys.json("consumer", "disable", "acme", "--yes")["keys_changed"] == 1
    assert not accepts(keys, created["key"])
    for arguments in (
        ["create", "--consumer", "acme"],
        ["enable", created["key_id"]],
        ["enable", own],
        ["roll", created["key_id"]],
    ):
        refused = keys.run(*arguments)
        assert (refused.exit_code, "disabled" in refused.stderr) == (4, True)
    assert "with its consumer" in keys.run("show", created["key_id"]).stdout
    assert keys.json("consumer", "enable", "acme")["keys_changed"] == 1
    assert accepts(keys, created["key"])
    assert keys.json("show", own)["state"] == "disabled"


def test_a_key_made_while_its_consumer_is_disabled_is_not_made(keys: KeysCommand) -> None:
    keys.create()
    close = lambda: keys.run("consumer", "disable", "acme", "--yes")  # noqa: E731
    assert run_interfered(keys, close, "create", "--consumer", "acme").exit_code == 4
    assert {key["state"] for key in keys.json("list")} == {"disabled"}


@pytest.mark.parametrize(
    "command",
    [
        ["create", "--consumer"],
        ["create", "--consumer", "acme", "--data"],
        ["create", "--consumer", "acme", "--description"],
        ["create", "--consumer", "acme", "--scopes"],
        ["create", "--consumer", "acme", "--expires-in"],
        ["create", "--consumer", "acme", "--tag"],
        ["create", "--consumer", "acme", "--prefix"],
        ["revoke", "--yes"],
        ["history"],
        ["roll"],
        ["roll", DIGEST, "--grace"],
        ["list", "--expiring-within"],
        ["consumer", "disable", "--yes"],
        ["consumer", "update", "acme", "--data"],
        ["consumer", "history"],
        ["verify", "--route"],
    ],
)
def test_a_bad_argument_gets_a_message(keys: KeysCommand, command: list[str]) -> None:
    for argument in ("", "\udcff", "\x00", "é" * 600, "{}[", '{"a": 1e999}', "[" * 5000, "9" * 30 + "d", "0" * 64):
        done = keys.run(*command, argument, stdin="mak_x")
        assert done.exit_code in (0, 2, 3, 4, 5)
        assert done.exit_code == 0 or "Error: " in done.stderr or "Reason" in done.stdout


def test_a_new_consumer_is_said(keys: KeysCommand) -> None:
    assert "The consumer acme was created" in keys.run("create", "--consumer", "acme").stderr
    assert "new consumer" not in keys.run("create", "--consumer", "acme").stderr
    assert json.loads(keys.run("create", "--consumer", "beta", "-o", "json").stdout)["consumer"] == "beta"


@pytest.mark.parametrize("command", ["audit", "usage"])
def test_a_period_without_length_is_refused(keys: KeysCommand, command: str) -> None:
    result = keys.run(command, "--since", "0d")
    assert (result.exit_code, "--since must be longer than 0" in result.stderr) == (2, True)
