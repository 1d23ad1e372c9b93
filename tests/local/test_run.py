"""`make run`, before it starts anything."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.rules_copy import read
from local.step import StepError
from local.system import AUTH_FILE


def test_the_delivered_file_of_rules_is_accepted() -> None:
    read(AUTH_FILE)


def test_a_file_of_rules_with_mistakes_is_named_with_each_of_them(tmp_path: Path) -> None:
    file = tmp_path / "auth.toml"
    file.write_text('[[rule]]\nroute = "me"\nscopes = []\n', encoding="utf-8")
    with pytest.raises(StepError, match=r"auth\.toml has mistakes") as caught:
        read(file)
    assert [line.split(":")[0] for line in caught.value.details.splitlines()] == ["line 2", "line 3"]


def test_ctrl_c_during_the_start_shows_no_traceback(tmp_path: Path) -> None:
    """The module that takes long to import is replaced by one that presses Ctrl-C."""
    (tmp_path / "botocore").mkdir()
    pressed = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time\ntime.sleep(60)\n"
    (tmp_path / "botocore" / "__init__.py").write_text(pressed, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "local", "run"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_the_outputs_of_a_run_that_was_killed_are_not_used(tmp_path: Path) -> None:
    folder = tmp_path / ".local"
    folder.mkdir()
    outputs = {"endpoint_url": "http://127.0.0.1:1", "access_key": "LOCAL0"}
    (folder / "outputs.json").write_text(json.dumps(outputs), encoding="utf-8")

    def env() -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "local", "env"]
        variables = os.environ | {"PYTHONPATH": str(Path.cwd())}
        return subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)

    killed = env()
    assert (killed.returncode, killed.stdout) == (1, "")
    assert "No local system is running" in killed.stderr
    with (folder / "run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "AWS_ENDPOINT_URL=http://127.0.0.1:1" in env().stdout
