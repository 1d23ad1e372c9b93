"""Every command of docs/keys.md for files and leaks, run on sample files."""

import csv
import gzip
import hashlib
import json
import shlex
import sqlite3
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.pages import blocks
from tests.support.keys_command import KeysCommand

HERE = "tests/keys/test_docs_files.py"
BLOCKS = blocks(Path("docs/keys.md"))
COMMANDS = [line for block in BLOCKS if HERE in (block.not_run or "") for line in block.text.splitlines()]
QUERIES = [block.text for block in BLOCKS if block.language == "sql"]
NOT_RUN = ("aws apigateway get-api-keys --include-values > api-keys.json", "git log -p | ")
"""Commands that need an account or a repository. The tests create their output files."""

TOKEN = "0123456789abcdefghijklmnopqrstuvwxyzABCD"
HASH = hashlib.sha256(TOKEN.encode())

SCHEMAS = """
    CREATE TABLE consumers (id, username);
    CREATE TABLE keyauth_credentials (id, consumer_id, key, created_at, ttl);
    CREATE TABLE keys (id, hash, start, key_auth_id, owner_id, name, meta, enabled, expires);
    CREATE TABLE personal_access_tokens (id, tokenable_type, tokenable_id, name, token, abilities, last_used_at,
        expires_at, created_at, updated_at);
"""


@pytest.fixture
def folder(keys: KeysCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with all files that the page names. The queries were run on tables of these systems."""
    database = sqlite3.connect(":memory:")
    database.executescript(SCHEMAS)
    database.execute("INSERT INTO consumers VALUES ('u1', 'kong-user')")
    database.execute(
        "INSERT INTO keyauth_credentials VALUES (?, ?, ?, ?, ?)", ("k1", "u1", TOKEN, "2023-11-14 22:13:20+00", None)
    )
    unkey = ("key_1", b64encode(HASH.digest()).decode(), "sk_3Za", "ks_1", "unkey-user", "n", '{"plan":"pro"}', 1, None)
    database.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", unkey)
    moment = "2023-11-14 22:13:20"
    sanctum = (1, "App\\Models\\User", 7, "phone", HASH.hexdigest(), '["read"]', None, None, moment, moment)
    database.execute("INSERT INTO personal_access_tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", sanctum)
    for name, query in zip(("kong.csv", "unkey.csv", "personal_access_tokens.csv"), QUERIES, strict=True):
        cursor = database.execute(query)
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(column[0] for column in cursor.description)
            writer.writerows(cursor)
    database.close()
    item = {"id": "a", "value": TOKEN, "name": "gateway-user", "enabled": True, "createdDate": "2023-11-14T22:13:20Z"}
    created = keys.create()
    own = "id,user,api_key,plan,valid_until\n1,own-user,{},gold,2030-01-01 00:00:00\n"
    files = {
        "legacy.csv": f"key,consumer\n{TOKEN},legacy-user\n",
        "api-keys.json": json.dumps({"items": [item]}, indent=4),
        "api-gateway.csv": f"Name,key,description,Enabled,usageplanIds\ncsv-user,{TOKEN},,TRUE,c7y23b\n",
        "own.csv": own.format(TOKEN),
        "own-hashed.csv": f"user,key_hash\nhashed-user,{HASH.hexdigest()}\n",
        "export.txt": "nothing\n",
        "build.log": "nothing\n",
        "keys-backup.jsonl": keys.run("export", "--with-digests").stdout,
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "app.log.gz").write_bytes(gzip.compress(f"nothing\n{created['key']}\n".encode()))
    monkeypatch.chdir(tmp_path)


def run(keys: KeysCommand, command: str) -> str:
    """The output of a line of the page, with its pipes and redirections."""
    text = ""
    for part in command.split(" | "):
        words, _, target = part.partition(" > ")
        name, *arguments = shlex.split(words)
        assert name == "keys", command
        result = keys.run(*arguments, stdin=text)
        assert result.exit_code == 0, result.output
        text = result.stdout
        if target:
            Path(target).write_text(text, encoding="utf-8")
    return text


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", [command for command in COMMANDS if not command.startswith(NOT_RUN)])
def test_a_command_of_the_page_does_what_it_says(keys: KeysCommand, command: str) -> None:
    run(keys, command)
    if command.startswith("keys import") and "backup" not in command and "--dry-run" not in command:
        assert keys.json("verify", "--imported", stdin=TOKEN)["accepted"] is True


WHO: dict[str, Callable[[str], bool]] = {
    "kong.csv": lambda name: name == "kong-user",
    "unkey.csv": lambda name: name == "unkey-user",
    "personal_access_tokens.csv": lambda name: name == "7",
    "api-keys.json": lambda name: name == "gateway-user",
    "own.csv": lambda name: name == "own-user",
    "own-hashed.csv": lambda name: name == "hashed-user",
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("file", WHO)
def test_the_consumer_is_who_the_other_system_says(keys: KeysCommand, file: str) -> None:
    (command,) = [command for command in COMMANDS if command.startswith(f"keys import {file} ")]
    run(keys, command)
    assert WHO[file](keys.json("verify", "--imported", stdin=TOKEN)["sub"])


@pytest.mark.usefixtures("folder")
def test_sanctums_trap_is_told_and_is_one(keys: KeysCommand) -> None:
    result = keys.run("import", "personal_access_tokens.csv", "--utc")
    assert "Clients must send that part alone" in result.stderr
    assert keys.run("verify", "--imported", stdin=f"1|{TOKEN}").exit_code == 5
    assert keys.json("verify", "--imported", stdin=TOKEN)["scopes"] == ["read"]


def test_nothing_of_the_page_is_left_out_but_what_needs_an_account() -> None:
    assert len([command for command in COMMANDS if command.startswith(NOT_RUN)]) == 2
