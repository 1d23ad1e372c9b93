"""Measure cold starts: a fresh process each time, from the first request to its response."""

import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.backend import Backend, event
from local.build import FOLDER, SAM, build, overrides, target
from local.environment import download
from local.rie import invoke, running_function
from local.step import run

RUNTIME: Final = Path(".tools/runtime/bin/python")
PEERS: Final = Path("bench/peers")
NODE: Final = PEERS / "node"
PLATFORM_LINES: Final = (b"START RequestId", b"END RequestId", b"REPORT RequestId")
FLOOR: Final = "baseline: boto3 client, no request"
MANY: Final = 200


def in_file(count: int) -> str:
    """Return the name of the contender with `count` providers in its file."""
    return f"multi-auth, JWT, providers in a file: {count}"


@dataclass(frozen=True)
class Contender:
    """A function, and the first request to it. `providers` is their number in a file; 0 for one in variables."""

    name: str
    folder: Path
    command: Sequence[str | Path]
    event: Any
    providers: int = 0


def prepare(directory: Path) -> list[Contender]:
    """Build every artifact with `sam build`, and make the artifacts read-only."""
    directory.mkdir(parents=True, exist_ok=True)
    environment = download()
    build(environment, directory / "sam-build.log")
    built = directory / "peers"
    command: list[str | Path] = [SAM, "build", "--template", PEERS / "template.yaml", "--build-dir", built]
    command += ["--parameter-overrides", *overrides(target())]
    run("sam build of the peers", command, environment=environment, log=directory / "sam-build-peers.log")
    ours = directory / "ours"
    shutil.rmtree(ours, ignore_errors=True)
    shutil.copytree(FOLDER / "Authorizer", ours)
    key, jwt = event("api_key"), event("jwt")
    python: list[str | Path] = [RUNTIME.absolute(), "-m", "awslambdaric"]
    entry: list[str | Path] = [*python, "authorizer.handler.lambda_handler"]
    peer: list[str | Path] = [*python, "app.handler"]
    contenders = [
        Contender(FLOOR, built / "Floor", peer, {}),
        Contender("multi-auth, API key", ours, entry, key),
        Contender("multi-auth, JWT", ours, entry, jwt),
        *(Contender(in_file(count), ours, entry, jwt, count) for count in (1, MANY)),
        Contender("typical sample, API key", built / "Sample", peer, key),
        Contender("typical sample, JWT", built / "Sample", peer, jwt),
        Contender("Powertools' auth_alpha, JWT", built / "Powertools", peer, jwt),
    ]
    if (NODE / "node_modules").is_dir():
        node = [shutil.which("node") or "node", "bootstrap.mjs"]
        contenders.append(Contender("Node: aws-jwt-verify, AWS SDK; JWT", NODE, node, jwt))
        contenders.append(Contender("Node: aws-jwt-verify, AWS SDK; API key", NODE, node, key))
    for folder in (ours, built):
        for path in (folder, *folder.rglob("*")):
            path.chmod(path.stat().st_mode & ~0o222)
    return contenders


def release(directory: Path) -> None:
    """Make the artifacts writable and remove them."""
    for name in ("ours", "peers"):
        for path in (directory / name, *(directory / name).rglob("*")):
            if path.is_dir():
                path.chmod(0o755)
        shutil.rmtree(directory / name, ignore_errors=True)


def measure(contenders: Sequence[Contender], backend: Backend, rounds: int, directory: Path) -> dict[str, list[float]]:
    """Return the milliseconds of each start by name. The contenders take turns, so that all run under the same load."""
    environments = {contender.name: _environment(backend, contender, directory) for contender in contenders}
    times: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            times[contender.name].append(_start(contender, environments[contender.name], directory / "rie.log"))
    return times


@dataclass(frozen=True)
class Logged:
    """Bytes in the log for one warm decision: the function's line, and the runtime's line about an error."""

    accepted: int
    refused: int


def logged(contender: Contender, backend: Backend, directory: Path) -> Logged:
    """Measure the lines of the Runtime Interface Emulator, without Lambda's own, which are below WARN."""
    log = directory / "rie-lines.log"
    unrecognized = {**contender.event, "headers": {"Authorization": "Bearer hello"}, "multiValueHeaders": {}}
    environment = _environment(backend, contender, directory) | {"AWS_LAMBDA_LOG_FORMAT": "JSON"}
    with running_function(contender.command, contender.folder, environment, log) as url:
        sizes = []
        for request in (contender.event, contender.event, unrecognized):
            invoke(url, request)
            sizes.append(_size_at_rest(log))
    return Logged(sizes[1] - sizes[0], sizes[2] - sizes[1])


def _size_at_rest(log: Path) -> int:
    """Return the size when the log stops growing, because the last line follows the response."""
    text = None
    while (now := log.read_bytes()) != text:
        text = now
        time.sleep(0.2)
    return sum(len(line) + 1 for line in now.splitlines() if not line.startswith(PLATFORM_LINES))


def medians(times: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in times.items()}


def _environment(backend: Backend, contender: Contender, directory: Path) -> dict[str, str]:
    providers = _in_file(backend.environment, contender.providers, directory) if contender.providers else {}
    return backend.environment | {
        **providers,
        # Root can write to read-only folders. This keeps Python from writing bytecode.
        "PYTHONDONTWRITEBYTECODE": "1",
        "JWKS_FILE": str(Path("events/jwks.json").resolve()),
        "AWS_LAMBDA_FUNCTION_NAME": "Authorizer",
    }


def _in_file(one: Mapping[str, str], count: int, directory: Path) -> dict[str, str]:
    """Return variables for a file of `count` providers, the last of which is the provider of the variables `one`."""
    entry = """[[provider]]
issuer = "https://login.microsoftonline.com/{number:036}/v2.0"
audience = ["api://reports", "{number:036}"]
scope_claims = ["scp", "roles"]
required_claims = {{ tid = "{number:036}" }}
data_claims = ["oid", "roles"]

"""
    last = {"issuer": one["JWT_ISSUER"], "audience": one["JWT_AUDIENCE"], "jwks_url": one["JWT_JWKS_URL"]}
    file = (directory / f"providers-{count}.toml").absolute()
    file.write_text(
        "".join(entry.format(number=number) for number in range(count - 1))
        + "[[provider]]\n"
        + "".join(f'{name} = "{value}"\n' for name, value in last.items())
        + '[[rule]]\nroute = "* /*"\n',
        encoding="utf-8",
    )
    return {"AUTH_CONFIG": str(file), "JWT_ISSUER": "", "JWT_AUDIENCE": "", "JWT_JWKS_URL": ""}


def _start(contender: Contender, environment: Mapping[str, str], log: Path) -> float:
    with running_function(contender.command, contender.folder, environment, log) as url:
        started = time.perf_counter()
        answer = invoke(url, contender.event)
        elapsed = (time.perf_counter() - started) * 1000
    if "errorMessage" in answer:
        raise RuntimeError(f"{contender.name} failed: {answer}")
    return elapsed
