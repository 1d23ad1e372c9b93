"""The messages if AWS fails, and if other commands change the same items at the same time."""

import itertools
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from keys.cli.app import App
from keys.cli.main import main
from keys.core import consumers
from keys.core.table import Table
from keys.deployment.target import Resolved
from tests.support.keys_command import KeysCommand


def run_interfered(
    keys: KeysCommand,
    happens: Callable[[], object],
    *arguments: str,
    always: bool = False,
    method: str = "transact_write_items",
) -> Result:
    """Run a command, and call `happens` before its first use of this method of the client, or before each one."""
    left = [happens]

    def interfered(**values: Any) -> Any:
        for happen in [happens] if always else left[:]:
            left.clear()
            happen()
        return getattr(keys.client, method)(**values)

    return keys.with_client(**{method: interfered}).run(*arguments)


def refusal(code: str, message: str = "no") -> Callable[..., Any]:
    def refuse() -> None:
        raise ClientError({"Error": {"Code": code, "Message": message}}, "TransactWriteItems")

    return refuse


@pytest.mark.parametrize(
    ("meanwhile", "command", "exit_code", "states"),
    [
        (("revoke", "ID", "--yes"), ("roll", "ID"), 4, ["revoked"]),
        (("roll", "ID"), ("roll", "ID"), 4, ["active", "active rolled"]),
        (("roll", "ID"), ("revoke", "ID", "--yes"), 0, ["active", "revoked rolled"]),
        (("disable", "ID"), ("revoke", "ID", "--yes"), 0, ["revoked"]),
        (("delete", "ID", "--yes"), ("disable", "ID"), 3, []),
    ],
)
def test_a_command_decides_again_when_the_key_was_changed_meanwhile(
    keys: KeysCommand, meanwhile: tuple[str, ...], command: tuple[str, ...], exit_code: int, states: list[str]
) -> None:
    key_id = keys.create()["key_id"]
    other, own = ([key_id if word == "ID" else word for word in words] for words in (meanwhile, command))
    assert run_interfered(keys, lambda: keys.run(*other), *own).exit_code == exit_code
    listed = keys.json("list")
    assert sorted(f"{key['state']}{' rolled' if key['rolled_to'] else ''}" for key in listed) == states


def test_an_imported_key_that_is_deleted_meanwhile_does_not_stop_a_change_of_its_consumer(
    keys: KeysCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "BATCH", 1)
    file = tmp_path / "keys.csv"
    file.write_text("key,consumer\nlegacy-key-00000001,acme\nlegacy-key-00000002,acme\n", encoding="utf-8")
    keys.run("import", str(file))
    deleted, kept = (key["key_id"] for key in keys.json("list"))
    transactions = itertools.count(1)

    def delete_before_the_second_transaction() -> None:
        if next(transactions) == 2:
            keys.run("delete", deleted, "--yes")

    command = ("consumer", "disable", "acme", "--yes")
    result = run_interfered(keys, delete_before_the_second_transaction, *command, always=True)
    assert result.exit_code == 0, result.stderr
    assert [(key["key_id"], key["state"]) for key in keys.json("list")] == [(kept, "disabled")]


def test_a_key_made_while_its_consumer_changes_gets_the_new_data(keys: KeysCommand) -> None:
    keys.run("consumer", "create", "acme", "--data", '{"plan": "old"}')
    change = lambda: keys.run("consumer", "update", "acme", "--data", '{"plan": "new"}')  # noqa: E731
    assert run_interfered(keys, change, "create", "--consumer", "acme").exit_code == 0
    assert [key["data"] for key in keys.json("list")] == [{"plan": "new"}]


def test_a_key_made_while_its_consumer_is_changed_is_changed_too(keys: KeysCommand) -> None:
    keys.create("--data", '{"plan": "old"}')
    result = run_interfered(keys, keys.create, "consumer", "update", "acme", "--data", '{"plan": "new"}')
    assert result.exit_code == 0
    assert [key["data"] for key in keys.json("list")] == [{"plan": "new"}, {"plan": "new"}]


def test_whoever_is_always_too_late_is_told_so(keys: KeysCommand) -> None:
    key_id = keys.create()["key_id"]

    flip = iter(["disable", "enable"] * 10)
    result = run_interfered(keys, lambda: keys.run(next(flip), key_id), "roll", key_id, always=True)
    assert result.exit_code == 4
    assert len(keys.json("list")) == 1


@pytest.mark.parametrize(
    ("code", "exit_code", "text"),
    [
        ("AccessDeniedException", 1, "lack a permission"),
        ("ExpiredTokenException", 1, "Sign in again"),
        ("ThrottlingException", 1, "Try again"),
        ("SomethingNewException", 1, "the reason"),
        ("ResourceNotFoundException", 3, "The table ApiKeys in eu-central-1 does not exist."),
    ],
)
def test_a_refusal_of_aws_is_told_with_its_remedy(keys: KeysCommand, code: str, exit_code: int, text: str) -> None:
    result = run_interfered(keys, refusal(code, "the reason"), "create", "--consumer", "acme")
    assert result.exit_code == exit_code
    assert text in result.stderr
    assert not result.stdout
    assert "Traceback" not in result.stderr


def test_an_address_where_nothing_answers_is_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = boto3.client(
            "dynamodb",
            endpoint_url=f"http://127.0.0.1:{unused.getsockname()[1]}",
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
    resolved = Resolved(Table(client, "x", lambda seconds: None), "mak", accept_imported=False)  # noqa: ARG005
    app = App(env={}, resolve=lambda target, env: resolved)  # noqa: ARG005
    result = CliRunner().invoke(main, ["list"], obj=app, catch_exceptions=False)
    assert result.exit_code == 1
    assert "cannot be reached" in result.stderr


@pytest.mark.parametrize(
    "text",
    [
        "The table does not have the specified index: by_consumer",
        "The provided key element does not match the schema",
    ],
)
def test_a_table_of_another_product_is_named(keys: KeysCommand, text: str) -> None:
    result = run_interfered(keys, refusal("ValidationException", text), "create", "--consumer", "acme")
    assert result.exit_code == 2
    assert "The table ApiKeys in eu-central-1 is not a table of this product. Specify --stack" in result.stderr
    other = run_interfered(keys, refusal("ValidationException", "another"), "create", "--consumer", "acme")
    assert (other.exit_code, "not a table" in other.stderr) == (1, False)
