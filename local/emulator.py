"""The AWS emulator as a process of its own, bound to loopback."""

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.step import StepError, tail

REGION: Final = "us-east-1"
EXECUTABLE: Final = Path(".tools/emulator/bin/ministack")
START_SECONDS: Final = 60


@dataclass(frozen=True)
class Emulator:
    """A running emulator: where it answers, and where it logs."""

    endpoint_url: str
    log: Path
    process: subprocess.Popen[bytes]

    def environment(self) -> dict[str, str]:
        """Variables with which every AWS tool talks to the emulator and can reach no account."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return own | {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            # How often `sam deploy` asks whether the stack is done, in seconds: the emulator is quick.
            "SAM_CLI_POLL_DELAY": "0.3",
            "SAM_CLI_TELEMETRY": "0",
        }


@contextmanager
def running_emulator(directory: Path) -> Iterator[Emulator]:
    """Starts it on a free port, with its log and temporary files in `directory`; stops it at the end.

    :raises StepError: it did not start.
    """
    if not EXECUTABLE.exists():
        raise StepError("The emulator is not installed.", f"{EXECUTABLE} is missing: start with `make run`.")
    port = free_port()
    log = directory / "emulator.log"
    temporary = directory / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "TMPDIR": str(temporary.resolve()),
        "MINISTACK_REGION": REGION,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [EXECUTABLE],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    emulator = Emulator(f"http://127.0.0.1:{port}", log, process)
    try:
        _wait_until_healthy(emulator)
        yield emulator
    finally:
        _stop(process)
        shutil.rmtree(temporary, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_until_healthy(emulator: Emulator) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if emulator.process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{emulator.endpoint_url}/_ministack/health", timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise StepError("The emulator did not start.", tail(emulator.log))


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the process group that the emulator leads, its function workers included."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            continue
    process.wait(5)
