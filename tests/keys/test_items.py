"""Items of other kinds and with any content, and the declaration of a field."""

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

import click
import pytest
from click.testing import CliRunner

from authorizer import api_key
from keys.cli.commands import Command, given_options
from keys.cli.output import key_fields
from keys.core import schema
from keys.core.record import Key, read_item
from keys.core.schema import declared
from keys.deployment.target import Resolved, is_at_least
from tests.keys.test_edge_cases import DIGEST, MINIMAL, SECRET
from tests.keys.test_safety import is_accepted
from tests.support.keys_command import NOW, KeysCommand

LONG_NUMBER = "1" * 40
OTHER_KINDS: list[dict[str, Any]] = [
    {"pk": {"S": "group#1"}, "consumer": {"S": "acme"}, "key_id": {"S": "key_1a2B3c4D5e6F7g8H"}},
    {"pk": {"S": "team#1"}, "name": {"S": "acme"}},
    {"pk": {"S": "deny#1"}, "expires_at": {"N": "1"}},
    {"pk": {"S": "notices#done"}, "day": {"S": "2027-01-01"}},
]


@pytest.mark.parametrize("name", ["created_at", "version", "history", "of_another_program", "unrolled_expires_at"])
def test_a_number_that_python_cannot_represent_does_not_protect_a_key(name: str) -> None:
    value: Any = {"L": [{"M": {"n": {"N": LONG_NUMBER}}}]} if name == "history" else {"N": LONG_NUMBER}
    key = read_item({**MINIMAL, name: value})
    assert isinstance(key, Key)
    assert (key.digest, key.created_at, key.version, key.history) == (DIGEST, None, 0, ())
    assert json.dumps(key.to_json())


class Reading:
    """A client that returns this item wherever an item is read, and records the transactions."""

    def __init__(self, item: Any) -> None:
        self.item = item
        self.writes: list[Any] = []

    def get_item(self, Key: Any, **_more: Any) -> Any:  # noqa: N803 - boto3's spelling
        is_key = Key["pk"]["S"] == DIGEST
        return {"Item": self.item} if is_key else {}

    def scan(self, **arguments: Any) -> Any:
        items = [self.item, {**MINIMAL, "pk": {"S": "ab" * 32}}] if arguments.get("Segment", 0) == 0 else []
        return {"Items": items, "ScannedCount": len(items)}

    query = scan

    def transact_write_items(self, **arguments: Any) -> Any:
        self.writes.append(arguments["TransactItems"])


@pytest.mark.parametrize("name", ["created_at", "version", "history", "of_another_program"])
def test_one_item_with_a_long_number_never_costs_the_others(name: str) -> None:
    client: Any = Reading({**MINIMAL, name: {"N": LONG_NUMBER}})
    keys = KeysCommand(client, "T")
    for command in (["list"], ["report"], ["export"], ["export", "--with-digests"]):
        shown = keys.run(*command)
        assert (shown.exit_code, "ab" * 32 in shown.stdout or shown.stdout.count("acme") == 2) == (0, True), command
    for command in (["show", DIGEST], ["disable", DIGEST], ["revoke", DIGEST, "--yes"], ["delete", DIGEST, "--yes"]):
        assert keys.run(*command).exit_code == 0, command
    client.writes.clear()
    assert keys.run("leak", "--yes", stdin=SECRET).exit_code == 0
    assert "revoked_at" in client.writes[0][0]["Update"]["UpdateExpression"]


def test_items_of_unknown_kinds_are_left_alone_by_every_command(keys: KeysCommand) -> None:
    created = keys.create()
    for item in OTHER_KINDS:
        keys.client.put_item(TableName=keys.table, Item=item)
    for command in (
        ["list"],
        ["consumer", "list"],
        ["report"],
        ["export", "--with-digests"],
        ["consumer", "disable", "acme", "--yes"],
        ["consumer", "enable", "acme"],
        ["consumer", "delete", "acme", "--with-keys", "--yes"],
    ):
        result = keys.run(*command)
        assert (result.exit_code, "Left out" in result.stderr) == (0, False), (command, result.stderr)
    assert keys.run("table", "upgrade").exit_code == 8
    assert keys.run("delete", "key_1a2B3c4D5e6F7g8H", "--yes").exit_code == 3
    assert sorted(map(str, keys.items())) == sorted(map(str, OTHER_KINDS))
    assert not is_accepted(keys, created["key"])


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWithContact(Key):
    contact: str | None = declared(schema.TEXT, None, given="Whom to tell before the key ends.")


def test_a_field_is_declared_in_one_line() -> None:
    key = KeyWithContact(digest=DIGEST, key_id="key_1a2B3c4D5e6F7g8H", consumer="acme", contact="ops@example.com")
    item = key.to_item()
    assert item["contact"] == {"S": "ops@example.com"}
    assert KeyWithContact.from_item(item) == key
    assert key.to_json()["contact"] == "ops@example.com"
    assert ("Contact", "ops@example.com") in key_fields(key, NOW)

    @click.command(cls=Command, example="keys x")
    @given_options(KeyWithContact, changes=True)
    def command(given: dict[str, Any]) -> None:
        click.echo(given)

    assert "'contact': 'x'" in CliRunner().invoke(command, ["--contact", "x"]).stdout
    assert "Whom to tell" in CliRunner().invoke(command, ["--help"]).stdout
    assert CliRunner().invoke(command, ["--contact", "a\nb"]).exit_code == 2


@pytest.mark.parametrize(
    ("version", "is_read"), [("0.3.0.dev0", True), ("0.10.1", True), ("1.0", True), ("0.2.0", False), (None, False)]
)
def test_a_restriction_is_written_only_if_the_authorizer_of_the_stack_reads_it(
    keys: KeysCommand, version: str | None, is_read: bool
) -> None:
    assert is_at_least(version, "0.3.0") == is_read
    app = keys.app()
    found = Resolved(app.table, "mak", False, stack="prod")
    found.__dict__["described"] = ({"Version": version} if version else {}, {})
    app.__dict__["resolved"] = found
    app.require_reader(Key, {"description": "x"})
    if is_read:
        app.require_reader(Key, {"networks": "x"})
    else:
        with pytest.raises(Exception, match="does not read networks"):
            app.require_reader(Key, {"networks": "x"})


def test_with_a_table_alone_the_command_asks_before_it_writes_a_restriction(keys: KeysCommand) -> None:
    with pytest.raises(Exception, match="--yes"):
        keys.app().require_reader(Key, {"networks": "x"})


def test_a_report_has_every_key_with_who_created_and_changed_it(keys: KeysCommand) -> None:
    first = keys.create("--reason", "ticket 1", consumer="=evil()")
    keys.run("revoke", first["key_id"], "--reason", "left", "--yes")
    rows = list(csv.DictReader(io.StringIO(keys.run("report").stdout)))
    assert [(row["key_id"], row["consumer"], row["state"]) for row in rows] == [
        (first["key_id"], "'=evil()", "revoked")
    ]
    assert (rows[0]["created_by"], rows[0]["changed_by"]) == ("tester", "tester")
    assert (rows[0]["change"], rows[0]["change_reason"]) == ("revoked", "left")
    (reported,) = json.loads(keys.run("report", "--format", "json").stdout)
    assert reported.keys() == rows[0].keys()
    assert api_key.digest(first["key"]) not in keys.run("report").stdout


def test_the_list_has_the_creator_and_the_last_change(keys: KeysCommand) -> None:
    key_id = keys.create()["key_id"]
    keys.run("disable", key_id, "--reason", "unpaid")
    (listed,) = keys.json("list")
    assert listed["created_by"] == "tester"
    assert {name: listed["last_change"][name] for name in ("what", "reason", "n")} == {
        "what": "disabled",
        "reason": "unpaid",
        "n": 2,
    }


def test_the_data_of_one_key_can_be_changed(keys: KeysCommand) -> None:
    first, second = keys.create("--data", '{"plan": "gold"}'), keys.create()
    keys.run("update", first["key_id"], "--data", '{"plan": "free"}')
    assert {key["key_id"]: key["data"] for key in keys.json("list")} == {
        first["key_id"]: {"plan": "free"},
        second["key_id"]: {"plan": "gold"},
    }
    too_large = keys.run("update", first["key_id"], "--data", json.dumps({"x": "y" * 9_000}))
    assert (too_large.exit_code, "too large" in too_large.stderr) == (2, True)


@pytest.mark.parametrize(
    "command",
    [
        ("consumer", "create", "new"),
        ("consumer", "update", "acme", "--description", "x"),
        ("consumer", "disable", "acme", "--yes"),
    ],
)
def test_a_reason_is_recorded_for_each_change_of_a_consumer(keys: KeysCommand, command: tuple[str, ...]) -> None:
    keys.create()
    assert keys.run(*command, "--reason", "ticket 4711").exit_code == 0
    assert keys.json("consumer", "history", command[2])[-1]["reason"] == "ticket 4711"


def test_a_prefix_that_cannot_be_checked_is_said(keys: KeysCommand) -> None:
    app = keys.app()
    app.__dict__["resolved"] = Resolved(app.table, None, None)
    app.target.prefix = "other"
    assert app.prefix == "other"


@pytest.mark.parametrize("text", ["read;write", "read|write"])
def test_a_list_with_another_separator_is_not_one_scope(keys: KeysCommand, text: str) -> None:
    refused = keys.run("create", "--consumer", "acme", "--scopes", text)
    assert (refused.exit_code, "Separate scopes by one comma" in refused.stderr) == (2, True)
