"""Exports, and the import of an export with digests as a backup or into another table."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from authorizer import api_key
from keys.cli.output import csv_cell
from tests.support.keys_command import KeysCommand
from tests.support.table_schema import create_table_arguments, load_template

LEGACY = "sk_live_0123456789abcdef"


@pytest.fixture
def other(keys: KeysCommand) -> KeysCommand:
    """The command on another table, as in another stack, Region or account."""
    keys.client.create_table(TableName="Other", **create_table_arguments(load_template()))
    return KeysCommand(keys.client, "Other", keys.clock)


def ordered(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for item in items:
        for attribute in item.values():
            if "SS" in attribute:
                attribute["SS"].sort()
    return sorted(items, key=lambda item: str(item["pk"]))


@pytest.fixture
def lived(keys: KeysCommand, tmp_path: Path) -> KeysCommand:
    """A table with keys and consumers in every state."""
    keys.run("consumer", "create", "alone", "--description", "no keys yet", "--data", '{"plan": "é"}', "--tag", "a=b")
    rolled, revoked, disabled = (keys.create("--scopes", "b,a", "--tag", "x=y", "--expires-in", "9d") for _ in range(3))
    keys.run("roll", rolled["key_id"], "--reason", "due")
    keys.run("revoke", revoked["key_id"], "--yes", "--reason", "leaked")
    keys.run("disable", disabled["key_id"])
    keys.create("--description", "of a consumer that is off", consumer="off")
    keys.run("consumer", "disable", "off", "--yes")
    file = tmp_path / "legacy.csv"
    lines = "".join(f"{LEGACY}{number},old\n" for number in range(3))
    file.write_text(f"key,consumer\n{lines}", encoding="utf-8")
    keys.run("import", str(file))
    first, second = keys.json("list", "--consumer", "old")[:2]
    keys.run("revoke", first["key_id"], "--yes")
    keys.run("delete", second["key_id"], "--yes")
    keys.clock.advance(100)
    return keys


def test_importing_an_export_leaves_an_equal_table(lived: KeysCommand, other: KeysCommand) -> None:
    secret = lived.create()["key"]
    exported = lived.run("export", "--with-digests")
    assert (exported.exit_code, secret.split("_")[1] in exported.stdout) == (0, False)
    imported = other.run("import", "-", stdin=exported.stdout)
    assert imported.exit_code == 0, imported.stderr
    assert "0 already there, 0 failed" in imported.stdout
    assert ordered(other.items()) == ordered(lived.items())
    assert other.run("export", "--with-digests").stderr == exported.stderr


def test_an_export_can_be_imported_again_and_into_its_own_table(lived: KeysCommand, other: KeysCommand) -> None:
    text = lived.run("export", "--with-digests").stdout
    before = ordered(lived.items())
    again = lived.json("import", "-", stdin=text)
    assert (again["imported"], again["failed"]) == (0, 0)
    assert ordered(lived.items()) == before
    assert other.json("import", "-", "--dry-run", "--table", "T", stdin=text)["imported"] == len(before)
    assert not other.items()


def test_what_ended_since_the_export_stays_ended(keys: KeysCommand) -> None:
    created = keys.create()
    text = keys.run("export", "--with-digests").stdout
    keys.run("revoke", created["key_id"], "--yes")
    again = keys.run("import", "-", "-o", "json", stdin=text)
    assert json.loads(again.stdout)["ended"] == 1
    assert keys.json("show", created["key_id"])["state"] == "revoked"


def test_what_is_other_than_in_the_export_is_told_and_left(keys: KeysCommand) -> None:
    created = keys.create()
    text = keys.run("export", "--with-digests").stdout
    keys.run("disable", created["key_id"])
    keys.run("consumer", "update", "acme", "--description", "changed")
    before = keys.items()
    again = keys.run("import", "-", stdin=text)
    assert again.exit_code == 6
    assert "another description" in again.stderr
    assert "another enabled, history" in again.stderr
    assert keys.items() == before


def test_one_consumer_can_be_moved(lived: KeysCommand, other: KeysCommand) -> None:
    text = lived.run("export", "--with-digests", "--consumer", "off").stdout
    other.run("import", "-", stdin=text)
    assert {(item.get("name") or item["consumer"])["S"] for item in other.items()} == {"off"}
    assert len(other.items()) == 2


def test_an_export_without_digests_cannot_be_imported_and_says_so(keys: KeysCommand) -> None:
    keys.create()
    result = keys.run("import", "-", stdin=keys.run("export").stdout)
    assert result.exit_code == 6
    assert "--with-digests" in result.stderr


def test_an_item_that_is_no_key_is_told_and_the_export_is_not_called_whole(keys: KeysCommand) -> None:
    keys.create()
    keys.client.put_item(TableName=keys.table, Item={"pk": {"S": "ab" * 32}, "key_id": {"S": "x"}})
    result = keys.run("export", "--with-digests")
    assert result.exit_code == 6
    assert "Left out 1 malformed item." in result.stderr
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    "text", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff201", " =1", "\u22121"]
)
def test_a_spreadsheet_gets_no_formula(text: str) -> None:
    assert csv_cell(text) == f"'{text}"


def test_a_cell_has_no_control_characters(keys: KeysCommand) -> None:
    assert csv_cell("\n=1") == "\\n=1"
    assert csv_cell("\x1b[31mred\u202e") == "\\x1b[31mred\\u202e"
    created = keys.create()
    item = next(item for item in keys.items() if item.get("key_id") == {"S": created["key_id"]})
    keys.client.put_item(TableName=keys.table, Item={**item, "description": {"S": "a\r\n\x1b]0;title\x07"}})
    text = keys.run("export", "--format", "csv").stdout
    assert len(text.splitlines()) == 2
    assert "\x1b" not in text


@pytest.mark.parametrize(("value", "shown"), [(None, ""), (["a", "b"], "a b"), ({"a": 1}, '{"a": 1}'), (True, "true")])
def test_a_cell_has_lists_and_objects_as_text(value: object, shown: str) -> None:
    assert csv_cell(value) == shown


def test_digests_are_not_exported_as_csv(keys: KeysCommand) -> None:
    assert keys.run("export", "--format", "csv", "--with-digests").exit_code == 2


@pytest.mark.parametrize("more", [[], ["--with-digests"]])
def test_an_export_says_who_created_and_last_changed_a_key(keys: KeysCommand, more: list[str]) -> None:
    created = keys.create()
    keys.clock.advance(60)
    keys.run("disable", created["key_id"], "--reason", "unpaid")
    key = next(line for line in map(json.loads, keys.run("export", *more).stdout.splitlines()) if "key_id" in line)
    assert key["created_by"] == "tester"
    last = key["last_change"]
    assert (last["what"], last["by"], last["reason"]) == ("disabled", "tester", "unpaid")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_without_keys_says_so(keys: KeysCommand, form: str) -> None:
    keys.create(consumer="acme")
    result = keys.run("export", "--format", form, "--consumer", "nobody")
    assert result.exit_code == 0
    assert "The consumer 'nobody' does not exist." in result.stderr
    assert not keys.run("export", "--format", form, "--consumer", "acme").stderr


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_has_all_keys_and_no_secret(keys: KeysCommand, form: str) -> None:
    created = [keys.create("--scopes", "a,b", "--description", "job", consumer=name) for name in ("acme", "beta")]
    text = keys.run("export", "--format", form).stdout
    lines = csv.DictReader(io.StringIO(text)) if form == "csv" else map(json.loads, text.splitlines())
    exported: dict[str, Any] = {line["key_id"]: line for line in lines}
    assert exported.keys() == {key["key_id"] for key in created}
    first = exported[created[0]["key_id"]]
    assert (first["consumer"], first["description"]) == ("acme", "job")
    assert first["scopes"] == ("a b" if form == "csv" else ["a", "b"])
    for key in created:
        assert key["key"] not in text
        assert api_key.digest(key["key"]) not in text


def test_an_export_can_be_of_one_consumer(keys: KeysCommand) -> None:
    keys.create()
    key_id = keys.create(consumer="beta")["key_id"]
    (line,) = keys.run("export", "--consumer", "beta").stdout.splitlines()
    assert json.loads(line)["key_id"] == key_id
