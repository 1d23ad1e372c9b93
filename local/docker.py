"""Run a function in a container with `sam local invoke`."""

import ipaddress
import json
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from local import environment
from local.build import SAM, overrides, target
from local.step import StepError, write_private

_ANSWER_SECONDS: Final = 20
_INVOKE_SECONDS: Final = 600
"""Includes the time to pull the runtime's image."""


def has_docker() -> bool:
    """Return whether a Docker daemon answers."""
    return shutil.which("docker") is not None and docker("version", "--format", "{{.Server.Version}}") is not None


def image() -> str:
    """Return the image in which the SAM CLI runs functions of this Python version."""
    here = target()
    return f"public.ecr.aws/lambda/python:{here['PythonRuntime'].removeprefix('python')}-{here['Architecture']}"


def has_image(name: str) -> bool:
    return docker("image", "inspect", name) is not None


def way_here() -> tuple[str, str]:
    """Return the address of this machine that containers can reach, and the name under which they reach it."""
    network = json.loads(docker("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}") or "null")
    first = (network or [{}])[0]
    subnet = first.get("Subnet", "172.17.0.0/16")
    gateway = first.get("Gateway") or str(ipaddress.ip_network(subnet)[1])
    try:
        socket.create_server((gateway, 0)).close()
    except OSError:
        # Docker runs in a virtual machine, which forwards this name to this machine's loopback address.
        return "127.0.0.1", "host.docker.internal"
    return gateway, gateway


def invoke(
    function: str,
    event: object,
    variables: Mapping[str, str],
    aws: Mapping[str, str],
    directory: Path,
    other_image: str | None = None,
) -> tuple[Any, str]:
    """Return the function's response, and the output of the invocation.

    `variables` are environment variables of the function, `aws` those of the SAM CLI. `directory` has the build in
    `build`. `other_image` replaces AWS's image.

    :raises StepError: the function did not run.
    """
    files = {"event.json": event, "env.json": {function: variables}}
    for name, content in files.items():
        write_private(directory / name, json.dumps(content))
    command: list[str | Path] = [SAM, "local", "invoke", function, "--template", directory / "build/template.yaml"]
    command += ["--event", directory / "event.json", "--env-vars", directory / "env.json"]
    command += ["--parameter-overrides", *overrides(target())]
    command += ["--invoke-image", other_image] if other_image else []
    command += ["--skip-pull-image"] if has_image(other_image or image()) else []
    # The SAM CLI does not know the contexts of the docker command.
    host = docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    try:
        finished = subprocess.run(
            command,
            env={**environment.docker(), **aws, **({"DOCKER_HOST": host} if host else {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INVOKE_SECONDS,
            check=False,
        )
        return json.loads(finished.stdout), finished.stderr
    except subprocess.TimeoutExpired:
        raise StepError(f"sam local invoke did not finish within {_INVOKE_SECONDS} s.") from None
    except ValueError:
        what = f"sam local invoke failed with exit code {finished.returncode}. To run without Docker, use WITH=rie."
        raise StepError(what, finished.stderr) from None


def docker(*arguments: str) -> str | None:
    """Return the output of a docker command, or None if it failed."""
    try:
        finished = subprocess.run(
            ["docker", *arguments],  # noqa: S607 - the one on PATH
            env=environment.docker(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return None if finished.returncode else finished.stdout.strip()
