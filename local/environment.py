"""The environment of every process and client on a developer's machine: made here, of nothing that is the developer's.

Whatever starts a process of its own (`python -m local`, the tests, the benchmark) calls `enter` first, so that its
children and clients have this environment too. The Makefile's steps run through this file, before there is a .venv:

    python3 -I local/environment.py [--alone] [--download] COMMAND ...
"""

import fcntl
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
HOME: Final = ROOT / ".local" / "home"

# What a program needs to be found and started, and to write on this terminal.
_KEPT: Final = ("PATH", "LD_LIBRARY_PATH", "TERM", "COLORTERM", "NO_COLOR", "COLUMNS", "LINES", "TZ")
_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_WAY_TO_A_REGISTRY: Final = (
    *_PROXIES,
    *map(str.lower, _PROXIES),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
)
_WAY_TO_DOCKER: Final = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
_SET_ASIDE: Final = "MULTI_AUTH_SET_ASIDE"
"""Carries the developer's own HOME and these ways to the few processes that need them, as JSON."""


def clean(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """For all that stays on this machine. Cleaning what is clean changes nothing."""
    path = environ.get("PATH") or os.defpath
    tools = str(ROOT / ".venv" / "bin")
    return {name: environ[name] for name in _KEPT if name in environ} | {
        "PATH": path if path.split(os.pathsep)[0] == tools else os.pathsep.join((tools, path)),
        "HOME": str(HOME),
        "LC_ALL": "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONNOUSERSITE": "1",
        # macOS has proxies in its settings as well, which this keeps out.
        "NO_PROXY": "*",
        "no_proxy": "*",
        "SAM_CLI_TELEMETRY": "0",
    }


def download(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """For what fetches packages from a registry: with the proxy and the certificates that lead there."""
    aside = _set_aside(environ)
    way = {name: aside[name] for name in _WAY_TO_A_REGISTRY if name in aside}
    own = {name: value for name, value in clean(environ).items() if name.upper() != "NO_PROXY"}
    caches = Path(aside.get("HOME", os.devnull)) / ".cache" / "uv"
    return own | way | ({"UV_CACHE_DIR": str(caches)} if os.access(caches, os.W_OK) else {})


def docker(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """For what talks to Docker: with the way to its daemon."""
    aside = _set_aside(environ)
    configuration = {"DOCKER_CONFIG": str(Path(aside["HOME"]) / ".docker")} if "HOME" in aside else {}
    return clean(environ) | configuration | {name: aside[name] for name in _WAY_TO_DOCKER if name in aside}


def aws(endpoint_url: str, access_key: str, region: str) -> dict[str, str]:
    """For AWS's tools and clients: they reach this emulator, and no account."""
    return clean() | {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": access_key,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        # How often `sam deploy` asks whether the stack is done, in seconds: the emulator is quick.
        "SAM_CLI_POLL_DELAY": "0.3",
    }


def enter() -> None:
    """Makes the clean environment this process's own, and so that of its children and clients."""
    given = clean() | {_SET_ASIDE: json.dumps(_set_aside(os.environ))}
    os.environ.clear()
    os.environ.update(given)
    os.umask(0o022)
    HOME.mkdir(parents=True, exist_ok=True)


def _set_aside(environ: Mapping[str, str]) -> dict[str, str]:
    if _SET_ASIDE in environ:
        aside: dict[str, str] = json.loads(environ[_SET_ASIDE])
        return aside
    return {name: environ[name] for name in ("HOME", *_WAY_TO_A_REGISTRY, *_WAY_TO_DOCKER) if name in environ}


def main() -> None:
    """Becomes the command that follows, in the clean environment or, with `--download`, that of a download.

    With `--alone`, one such command runs at a time in this checkout.
    """
    words = sys.argv[1:]
    try:
        enter()
        if words[0] == "--alone":
            words = words[1:]
            _wait_for_turn()
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}. This checkout is where everything is written.")
    given = dict(os.environ)
    if words[0] == "--download":
        words, given = words[1:], download()
    os.execvpe(words[0], words, given)  # noqa: S606 - to be what starts a program is its purpose


def _wait_for_turn() -> None:
    """The turn lasts as long as what this process becomes, and its children."""
    lock = os.open(HOME.parent / "setup.lock", os.O_CREAT | os.O_WRONLY, 0o644)
    os.set_inheritable(lock, True)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another make is setting up this checkout: waiting for it.", file=sys.stderr, flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)


if __name__ == "__main__":
    main()
