"""Run a function with an event, as Lambda does: `make invoke EVENT=events/api_key.json`.

With Docker, `sam local invoke` runs it. Without Docker, AWS's Runtime Interface Emulator does. Artifact, settings and
outcome are the same.
"""

import json
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from local import docker, environment, rie, sample
from local.build import FOR_LAMBDA, build
from local.decisions import Decision, parse
from local.emulator import REGION, Endpoint, running_emulator
from local.forward import forwarding
from local.session import client
from local.step import StepError, demand_space, say, step
from local.template_file import load, value

WAYS: Final = ("docker", "rie")


@dataclass(frozen=True)
class Invocation:
    """The response of a function (an object with `errorMessage` if it raised), and its log."""

    function: str
    answer: Any
    log: str

    @property
    def outcome(self) -> str:
        """Return `allow` of the authorizer, or the status that a client of the API would get."""
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

    def __init__(self, directory: Path, emulator: Endpoint, image: str | None = None) -> None:
        """`directory` has the build in `build`. `image` replaces AWS's image for Docker."""
        self._directory = directory
        self._emulator = emulator
        self._image = image

    def invoke(self, function: str, event: object, way: str) -> Invocation:
        """Run a function with an event, by one of `WAYS`.

        :raises StepError: the function could not run.
        """
        if function != "Authorizer":
            return self._run(function, event, way, {}, environment.clean())
        access_key = f"SAMPLE{secrets.token_hex(16).upper()}"
        address, name = docker.way_here() if way == "docker" else ("127.0.0.1", "127.0.0.1")
        with forwarding(self._emulator, sample.TABLE, access_key, address) as url:
            seen = url.replace(address, name)
            variables = {"API_KEYS_TABLE": sample.TABLE, "AWS_ENDPOINT_URL_DYNAMODB": seen, **sample.PROVIDER}
            return self._run(function, event, way, variables, environment.aws(seen, access_key, REGION))

    def _run(
        self, function: str, event: object, way: str, variables: Mapping[str, str], aws: Mapping[str, str]
    ) -> Invocation:
        if way == "docker":
            answer, log = docker.invoke(function, event, variables, aws, self._directory, self._image)
            return Invocation(function, answer, log)
        handler, settings = declared(function)
        command = [sys.executable, "-m", "awslambdaric", handler]
        log_file = self._directory / "rie.log"
        given = {**aws, **settings, **variables, "AWS_LAMBDA_FUNCTION_NAME": function}
        try:
            with rie.running_function(command, self._directory / "build" / function, given, log_file) as url:
                answer = rie.invoke(url, event)
        except OSError as error:
            raise StepError(f"{function} did not respond: {error}.", rie.written(log_file)) from None
        return Invocation(function, answer, rie.written(log_file))


@contextmanager
def invoker(directory: Path, image: str | None = None) -> Iterator[Invoker]:
    """Build the functions if necessary, and run their table. All files are in `directory`, and removed at the end.

    :raises StepError: a part failed.
    """
    directory.mkdir(parents=True)
    try:
        with step("sam build"):
            build(environment.download(), directory / "sam-build.log", FOR_LAMBDA)
        sample.copy_build(directory / "build")
        with running_emulator(directory) as emulator:
            sample.make_table(client(emulator, "dynamodb"))
            yield Invoker(directory, emulator, image)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def invoke(directory: Path, file: Path, function: str | None, way: str | None, image: str | None) -> int:
    """Run a function with the event in a file, and show the result. Return exit code 1 if the function failed, else 0.

    Without `function`, the type of the event selects it. Without `way`, Docker runs it if a daemon answers. Without
    `image`, Docker uses AWS's.

    :raises StepError: the file is not an event, or a part failed.
    """
    try:
        event = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise StepError(f"{file} cannot be read as JSON: {why}. Example: make invoke EVENT=events/jwt.json") from None
    if not isinstance(event, dict):
        raise StepError(f"{file} is not an event, because it contains no JSON object.")
    name = function or ("Authorizer" if event.get("type") == "REQUEST" else "Me")
    chosen = way or ("docker" if docker.has_docker() else "rie")
    what = f"{name} with {file}, by {'sam local invoke' if chosen == 'docker' else 'the Runtime Interface Emulator'}"
    demand_space(directory)
    with invoker(directory / f"invoke-{uuid4().hex[:8]}", image) as functions, step(what):
        made = functions.invoke(name, event, chosen)
    if made.has_failed:
        say(made.log)
    print(json.dumps(made.answer, indent=2, ensure_ascii=False), flush=True)
    say(f"{name}: {made.outcome}")
    if made.decision:
        say(str(made.decision))
    return int(made.has_failed)


def declared(function: str) -> tuple[str, dict[str, str]]:
    """Return the handler of a function, and its variables with the defaults of the template."""
    template = load(Path("template.yaml"))
    properties = template["Resources"][function]["Properties"]
    variables = properties["Environment"]["Variables"]
    return properties["Handler"], {name: value(template, given) for name, given in variables.items()}
