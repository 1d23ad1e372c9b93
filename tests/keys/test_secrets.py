"""The command `keys verify`."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from authorizer import api_key
from tests.support.keys_command import KeysCommand


def reason(keys: KeysCommand, token: str, *arguments: str) -> str:
    result = keys.run("verify", *arguments, stdin=token)
    assert result.exit_code == 5
    assert token not in result.output or not token
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if line[0] != " ")
    assert lines["Accepted"] == "no"
    return lines["Reason"]


def test_an_accepted_key_is_shown_as_the_identity_that_backends_get(keys: KeysCommand) -> None:
    created = keys.create("--data", '{"plan": "gold"}', "--scopes", "read")
    assert keys.json("verify", stdin=created["key"] + "\n") == {
        "accepted": True,
        "reason": None,
        "key_id": created["key_id"],
        "sub": "acme",
        "data": {"plan": "gold"},
        "scopes": ["read"],
        "plan": None,
    }


def test_a_refused_key_is_shown_with_the_authorizers_reason(keys: KeysCommand) -> None:
    created = keys.create("--expires-in", "1h")
    secret, key_id = created["key"], created["key_id"]
    assert reason(keys, secret[:-1]) == "malformed_key"
    assert reason(keys, api_key.generate("mak")) == "unknown_key"
    assert reason(keys, "eyJhbGciOiJub25lIn0.e30.") == "unrecognised"
    assert reason(keys, "two words") == "malformed_authorization"
    keys.run("disable", key_id)
    assert reason(keys, secret) == "disabled_key"
    keys.run("enable", key_id)
    keys.clock.advance(3600)
    assert reason(keys, secret) == "expired_key"
    keys.run("revoke", key_id, "--yes")
    assert reason(keys, secret) == "revoked_key"


@pytest.mark.parametrize("stdin", ["", "\n", "Authorization: Bearer\n", "Bearer"])
def test_without_input_there_is_nothing_to_verify(keys: KeysCommand, stdin: str) -> None:
    result = keys.run("verify", stdin=stdin)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "No key was read from standard input." in result.stderr


def test_a_key_of_another_format_is_looked_up_only_where_the_authorizer_does(keys: KeysCommand, tmp_path: Path) -> None:
    file = tmp_path / "legacy.csv"
    file.write_text("key,consumer\nsk_live_0123456789abcdef,acme\n", encoding="utf-8")
    keys.run("import", str(file))
    assert reason(keys, "sk_live_0123456789abcdef") == "unrecognised"
    assert keys.json("verify", "--imported", stdin="sk_live_0123456789abcdef")["sub"] == "acme"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_key_that_is_typed_is_not_echoed() -> None:
    controller, terminal = pty.openpty()
    arguments = ["verify", "--table", "x", "--prefix", "mak", "--region", "eu-central-1"]
    script = f"from keys.cli.main import main; main({arguments})"
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=terminal, stdout=terminal, stderr=terminal, env=environment
    ) as process:
        os.close(terminal)
        shown = b""
        while b"Key: " not in shown:
            shown += os.read(controller, 1024)
        os.write(controller, b"mak_typed\n")
        process.wait(20)
        shown += os.read(controller, 4096)
    os.close(controller)
    assert process.returncode == 5
    assert b"malformed_key" in shown
    assert b"mak_typed" not in shown


@pytest.mark.parametrize("before", ["Bearer ", "bearer  ", "Authorization: Bearer ", "authorization:bearer "])
def test_a_key_may_be_pasted_with_the_header_that_it_came_in(keys: KeysCommand, before: str) -> None:
    created = keys.create()
    assert keys.json("verify", stdin=f"{before}{created['key']}\n")["key_id"] == created["key_id"]


JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhY21lIn0."


@pytest.mark.parametrize(
    "credential", [api_key.generate("mak"), api_key.generate("my_prefix"), JWT], ids=["key", "other prefix", "jwt"]
)
@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "CREDENTIAL"],
        ["CREDENTIAL"],
        ["leak", "CREDENTIAL"],
        ["explain", "--jwt", "CREDENTIAL"],
        ["explain", "--jwt=CREDENTIAL"],
        ["show", "CREDENTIAL"],
        ["revoke", "CREDENTIAL", "--yes"],
        ["create", "--consumer", "acme", "--expires-in", "CREDENTIAL"],
        ["create", "--consumer", "acme", "--data", "CREDENTIAL"],
        ["consumer", "CREDENTIAL"],
        ["check", "CREDENTIAL"],
        ["--CREDENTIAL"],
    ],
    ids=" ".join,
)
def test_no_error_repeats_a_credential_that_was_given_as_an_argument(
    keys: KeysCommand, arguments: list[str], credential: str
) -> None:
    result = keys.run(*(argument.replace("CREDENTIAL", credential) for argument in arguments))
    assert result.exit_code in (2, 3)
    assert "Error: " in result.stderr
    assert credential not in result.output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (api_key.generate("oth"), "is a key with the prefix oth. This authorizer only accepts the prefix mak."),
        (f'"{api_key.generate("mak")}"', "has quotation marks around it"),
        ("eyJhbGciOiJub25lIn0.e30.e30", "is a JWT, not an API key. To check it: `keys explain"),
        ("opaque", "is not an API key. The authorizer would check it as a JWT."),
        ("one\ntwo", "The input has 2 lines."),
        ('{"key": 1}', "The input is JSON."),
        ("two words", "The input has a space."),
        ("ü", "not ASCII"),
        ("x" * 10_241, "longer than 10240 characters"),
    ],
    ids=["prefix", "quotes", "JWT", "opaque", "lines", "JSON", "space", "not ASCII", "long"],
)
def test_a_refusal_says_what_was_passed_instead_of_a_key(keys: KeysCommand, text: str, told: str) -> None:
    result = keys.run("verify", stdin=text)
    assert result.exit_code == 5
    assert told in result.stdout
    assert text not in result.output or len(text) < 10


@pytest.mark.parametrize("command", ["show", "revoke", "roll", "history"])
def test_a_key_in_place_of_its_id_is_not_repeated(keys: KeysCommand, command: str) -> None:
    key = api_key.generate("mak")
    result = keys.run(command, key)
    assert result.exit_code == 2
    assert "This is a key, not its ID. To get its ID: `keys verify < key.txt`." in result.stderr
    assert key not in result.output


def test_a_key_on_the_command_line_of_verify_names_standard_input(keys: KeysCommand) -> None:
    result = keys.run("verify", api_key.generate("mak"))
    assert result.exit_code == 2
    assert "Pass a credential on standard input: `keys verify < key.txt`." in result.stderr
    assert "history of your shell" in result.stderr
