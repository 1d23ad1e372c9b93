"""The start of the authorizer: it fails if its settings have a mistake."""

import json
from pathlib import Path
from typing import Any

import pytest

from authorizer.composition import build
from authorizer.entry import SettingsError
from authorizer.subject_hash import subject_hash
from tests.support.tokens import AUDIENCE, ISSUER, NOW, claims, jwk, key_set, token


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


def test_a_broken_rules_file_stops_the_start_and_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "auth.toml").write_text("[[rule]]\nroute = 'GET /me'\nscope = ['a']", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"AUTH_CONFIG, auth\.toml, line 3: 'scope' is unknown"):
        build({"API_KEYS_TABLE": "keys", "AUTH_CONFIG": "auth.toml"}, tmp_path)


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_rules_file_that_cannot_be_read_stops_the_start(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "auth.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=r"AUTH_CONFIG, auth\.toml, the file cannot be read"):
        build({"API_KEYS_TABLE": "keys", "AUTH_CONFIG": "auth.toml"}, tmp_path)


def test_a_seed_that_is_missing_or_no_key_set_stops_the_start(tmp_path: Path) -> None:
    variables = {
        "API_KEYS_TABLE": "keys",
        "JWT_ISSUER": "https://issuer.example",
        "JWT_AUDIENCE": "api",
        "JWKS_SEED": "seed.json",
    }
    (tmp_path / "auth.toml").write_text("[[rule]]\nroute = 'GET /me'", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"JWKS_SEED names 'seed\.json', .*: FileNotFoundError"):
        build(variables, tmp_path)
    (tmp_path / "seed.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"JWKS_SEED names 'seed\.json', which cannot be used: not a key set"):
        build(variables, tmp_path)


def test_simple_responses_cannot_go_with_rules(tmp_path: Path) -> None:
    (tmp_path / "auth.toml").write_text("[[rule]]\nroute = 'GET /me'", encoding="utf-8")
    with pytest.raises(
        SettingsError, match=r"SIMPLE_RESPONSES: A simple response allows every route, so its only \[\[rule"
    ):
        build({"API_KEYS_TABLE": "keys", "AUTH_CONFIG": "auth.toml", "SIMPLE_RESPONSES": "true"}, tmp_path)


def test_the_start_line_says_that_one_value_of_a_list_of_required_claims_is_sufficient(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = "[[provider]]\nissuer = 'https://a.example'\naudience = 'api'\n"
    (tmp_path / "auth.toml").write_text(
        f"{entry}required_claims = {{ typ = 'Bearer', hd = ['a.example', 'b.example'] }}\n[[rule]]\nroute = 'GET /me'",
        encoding="utf-8",
    )
    build({"API_KEYS_TABLE": "keys", "AUTH_CONFIG": "auth.toml"}, tmp_path)
    detail = json.loads(capsys.readouterr().out)["detail"]
    assert detail.endswith('; https://a.example requires: hd is one of "a.example", "b.example"')


def test_the_start_reports_the_providers_and_the_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = "[[provider]]\nissuer = 'https://{}.example'\naudience = 'api'\n"
    rule = "[[rule]]\nroute = '{}'\n"
    (tmp_path / "auth.toml").write_text(entry.format("a") + entry.format("b") + rule.format("* /*"), encoding="utf-8")
    (tmp_path / "other.toml").write_text(rule.format("GET /a") + rule.format("GET /b"), encoding="utf-8")
    build({"API_KEYS_TABLE": "keys"}, tmp_path)
    variables = {"AUTH_CONFIG": "other.toml", "JWT_ISSUER": "https://c.example", "JWT_AUDIENCE": "api"}
    build({"API_KEYS_TABLE": "keys", **variables}, tmp_path)
    of_file, of_variable = capsys.readouterr().out.splitlines()
    assert "identity providers: 2, from auth.toml; access rules: 1, every route" in of_file
    assert 'identity providers: 1, from JWT_ISSUER; access rules: 2"' in of_variable


def test_the_sample_rules_start() -> None:
    build({"API_KEYS_TABLE": "keys"}, Path("src/authorizer"))


def test_the_context_of_a_jwt_has_the_hash_of_its_subject_if_subjects_are_counted(tmp_path: Path) -> None:
    (tmp_path / "auth.toml").write_text("[settings]\nusage_subjects = true\n[[rule]]\nroute = 'GET /me'", "utf-8")
    variables = {
        "API_KEYS_TABLE": "keys",
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        "JWT_JWKS_URL": "https://issuer.example/jwks",
        "USAGE_SUBJECT_KEY": "5f" * 32,
    }
    event = {
        "headers": {"Authorization": f"Bearer {token(claims(sub='alice'))}"},
        "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abc/v1/GET/me",
    }

    def context(**changed: str) -> Any:
        decider = build({**variables, **changed}, tmp_path, clock=lambda: NOW, fetch=lambda *_: key_set(jwk()))
        return decider.decide(event)["context"]

    assert context()["subject_hash"] == subject_hash("5f" * 32, ISSUER, "alice")
    assert "subject_hash" not in context(USAGE_SUBJECTS="false")
