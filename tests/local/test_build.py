"""When `sam build` runs again. A substitute for the SAM CLI builds a file and counts its runs."""

import stat
from pathlib import Path

import pytest

from local.build import build
from local.step import StepError

SAM = """#!/bin/sh
set -e
echo run >> runs
while [ "$1" != --build-dir ]; do shift; done
mkdir -p "$2/Authorizer"
cp src/authorizer/handler.py "$2/Authorizer/"
echo "${HOST_WHEELS:-}" > "$2/wheels"
! grep -q broken src/authorizer/handler.py
"""
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("src/artifact", "src/authorizer/__pycache__", "src/me", ".tools/sam/bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "src/authorizer/handler.py").write_text("first")
    (tmp_path / "template.yaml").write_text("{}")
    (tmp_path / "samconfig.toml").write_text("")
    sam = tmp_path / ".tools/sam/bin/sam"
    sam.write_text(SAM)
    sam.chmod(sam.stat().st_mode | stat.S_IXUSR)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def is_built(folder: str = "out/build", architecture: str = "arm64", *, host_wheels: bool = False) -> bool:
    before = Path("runs").read_text().count("run") if Path("runs").exists() else 0
    said = build(ENVIRONMENT, Path("log"), Path(folder), architecture, host_wheels=host_wheels)
    assert Path("runs").read_text().count("run") - before == said
    return said


def test_what_has_been_built_is_not_built_again() -> None:
    assert is_built()
    assert not is_built()


@pytest.mark.parametrize(
    "file", ["src/authorizer/handler.py", "src/artifact/new.mk", "template.yaml", "samconfig.toml"]
)
def test_a_changed_input_is_built(file: str) -> None:
    assert is_built()
    Path(file).write_text("second")
    assert is_built()
    assert not is_built()


def test_a_renamed_or_removed_input_is_built() -> None:
    Path("src/me/one.py").write_text("")
    assert is_built()
    Path("src/me/one.py").rename("src/me/two.py")
    assert is_built()
    Path("src/me/two.py").unlink()
    assert is_built()


def test_bytecode_beside_the_sources_is_no_input() -> None:
    assert is_built()
    Path("src/authorizer/__pycache__/handler.cpython-311.pyc").write_text("x")
    assert not is_built()


@pytest.mark.parametrize("damage", ["changed", "added", "removed"])
def test_a_build_that_has_been_touched_is_built_again(damage: str) -> None:
    assert is_built()
    built = Path("out/build/Authorizer")
    if damage == "removed":
        (built / "handler.py").unlink()
    else:
        (built / ("handler.py" if damage == "changed" else "other.py")).write_text("x")
    assert is_built()


def test_another_architecture_or_a_new_sam_cli_is_built() -> None:
    assert is_built()
    assert is_built(architecture="x86_64")
    Path(".tools/sam/lib/python3.11/site-packages/aws_sam_cli-9.9.9.dist-info").mkdir(parents=True)
    assert is_built(architecture="x86_64")


def test_wheels_of_this_machine_are_another_build_than_lambdas() -> None:
    assert is_built()
    assert is_built(host_wheels=True)
    assert Path("out/build/wheels").read_text() == "1\n"
    assert is_built()
    assert Path("out/build/wheels").read_text() == "\n"


def test_each_folder_has_its_own_build() -> None:
    assert is_built()
    assert is_built("out/other")
    assert not is_built()


def test_a_build_that_failed_is_made_again() -> None:
    assert is_built()
    Path("src/authorizer/handler.py").write_text("broken")
    for _ in range(2):
        with pytest.raises(StepError, match="sam build failed with exit code 1"):
            build(ENVIRONMENT, Path("log"), Path("out/build"), "arm64")
    Path("src/authorizer/handler.py").write_text("first")
    assert is_built()
