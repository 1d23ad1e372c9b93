"""The calls that `make run` makes, and the screen that shows their responses and the same calls as curl commands."""

import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.decisions import HEADING
from local.step import StepError, tail, write_private
from local.system import System

EXPECTED: Final = {"no credential": 401, "an API key": 200, "a JWT": 200}
WIDTH: Final = 100


@dataclass(frozen=True)
class Answer:
    status: int
    body: str


def call(url: str, credential: str | None) -> Answer:
    """Send a GET request with this bearer token, or without one."""
    request = urllib.request.Request(url)
    if credential:
        request.add_header("Authorization", f"Bearer {credential}")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return Answer(response.status, response.read().decode())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read().decode())


def answers(system: System) -> dict[str, Answer]:
    """Call the API without a credential, with the API key and with the JWT.

    :raises StepError: a response has another status than expected.
    """
    credentials = dict(zip(EXPECTED, (None, system.api_key, system.jwt), strict=True))
    given = {what: call(system.api_url, credential) for what, credential in credentials.items()}
    for what, answer in given.items():
        if answer.status != EXPECTED[what]:
            problem = (
                f"The deployed API answered {what} with {answer.status} instead of {EXPECTED[what]}: {answer.body}"
            )
            raise StepError(problem, tail(system.emulator.log))
    return given


@contextmanager
def headers(directory: Path, credentials: Mapping[str, str]) -> Iterator[dict[str, Path]]:
    """Write files for `curl -H @FILE`, so that no command line has a credential. Remove them at the end."""
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
    """Return the text that `make run` prints: the responses, the curl commands, and further commands."""
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
        "A route with a rule in src/authorizer/auth.toml, 200 and 403:",
        f"curl -i -X POST {key} {reports}",
        f"curl -i -X POST {token} {reports}",
        "",
        "`make token` replaces the JWT after an hour. `.venv/bin/keys list` lists the API keys.",
        "",
        "Each decision of the authorizer follows, until Ctrl-C. An accepted header is cached for 30 s. A 403 is",
        "an `allow` whose policy does not permit the route. The emulator takes seconds after each refusal.",
        HEADING,
    ]
    return "\n".join(lines)


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
