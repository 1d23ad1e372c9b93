"""The Makefile under `make -n`, with a make that ignores .SHELLFLAGS, and where nothing can be executed."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local import environment


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that make needs to begin with, without anything installed."""
    for name in ("Makefile", "local/environment.py", "pyproject.toml", "requirements"):
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        (shutil.copytree if Path(name).is_dir() else shutil.copy)(name, target)
    return tmp_path


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["make", f"PYTHON={sys.executable}", *words]
    return subprocess.run(command, cwd=folder, env=environment.clean(), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("target", ["run", "test", "check", "invoke", "env", "lock"])
def test_with_n_nothing_is_set_up(target: str, checkout: Path) -> None:
    before = sorted(checkout.iterdir())
    done = make(checkout, "-n", target)
    assert done.returncode == 0, done.stderr
    assert sorted(checkout.iterdir()) == before


@pytest.mark.parametrize("flags", ["-euo pipefail -c", "-c"])
def test_lock_and_fuzz_stop_at_the_first_failure_whatever_the_flags_of_the_shell(flags: str, checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv/ready").touch()
    counted = checkout / "counted"
    script = checkout / "fail"
    script.write_text(f"#!/bin/sh\necho run >> '{counted}'\nexit 1\n", encoding="utf-8")
    script.chmod(0o755)
    for target, tool in (("lock", "UV"), ("fuzz", "PYTEST")):
        counted.write_text("", encoding="utf-8")
        done = make(checkout, f".SHELLFLAGS={flags}", f"{tool}=./fail", "FOR=5", target)
        assert done.returncode != 0
        assert counted.read_text(encoding="utf-8") == "run\n", target


def test_bash_is_found_on_path(checkout: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "bin"
    elsewhere.mkdir()
    (elsewhere / "bash").symlink_to(shutil.which("bash") or "")
    path = os.pathsep.join((str(elsewhere), environment.clean()["PATH"]))
    command = ["make", "-p", "-n", "help"]
    done = subprocess.run(command, cwd=checkout, env={"PATH": path}, capture_output=True, text=True, check=True)
    assert f"SHELL := {elsewhere}/bash\n" in done.stdout


def test_a_program_that_cannot_be_executed_is_named_with_the_remedy(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("", encoding="utf-8")
    run = [sys.executable, "-I", "local/environment.py"]
    for word, said in ((str(program), "without noexec"), (str(tmp_path / "none"), "is not installed")):
        done = subprocess.run([*run, word], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_children_of_the_tests_do_not_inherit_an_ignored_hangup() -> None:
    child = "import signal; print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    program = f"""
import signal, subprocess, sys
signal.signal(signal.SIGHUP, signal.SIG_IGN)
import tests.conftest
signal.raise_signal(signal.SIGHUP)
print(subprocess.run([sys.executable, "-c", {child!r}], capture_output=True, text=True).stdout, end="")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
