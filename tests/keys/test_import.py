"""Import existing keys, and export keys."""

import csv
import hashlib
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from authorizer import api_key
from keys.transfer import formats, rows
from tests.support.keys_command import KeysCommand

LEGACY = "sk_live_0123456789abcdef"
NOTHING = {
    "imported": 0,
    "already_there": 0,
    "ended": 0,
    "failed": 0,
    "new_consumers": 0,
    "existing_consumers": 0,
    "existing_consumer_names": [],
    "failures": [],
    "ended_lines": [],
    "dry_run": False,
    "notices": [],
}
FOREIGN = (
    "Keys that are not in the format mak_...: 1. The authorizer accepts such keys only if the stack has "
    "AcceptImportedKeys=true."
)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes a file and returns its name."""

    def written(text: str, name: str = "keys.csv") -> str:
        file = tmp_path / name
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        return str(file)

    return written


def result_of(keys: KeysCommand, file: str, *arguments: str, exit_code: int = 0) -> Any:
    result = keys.run("import", file, *arguments, "--output", "json")
    assert result.exit_code == exit_code, result.stderr
    return json.loads(result.stdout)


def test_a_plain_key_is_imported_with_all_that_the_file_says(keys: KeysCommand, write: Callable[..., str]) -> None:
    file = write(
        "consumer,key,data,scopes,tags,enabled,created_at,expires_at\n"
        f'acme,{LEGACY},"{{""plan"":""gold""}}",read write,"{{""env"":""prod""}}",'
        "false,1700000000,2030-01-31T01:00:00+01:00\n"
    )
    assert result_of(keys, file) == {**NOTHING, "imported": 1, "new_consumers": 1, "notices": [FOREIGN]}
    (key,) = keys.json("list")
    assert key == {
        "key_id": key["key_id"],
        "consumer": "acme",
        "description": "",
        "state": "disabled",
        "data": {"plan": "gold"},
        "scopes": ["read", "write"],
        "tags": {"env": "prod"},
        "enabled": False,
        "disabled_with_consumer": False,
        "created_at": "2023-11-14T22:13:20Z",
        "expires_at": "2030-01-31T00:00:00Z",
        "revoked_at": None,
        "rolled_from": None,
        "rolled_to": None,
        "hint": "sk_l",
    }
    assert keys.json("consumer", "show", "acme")["data"] == {"plan": "gold"}


def test_a_hashed_key_is_imported_by_its_digest(keys: KeysCommand, write: Callable[..., str]) -> None:
    line = {"sha256": hashlib.sha256(LEGACY.encode()).hexdigest().upper(), "consumer": "acme", "hint": "sk_live"}
    assert result_of(keys, write(json.dumps(line) + "\n", "keys.jsonl"))["imported"] == 1
    assert keys.json("verify", "--imported", stdin=LEGACY)["sub"] == "acme"
    assert keys.json("list")[0]["hint"] == "sk_live"


def test_keys_of_our_own_format_keep_working(keys: KeysCommand, write: Callable[..., str]) -> None:
    key = api_key.generate("mak")
    result_of(keys, write(f"key,consumer\n{key},acme\n"))
    assert keys.json("verify", stdin=key)["sub"] == "acme"


def test_an_import_can_be_repeated_whatever_happened_since(keys: KeysCommand, write: Callable[..., str]) -> None:
    file = write(f"key,consumer,scopes,expires_at\n{LEGACY},acme,read,2040-01-01T00:00:00Z\n{LEGACY}x,acme,,\n")
    result_of(keys, file)
    first, second = keys.json("list")
    keys.run("roll", (first if first["scopes"] else second)["key_id"])
    keys.run("revoke", (second if first["scopes"] else first)["key_id"], "--yes")
    before = keys.items()
    ended = [{"line": 3, "state": "revoked", "reason": "This key is revoked in the table."}]
    assert result_of(keys, file) == {
        **NOTHING,
        "already_there": 1,
        "ended": 1,
        "ended_lines": ended,
        "notices": [FOREIGN],
    }
    assert keys.items() == before


@pytest.mark.parametrize(
    ("line", "differing"),
    [
        (f"{LEGACY},other,,,", "consumer"),
        (f"{LEGACY},acme,write,,", "scopes"),
        (f'{LEGACY},acme,,"{{""a"":2}}",', "data"),
        (f"{LEGACY},acme,,,2039-01-01T00:00:00Z", "expires_at"),
    ],
)
def test_a_key_that_is_there_with_other_content_is_refused(
    keys: KeysCommand, write: Callable[..., str], line: str, differing: str
) -> None:
    heading = "key,consumer,scopes,data,expires_at\n"
    result_of(keys, write(f'{heading}{LEGACY},acme,read,"{{""a"":1}}",2040-01-01T00:00:00Z\n'))
    before = keys.json("list")
    (failure,) = result_of(keys, write(f"{heading}{line}\n"), exit_code=6)["failures"]
    assert failure["line"] == 2
    assert f"another {differing}." in failure["reason"]
    assert keys.json("list") == before


def test_of_two_lines_with_the_same_key_the_first_one_counts(keys: KeysCommand, write: Callable[..., str]) -> None:
    class SlowForTheFirst:
        def __init__(self, client: Any) -> None:
            self.client = client

        def put_item(self, **arguments: Any) -> Any:
            if arguments["Item"].get("consumer") == {"S": "consumer-0"}:
                time.sleep(0.1)
            return self.client.put_item(**arguments)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.client, name)

    client: Any = SlowForTheFirst(keys.client)
    keys.client = client
    lines = "".join(f"{LEGACY},consumer-{number}\n" for number in range(20))
    result = result_of(keys, write(f"key,consumer\n{lines}"), exit_code=6)
    assert (result["imported"], result["failed"]) == (1, 19)
    assert keys.json("list")[0]["consumer"] == "consumer-0"


def test_a_key_without_data_gets_that_of_its_consumer(keys: KeysCommand, write: Callable[..., str]) -> None:
    keys.run("consumer", "create", "acme", "--data", '{"plan": "gold"}')
    result_of(keys, write(f"key,consumer\n{LEGACY},acme\n"))
    assert keys.json("list")[0]["data"] == {"plan": "gold"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "CSV has empty lines left out"),
        ("short,acme,,,,", "16 to 512"),
        (f"{LEGACY} x,acme,,,,", "16 to 512"),
        (f"{'x' * 513},acme,,,,", "16 to 512"),
        ("sk_live_0123456789abcdéf,acme,,,,", "16 to 512"),
        (f"{LEGACY},,,,,", "name"),
        (f"{LEGACY},a\x07b,,,,", "name"),
        (",acme,,,,", "either key or sha256"),
        (f"{LEGACY},acme,{'ab' * 32},,,", "either key or sha256"),
        (",acme,abcd,,,", "64 hexadecimal"),
        (f"{LEGACY},acme,,[1],,", "JSON object"),
        (f"{LEGACY},acme,,{{,,", "not JSON"),
        (f'{LEGACY},acme,,,"a ""b",', "scope"),
        (f"{LEGACY},acme,,,,tomorrow", "expires_at"),
        (f"{LEGACY},acme,,,,2030-01-31T00:00:00", "expires_at"),
        (f"{LEGACY},acme,,,,-1", "expires_at"),
        (f"{LEGACY},acme,,,,,x", "7, but the number of columns is 6"),
        (f"{LEGACY}", "1, but the number of columns is 6"),
        ("mak_0123456789abcdef,acme,,,,", "begins with mak_"),
        (f"{LEGACY}\udcff,acme,,,,", "--encoding cp1252"),
        (f"{LEGACY},acme\udcff,,,,", "--encoding cp1252"),
    ],
)
def test_a_bad_line_is_reported_and_the_others_are_imported(
    keys: KeysCommand, write: Callable[..., str], line: str, reason: str
) -> None:
    heading = "key,consumer,sha256,data,scopes,expires_at\n"
    file = write(f"{heading}{line}\nsk_live_another_good_key,acme,,,,\n")
    if not line:
        assert result_of(keys, file)["imported"] == 1
        return
    result = result_of(keys, file, exit_code=6)
    assert (result["imported"], result["failed"]) == (1, 1)
    assert result["failures"][0]["line"] == 2
    assert reason in result["failures"][0]["reason"]
    assert LEGACY not in json.dumps(result)


BAD_MEMBERS: list[dict[str, Any]] = [
    {"x": 1},
    {"scopes": "a\nb"},
    {"scopes": [1]},
    {"tags": []},
    {"tags": {"a": 1}},
    {"enabled": "perhaps"},
    {"expires_at": 1.5},
    {"expires_at": True},
    {"created_at": 10**15},
    {"hint": "x" * 26},
    {"data": "[]"},
]


@pytest.mark.parametrize(
    "line",
    [
        *("[]", "1", "{", '{"consumer": "acme"}', '{"consumer": 1.5, "key": "0123456789abcdef"}'),
        *(json.dumps({"consumer": "acme", "key": LEGACY, **members}) for members in BAD_MEMBERS),
    ],
)
def test_a_bad_json_line_is_reported(keys: KeysCommand, write: Callable[..., str], line: str) -> None:
    result = result_of(keys, write(f"\n{line}\n", "keys.jsonl"), exit_code=6)
    assert [failure["line"] for failure in result["failures"]] == [2]
    assert LEGACY not in json.dumps(result)
    assert not keys.items()


@pytest.mark.parametrize("heading", ["", "key", "consumer,key,key", "consumer,key,password", "a;b"])
def test_a_file_without_a_right_heading_is_refused(keys: KeysCommand, write: Callable[..., str], heading: str) -> None:
    result = keys.run("import", write(f"{heading}\nx,y\n"))
    assert result.exit_code == 2
    assert "column" in result.stderr


def test_a_file_that_stops_being_csv_is_told_with_the_line(keys: KeysCommand, write: Callable[..., str]) -> None:
    result = keys.run("import", write(f'key,consumer\n{LEGACY},acme\n"{LEGACY}x"y,acme\n'))
    assert result.exit_code == 2
    assert "begins in line 3 is not valid CSV" in result.stderr
    assert "1 imported" in result.stderr


def test_a_byte_order_mark_and_carriage_returns_do_no_harm(keys: KeysCommand, write: Callable[..., str]) -> None:
    assert result_of(keys, write(f"\ufeffkey,consumer\r\n{LEGACY},acme\r\n"))["imported"] == 1


def test_keys_can_come_from_standard_input(keys: KeysCommand) -> None:
    result = keys.json("import", "-", "--format", "csv", stdin=f"key,consumer\n{LEGACY},acme\n")
    assert result["imported"] == 1
    assert keys.run("import", "-", stdin="x").exit_code == 2


def test_a_dry_run_checks_and_writes_nothing(keys: KeysCommand, write: Callable[..., str]) -> None:
    result = result_of(keys, write(f"key,consumer\n{LEGACY},acme\nshort,acme\n"), "--dry-run", exit_code=6)
    assert (result["imported"], result["failed"], result["dry_run"]) == (1, 1, True)
    assert not keys.items()


def test_all_failures_are_in_the_report(keys: KeysCommand, write: Callable[..., str], tmp_path: Path) -> None:
    report = tmp_path / "failed.jsonl"
    result = keys.run("import", write("key,consumer\n" + "short,acme\n" * 30), "--report", str(report))
    assert result.exit_code == 6
    assert result.stderr.count("Line ") == 20
    assert f"... and 10 more. All of them are in {report}." in result.stderr
    assert "specify --report" not in result.stderr
    lines = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    assert [line["line"] for line in lines] == list(range(2, 32))


def test_many_keys_of_many_consumers_are_imported(keys: KeysCommand, write: Callable[..., str]) -> None:
    lines = "".join(f"legacy-key-{number:08},consumer-{number % 40}\n" for number in range(300))
    assert result_of(keys, write(f"key,consumer\n{lines}"))["imported"] == 300
    assert len(keys.json("consumer", "list")) == 40


def test_a_table_at_its_limit_is_waited_for(keys: KeysCommand, write: Callable[..., str]) -> None:
    class Throttled:
        def __init__(self, client: Any) -> None:
            self.client = client
            self.left = 8

        def __getattr__(self, name: str) -> Any:
            if name in ("get_item", "put_item", "transact_write_items") and self.left > 0:
                self.left -= 1
                code = "ProvisionedThroughputExceededException"
                raise ClientError({"Error": {"Code": code, "Message": ""}}, "PutItem")
            return getattr(self.client, name)

    client: Any = Throttled(keys.client)
    keys.client = client
    lines = f"{LEGACY},acme\n{LEGACY}x,acme\n{LEGACY}y,beta\n"
    assert result_of(keys, write(f"key,consumer\n{lines}"))["imported"] == 3
    assert client.left == 0


def test_an_import_that_aws_stops_can_be_taken_up_again(keys: KeysCommand, write: Callable[..., str]) -> None:
    class Stopped:
        def __init__(self, client: Any) -> None:
            self.client = client
            self.left = 100

        def __getattr__(self, name: str) -> Any:
            self.left -= 1
            if self.left < 0:
                raise ClientError({"Error": {"Code": "ExpiredTokenException", "Message": ""}}, "PutItem")
            return getattr(self.client, name)

    lines = "".join(f"legacy-key-{number:08},acme\n" for number in range(500))
    file = write(f"key,consumer\n{lines}")
    working = keys.client
    client: Any = Stopped(working)
    keys.client = client
    stopped = keys.run("import", file)
    assert stopped.exit_code == 1
    assert "Sign in again" in stopped.stderr
    keys.client = working
    result = result_of(keys, file)
    assert 0 < result["already_there"] < 500
    assert result["imported"] + result["already_there"] == 500


class Endless(io.RawIOBase):
    """An endless file that counts the bytes read from it."""

    def __init__(self, first: bytes, line: bytes) -> None:
        self.read_bytes = 0
        self._first, self._line = first, line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._first if not self.read_bytes else self._line
        buffer[: len(data)] = data
        self.read_bytes += len(data)
        return len(data)


@pytest.mark.parametrize(
    ("suffix", "first", "line"),
    [
        (".csv", "key,consumer\n", f"{LEGACY},acme\n"),
        (".jsonl", "\n", json.dumps({"key": LEGACY, "consumer": "acme"}) + "\n"),
        (".json", "[", json.dumps({"key": LEGACY, "consumer": "acme"}) + ",\n"),
    ],
)
def test_a_file_is_read_as_far_as_its_lines_are_needed(suffix: str, first: str, line: str) -> None:
    file = Endless(first.encode(), line.encode())
    stream: Any = io.BufferedReader(file)
    lines = rows.read(formats.read(stream, suffix, formats.FormatOptions()), rows.Options(), "mak", print)
    assert next(lines).row
    assert file.read_bytes < 300_000


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_has_all_keys_and_no_secret(keys: KeysCommand, form: str) -> None:
    created = [keys.create("--scopes", "a,b", "--tag", "x=y", consumer=name) for name in ("acme", "beta")]
    text = keys.run("export", "--format", form).stdout
    lines = csv.DictReader(io.StringIO(text)) if form == "csv" else map(json.loads, text.splitlines())
    exported: dict[str, Any] = {line["key_id"]: line for line in lines}
    assert exported.keys() == {key["key_id"] for key in created}
    assert exported[created[0]["key_id"]]["consumer"] == "acme"
    assert exported[created[0]["key_id"]]["scopes"] == ("a b" if form == "csv" else ["a", "b"])
    for key in created:
        assert key["key"] not in text
        assert api_key.digest(key["key"]) not in text


def test_an_export_can_be_of_one_consumer(keys: KeysCommand) -> None:
    keys.create()
    key_id = keys.create(consumer="beta")["key_id"]
    (line,) = keys.run("export", "--consumer", "beta").stdout.splitlines()
    assert json.loads(line)["key_id"] == key_id
