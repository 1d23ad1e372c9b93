"""Import files of other systems, in other encodings and with other column names."""

import base64
import bz2
import gzip
import hashlib
import json
import lzma
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keys.core import fields
from keys.core.errors import BadInput
from keys.transfer.sources import SOURCES
from tests.support.keys_command import KeysCommand

KEY = "apikey1234abcdefghij0123456789"
DIGEST = hashlib.sha256(KEY.encode())


@pytest.fixture
def bring(keys: KeysCommand, tmp_path: Path) -> Callable[..., Any]:
    """Imports a file with this content. Returns the JSON output."""

    def brought(content: str | bytes, *arguments: str, name: str = "keys.csv", exit_code: int = 0) -> Any:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        result = keys.run("import", str(file), *arguments, "-o", "json")
        assert result.exit_code == exit_code, result.stderr
        assert KEY not in result.output
        return json.loads(result.stdout) if result.stdout else result.stderr

    return brought


@pytest.mark.parametrize(
    "content",
    [
        f"Key,name\n{KEY},First\n",
        f"Name,key,description,Enabled,usageplanIds\nFirst,{KEY},An imported key,TRUE,c7y23b\n",
        f'Enabled,Name,key,UsageplanIds\ntrue,First,{KEY},"c7y23b,glvrsr"\n',
        f"Enabled,Name,key,UsageplanIds\ntrue,First,{KEY},'c7y23b,glvrsr'\n",
        f"KEY,NAME,Owner,Stage\n{KEY},First,me,prod\n",
    ],
)
def test_api_gateways_own_file_is_read_as_it_is(keys: KeysCommand, bring: Callable[..., Any], content: str) -> None:
    answer = bring(content)
    assert (answer["imported"], answer["failed"]) == (1, 0)
    assert "Amazon API Gateway's API key file" in answer["notices"][0]
    assert keys.json("verify", "--imported", stdin=KEY)["sub"] == "First"


def api_keys(*, with_values: bool = True, created: object = "2023-11-14T22:13:20+00:00") -> dict[str, Any]:
    item = {
        "id": "abc123",
        **({"value": KEY} if with_values else {}),
        "name": "First",
        "description": "of the\nold API",
        "enabled": True,
        "createdDate": created,
        "lastUpdatedDate": created,
        "stageKeys": ["x/prod"],
        "tags": {"aws:cloudformation:stack-name": "old", "cost centre": "a+b@c"},
    }
    return {"items": [item]}


@pytest.mark.parametrize("created", ["2023-11-14T22:13:20+00:00", 1700000000.0, 1700000000, 1700000000000])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("indent", [None, 4])
def test_get_api_keys_is_read_as_it_is(
    keys: KeysCommand, bring: Callable[..., Any], created: object, encoding: str, indent: int | None
) -> None:
    text = json.dumps(api_keys(created=created), indent=indent)
    assert bring(text.encode(encoding), name="keys.json")["imported"] == 1
    (key,) = keys.json("list")
    assert (key["consumer"], key["created_at"], key["description"]) == (
        "First",
        "2023-11-14T22:13:20Z",
        "of the old API",
    )
    assert key["tags"]["cost centre"] == "a+b@c"


def test_get_api_keys_without_the_keys_says_how_to_get_them(bring: Callable[..., Any]) -> None:
    answer = bring(json.dumps(api_keys(with_values=False)), name="keys.json", exit_code=6)
    assert "--include-values" in answer["failures"][0]["reason"]


@pytest.mark.parametrize(
    "written",
    [
        DIGEST.hexdigest(),
        DIGEST.hexdigest().upper(),
        f"\\x{DIGEST.hexdigest()}",
        f"0x{DIGEST.hexdigest()}",
        base64.b64encode(DIGEST.digest()).decode(),
        base64.b64encode(DIGEST.digest()).decode().rstrip("="),
        base64.urlsafe_b64encode(DIGEST.digest()).decode(),
        f"sha256:{DIGEST.hexdigest()}",
        f"sha256-{base64.b64encode(DIGEST.digest()).decode()}",
        base64.urlsafe_b64encode(DIGEST.digest()).decode().rstrip("="),
    ],
)
def test_a_hash_is_read_however_it_is_written(keys: KeysCommand, bring: Callable[..., Any], written: str) -> None:
    assert bring(f"sha256,consumer\n{written},acme\n")["imported"] == 1
    assert keys.json("verify", "--imported", stdin=KEY)["sub"] == "acme"


def test_every_hash_is_read_from_base64() -> None:
    for number in range(300):
        digest = hashlib.sha256(str(number).encode())
        assert fields.parse_digest(base64.b64encode(digest.digest()).decode()) == digest.hexdigest()


@pytest.mark.parametrize("written", ["", "ab" * 31, "g" * 64, "A" * 42, "A" * 44, f"{DIGEST.hexdigest()}0", "$2b$10$x"])
def test_what_is_no_sha256_is_refused(written: str) -> None:
    with pytest.raises(BadInput, match="sha256"):
        fields.parse_digest(written)


@pytest.mark.parametrize(
    "value",
    [
        *(1893456000, "1893456000", 1893456000000, "1893456000000", 1893456000.0, "1893456000.5"),
        *("2030-01-01T00:00:00Z", "2030-01-01 01:00:00+01:00", "2030-01-01T00:00:00.000Z", "2030-01-01 00:00:00+00"),
        *("2030-01-01 00:00:00 UTC", "2030-01-01T00:00:00.123456789Z"),
    ],
)
def test_a_time_is_read_however_it_is_written(value: object) -> None:
    assert fields.parse_time(value, "expires_at") == 1893456000


@pytest.mark.parametrize(
    "value",
    [
        *("20300131", "2030", "47514", "0", 0, -1, True, "", "tomorrow", [], "9" * 19, 1e300, float("nan")),
        *("9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00", "1999-12-31T00:00:00Z", "2201-01-01T00:00:00Z"),
    ],
)
def test_a_time_that_nobody_can_mean_is_refused(value: object) -> None:
    with pytest.raises(BadInput, match="between the years 2000 and 2200"):
        fields.parse_time(value, "expires_at")


def test_a_time_without_an_offset_is_read_only_when_its_zone_is_said() -> None:
    with pytest.raises(BadInput, match="no UTC offset"):
        fields.parse_time("2030-01-01 00:00:00", "expires_at")
    assert fields.parse_time("2030-01-01 00:00:00", "expires_at", utc=True) == 1893456000
    assert fields.parse_time("2030-01-01", "expires_at", utc=True) == 1893456000


def test_a_key_that_expires_before_it_was_made_is_refused(bring: Callable[..., Any]) -> None:
    heading = "key,consumer,created_at,expires_at"
    answer = bring(f"{heading}\n{KEY},acme,2025-01-01T00:00:00Z,2024-01-01T00:00:00Z\n", exit_code=6)
    assert "not after created_at" in answer["failures"][0]["reason"]


TABLE = [["key", "consumer", "enabled"], [KEY, "Zoë", "t"], ["", "", ""], [f"{KEY}x", "Ann", "0"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_delimiters_and_encodings_are_recognised(
    keys: KeysCommand, bring: Callable[..., Any], delimiter: str, encoding: str, newline: str
) -> None:
    text = "".join(delimiter.join(row) + newline for row in TABLE)
    assert bring(text.encode(encoding))["imported"] == 2
    assert {(key["consumer"], key["state"]) for key in keys.json("list")} == {("Zoë", "active"), ("Ann", "disabled")}


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_is_read(bring: Callable[..., Any], compress: Callable[[bytes], bytes]) -> None:
    packed = compress("".join(",".join(row) + "\n" for row in TABLE).encode())
    assert bring(packed, name="keys.csv.gz")["imported"] == 2
    assert "truncated or damaged" in str(bring(packed[:-20], name="keys.csv.gz", exit_code=2))


def test_another_encoding_is_named(keys: KeysCommand, bring: Callable[..., Any]) -> None:
    latin = "".join(",".join(row) + "\n" for row in TABLE).encode("latin-1")
    answer = bring(latin, exit_code=6)
    assert "--encoding" in answer["failures"][0]["reason"]
    assert bring(latin, "--encoding", "latin-1")["imported"] == 1
    assert keys.run("import", "-", "--encoding", "klingon", stdin="").exit_code == 2


def test_a_spreadsheet_is_read_with_its_odd_lines_or_named(bring: Callable[..., Any]) -> None:
    assert bring(f"sep=;\r\nkey;consumer;;\r\n{KEY};acme;;\r\n;;;\r\n", exit_code=2)
    assert bring(f"sep=;\r\nkey;consumer\r\n{KEY};acme;;\r\n;;;\r\n")["imported"] == 1
    assert "save it as text" in str(bring(b"PK\x03\x04" + bytes(50), name="keys.xlsx", exit_code=2))


@pytest.mark.parametrize(
    ("word", "state"),
    [("true", "active"), ("T", "active"), ("1", "active"), ("no", "disabled"), ("f", "disabled"), ("0", "disabled")],
)
def test_words_for_enabled(keys: KeysCommand, bring: Callable[..., Any], word: str, state: str) -> None:
    bring(f"key,consumer,enabled\n{KEY},acme,{word}\n")
    assert keys.json("list")[0]["state"] == state


@pytest.mark.parametrize("scopes", ["a b", "a,b", '["a", "b"]', "{a,b}", '{"a","b"}'])
def test_lists_of_scopes(keys: KeysCommand, bring: Callable[..., Any], scopes: str) -> None:
    cell = '"' + scopes.replace('"', '""') + '"'
    bring(f"key,consumer,scopes\n{KEY},acme,{cell}\n")
    assert keys.json("list")[0]["scopes"] == ["a", "b"]


def test_columns_are_named_on_the_command_line(keys: KeysCommand, bring: Callable[..., Any]) -> None:
    own = f"ID;User;Token;Plan;Region\n7;Ann;{KEY};gold;NULL\n"
    maps = ["--map", "user=consumer", "--map", "Token=key", "--map", "plan=data.plan", "--map", "region=tags.region"]
    refused = bring(own, *maps, exit_code=2)
    assert "Unknown columns: 'ID'" in str(refused)
    assert bring(own, *maps, "--ignore-unknown")["imported"] == 1
    (key,) = keys.json("list")
    assert (key["consumer"], key["data"], key["tags"]) == ("Ann", {"plan": "gold"}, {})


def test_a_member_within_another_is_named_by_its_path(keys: KeysCommand, bring: Callable[..., Any]) -> None:
    text = json.dumps([{"key": KEY, "owner": {"name": "Ann", "id": 4}, "tags": {"a": "b"}}])
    bring(text, "--map", "owner.name=consumer", name="keys.json")
    assert keys.json("list")[0]["consumer"] == "Ann"


@pytest.mark.parametrize("said", ["x", "x=", "=key", "x=password", "x=data."])
def test_a_map_of_another_form_is_refused(keys: KeysCommand, said: str) -> None:
    result = keys.run("import", "-", "--map", said, stdin="")
    assert result.exit_code == 2
    assert "THEIRS=OURS" in result.stderr


def test_an_unknown_column_is_named_with_what_it_may_be(bring: Callable[..., Any]) -> None:
    answer = str(bring(f"key,consumer,scope\n{KEY},acme,a\n", exit_code=2))
    assert "'scope' (similar to scopes)" in answer


def test_a_file_without_a_heading_is_refused_and_its_key_not_repeated(keys: KeysCommand) -> None:
    result = keys.run("import", "-", stdin=f"{KEY},acme\n")
    assert result.exit_code == 2
    assert KEY not in result.output


def test_names_that_look_the_same_are_the_same(keys: KeysCommand, bring: Callable[..., Any]) -> None:
    bring(f"key,consumer\n{KEY},Zoe\u0308\n{KEY}x,Zo\u00eb\n")
    assert [consumer["name"] for consumer in keys.json("consumer", "list")] == ["Zo\u00eb"]


def test_a_hint_is_never_the_key(keys: KeysCommand, bring: Callable[..., Any]) -> None:
    lines = [{"key": "legacykey0123456789ABCD", "hint": "legacykey0123456789ABCD"}, {"key": KEY, "hint": "apikey1234"}]
    bring("\n".join(json.dumps({"consumer": "acme", **line}) for line in lines), name="keys.jsonl")
    assert {key["hint"] for key in keys.json("list")} == {"lega", "apik"}


def test_a_refused_line_makes_no_consumer(keys: KeysCommand, bring: Callable[..., Any]) -> None:
    bring(f"key,consumer\n{KEY},first\n")
    bring(f"key,consumer\n{KEY},second\nshort,third\n", exit_code=6)
    assert [consumer["name"] for consumer in keys.json("consumer", "list")] == ["first"]


def test_a_line_that_would_disable_an_active_key_is_refused(bring: Callable[..., Any]) -> None:
    bring(f"key,consumer\n{KEY},acme\n")
    answer = bring(f"key,consumer,enabled\n{KEY},acme,false\n", exit_code=6)
    assert "state (the file says disabled)" in answer["failures"][0]["reason"]


@pytest.mark.parametrize("end", ["revoke", "delete", "consumer"])
def test_an_ended_key_stays_ended(keys: KeysCommand, bring: Callable[..., Any], end: str) -> None:
    content = f"key,consumer\n{KEY},acme\n"
    bring(content)
    (key,) = keys.json("list")
    if end == "consumer":
        keys.run("consumer", "delete", "acme", "--with-keys", "--yes")
    else:
        keys.run(end, key["key_id"], "--yes")
    assert "delete_after" not in keys.items()[0]
    answer = bring(content)
    assert (answer["imported"], answer["ended"]) == (0, 1)
    assert keys.run("verify", "--imported", stdin=KEY).exit_code == 5
    assert bring(content, "--dry-run", "--table", "T")["ended"] == 1


def test_a_deleted_digest_is_forgotten_when_it_is_named(keys: KeysCommand, bring: Callable[..., Any]) -> None:
    content = f"key,consumer\n{KEY},acme\n"
    bring(content)
    keys.run("delete", keys.json("list")[0]["key_id"], "--yes")
    assert keys.run("delete", DIGEST.hexdigest(), "--yes").exit_code == 0
    assert bring(content)["imported"] == 1


@pytest.mark.parametrize("accepted", [False, True, None])
def test_what_the_authorizer_would_not_look_up_is_said(
    keys: KeysCommand, tmp_path: Path, accepted: bool | None
) -> None:
    file = tmp_path / "keys.csv"
    file.write_text(f"key,consumer\n{KEY},acme\n", encoding="utf-8")
    app = keys.app()
    app.target.accept_imported = accepted
    from click.testing import CliRunner

    from keys.cli.main import main

    result = CliRunner().invoke(main, ["import", str(file)], obj=app)
    assert ("AcceptImportedKeys=true" in result.stderr) == (accepted is not True)


def test_a_dry_run_says_what_the_run_does(keys: KeysCommand, bring: Callable[..., Any]) -> None:
    bring(f"key,consumer\n{KEY},acme\n{KEY}1,acme\n{KEY}2,acme\n")
    keys.run("revoke", keys.json("list")[0]["key_id"], "--yes")
    content = (
        f"key,consumer,scopes\n{KEY},acme,\n{KEY}1,acme,\n{KEY}2,other,\n{KEY}3,new,a\n{KEY}3,new,\n{KEY}3,new,b\n"
        f"short,new,\n{KEY}4,new,\n"
    )
    before = keys.items()
    dry = bring(content, "--dry-run", "--table", "T", exit_code=6)
    assert keys.items() == before
    real = bring(content, exit_code=6)
    assert {**dry, "dry_run": None, "notices": None} == {**real, "dry_run": None, "notices": None}
    assert (real["imported"], real["already_there"], real["ended"], real["failed"]) == (2, 2, 1, 3)


def test_a_report_is_never_the_file_and_never_emptied_for_nothing(
    keys: KeysCommand, bring: Callable[..., Any], tmp_path: Path
) -> None:
    file, report = tmp_path / "keys.csv", tmp_path / "old.jsonl"
    content = f"key,consumer\n{KEY},acme\nshort,acme\n"
    assert "is the file to import" in str(bring(content, "--report", str(file), exit_code=2))
    assert file.read_text(encoding="utf-8") == content
    report.write_text("what was there\n", encoding="utf-8")
    keys.run("import", str(file), "--report", str(report), "--format", "nonsense")
    assert report.read_text(encoding="utf-8") == "what was there\n"
    bring(content, "--report", str(report), exit_code=6)
    assert json.loads(report.read_text(encoding="utf-8"))["line"] == 3
    assert not [path for path in tmp_path.iterdir() if path not in (file, report)]


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_file_that_breaks_off_is_told_with_the_records_first_line(
    keys: KeysCommand, tmp_path: Path, output: str
) -> None:
    file, report = tmp_path / "keys.csv", tmp_path / "failed.jsonl"
    lines = f'{KEY},acme\nshort,acme\n{KEY}x,"acme\n' + "another,line\n" * 30
    file.write_text(f"key,consumer\n{lines}", encoding="utf-8")
    result = keys.run("import", str(file), "--report", str(report), "-o", output)
    assert result.exit_code == 2
    assert "begins in line 4" in result.stderr
    assert json.loads(report.read_text(encoding="utf-8"))["line"] == 3
    if output == "json":
        answer = json.loads(result.stdout)
        assert (answer["imported"], answer["failed"]) == (1, 1)
        assert "begins in line 4" in answer["stopped"]
    else:
        assert "1 imported, 0 already there, 1 failed." in result.stderr


INTERRUPTED = """
    import os, signal, sys, threading
    from moto import mock_aws
    from keys.cli.main import main
    from tests.support.keys_command import KeysCommand
    from tests.support.table_schema import create_table_arguments, dynamodb_client, load_template

    class Slow:
        def __init__(self, client):
            self.client, self.left = client, 40
        def transact_write_items(self, **arguments):
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGINT)
            return self.client.transact_write_items(**arguments)
        def __getattr__(self, name):
            return getattr(self.client, name)

    with mock_aws():
        client = dynamodb_client()
        client.create_table(TableName="T", **create_table_arguments(load_template()))
        app = KeysCommand(Slow(client), "T").app()
        try:
            main(["import", "-", "-o", "json"], obj=app)
        finally:
            count = len(client.scan(TableName="T")["Items"])
            print(count - 1, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are others there")
@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupted_import_from_standard_input_tells_what_was_done(sent: str) -> None:
    lines = "".join(f"{KEY}{number},acme\n" for number in range(5_000))
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED).replace("SIGINT", sent)],
        input=f"key,consumer\n{lines}",
        env={**os.environ, "PYTHONPATH": "src:."},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    answer, count = child.stdout.splitlines()
    stopped = json.loads(answer)
    assert stopped["stopped"] == "Interrupted."
    assert 0 < stopped["imported"] == int(count) < 5_000
    assert child.returncode == 1
    assert "Traceback" not in child.stderr


def test_the_end_is_told_when_nobody_reads_the_result() -> None:
    never = INTERRUPTED.replace("if not self.left", "if self.left < -1_000_000").replace(
        "print(count - 1, flush=True)", "pass"
    )
    script = textwrap.dedent(never)
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "src:."},
    ) as child:
        assert child.stdin
        assert child.stdout
        assert child.stderr
        child.stdout.close()
        child.stdin.write(f"key,consumer\n{KEY},acme\n".encode())
        child.stdin.close()
        said = child.stderr.read().decode()
    assert "1 imported" in said, said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["keys.csv", "keys.jsonl"])
def test_a_line_without_an_end_takes_no_memory(bring: Callable[..., Any], name: str) -> None:
    answer = bring(b"key,consumer\n" + b"x" * (3 << 20), name=name, exit_code=2)
    assert "longer than" in answer["stopped"]


def test_blank_lines_and_blanks_around_cells_do_no_harm(bring: Callable[..., Any]) -> None:
    assert bring(f"\r\n\nkey ; consumer\r\n {KEY} ; acme \r\n")["imported"] == 1


def test_kongs_answer_is_read_with_the_consumers_id(keys: KeysCommand, bring: Callable[..., Any]) -> None:
    credential = {"id": "c1", "key": KEY, "consumer": {"id": "u1"}, "created_at": 1700000000, "tags": None, "ttl": None}
    text = json.dumps({"data": [credential], "next": None})
    answer = bring(text, "--map", "consumer.id=consumer", "--ignore-unknown", name="kong.json")
    assert "Ignored columns: id." in answer["notices"]
    assert keys.json("list")[0]["consumer"] == "u1"


def test_every_source_gives_a_consumer_and_a_key() -> None:
    for source in SOURCES:
        ours = set(source.columns.values())
        assert "consumer" in ours
        assert len(ours & {"key", "sha256"}) == 1
        assert set(source.identifying_columns) & set(source.columns)


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"", "keys.csv", "The file is empty."),
        (b"\n \n", "keys", "The file is empty."),
        (b"", "keys.json", "The file is empty."),
        (b"\x7fELF\x02\x01\x00\x00\xff", "keys.csv", "The file is not text."),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "keys", "The file is not text."),
    ],
)
def test_an_empty_or_binary_file_is_named_as_such(
    bring: Callable[..., Any], content: bytes, name: str, told: str
) -> None:
    assert bring(content, name=name, exit_code=2)["stopped"].startswith(told)


def test_a_file_without_a_record_leaves_nothing_to_repeat(keys: KeysCommand) -> None:
    assert keys.run("import", "-", stdin="").stderr == "Error: The file is empty.\n"


def test_an_empty_export_is_imported_as_nothing(bring: Callable[..., Any]) -> None:
    assert bring(b"", name="keys.jsonl")["imported"] == 0


def test_a_column_that_is_mapped_twice_is_refused(bring: Callable[..., Any]) -> None:
    answer = bring(f"a,b\n{KEY},acme\n", "--map", "a=key", "--map", "b=consumer", "--map", "A=hint", exit_code=2)
    assert "--map A=hint: the column 'A' is mapped twice" in answer


@pytest.mark.parametrize(
    ("hashed", "told"),
    [
        ("$2b$12$LQv3c1yqBWVHxkd0LHAkCOYz6TtxMQJqhN8/LewKyNiAYMyzJ/I1K", "sha256 is a bcrypt hash"),
        ("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub", "sha256 is an Argon2 hash"),
    ],
)
def test_a_hash_that_cannot_be_imported_is_named(bring: Callable[..., Any], hashed: str, told: str) -> None:
    answer = bring(json.dumps({"consumer": "acme", "sha256": hashed}), name="keys.jsonl", exit_code=6)
    assert told in answer["failures"][0]["reason"]


def test_a_truncated_object_is_not_valid_json(keys: KeysCommand) -> None:
    result = keys.run("import", "-", stdin='{"consumer": "acme",\n')
    assert result.exit_code == 2
    assert "The file is not valid JSON." in result.stderr
    whole = keys.run("import", "-", stdin='{"consumer":\n"acme"}')
    assert "must be a list of objects" in whole.stderr


def test_a_broken_list_is_to_be_corrected_before_the_next_import(keys: KeysCommand) -> None:
    result = keys.run("import", "-", stdin=json.dumps([{"consumer": "acme", "key": KEY}])[:-1] + "oops")
    assert result.exit_code == 2
    assert "The text after item 1 is not valid JSON." in result.stderr
    assert "Correct the file, then run the same command again." in result.stderr
    assert "remaining lines" not in result.stderr


@pytest.mark.parametrize("dry", [True, False])
def test_consumers_that_exist_are_named_and_the_others_counted(
    keys: KeysCommand, bring: Callable[..., Any], dry: bool
) -> None:
    keys.run("consumer", "create", "batch")
    keys.run("consumer", "create", "unused")
    content = f'key,consumer\n{KEY}1,new\n{KEY}2,"batch "\n{KEY}3,new\n{KEY}4,batch\nshort,unused\n'
    arguments = ("--dry-run", "--table", "T") if dry else ()
    answer = bring(content, *arguments, exit_code=6)
    assert (answer["new_consumers"], answer["existing_consumers"]) == (1, 1)
    assert answer["existing_consumer_names"] == ["batch"]


@pytest.mark.parametrize(("dry", "verb"), [(True, "would get"), (False, "got")])
def test_the_first_existing_consumers_are_named_in_the_text(keys: KeysCommand, dry: bool, verb: str) -> None:
    for number in range(12):
        keys.run("consumer", "create", f"c{number:02}")
    content = "key,consumer\n" + "".join(f"{KEY}{number},c{number:02}\n" for number in range(12))
    arguments = ("--dry-run", "--table", "T") if dry else ()
    result = keys.run("import", "-", *arguments, stdin=content)
    assert f"New consumers: 0. Existing consumers that {verb} keys: 12 ('c00', " in result.stdout
    assert "'c09' and 2 more)." in result.stdout


def test_consumers_of_an_export_are_counted_as_those_of_other_files(
    keys: KeysCommand, bring: Callable[..., Any]
) -> None:
    lines = [
        {"type": "consumer", "name": "new"},
        *({"type": "key", "sha256": f"{name * 2:0>64}", "consumer": name * 3} for name in ("a", "b")),
    ]
    keys.run("consumer", "create", "aaa")
    lines[-1]["consumer"] = "new"
    answer = bring("\n".join(map(json.dumps, lines)), name="backup.jsonl")
    assert (answer["new_consumers"], answer["existing_consumer_names"]) == (1, ["aaa"])


def test_lines_of_ended_keys_are_listed_with_what_restores_a_deleted_one(
    keys: KeysCommand, bring: Callable[..., Any], tmp_path: Path
) -> None:
    content = f"key,consumer\n{KEY}1,acme\n{KEY}2,acme\n{KEY}3,acme\n"
    bring(content)
    by_digest = {item["pk"]["S"]: item for item in keys.items()}
    revoked, deleted = (hashlib.sha256(f"{KEY}{number}".encode()).hexdigest() for number in (2, 3))
    assert {revoked, deleted} < by_digest.keys()
    keys.run("revoke", revoked, "--yes")
    keys.run("delete", deleted, "--yes")
    report = tmp_path / "failed.jsonl"
    answer = bring(content, "--report", str(report))
    assert answer["ended_lines"] == [
        {"line": 3, "state": "revoked", "reason": "This key is revoked in the table."},
        {"line": 4, "state": "deleted", "reason": "This key is deleted in the table."},
    ]
    assert [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()] == answer["ended_lines"]
    shown = keys.run("import", "-", stdin=content).stderr
    assert "Keys that are already revoked, expired or deleted: line 3, 4.\n" in shown
    assert "To import a deleted key again, first run `keys delete DIGEST`" in shown
    keys.run("delete", deleted, "--yes")
    assert "keys delete" not in keys.run("import", "-", stdin=content).stderr


def test_many_ended_keys_are_not_all_in_the_text(keys: KeysCommand, tmp_path: Path) -> None:
    lines = "".join(f"{KEY}{number},acme,2001-01-01T00:00:00Z\n" for number in range(13))
    keys.run("import", "-", stdin=f"key,consumer,expires_at\n{lines}")
    keys.clock.now += 60
    shown = keys.run("import", "-", stdin=f"key,consumer,expires_at\n{lines}").stderr
    assert ": line 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 3 more. To save all of them, specify --report FILE.\n" in shown
    report = tmp_path / "failed.jsonl"
    shown = keys.run("import", "-", "--report", str(report), stdin=f"key,consumer,expires_at\n{lines}").stderr
    assert f" and 3 more. All of them are in {report}.\n" in shown
    assert len(report.read_text(encoding="utf-8").splitlines()) == 13


def test_a_conflict_within_a_file_is_not_said_to_be_in_the_table(bring: Callable[..., Any]) -> None:
    answer = bring(f"key,consumer\n{KEY},acme\n{KEY},other\n", "--dry-run", exit_code=6)
    assert answer["failures"][0]["reason"].startswith(
        "Conflict: this key exists in the table or earlier in the file with another consumer."
    )


def test_an_unknown_column_next_to_known_ones_is_named_unless_it_can_be_a_key(keys: KeysCommand) -> None:
    result = keys.run("import", "-", stdin="consumer,key,Customer Reference 12345,sk_live_0123456789abcdef\na,b,c,d\n")
    assert result.exit_code == 2
    assert "Unknown columns: 'Customer Reference 12345', one that is not shown, because it might" in result.stderr
    assert "sk_live" not in result.output


def test_names_of_unknown_columns_are_listed_unless_one_can_be_a_key(keys: KeysCommand) -> None:
    def refused(heading: str) -> str:
        result = keys.run("import", "-", stdin=f"{heading}\nx,y\n")
        assert result.exit_code == 2
        return result.stderr

    assert "The names read are 'user', 'api_key', 'Valid until'." in refused("user,api_key,Valid until")
    assert "'j' and 2 more." in refused("a,b,c,d,e,f,g,h,i,j,k,l")
    for data in ("acme,averylongkeywithoutdigits", "acme,pa55word", "acme,a$b", "acme;x,y/z"):
        shown = refused(data)
        assert "The line is not shown, because it might have a key." in shown
        assert not any(text in shown for text in ("acme", "averylong", "pa55", "a$b", "y/z"))


@pytest.mark.parametrize("output", ["table", "json"])
def test_an_open_quotation_mark_is_to_be_corrected_first(keys: KeysCommand, output: str) -> None:
    result = keys.run("import", "-", "-o", output, stdin=f'key,consumer\n{KEY},acme\n"{KEY}x,acme\n')
    assert "a quotation mark is not closed. The rest was not read. First correct line 3." in result.stderr
    assert "Correct the file, then run the same command again." in result.stderr


def test_a_dry_run_without_a_table_does_not_say_which_consumers_exist(keys: KeysCommand) -> None:
    content = f"key,consumer\n{KEY},acme\n"
    answer = keys.json("import", "-", "--dry-run", "--profile", "p", stdin=content)
    assert answer["imported"] == 1
    assert [answer[name] for name in ("new_consumers", "existing_consumers", "existing_consumer_names")] == [None] * 3
    assert "onsumers" not in keys.run("import", "-", "--dry-run", "--profile", "p", stdin=content).stdout


def test_a_key_that_is_deleted_in_the_file_too_needs_no_remedy(keys: KeysCommand) -> None:
    line = json.dumps({"type": "deleted", "sha256": "ab" * 32, "deleted_at": "2026-01-01T00:00:00Z"})
    keys.run("import", "-", stdin=line)
    keys.clock.advance(60)
    again = keys.run("import", "-", stdin=line)
    assert "1 already revoked, expired or deleted" in again.stdout
    assert "Keys that are already revoked, expired or deleted: line 1." in again.stderr
    assert "keys delete" not in again.stderr
