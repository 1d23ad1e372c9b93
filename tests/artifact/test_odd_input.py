"""Files, items and key sets as editors, programs and providers write them, with the artifact."""

import json
from pathlib import Path

import pytest

from authorizer import api_key
from tests.support import dynamodb
from tests.support.events import load
from tests.support.interpreter import Artifact, ArtifactError, running
from tests.support.rules_text import PERMIT_ALL
from tests.support.tokens import AUDIENCE, ISSUER, NOW, jwk, key_set, token

PROVIDER = f'[[provider]]\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\njwks_url = "https://issuer.example/jwks"\n'


def build(authorizer: Artifact, file: Path, content: bytes, keys: bytes) -> None:
    file.write_bytes(content)
    authorizer.build({"API_KEYS_TABLE": "keys", "AUTH_CONFIG": str(file)}, now=NOW, key_set=keys)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_a_file_of_an_editor_on_windows_is_read(end: str, mark: bytes, authorizer: Artifact, tmp_path: Path) -> None:
    content = mark + (PERMIT_ALL + PROVIDER).replace("\n", end).encode()
    build(authorizer, tmp_path / "auth.toml", content, key_set(jwk()))
    assert authorizer.bearer(token()).outcome == ("allow", None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"[settings]\njwks_fresh_seconds = {'9' * 5000}\n", "not TOML"),
        (f'{PROVIDER}ca_bundle = "{"x" * 300}"\n', "does not exist"),
        (PROVIDER.replace("https://issuer.example/jwks", "https://user:hunter2@issuer.example/jwks"), "jwks_url must"),
        (PROVIDER.replace("https://issuer.example/jwks", "http://issuer.example/jwks?key=hunter2"), "jwks_url must"),
    ],
    ids=["integer", "file name", "password in a URL", "secret in a query"],
)
def test_a_mistake_is_told_as_one_and_without_a_secret(
    text: str, told: str, authorizer: Artifact, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError) as caught:
        build(authorizer, tmp_path / "auth.toml", (PERMIT_ALL + text).encode(), key_set(jwk()))
    error = str(caught.value)
    assert "SettingsError: AUTH_CONFIG" in error
    assert told in error
    assert "hunter2" not in error


def test_a_key_with_members_of_other_types_is_used(authorizer: Artifact, tmp_path: Path) -> None:
    keys = key_set(jwk() | {"crv": 0, "x": "not base64url!", "y": {}})
    build(authorizer, tmp_path / "auth.toml", (PERMIT_ALL + PROVIDER).encode(), keys)
    assert authorizer.bearer(token()).outcome == ("allow", None)


def test_the_log_says_why_no_key_of_a_key_set_is_usable(authorizer: Artifact, tmp_path: Path) -> None:
    keys = key_set(jwk(use="enc"), jwk(use="enc"), {"kty": "oct", "k": "c2VjcmV0"})
    build(authorizer, tmp_path / "auth.toml", (PERMIT_ALL + PROVIDER).encode(), keys)
    decision = authorizer.bearer(token())
    assert decision.outcome == ("fail", "KeysUnavailable")
    (failed,) = [line for line in map(json.loads, decision.written.splitlines()) if line["message"] != "decision"]
    assert failed["detail"] == (f"{ISSUER}: no usable key (1 private or secret key, 2 use is not for signatures)")


def test_a_key_that_is_marked_as_deleted_is_refused(artifact: Path) -> None:
    item = load("api_key_item.json")
    credential = api_key.generate("mak")
    item |= {"pk": {"S": api_key.digest(credential)}, "deleted_at": {"N": str(NOW)}}
    with dynamodb.serving(item) as table, running(artifact, AWS_ENDPOINT_URL_DYNAMODB=table.url) as function:
        function.build({"API_KEYS_TABLE": "keys"}, with_table=True)
        assert function.bearer(credential).outcome == ("refuse", "malformed_record")
