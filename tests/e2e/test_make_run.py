"""`make run` as a newcomer meets it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

import pytest

from local.__main__ import only_one
from local.emulator import running_emulator
from local.step import StepError

OUTPUTS = Path(".local/outputs.json")
LOCAL = [sys.executable, "-m", "local"]


def is_up() -> bool:
    with suppress(StepError), only_one():
        return False
    return True


pytestmark = pytest.mark.skipif(is_up(), reason="`make run` is up in this checkout, and there can be one of it only")


class Run:
    """`make run`, and what it has printed so far."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[str] = []
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    def until(self, pattern: str, times: int = 1, seconds: int = 120) -> list[str]:
        """The lines that match, once there are so many."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            found = [line for line in list(self.lines) if re.search(pattern, line)]
            if len(found) >= times:
                return found
            time.sleep(0.05)
        pytest.fail(f"{pattern!r} was not printed: {''.join(self.lines)}", pytrace=False)


@contextmanager
def running() -> Iterator[Run]:
    with subprocess.Popen(
        [*LOCAL, "run"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield Run(process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(30)


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with running() as run:
        yield run


def pasted(line: str) -> str:
    """The status that a printed curl command gets."""
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True).stdout.split()[1]  # noqa: S607


def test_it_ends_on_one_screen_with_three_answers_and_curl_commands_that_can_be_pasted(run: Run) -> None:
    run.until("^Each decision")
    answers = [re.match(r"(no credential|an API key|a JWT): (\d+)  \{", line) for line in run.lines]
    assert [answer.groups() for answer in answers if answer] == [
        ("no credential", "401"),
        ("an API key", "200"),
        ("a JWT", "200"),
    ]
    assert len(run.lines) <= 24
    assert [pasted(line) for line in run.lines if line.startswith("curl ")] == ["401", "200", "200", "200", "403"]


def test_no_credential_is_on_the_screen_and_their_files_are_the_users_own(run: Run) -> None:
    run.until("^Each decision")
    outputs = json.loads(OUTPUTS.read_text(encoding="utf-8"))
    text = "".join(run.lines)
    for secret in ("api_key", "jwt", "access_key", "password"):
        assert outputs[secret] not in text
    for file in (OUTPUTS, Path(".local/api_key.header"), Path(".local/jwt.header")):
        assert file.stat().st_mode & 0o077 == 0


def test_the_outputs_hold_what_a_program_needs(run: Run) -> None:
    run.until("^Each decision")
    outputs = json.loads(OUTPUTS.read_text(encoding="utf-8"))
    assert outputs.keys() >= {
        *("api_url", "api_key", "jwt", "table", "issuer", "audience", "jwks_url", "endpoint_url", "region"),
        "access_key",
    }


def test_a_decision_is_shown_as_it_happens(run: Run) -> None:
    line = next(line for line in run.until("^curl ", 2) if "api_key.header" in line)
    run.until("^Each decision")
    made_up = f"mak_{'0' * 32}_000000"
    url = line.split()[-1]
    command = ["curl", "-s", "-H", f"Authorization: Bearer {made_up}", url]
    refused = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    (shown,) = run.until("malformed_key")
    assert re.fullmatch(r"\d\d:\d\d:\d\d  refuse +\S+ +malformed_key +\d+\.\d ms +\S+ +-\n", shown)
    assert shown.split()[-2] == refused["requestId"]
    assert re.search(r"allow +api_key ", "".join(run.lines))
    assert re.search(r"allow +jwt ", "".join(run.lines))


def test_a_new_token_serves_the_pasted_commands_as_well(run: Run) -> None:
    run.until("^Each decision")
    before = json.loads(OUTPUTS.read_text(encoding="utf-8"))["jwt"]
    printed = subprocess.run([*LOCAL, "token"], capture_output=True, text=True, check=True).stdout.strip()
    assert printed != before
    assert json.loads(OUTPUTS.read_text(encoding="utf-8"))["jwt"] == printed
    assert printed in Path(".local/jwt.header").read_text(encoding="utf-8")
    line = next(line for line in run.lines if "jwt.header" in line)
    assert pasted(line) == "200"


@pytest.mark.parametrize("odd", [{}, {"HTTP_PROXY": "http://127.0.0.1:9", "AWS_PROFILE": "nobody", "HOME": "/nowhere"}])
def test_the_keys_command_finds_it_whatever_the_users_environment(odd: dict[str, str], run: Run) -> None:
    run.until("^Each decision")
    listed = subprocess.run(
        [".venv/bin/keys", "list", "--output", "json"], env=os.environ | odd, capture_output=True, text=True, check=True
    )
    assert [key["consumer"] for key in json.loads(listed.stdout)] == ["acme"]


def test_a_second_one_in_the_same_checkout_is_refused(run: Run) -> None:
    run.until("^Each decision")
    second = subprocess.run([*LOCAL, "run"], capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "is already running in this checkout" in second.stderr


def processes(directory: Path) -> list[int]:
    """Those that have their temporary files in there, as Linux tells it."""
    needle = f"TMPDIR={directory.resolve() / 'tmp'}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if needle in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found


def assert_nothing_is_left() -> None:
    assert not OUTPUTS.exists()
    assert not list(Path(".local").glob("*.header"))
    assert not Path(".local/tmp").exists()
    assert not processes(Path(".local"))


def test_the_page_for_users_answers_at_the_printed_address(run: Run) -> None:
    (line,) = run.until("Make a key on its page", seconds=400)
    with urlopen(line.split()[-1], timeout=60) as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    run.until("Sign in as")
    assert json.loads(OUTPUTS.read_text(encoding="utf-8"))["password"] not in "".join(run.lines)


def test_the_consumer_on_the_plan_free_gets_429_after_its_burst(run: Run) -> None:
    run.until("^examples/plans is deployed")
    (line,) = run.until("^  201 ")
    assert re.fullmatch(r"  201 201 201 201 201 (201 )?.*429", line.strip("\n"))


def test_ctrl_c_ends_it_and_leaves_neither_process_nor_secret_behind(run: Run) -> None:
    run.until("^Each decision")
    for _ in range(3):
        run.process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    assert run.process.wait(30) == 0
    assert run.process.stderr is not None
    assert run.process.stderr.read().endswith("\nStopped.\n")
    with pytest.raises(ProcessLookupError):
        os.killpg(run.process.pid, 0)
    assert_nothing_is_left()
    without = subprocess.run([*LOCAL, "token"], capture_output=True, text=True, check=False)
    assert (without.returncode, without.stdout) == (1, "")
    assert "make run" in without.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_an_emulator_that_ends_by_itself_ends_it_with_a_remedy() -> None:
    with running() as run:
        run.until("^Each decision")
        (leader,) = (process for process in processes(Path(".local")) if os.getpgid(process) == process)
        os.kill(leader, signal.SIGKILL)
        assert run.process.wait(30) == 1
        assert run.process.stderr is not None
        assert "The emulator has ended unexpectedly. See .local/emulator.log. Start again with `make run`." in (
            run.process.stderr.read()
        )
    assert_nothing_is_left()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_an_emulator_does_not_outlive_whoever_started_it(tmp_path: Path) -> None:
    start = f"""
import pathlib, sys, time
from local.emulator import running_emulator
with running_emulator(pathlib.Path({str(tmp_path)!r})):
    print("up", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        assert processes(tmp_path)
        process.kill()
    ends_at = time.monotonic() + 10
    while processes(tmp_path) and time.monotonic() < ends_at:
        time.sleep(0.05)
    assert not processes(tmp_path)


def test_what_a_killed_emulator_left_is_deleted_at_the_next_start(tmp_path: Path) -> None:
    left = tmp_path / "tmp" / "private.pem"
    left.parent.mkdir()
    left.touch()
    with running_emulator(tmp_path):
        assert not left.exists()
