"""How the authorizer starts: with access rules that are right, or not at all."""

from pathlib import Path

import pytest

from authorizer.composition import build
from authorizer.entry import SettingsError


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


def test_a_broken_rules_file_stops_the_start_and_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "auth.toml").write_text("[[rule]]\nroute = 'GET /me'\nscope = ['a']", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"AUTH_CONFIG, auth\.toml, line 3: 'scope' is not known"):
        build({"API_KEYS_TABLE": "keys", "AUTH_CONFIG": "auth.toml"}, tmp_path)


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_rules_file_that_cannot_be_read_stops_the_start(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "auth.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=r"AUTH_CONFIG, auth\.toml, the file cannot be read"):
        build({"API_KEYS_TABLE": "keys", "AUTH_CONFIG": "auth.toml"}, tmp_path)


def test_simple_responses_cannot_go_with_rules(tmp_path: Path) -> None:
    (tmp_path / "auth.toml").write_text("[[rule]]\nroute = 'GET /me'", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"SIMPLE_RESPONSES cannot be true together with \[\[rule"):
        build({"API_KEYS_TABLE": "keys", "AUTH_CONFIG": "auth.toml", "SIMPLE_RESPONSES": "true"}, tmp_path)


def test_the_sample_rules_start() -> None:
    build({"API_KEYS_TABLE": "keys", "AUTH_CONFIG": "auth.toml"}, Path("src/authorizer"))
