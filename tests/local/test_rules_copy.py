"""The copy of a file of rules, with the local identity provider in it."""

import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from local.build import FOLDER
from local.rules_copy import RulesCopy
from local.step import StepError

OWN = """[[provider]]
issuer = "https://own.example"
audience = "own"
jwks_url = "https://own.example/jwks.json"

[[rule]]
route = "GET /orders/*"
"""
LOCAL = {"issuer": "https://local.example", "audience": "local", "jwks_url": "http://127.0.0.1:1/jwks.json"}


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    code = tmp_path / FOLDER / "Authorizer/authorizer"
    code.mkdir(parents=True)
    (code / "auth.toml").write_text("the build's", encoding="utf-8")
    (code / "handler.py").write_text("", encoding="utf-8")
    (tmp_path / FOLDER / "template.yaml").write_text("{}", encoding="utf-8")
    (tmp_path / "mine.toml").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def copy(tmp_path: Path) -> RulesCopy:
    return RulesCopy(tmp_path / "deployed", tmp_path / "mine.toml", [LOCAL])


def test_the_local_provider_stands_beside_ones_own(tmp_path: Path) -> None:
    loaded = copy(tmp_path).write()
    assert [provider.issuer for provider in loaded.providers] == ["https://own.example", "https://local.example"]
    assert loaded.rules is not None


def test_neither_the_file_nor_the_build_is_changed(tmp_path: Path) -> None:
    copied = copy(tmp_path)
    copied.write()
    assert (tmp_path / "mine.toml").read_text(encoding="utf-8") == OWN
    assert (tmp_path / FOLDER / "Authorizer/authorizer/auth.toml").read_text(encoding="utf-8") == "the build's"
    with zipfile.ZipFile(BytesIO(copied.code())) as code:
        assert sorted(code.namelist()) == ["authorizer/auth.toml", "authorizer/handler.py"]
        assert b"https://local.example" in code.read("authorizer/auth.toml")


def test_a_file_with_mistakes_is_named_and_the_copy_stays_as_it_was(tmp_path: Path) -> None:
    copied = copy(tmp_path)
    copied.write()
    before = copied.code()
    (tmp_path / "mine.toml").write_text(OWN.replace("GET /", "GET"), encoding="utf-8")
    with pytest.raises(StepError, match=r"mine\.toml has mistakes") as caught:
        copied.write()
    assert caught.value.details.startswith("line 7: ")
    assert copied.code() == before


def test_a_file_beside_it_that_it_names_is_copied_too(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text('{"keys": []}', encoding="utf-8")
    (tmp_path / "mine.toml").write_text(OWN.replace('"own"', '["own", "keys.json"]'), encoding="utf-8")
    copy(tmp_path).write()
    assert (tmp_path / "deployed/Authorizer/authorizer/keys.json").exists()


def test_a_file_that_permits_no_other_provider_says_so(tmp_path: Path) -> None:
    single = f'provider = [{{ issuer = "https://own.example", audience = "own" }}]\n{OWN.partition("[[rule]]")[2]}'
    (tmp_path / "mine.toml").write_text(single.replace("\nroute", "\n[[rule]]\nroute"), encoding="utf-8")
    with pytest.raises(StepError, match="not together with the identity provider"):
        copy(tmp_path).write()
