"""The AWS emulator as a process of its own, on loopback and behind its guard."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local import environment
from local.step import StepError, tail

REGION: Final = "us-east-1"
PYTHON: Final = Path(".tools/emulator/bin/python")
START_SECONDS: Final = 60


@dataclass(frozen=True)
class Endpoint:
    """Where an emulator answers, and to which access key."""

    endpoint_url: str
    access_key: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """Variables with which every AWS tool talks to the emulator and can reach no account."""
        return environment.aws(self.endpoint_url, self.access_key, REGION)


@dataclass(frozen=True)
class Emulator(Endpoint):
    """A running emulator, and where it logs."""

    log: Path
    process: subprocess.Popen[bytes]


@contextmanager
def running_emulator(directory: Path) -> Iterator[Emulator]:
    """Starts it on a free port, with its log and temporary files in `directory`; stops it at the end.

    :raises StepError: it did not start.
    """
    if not PYTHON.exists():
        raise StepError("The emulator is not installed.", f"{PYTHON} is missing: start with `make run`.")
    access_key = f"LOCAL{secrets.token_hex(20).upper()}"
    log = directory / "emulator.log"
    temporary = directory / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [PYTHON, "-I", Path(__file__).with_name("guard.py"), str(listener.fileno()), str(port)],
            env=_environment(port, access_key, temporary.resolve()),
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    emulator = Emulator(f"http://127.0.0.1:{port}", access_key, log, process)
    try:
        _await(emulator)
        yield emulator
    finally:
        _stop(process)
        shutil.rmtree(temporary, ignore_errors=True)


def _environment(port: int, access_key: str, temporary: Path) -> dict[str, str]:
    return environment.clean() | {
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # It would remove what it takes for left-over containers of its own, such as those of somebody's other emulator.
        "DOCKER_HOST": f"unix://{temporary}/no-docker",
        "TMPDIR": str(temporary),
        "MINISTACK_REGION": REGION,
        # Handed on to the functions, which call with it.
        "AWS_SESSION_TOKEN": access_key,
        "AWS_SECRET_ACCESS_KEY": access_key,
    }


def signed(url: str, access_key: str, body: bytes | None = None) -> urllib.request.Request:
    """A request that the guard lets through: a GET, or with a body a POST."""
    return urllib.request.Request(url, body, {"X-Amz-Security-Token": access_key})


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _await(emulator: Emulator) -> None:
    """Its socket listens already: it answers when it is up, and the connection breaks when it is not to be."""
    request = signed(f"{emulator.endpoint_url}/_ministack/health", emulator.access_key)
    try:
        with urllib.request.urlopen(request, timeout=START_SECONDS):
            return
    except OSError:
        raise StepError("The emulator did not start.", tail(emulator.log)) from None


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
    process.communicate(timeout=5)
