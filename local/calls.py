"""The calls that `make run` makes and shows: what is asked, what came back, and the same as curl commands."""

import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.step import StepError, tail, write_private
from local.system import System

EXPECTED: Final = {"no credential": 401, "an API key": 200, "a JWT": 200}
WIDTH: Final = 100


@dataclass(frozen=True)
class Answer:
    status: int
    body: str


def call(url: str, credential: str | None) -> Answer:
    """The answer to a GET with this bearer token."""
    request = urllib.request.Request(url)
    if credential:
        request.add_header("Authorization", f"Bearer {credential}")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return Answer(response.status, response.read().decode())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read().decode())


def answers(system: System) -> dict[str, Answer]:
    """What the API says without a credential, to the API key and to the JWT.

    :raises StepError: one of them is not what it should be.
    """
    credentials = dict(zip(EXPECTED, (None, system.api_key, system.jwt), strict=True))
    given = {what: call(system.api_url, credential) for what, credential in credentials.items()}
    for what, answer in given.items():
        if answer.status != EXPECTED[what]:
            problem = f"The deployed API answered {what} with {answer.status} and not {EXPECTED[what]}: {answer.body}"
            raise StepError(problem, tail(system.emulator.log))
    return given


@contextmanager
def headers(directory: Path, credentials: Mapping[str, str]) -> Iterator[dict[str, Path]]:
    """Files for `curl -H @FILE`, by name, so that no secret is in a command line. Removed at the end."""
    files = {name: header_file(directory, name) for name in credentials}
    for name, credential in credentials.items():
        write_header(files[name], credential)
    try:
        yield files
    finally:
        for file in files.values():
            file.unlink(missing_ok=True)


def header_file(directory: Path, name: str) -> Path:
    return directory / f"{name}.header"


def write_header(file: Path, credential: str) -> None:
    write_private(file, f"Authorization: Bearer {credential}\n")


def screen(system: System, given: Mapping[str, Answer], files: Mapping[str, Path]) -> str:
    """What `make run` ends on: the answers, the commands to paste, and what else can be done."""
    lines = [""]
    for what, answer in given.items():
        lines.append(_cut(f"{what}: {answer.status}  {' '.join(answer.body.split())}"))
    me, reports = system.api_url, f"{system.deployment.url}/reports"
    key, token = (f"-H @{files[name]}" for name in ("api_key", "jwt"))
    lines += [
        "",
        "The same calls, to paste:",
        f"curl -i {me}",
        f"curl -i {key} {me}",
        f"curl -i {token} {me}",
        "A rule of src/authorizer/auth.toml, which `sam deploy` applies with AuthConfig=auth.toml. 200, and 403:",
        f"curl -i -X POST {key} {reports}",
        f"curl -i -X POST {token} {reports}",
        "",
        "make token           a new JWT, also for the lines above: this one ends after an hour",
        ".venv/bin/keys list  the keys command finds this system by itself",
        "",
        "Each decision as it happens; Ctrl-C stops everything. Without a header, and for 30 s after an answer to the",
        "same one, API Gateway answers by itself:",
    ]
    return "\n".join(lines)


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
