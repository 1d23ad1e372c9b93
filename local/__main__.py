"""`python -m local run`: the whole system on this machine, until Ctrl-C."""

import argparse
import fcntl
import json
import shlex
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from local import environment
from local.step import StepError, fail, say, tail
from local.system import System, running_system

DIRECTORY: Final = Path(".local")
OUTPUTS: Final = DIRECTORY / "outputs.json"


def main() -> int:
    """The exit code: 0 after Ctrl-C, 1 when a part failed."""
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description="The whole system on this machine: emulated AWS, this template, an identity provider, an API key.",
        epilog="Example: make run",
    )
    parser.add_argument("command", choices=["run"], help="start everything, call it three times, stay up until Ctrl-C")
    parser.parse_args()
    environment.enter()
    # A shell starts what is put in the background with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    DIRECTORY.mkdir(exist_ok=True)
    try:
        with _only_one(), running_system(DIRECTORY) as system, _outputs(system):
            _show_calls(system)
            say("\nCtrl-C stops everything.")
            return _wait(system)
    except KeyboardInterrupt:
        say("\nStopped.")
        return 0
    except StepError as error:
        return fail(error)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _only_one() -> Iterator[None]:
    with (DIRECTORY / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StepError("`make run` is running in this checkout already: stop it first, or use it.") from None
        yield


@contextmanager
def _outputs(system: System) -> Iterator[None]:
    """Writes the outputs for as long as the system runs: afterwards they would lead nowhere."""
    partial = OUTPUTS.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(system.outputs(), indent=2) + "\n", encoding="utf-8")
    partial.replace(OUTPUTS)
    try:
        yield
    finally:
        OUTPUTS.unlink(missing_ok=True)


def _show_calls(system: System) -> None:
    calls = {"no credential": None, "an API key": system.api_key, "a JWT": system.jwt}
    for what, credential in calls.items():
        status, body = call(system.api_url, credential)
        print(f"\n{what}: {status}\n{body}", flush=True)
    print("\nThe same calls, to paste:\n")
    for credential in calls.values():
        print(f"{_curl(system.api_url, credential)}\n")
    print("A route for API keys with a scope (src/authorizer/auth.toml): 200 with the key, 403 with the JWT\n")
    for credential in (system.api_key, system.jwt):
        print(f"{_curl(f'{system.deployment.url}/reports', credential, '-X POST ')}\n")
    print("The keys command finds this system by itself: .venv/bin/keys list", flush=True)


def _curl(url: str, credential: str | None, options: str = "") -> str:
    header = f"-H {shlex.quote(f'Authorization: Bearer {credential}')} " if credential else ""
    return f"curl -i {options}{header}{shlex.quote(url)}"


def call(url: str, credential: str | None) -> tuple[int, str]:
    """Status and body of a GET with this bearer token."""
    request = urllib.request.Request(url)
    if credential:
        request.add_header("Authorization", f"Bearer {credential}")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _wait(system: System) -> int:
    while system.emulator.process.poll() is None:
        time.sleep(0.2)
    raise StepError("The emulator has ended by itself.", tail(system.emulator.log))


if __name__ == "__main__":
    sys.exit(main())
