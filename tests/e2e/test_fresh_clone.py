"""The first run, from a fresh clone on a machine that is set up as oddly as developers' machines are."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from local import environment

pytestmark = pytest.mark.long

ODD = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "AWS_PROFILE": "nobody",
    "AWS_CONFIG_FILE": "/proc/self/mem",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "PIP_USER": "1",
    "PIP_TARGET": "/nonexistent",
    "PYTHONPATH": "/nonexistent",
    "PYTHONSTARTUP": "/nonexistent",
    "SAM_CLI_CONTAINER_CONNECTION_TIMEOUT": "x",
    "LC_ALL": "C",
    # Where nobody can write, root included.
    "HOME": "/proc",
    "TMPDIR": "/proc",
}
OFFLINE = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def can_be_offline() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*OFFLINE, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What git has of this checkout, or would add, in a folder with a blank and other letters than ASCII."""
    folder = tmp_path_factory.mktemp("fresh") / "Zoë's clone, 日本"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        capture_output=True,
        check=True,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        if Path(name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, folder / name)
    yield folder
    shutil.rmtree(folder)


def make_run(clone: Path, *before: str) -> str:
    """What `make run` prints until it is up and told to end."""
    process = subprocess.Popen(
        [*before, "make", f"PYTHON={sys.executable}", "run"],
        cwd=clone,
        env=environment.download() | ODD,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        umask=0o777 - 0o700,
        start_new_session=True,
    )
    assert process.stdout is not None
    too_long = Timer(900, os.killpg, (process.pid, signal.SIGKILL))
    too_long.start()
    lines = []
    with process.stdout:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Each decision"):
                os.killpg(process.pid, signal.SIGINT)
    process.wait()
    too_long.cancel()
    return "".join(lines)


def assert_it_works(printed: str) -> None:
    for answer in ("no credential: 401", "an API key: 200", "a JWT: 200"):
        assert answer in printed, printed
    assert "Stopped." in printed, printed


def test_the_first_run_works_whatever_the_environment(clone: Path) -> None:
    assert_it_works(make_run(clone))


@pytest.mark.skipif(not can_be_offline(), reason="this machine lets no process have a network of its own")
def test_a_later_one_builds_nothing_and_needs_no_network(clone: Path) -> None:
    printed = make_run(clone, *OFFLINE)
    assert_it_works(printed)
    assert "the last build is reused" in printed


def test_the_unit_tests_and_the_checks_work_there_as_well(clone: Path) -> None:
    for target in ("unit", "check"):
        done = subprocess.run(
            ["make", f"PYTHON={sys.executable}", target],  # noqa: S607
            cwd=clone,
            env=environment.download() | ODD,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
