"""Run a function in a process with AWS's Runtime Interface Emulator, which the SAM CLI contains."""

import json
import platform
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from local.emulator import free_port
from local.step import StepError, tail

START_SECONDS: Final = 10
_MACHINES: Final = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def executable() -> Path | None:
    """Return the emulator for this machine, or None. It is a Linux program for x86_64 and arm64."""
    if sys.platform != "linux":
        return None
    name = f"aws-lambda-rie-{_MACHINES.get(platform.machine(), 'none')}"
    return next(Path(".tools/sam").glob(f"lib/python*/site-packages/samcli/local/rapid/{name}"), None)


@contextmanager
def running_function(
    command: Sequence[str | Path], folder: Path, environment: Mapping[str, str], log: Path
) -> Iterator[str]:
    """Serve a function whose runtime `command` starts in `folder`, and yield the URL that invokes it.

    The first invocation starts the runtime.

    :raises StepError: the emulator did not start.
    """
    rie = executable()
    if rie is None:
        raise StepError("The Runtime Interface Emulator runs only on Linux, on x86_64 and arm64. Use WITH=docker.")
    address, runtime = (f"127.0.0.1:{free_port()}" for _ in range(2))
    arguments: list[str | Path] = [rie.resolve(), "--runtime-interface-emulator-address", address]
    arguments += ["--runtime-api-address", runtime, *command]
    with log.open("wb") as output:
        process = subprocess.Popen(arguments, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        _await(address, process, log)
        yield f"http://{address}/2015-03-31/functions/function/invocations"
    finally:
        process.terminate()
        process.wait(10)


def invoke(url: str, event: object) -> Any:
    """Return the response of the function, or an object with `errorMessage` if it raised."""
    request = urllib.request.Request(url, json.dumps(event).encode())
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.loads(response.read())


def written(log: Path) -> str:
    """Return the log of the function, without the emulator's lines."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(line for line in lines if "(rapid)" not in line)


def _await(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    host, port = address.split(":")
    ends_at = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < ends_at:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(0.002)
        else:
            return
    raise StepError("The Runtime Interface Emulator did not start.", tail(log))
