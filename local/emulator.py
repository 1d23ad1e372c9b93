"""Run the AWS emulator in a separate process, on loopback and behind its guard."""

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

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local import environment
from local.step import StepError, tail

REGION: Final = "us-east-1"
PYTHON: Final = Path(".tools/emulator/bin/python")
START_SECONDS: Final = 60


@dataclass(frozen=True)
class Endpoint:
    """The URL of an emulator, and the access key of one of its users: of the root of this run, of an IAM user or role.

    The secret of the root is its access key. A session of a role has a token.
    """

    endpoint_url: str
    access_key: str = field(repr=False)
    secret_key: str | None = field(default=None, repr=False, kw_only=True)
    session_token: str | None = field(default=None, repr=False, kw_only=True)

    @property
    def secret(self) -> str:
        return self.secret_key or self.access_key

    def environment(self) -> dict[str, str]:
        """Return variables with which AWS tools reach the emulator and no AWS account."""
        session = {"AWS_SESSION_TOKEN": self.session_token} if self.session_token else {}
        return environment.aws(self.endpoint_url, self.access_key, REGION, self.secret) | session


@dataclass(frozen=True)
class Emulator(Endpoint):
    """A running emulator, with its log and process."""

    log: Path
    process: subprocess.Popen[bytes]


@contextmanager
def running_emulator(directory: Path) -> Iterator[Emulator]:
    """Start the emulator on a free port, with its log and temporary files in `directory`. Stop it at the end.

    :raises StepError: the emulator did not start.
    """
    if not PYTHON.exists():
        raise StepError("The emulator is not installed.", f"{PYTHON} is missing. Run `make run`.")
    access_key = f"LOCAL{secrets.token_hex(20).upper()}"
    log = directory / "emulator.log"
    temporary = directory / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)  # A run that was killed leaves its files, such as private keys.
    temporary.mkdir(parents=True, exist_ok=True)
    temporary.chmod(0o700)
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [PYTHON, "-I", Path(__file__).with_name("serve.py"), str(listener.fileno()), str(port)],
            env=_environment(port, access_key, temporary.resolve()),
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
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
        # Keeps it from Docker: it would remove containers that look like its own, such as those of another emulator.
        "DOCKER_HOST": f"unix://{temporary}/no-docker",
        # Everything that it writes, such as the private keys of user pools, is deleted with this folder.
        "TMPDIR": str(temporary),
        "STATE_DIR": str(temporary / "state"),
        "S3_DATA_DIR": str(temporary / "s3"),
        "MINISTACK_REGION": REGION,
        # Enforce IAM: signatures, and the policies of users and roles. This run's key is the account's root.
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": access_key,
    }


def signed(
    user: Endpoint, path: str, body: bytes | None = None, service: str = "dynamodb", **headers: str
) -> urllib.request.Request:
    """Return a request that is signed as this user: a GET, or a POST if there is a body."""
    url = user.endpoint_url + path
    request = AWSRequest("GET" if body is None else "POST", url, headers, body)
    SigV4Auth(Credentials(user.access_key, user.secret), service, REGION).add_auth(request)
    return urllib.request.Request(url, body, dict(request.headers.items()))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _await(emulator: Emulator) -> None:
    """Wait for the first response. The socket already listens, so a failed start breaks the connection."""
    request = signed(emulator, "/_ministack/health")
    try:
        with urllib.request.urlopen(request, timeout=START_SECONDS):
            return
    except OSError:
        raise StepError("The emulator did not start.", tail(emulator.log)) from None


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process group of the emulator, which includes its function workers."""
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
