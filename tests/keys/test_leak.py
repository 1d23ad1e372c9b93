"""The command that finds keys in text and revokes them."""

import io
import json
import os
import pty
import socket
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from click.testing import CliRunner

from authorizer import api_key
from keys.cli.main import main
from keys.core.table import Table
from keys.deployment.target import Resolved
from tests.support.changed import Changed
from tests.support.keys_command import KeysCommand


def state(keys: KeysCommand, created: Any) -> str:
    text: str = keys.json("show", created["key_id"])["state"]
    return text


def found(keys: KeysCommand, *arguments: str, stdin: str = "", exit_code: int = 0) -> Any:
    result = keys.run("leak", *arguments, "--output", "json", stdin=stdin)
    assert result.exit_code == exit_code, result.stderr
    return json.loads(result.stdout)


def with_client(keys: KeysCommand, **members: Any) -> KeysCommand:
    """The command with a client of which some methods are replaced."""
    client: Any = Changed(keys.client, **members)
    return replace(keys, client=client)


def test_leaked_keys_are_revoked_if_they_can_still_be_used(keys: KeysCommand) -> None:
    live, disabled, ended, safe = (keys.create() for _ in range(4))
    keys.run("disable", disabled["key_id"])
    keys.run("revoke", ended["key_id"], "--yes")
    foreign = api_key.generate("mak")
    text = f"a {live['key']}\nb={disabled['key']}&c={ended['key']}\n{foreign} {live['key']} {foreign}\n"
    result = found(keys, "--yes", "--reason", "in a log", stdin=text, exit_code=9)
    assert {one["key_id"]: ([at["line"] for at in one["places"]], one["fate"]) for one in result["found"]} == {
        live["key_id"]: ([1, 3], "revoked now"),
        disabled["key_id"]: ([2], "revoked now"),
        ended["key_id"]: ([2], "ended before"),
    }
    assert (result["unknown"], result["left"]) == (1, [])
    assert (result["bytes"], result["lines"]) == (len(text), 3)
    assert set(result["revoked"]) == {live["key_id"], disabled["key_id"]}
    assert [state(keys, one) for one in (live, disabled, safe)] == ["revoked", "revoked", "active"]
    assert "in a log" in keys.run("history", live["key_id"]).stdout


def test_an_all_clear_says_what_was_looked_at(keys: KeysCommand) -> None:
    result = keys.run("leak", stdin="nothing\nhere\n")
    assert result.exit_code == 0
    searched = (
        "keys with any prefix, but not for imported keys of other formats (--pattern). Encoded and compressed text"
    )
    assert f"Searched 13 bytes in 2 lines for {searched} was not looked into. Found no keys of this" in result.stderr


def test_without_anybody_to_ask_keys_are_only_shown(keys: KeysCommand) -> None:
    created = keys.create()
    refused = keys.run("leak", stdin=created["key"])
    assert refused.exit_code == 2
    assert created["key_id"] in refused.stdout
    assert "specify --yes" in refused.stderr
    assert created["key"] not in refused.output
    assert state(keys, created) == "active"


def test_a_dry_run_changes_nothing_and_fails_for_what_has_not_ended(keys: KeysCommand) -> None:
    created = keys.create()
    assert keys.run("leak", "--dry-run", stdin=created["key"]).exit_code == 9
    assert state(keys, created) == "active"
    keys.run("revoke", created["key_id"], "--yes")
    assert keys.run("leak", "--dry-run", stdin=created["key"]).exit_code == 0
    # Possibly of another stack.
    assert keys.run("leak", "--dry-run", stdin=api_key.generate("mak")).exit_code == 9
    assert keys.run("leak", "--yes", stdin=api_key.generate("mak")).exit_code == 9


def test_a_key_with_another_prefix_is_never_passed_over(keys: KeysCommand) -> None:
    foreign = [api_key.generate("other_stack"), api_key.generate("oth")]
    dry = keys.run("leak", "--dry-run", stdin=" ".join(foreign))
    assert dry.exit_code == 9
    assert "2 keys not in this table with the prefixes oth, other_stack: run the command with their" in dry.stderr
    result = found(keys, "--yes", stdin=foreign[1], exit_code=9)
    assert (result["unknown"], result["unknown_prefixes"]) == (1, ["oth"])


def test_a_key_with_another_prefix_that_is_in_the_table_is_revoked(keys: KeysCommand) -> None:
    created = keys.create("--prefix", "oth")
    assert found(keys, "--yes", stdin=created["key"])["revoked"] == [created["key_id"]]
    assert state(keys, created) == "revoked"


def test_a_table_whose_prefix_is_not_known_is_searched(keys: KeysCommand) -> None:
    created = [keys.create("--prefix", prefix) for prefix in ("one", "two")]
    app = keys.app()
    app.resolve = lambda _target, _env: Resolved(Table(keys.client, keys.table), None, None)
    text = " ".join(key["key"] for key in created)
    result = CliRunner().invoke(main, ["leak", "--yes", "-o", "json"], input=text, obj=app, catch_exceptions=False)
    assert json.loads(result.stdout)["revoked"] == [key["key_id"] for key in created]


def test_the_status_of_a_key_that_is_not_revoked_is_its_state(keys: KeysCommand) -> None:
    active, disabled = keys.create(), keys.create()
    keys.run("disable", disabled["key_id"])
    result = keys.run("leak", "--dry-run", stdin=f"{active['key']} {disabled['key']}")
    assert [line.split()[:3] for line in result.stdout.splitlines()[1:]] == [
        [active["key_id"], "acme", "active"],
        [disabled["key_id"], "acme", "disabled"],
    ]
    assert "2 keys of this table (2 active or disabled)" in result.stderr


def test_an_input_without_text_gives_no_all_clear(keys: KeysCommand, tmp_path: Path) -> None:
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.touch()
    full.write_text("x", encoding="utf-8")
    for arguments in ((), (str(empty),)):
        result = keys.run("leak", *arguments)
        assert result.exit_code == 2
        assert "The input is empty, so nothing was searched." in result.stderr
    assert keys.run("leak", str(full)).exit_code == 0


def test_a_file_that_is_not_text_does_not_keep_the_others_from_the_search(keys: KeysCommand, tmp_path: Path) -> None:
    one, two = keys.create(), keys.create()
    utf16, packed = tmp_path / "a.txt", tmp_path / "b.bin"
    utf16.write_bytes(f"x\r\n{one['key']}\r\n".encode("utf-16"))
    packed.write_bytes(bytes(range(1, 9)) + two["key"].encode())
    result = found(keys, str(packed), str(utf16), "--yes", exit_code=2)
    assert [one["places"] for one in result["found"]] == [
        [{"file": str(packed), "line": 1}],
        [{"file": str(utf16), "line": 2}],
    ]
    assert set(result["revoked"]) == {one["key_id"], two["key_id"]}
    assert "are not text and can hide encoded keys" in result["unreadable"][0]["reason"]


def test_a_file_that_cannot_be_opened_does_not_keep_the_others_from_the_search(
    keys: KeysCommand, tmp_path: Path
) -> None:
    created = keys.create()
    socket_path, text = tmp_path / "socket", tmp_path / "text"
    text.write_text(created["key"])
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(socket_path))
        result = found(keys, str(socket_path), str(text), "--yes", exit_code=2)
    assert result["revoked"] == [created["key_id"]]
    assert result["unreadable"][0]["reason"].startswith("It cannot be read: ")


def test_what_is_no_text_gives_no_all_clear(keys: KeysCommand, tmp_path: Path) -> None:
    file = tmp_path / "core"
    file.write_bytes(os.urandom(10_000))
    result = keys.run("leak", str(file))
    assert (result.exit_code, "not text" in result.stderr) == (2, True)


def test_a_key_in_bytes_that_are_no_text_is_found(keys: KeysCommand, tmp_path: Path) -> None:
    created = keys.create()
    file = tmp_path / "dump"
    file.write_bytes(b"\xff\x00\xfe" + created["key"].encode() + b"\x80")
    assert found(keys, str(file), "--yes")["revoked"] == [created["key_id"]]


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not yours"}}, "TransactWriteItems"),
        EndpointConnectionError(endpoint_url="https://dynamodb"),
    ],
)
def test_a_revocation_that_fails_does_not_keep_the_others_from_it(keys: KeysCommand, error: Exception) -> None:
    one, two, three = (keys.create() for _ in range(3))
    pk, working = api_key.digest(two["key"]), keys.client

    def write(**arguments: Any) -> Any:
        if pk in json.dumps(arguments, default=str):
            raise error
        return working.transact_write_items(**arguments)

    text = "\n".join(key["key"] for key in (one, two, three))
    result = with_client(keys, transact_write_items=write).run("leak", "--yes", "-o", "json", stdin=text)
    answer = json.loads(result.stdout)
    assert result.exit_code == 9
    assert answer["left"] == [two["key_id"]]
    assert set(answer["revoked"]) == {one["key_id"], three["key_id"]}
    assert answer["found"][1]["problem"]
    assert [state(keys, key) for key in (one, two, three)] == ["revoked", "active", "revoked"]


@pytest.mark.parametrize(
    "change",
    [
        "REMOVE created_at",
        "SET tags = :number",
        "SET hint = :number",
        "SET key_id = :text",
        "REMOVE description",
    ],
)
def test_whatever_the_authorizer_accepts_is_ended(keys: KeysCommand, change: str) -> None:
    created = keys.create("--tag", "a=b")
    values = {":number": {"N": "1"}, ":text": {"S": "not one of ours"}}
    used: Any = {"ExpressionAttributeValues": {name: value for name, value in values.items() if name in change}}
    keys.client.update_item(
        TableName=keys.table,
        Key={"pk": {"S": api_key.digest(created["key"])}},
        UpdateExpression=change,
        **(used if ":" in change else {}),
    )
    assert keys.run("leak", "--yes", stdin=created["key"]).exit_code == 0
    verdict = keys.run("verify", stdin=created["key"])
    assert "revoked_key" in verdict.stdout


def test_an_index_that_is_behind_does_not_matter(keys: KeysCommand) -> None:
    created = keys.create()
    behind = with_client(keys, query=lambda **_arguments: {"Items": []})
    assert behind.run("leak", "--yes", stdin=created["key"]).exit_code == 0
    assert state(keys, created) == "revoked"


class Terminal(io.StringIO):
    """A terminal on which the answer has been typed. `shown`: its output."""

    def __init__(self, answer: str) -> None:
        super().__init__(answer)
        self.shown = ""

    def write(self, text: str) -> int:
        self.shown += text
        return len(text)


@pytest.mark.parametrize(("answer", "after", "code"), [("y\n", "revoked", 0), ("n\n", "active", 9), ("", "active", 9)])
def test_the_question_is_asked_once_on_the_controlling_terminal(
    keys: KeysCommand, answer: str, after: str, code: int
) -> None:
    created = [keys.create(), keys.create()]
    terminal = Terminal(answer)
    app = keys.app()
    app.terminal = lambda: terminal
    text = " ".join(key["key"] for key in created)
    result = CliRunner().invoke(main, ["leak", "-"], input=text, obj=app, catch_exceptions=False)
    assert result.exit_code == code
    assert terminal.shown.count("[y/N]") == 1
    assert [state(keys, key) for key in created] == [after, after]


CHILD = """
    import sys
    import boto3
    from moto import mock_aws
    from keys.cli.main import main
    from tests.support.keys_command import KeysCommand
    from tests.support.table_schema import create_table_arguments, load_template
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-central-1", aws_access_key_id="t", aws_secret_access_key="t")
        client.create_table(TableName="T", **create_table_arguments(load_template()))
        keys = KeysCommand(client, "T")
        key = keys.create()["key"]
        app = keys.app()
        from keys.cli.app import open_terminal
        app.terminal = open_terminal
        sys.stdin = open(sys.argv[1], "w+")
        sys.stdin.write("leaked: " + key)
        sys.stdin.seek(0)
        try:
            main(["leak", "-"], obj=app)
        finally:
            print(keys.json("list")[0]["state"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_text_on_standard_input_leaves_the_terminal_for_the_question(tmp_path: Path) -> None:
    process, controller = pty.fork()
    if not process:
        arguments = [sys.executable, "-c", textwrap.dedent(CHILD), str(tmp_path / "log")]
        os.execve(sys.executable, arguments, {**os.environ, "PYTHONPATH": "src:."})  # noqa: S606
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(controller, 1024)
    os.write(controller, b"y\n")
    try:
        while data := os.read(controller, 1024):
            shown += data
    except OSError:
        pass
    os.close(controller)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0, shown
    assert b"revoked" in shown.splitlines()[-1]


def test_what_was_revoked_is_told_when_the_command_is_stopped(keys: KeysCommand) -> None:
    created = [keys.create(), keys.create()]

    writes = iter([keys.client.transact_write_items])

    def write(**arguments: Any) -> Any:
        try:
            return next(writes)(**arguments)
        except StopIteration:
            raise KeyboardInterrupt from None

    text = " ".join(key["key"] for key in created)
    result = with_client(keys, transact_write_items=write).run("leak", "--yes", "-o", "json", stdin=text)
    assert result.exit_code == 1
    assert json.loads(result.stdout)["revoked"] == [created[0]["key_id"]]


IMPORTED = "legacy-key-number-0001"


@pytest.fixture
def imported(keys: KeysCommand, tmp_path: Path) -> None:
    file = tmp_path / "legacy.csv"
    file.write_text(f"key,consumer\n{IMPORTED},legacy\n", encoding="utf-8")
    assert keys.run("import", str(file)).exit_code == 0


@pytest.mark.usefixtures("imported")
def test_an_imported_key_is_found_by_its_pattern(keys: KeysCommand) -> None:
    text = f"a {IMPORTED} b legacy-key-number-9999"
    assert keys.run("leak", "--yes", stdin=text).exit_code == 0
    result = found(keys, "--yes", "--pattern", r"legacy-key-number-\d{4}", stdin=text, exit_code=9)
    assert ([one["fate"] for one in result["found"]], result["unknown"]) == (["revoked now"], 1)


GITLEAKS = [{"RuleID": "mak-api-key", "StartLine": 7, "Match": "KEY", "Secret": "KEY", "File": "a.env", "Commit": "c0"}]
BETTERLEAKS = [
    {"ruleID": "mak-api-key", "match": "KEY", "secret": "KEY", "attributes": {"path": "a.env", "git.sha": "c0"}}
    | {"location": {"startLine": 7, "endLine": 7, "startColumn": 1, "endColumn": 46}, "tags": []}
]
TRUFFLEHOG = {
    "SourceMetadata": {"Data": {"Git": {"commit": "c0", "file": "a.env", "line": 7}}},
    "DetectorName": "CustomRegex",
    "DecoderName": "BASE64",
    "Raw": "KEY",
    "RawV2": "",
}
REPORTS = {
    "gitleaks": json.dumps(GITLEAKS, indent=1),
    "betterleaks": json.dumps(BETTERLEAKS),
    "trufflehog": f"{json.dumps(TRUFFLEHOG)}\n{json.dumps(TRUFFLEHOG)}\n",
}


class TestReports:
    @pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
    def test_the_keys_of_a_report_are_revoked(self, report: str, keys: KeysCommand, tmp_path: Path) -> None:
        created = keys.create()
        file = tmp_path / "report.json"
        file.write_text(report.replace("KEY", created["key"]), encoding="utf-8")
        (one,) = found(keys, "--yes", "--report", str(file))["found"]
        assert (one["places"], one["fate"]) == ([{"file": "a.env", "line": 7}], "revoked now")
        assert state(keys, created) == "revoked"

    @pytest.mark.usefixtures("imported")
    def test_an_imported_key_is_found_and_secrets_of_others_are_ignored(self, keys: KeysCommand) -> None:
        report = json.dumps([{"Secret": IMPORTED, "File": "a"}, {"Secret": "AKIAIOSFODNN7EXAMPLE", "File": "b"}])
        result = found(keys, "--yes", "--report", "-", stdin=report)
        assert ([one["fate"] for one in result["found"]], result["unknown"]) == (["revoked now"], 0)

    @pytest.mark.parametrize("secret", ["REDACTED", "mak_01...", "********"])
    def test_a_redacted_report_gives_no_all_clear(self, secret: str, keys: KeysCommand) -> None:
        result = keys.run("leak", "--report", "-", stdin=json.dumps([{"Secret": secret, "File": "a"}]))
        assert (result.exit_code, "has a redacted secret" in result.stderr) == (2, True)

    @pytest.mark.parametrize("text", ["", "nothing", '[{"Secret": "a"}', '[{"a": 1}]', '{"version": 1}', "[[]]", "{"])
    def test_what_is_no_report_gives_no_all_clear(self, text: str, keys: KeysCommand) -> None:
        result = keys.run("leak", "--report", "-", stdin=text)
        assert (result.exit_code, "is not a JSON report of gitleaks" in result.stderr) == (2, True)

    def test_a_report_without_findings_is_an_all_clear(self, keys: KeysCommand) -> None:
        assert keys.run("leak", "--report", "-", stdin="[]").exit_code == 0
