"""One event, answered by one of the functions as Lambda runs it: `make invoke EVENT=events/api_key.json`.

With Docker by `sam local invoke`, without by AWS's Runtime Interface Emulator on this machine: the same artifact, the
same settings, the same outcome.
"""

import json
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from keys.deployment.template import load
from local import environment, rie, sample
from local.build import SAM, build, overrides, target
from local.decisions import Decision, parse
from local.emulator import REGION, Endpoint, running_emulator
from local.forward import forwarding
from local.step import StepError, say, step

WAYS: Final = ("docker", "rie")
_TIMEOUT_SECONDS: Final = 300


@dataclass(frozen=True)
class Invocation:
    """What a function answered (an object with `errorMessage` when it raised), and all that it wrote."""

    function: str
    answer: Any
    log: str

    @property
    def outcome(self) -> str:
        """What a client of the API would see of it: the authorizer's `allow`, or a status."""
        error = self.answer.get("errorMessage") if isinstance(self.answer, dict) else "no object"
        if self.function == "Authorizer":
            return "401" if error == "Unauthorized" else "503" if error is not None else "allow"
        return "502" if error is not None else str(self.answer.get("statusCode"))

    @property
    def has_failed(self) -> bool:
        return self.outcome.startswith("50")

    @property
    def decision(self) -> Decision | None:
        found = [parse(line[line.find("{") :]) for line in self.log.splitlines() if "{" in line]
        return next((decision for decision in found if decision), None)


class Invoker:
    """The functions, with the sample table and the sample provider."""

    def __init__(self, directory: Path, emulator: Endpoint) -> None:
        self._directory = directory
        self._emulator = emulator
        self._template = load(Path("template.yaml"))

    def invoke(self, function: str, event: object, way: str) -> Invocation:
        """Lets it answer one event. `way`: one of `WAYS`.

        :raises StepError: it could not be run.
        """
        call = self._in_docker if way == "docker" else self._on_this_machine
        if function != "Authorizer":
            return call(function, event, {}, environment.clean())
        access_key = f"SAMPLE{secrets.token_hex(16).upper()}"
        address, name = _container_side() if way == "docker" else ("127.0.0.1", "127.0.0.1")
        with forwarding(self._emulator, sample.TABLE, access_key, address) as port:
            url = f"http://{name}:{port}"
            variables = {"API_KEYS_TABLE": sample.TABLE, "AWS_ENDPOINT_URL_DYNAMODB": url, **sample.PROVIDER}
            return call(function, event, variables, environment.aws(url, access_key, REGION))

    def _in_docker(
        self, function: str, event: object, variables: Mapping[str, str], given: dict[str, str]
    ) -> Invocation:
        files = {"event.json": event, "env.json": {function: variables}}
        for name, content in files.items():
            (self._directory / name).write_text(json.dumps(content), encoding="utf-8")
        command: list[str | Path] = [SAM, "local", "invoke", function, "--template", self._folder / "template.yaml"]
        command += ["--event", self._directory / "event.json", "--env-vars", self._directory / "env.json"]
        command += ["--parameter-overrides", *overrides(target())]
        if _docker("image", "inspect", _image()):
            command.append("--skip-pull-image")
        finished = subprocess.run(
            command,
            env=environment.docker() | given,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        try:
            return Invocation(function, json.loads(finished.stdout), finished.stderr)
        except ValueError:
            raise StepError(f"sam local invoke failed with code {finished.returncode}.", finished.stderr) from None

    def _on_this_machine(
        self, function: str, event: object, variables: Mapping[str, str], given: dict[str, str]
    ) -> Invocation:
        properties = self._template["Resources"][function]["Properties"]
        declared = properties["Environment"]["Variables"]
        lambda_variables = {"AWS_LAMBDA_FUNCTION_NAME": function, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}
        settings = {name: self._value(value) for name, value in declared.items()} | lambda_variables | dict(variables)
        command = [sys.executable, "-m", "awslambdaric", properties["Handler"]]
        log = self._directory / "rie.log"
        with rie.running_function(command, self._folder / function, given | settings, log) as url:
            answer = rie.invoke(url, event)
        return Invocation(function, answer, log.read_text(encoding="utf-8", errors="replace"))

    @property
    def _folder(self) -> Path:
        return self._directory / "build"

    def _value(self, value: Any) -> str:
        """A variable as the template gives it by default; empty where only a deployment has it."""
        if isinstance(value, dict):
            value = self._template["Parameters"].get(value.get("Ref"), {}).get("Default", "")
        return str(value)


@contextmanager
def invoker(directory: Path) -> Iterator[Invoker]:
    """The functions, built if need be, with their table for as long as this lasts. All that it makes is in `directory`.

    :raises StepError: a part failed.
    """
    directory.mkdir(parents=True)
    try:
        with step("sam build"):
            build(environment.download(), directory / "sam-build.log")
        sample.copy_build(directory / "build")
        with running_emulator(directory) as emulator:
            sample.make_table(emulator)
            yield Invoker(directory, emulator)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def invoke(directory: Path, file: Path, function: str | None, way: str | None) -> int:
    """Shows what a function makes of the event in a file. The exit code: 1 when it has failed at it, otherwise 0.

    `function`: None for the one that takes such events. `way`: None for Docker where it is.

    :raises StepError: the file is no event, or a part failed.
    """
    try:
        event = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StepError(f"{file} cannot be read as JSON: {error}. Example: make invoke EVENT=events/jwt.json") from None
    if not isinstance(event, dict):
        raise StepError(f"{file} is no event: it holds no JSON object.")
    name = function or ("Authorizer" if event.get("type") == "REQUEST" else "Me")
    chosen = way or ("docker" if has_docker() else "rie")
    what = f"{name}, by {'sam local invoke' if chosen == 'docker' else 'the Runtime Interface Emulator'}"
    with invoker(directory / f"invoke-{uuid4().hex[:8]}") as functions, step(what):
        made = functions.invoke(name, event, chosen)
    if made.has_failed:
        say(made.log)
    print(json.dumps(made.answer, indent=2, ensure_ascii=False), flush=True)
    say(f"{name}: {made.outcome}")
    if made.decision:
        say(str(made.decision))
    return int(made.has_failed)


def has_docker() -> bool:
    """Whether a Docker daemon answers."""
    return shutil.which("docker") is not None and _docker("info") is not None


def _image() -> str:
    """The image that the SAM CLI runs this interpreter's functions in."""
    here = target()
    return f"public.ecr.aws/lambda/python:{here['PythonRuntime'].removeprefix('python')}-{here['Architecture']}"


def _container_side() -> tuple[str, str]:
    """Where on this machine a container can reach it, and by which name."""
    gateway = _docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}") or "172.17.0.1"
    try:
        socket.create_server((gateway, 0)).close()
    except OSError:
        # Docker runs in a virtual machine, which passes calls to this name on to this machine's loopback.
        return "127.0.0.1", "host.docker.internal"
    return gateway, gateway


def _docker(*arguments: str) -> str | None:
    """What a docker command printed; None when it failed."""
    finished = subprocess.run(
        ["docker", *arguments],  # noqa: S607 - the one on PATH
        env=environment.docker(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    return None if finished.returncode else finished.stdout.strip()
