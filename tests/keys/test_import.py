"""The command `keys import`: its options, its result and its report."""

import hashlib
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from authorizer import api_key
from keys.cli.main import main
from tests.support.keys_command import KeysCommand

KEY = "apikey1234abcdefghij0123456789"


def bring(keys: KeysCommand, content: str, *arguments: str, exit_code: int = 0) -> Any:
    """The JSON output of an import from standard input; the error if there is none."""
    result = keys.run("import", "-", *arguments, "-o", "json", stdin=content)
    assert result.exit_code == exit_code, result.stderr
    assert KEY not in result.output
    return json.loads(result.stdout) if result.stdout else result.stderr


def test_imported_keys_are_accepted_and_have_what_the_file_says(keys: KeysCommand) -> None:
    answer = bring(
        keys,
        "consumer,key,data,scopes,tags,created_at,expires_at\n"
        f'acme,{KEY},"{{""plan"":""gold""}}",read write,"{{""env"":""prod""}}",1700000000,2030-01-31T01:00:00+01:00\n',
    )
    assert (answer["imported"], answer["failed"], answer["new_consumers"]) == (1, 0, 1)
    verdict = keys.json("verify", "--imported", stdin=KEY)
    assert (verdict["sub"], verdict["data"], verdict["scopes"]) == ("acme", {"plan": "gold"}, ["read", "write"])
    (key,) = keys.json("list")
    assert (key["tags"], key["created_at"], key["hint"]) == ({"env": "prod"}, "2023-11-14T22:13:20Z", "apik")
    assert keys.json("history", key["key_id"])[0]["what"] == "imported"


def test_the_result_counts_lines_and_names_the_reason_of_each_failure(keys: KeysCommand) -> None:
    content = f"key,consumer,revoked_at\n{KEY},acme,\nshort,acme,\n{KEY}1,acme,2025-01-01T00:00:00Z\n"
    answer = bring(keys, content, exit_code=6)
    counts = {name: answer[name] for name in ("imported", "not_active", "already_there", "ended", "failed")}
    assert counts == {"imported": 2, "not_active": 1, "already_there": 0, "ended": 0, "failed": 1}
    (failure,) = answer["failures"]
    assert failure["line"] == 3
    assert "16 to 512" in failure["reason"]
    keys.clock.advance(60)
    shown = keys.run("import", "-", stdin=content)
    assert "0 imported, 1 already there, 1 already revoked, expired or deleted, 1 failed." in shown.stdout
    assert "Line 3: A key must have 16 to 512" in shown.stderr
    assert keys.run("verify", "--imported", stdin=f"{KEY}1").exit_code == 5


def test_an_import_can_be_repeated_whatever_happened_since(keys: KeysCommand) -> None:
    content = f"key,consumer\n{KEY}1,acme\n{KEY}2,acme\n{KEY}3,acme\n{KEY}4,acme\n"
    bring(keys, content)
    rolled, revoked, deleted = (hashlib.sha256(f"{KEY}{number}".encode()).hexdigest() for number in (1, 2, 3))
    keys.run("roll", rolled)
    keys.run("revoke", revoked, "--yes")
    keys.run("delete", deleted, "--yes")
    before = keys.items()
    answer = bring(keys, content)
    assert (answer["already_there"], answer["ended"]) == (2, 2)
    assert answer["ended_lines"] == [
        {"line": 3, "state": "revoked", "reason": "This key is revoked in the table."},
        {"line": 4, "state": "deleted", "reason": "This key is deleted in the table."},
    ]
    assert keys.items() == before
    shown = keys.run("import", "-", stdin=content).stderr
    assert "Keys that are already revoked, expired or deleted: line 3, 4.\n" in shown
    assert "To import a deleted key again, first run `keys delete DIGEST`" in shown
    keys.run("delete", deleted, "--yes")
    assert bring(keys, content)["imported"] == 1


def test_a_reason_comes_with_its_remedy(keys: KeysCommand) -> None:
    keys.run("consumer", "create", "off")
    keys.run("consumer", "disable", "off", "--yes")
    content = f"key,consumer,expires_at\n{KEY},acme,2030-01-01 00:00:00\n{KEY}1,off,\n"
    first, second = bring(keys, content, exit_code=6)["failures"]
    assert "specify --utc" in first["reason"]
    assert "`keys consumer enable off" in second["reason"]


def test_columns_are_mapped_ignored_and_set_and_lists_unfolded_by_options(keys: KeysCommand) -> None:
    document = json.dumps({"data": [{"id": 7, "user": "ann", "tokens": [f"{KEY}1", f"{KEY}2"]}]})
    options = ("--each", "tokens", "--map", "user=consumer", "--map", "tokens=key", "--set", "scopes=read,write")
    refused = bring(keys, document, *options, exit_code=6)
    assert "Unknown columns: 'id'" in refused["failures"][0]["reason"]
    assert bring(keys, document, *options, "--ignore", "id")["imported"] == 2
    assert {(key["consumer"], tuple(key["scopes"])) for key in keys.json("list")} == {("ann", ("read", "write"))}


def test_all_failures_are_in_the_report(keys: KeysCommand, tmp_path: Path) -> None:
    report = tmp_path / "failed.jsonl"
    result = keys.run("import", "-", "--report", str(report), stdin="key,consumer\n" + "short,acme\n" * 30)
    assert result.exit_code == 6
    assert result.stderr.count("Line ") == 20
    assert f"... and 10 more. All of them are in {report}." in result.stderr
    lines = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    assert [line["line"] for line in lines] == list(range(2, 32))


def test_a_report_never_replaces_the_file_and_is_not_emptied_by_a_wrong_option(
    keys: KeysCommand, tmp_path: Path
) -> None:
    file, report = tmp_path / "keys.csv", tmp_path / "old.jsonl"
    file.write_text(content := f"key,consumer\n{KEY},acme\nshort,acme\n", encoding="utf-8")
    assert "is the file to import" in keys.run("import", str(file), "--report", str(file)).stderr
    assert file.read_text(encoding="utf-8") == content
    report.write_text("old\n", encoding="utf-8")
    keys.run("import", str(file), "--report", str(report), "--format", "nonsense")
    assert report.read_text(encoding="utf-8") == "old\n"
    assert keys.run("import", str(file), "--report", str(report)).exit_code == 6
    assert json.loads(report.read_text(encoding="utf-8"))["line"] == 3
    assert sorted(tmp_path.iterdir()) == [file, report]


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_file_that_breaks_off_is_reported_with_what_was_imported(keys: KeysCommand, output: str) -> None:
    content = f'key,consumer\n{KEY},acme\nshort,acme\n{KEY}x,"acme\n'
    result = keys.run("import", "-", "-o", output, stdin=content)
    assert result.exit_code == 2
    assert "begins in line 4" in result.stderr
    assert "Correct the file, then run the same command again." in result.stderr
    if output == "json":
        answer = json.loads(result.stdout)
        assert (answer["imported"], answer["failed"]) == (1, 1)
        assert "begins in line 4" in answer["stopped"]
    else:
        assert "1 imported, 0 already there, 1 failed." in result.stderr


def test_an_empty_file_is_an_error_without_counts(keys: KeysCommand) -> None:
    result = keys.run("import", "-", stdin="")
    assert (result.exit_code, result.stderr) == (2, "Error: The file is empty.\n")


@pytest.mark.parametrize("dry", [True, False])
def test_existing_consumers_are_named_and_new_ones_counted(keys: KeysCommand, dry: bool) -> None:
    for name in ("batch", "unused"):
        keys.run("consumer", "create", name)
    content = f'key,consumer\n{KEY}1,new\n{KEY}2,"batch "\n{KEY}3,new\n{KEY}4,batch\nshort,unused\n'
    before = keys.items()
    answer = bring(keys, content, *(("--dry-run", "--table", "T") if dry else ()), exit_code=6)
    assert (answer["new_consumers"], answer["existing_consumer_names"], answer["dry_run"]) == (1, ["batch"], dry)
    assert (keys.items() == before) is dry


def test_the_first_ten_existing_consumers_are_named_in_the_text(keys: KeysCommand) -> None:
    for number in range(12):
        keys.run("consumer", "create", f"c{number:02}")
    content = "key,consumer\n" + "".join(f"{KEY}{number},c{number:02}\n" for number in range(12))
    result = keys.run("import", "-", "--dry-run", "--table", "T", stdin=content)
    assert "New consumers: 0. Existing consumers that would get keys: 12 ('c00', " in result.stdout
    assert "'c09' and 2 more)." in result.stdout


def test_a_dry_run_without_a_table_does_not_say_which_consumers_exist(keys: KeysCommand) -> None:
    content = f"key,consumer\n{KEY},acme\n"
    answer = bring(keys, content, "--dry-run", "--profile", "p")
    assert answer["imported"] == 1
    assert [answer[name] for name in ("new_consumers", "existing_consumers", "existing_consumer_names")] == [None] * 3
    assert "No table is given" in answer["notices"][0]


def test_a_file_of_digests_in_place_of_keys_is_reported(keys: KeysCommand) -> None:
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(2)]
    content = "key,consumer\n" + "".join(f"{digest},acme\n" for digest in digests)
    assert "looks like a SHA-256" in bring(keys, content, "--dry-run", "--table", "T")["notices"][-1]
    assert "looks like a SHA-256" not in str(bring(keys, f"{content}{KEY},acme\n", "--dry-run", "--table", "T"))


def test_a_key_in_the_product_format_is_not_taken_for_a_digest(keys: KeysCommand) -> None:
    """It has 43 characters, as the base64 of 32 bytes."""
    content = f"key,consumer\n{api_key.generate('mak')},acme\n"
    assert "looks like a SHA-256" not in str(bring(keys, content, "--dry-run", "--table", "T"))


@pytest.mark.parametrize("accepted", [False, True, None])
def test_keys_that_the_authorizer_does_not_look_up_are_reported(keys: KeysCommand, accepted: bool | None) -> None:
    app = keys.app()
    app.target.accept_imported = accepted
    result = CliRunner().invoke(main, ["import", "-"], obj=app, input=f"key,consumer\n{KEY},acme\n")
    assert ("AcceptImportedKeys=true" in result.stderr) == (accepted is not True)


SCRIPT = """
    import os, signal, threading
    import boto3
    from moto import mock_aws
    from keys.cli.main import main
    from tests.support.keys_command import KeysCommand
    from tests.support.table_schema import create_table_arguments, load_template

    class Client:
        def __init__(self, client):
            self.client, self.left, self.lock = client, LEFT, threading.Lock()
        def transact_write_items(self, **arguments):
            with self.lock:
                self.left -= 1
                if not self.left:
                    os.kill(os.getpid(), signal.SIGNAL)
                return self.client.transact_write_items(**arguments)
        def __getattr__(self, name):
            return getattr(self.client, name)

    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-central-1", aws_access_key_id="t", aws_secret_access_key="t")
        client.create_table(TableName="T", **create_table_arguments(load_template()))
        app = KeysCommand(Client(client), "T").app()
        try:
            main(["import", "-", "-o", "json"], obj=app)
        finally:
            OUTPUT
"""


def start(left: int, signal: str, output: str) -> "subprocess.Popen[bytes]":
    script = textwrap.dedent(SCRIPT).replace("LEFT", str(left)).replace("SIGNAL", signal).replace("OUTPUT", output)
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "src:."},
    )


@pytest.mark.skipif(sys.platform == "win32", reason="signals are others there")
@pytest.mark.parametrize("signal", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupted_import_reports_what_is_in_the_table(signal: str) -> None:
    content = "key,consumer\n" + "".join(f"{KEY}{number},c{number}\n" for number in range(100))
    with start(5, signal, 'print(sum("consumer" in item for item in client.scan(TableName="T")["Items"]))') as child:
        output, errors = child.communicate(content.encode(), timeout=60)
    answer, count = output.splitlines()
    stopped = json.loads(answer)
    assert stopped["stopped"] == "Interrupted."
    assert 0 < stopped["imported"] == int(count) < 100
    assert child.returncode == 1
    assert b"Traceback" not in errors


def test_the_result_is_on_standard_error_if_nobody_reads_standard_output() -> None:
    with start(-1, "SIGINT", "pass") as child:
        assert child.stdin
        assert child.stdout
        assert child.stderr
        child.stdout.close()
        child.stdin.write(f"key,consumer\n{KEY},acme\n".encode())
        child.stdin.close()
        said = child.stderr.read().decode()
    assert "1 imported" in said, said
    assert "Traceback" not in said
