"""The calls that `make run` makes, and the screen that shows their responses and the same calls as curl commands."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.apis import Answer, Api, ApiRoute, call
from local.decisions import HEADING
from local.rehearsal import Rehearsed, callers, expected
from local.step import StepError, tail, write_private
from local.system import AUTH_FILE, System

WIDTH: Final = 100
DECISIONS: Final = f"""
Each decision of the authorizer follows, until Ctrl-C. An accepted header is cached for 30 s. A 403 is
an `allow` whose policy does not permit the route. The emulator takes seconds after each refusal.
{HEADING}"""


@dataclass(frozen=True)
class Shown:
    """The response to a call of `GET /me`. `refused_by`: the rules that refuse it, if they do."""

    answer: Answer
    refused_by: str | None

    def __str__(self) -> str:
        return f"{self.answer.status}  {self.refused_by or ' '.join(self.answer.body.split())}"


def answers(system: System) -> dict[str, Shown]:
    """Call the API without a credential, with the API key and with the JWT.

    :raises StepError: a response has another status than the rules say.
    """
    route = ApiRoute("/me", "GET", guarded=True)
    given = {}
    for caller in callers(system.api_key, system.api_key_identity, system.jwt, system.rules):
        answer = call(system.api_url, caller.credential)
        found = Rehearsed(route, caller.name, answer.status, *expected(route, caller, system.rules.rules))
        if not found.agrees or (found.expected is None and answer.status != 200):
            wanted = found.expected or 200
            problem = f"The deployed API answered {caller.name} with {answer.status} instead of {wanted}: {answer.body}"
            raise StepError(problem, tail(system.emulator.log))
        given[caller.name] = Shown(answer, found.why if found.expected == 403 else None)
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


def screen(
    system: System, given: Mapping[str, Shown], files: Mapping[str, Path], rules: Path, own: Sequence[Api]
) -> str:
    """Return the text that `make run` prints: the responses, the curl commands, and further commands.

    `rules` is the file of rules, and `own` has the APIs of the user's own template.
    """
    lines = [""]
    for what, answer in given.items():
        lines.append(_cut(f"{what}: {answer}"))
    me, reports = system.api_url, f"{system.deployment.url}/reports"
    key, token = (f"-H @{files[name]}" for name in ("api_key", "jwt"))
    sample = (
        f"A route with a rule in {AUTH_FILE}, 200 and 403:",
        f"curl -i -X POST {key} {reports}",
        f"curl -i -X POST {token} {reports}",
    )
    lines += [
        "",
        "The same calls, to paste:",
        f"curl -i {me}",
        f"curl -i {key} {me}",
        f"curl -i {token} {me}",
        *(sample if rules == AUTH_FILE else ()),
        *(f"Your API {api.name}: {api.url}" for api in own),
        "",
        f"{rules} applies. When you change it, it is checked and loaded, and each route is called.",
        "`make token` replaces the JWT after an hour. `.venv/bin/keys list` lists the API keys. `make env` prints the",
        "variables of this system for a shell.",
    ]
    return "\n".join(lines)


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
