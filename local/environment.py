"""Create the environment of every process and client on a developer's machine, without the developer's settings.

Every program (`python -m local`, the tests, the benchmark) calls `enter` first, so that its child processes and clients
inherit this environment. The Makefile runs its steps through this file, before .venv exists:

    python3 -I local/environment.py [--alone] [--download] COMMAND ...
"""

import configparser
import fcntl
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
HOME: Final = ROOT / ".local" / "home"

# Variables that a program needs to start and to write to this terminal.
_KEPT: Final = ("PATH", "LD_LIBRARY_PATH", "TERM", "COLORTERM", "NO_COLOR", "COLUMNS", "LINES", "TZ")
_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_PIP_SETTINGS: Final = (
    *("index-url", "extra-index-url", "find-links", "no-index"),
    *("trusted-host", "cert", "client-cert", "proxy", "keyring-provider"),
)
"""pip's settings for package sources. Other settings are ignored, because they could change what is installed."""
_WAY_TO_A_REGISTRY: Final = re.compile(
    "|".join(
        (
            *_PROXIES,
            *map(str.lower, _PROXIES),
            *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "NETRC"),
            *("PIP_CONFIG_FILE", *(f"PIP_{name.upper().replace('-', '_')}" for name in _PIP_SETTINGS)),
            *("UV_CONFIG_FILE", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"),
            *("UV_INDEX_[A-Z0-9_]+_(?:USERNAME|PASSWORD)", "UV_INSECURE_HOST", "UV_KEYRING_PROVIDER", "UV_NATIVE_TLS"),
            *("UV_SYSTEM_CERTS", "UV_HTTP_TIMEOUT", "UV_INDEX_STRATEGY", "npm_config_registry"),
        )
    )
)
"""The only list of what leads to a package registry. The files pip.conf and uv.toml are read in `_configured`."""
_WAY_TO_DOCKER: Final = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
_SET_ASIDE: Final = "MULTI_AUTH_SET_ASIDE"
"""Passes the developer's HOME and these variables to the few processes that need them, as JSON."""


def clean(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of processes that use no network. It is idempotent."""
    path = environ.get("PATH") or os.defpath
    tools = str(ROOT / ".venv" / "bin")
    return {name: environ[name] for name in _KEPT if name in environ} | {
        "PATH": path if path.split(os.pathsep)[0] == tools else os.pathsep.join((tools, path)),
        "HOME": str(HOME),
        "LC_ALL": "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONNOUSERSITE": "1",
        # Ignores the proxies in the settings of macOS.
        "NO_PROXY": "*",
        "no_proxy": "*",
        "SAM_CLI_TELEMETRY": "0",
    }


def download(environ: Mapping[str, str] = os.environ, etc: Path = Path("/etc")) -> dict[str, str]:
    """Return the environment of processes that fetch packages, with this machine's way to a registry.

    That is its proxy, its certificates, and the package index of its variables, of pip.conf and of uv.toml. `etc` has
    the files of the whole machine.
    """
    aside = _set_aside(environ)
    way = _configured({name: text for name, text in aside.items() if _WAY_TO_A_REGISTRY.fullmatch(name)}, aside, etc)
    own = {name: value for name, value in clean(environ).items() if name.upper() != "NO_PROXY"}
    caches = Path(aside.get("HOME", os.devnull)) / ".cache" / "uv"
    return own | way | ({"UV_CACHE_DIR": str(caches)} if os.access(caches, os.W_OK) else {})


def docker(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of processes that use Docker, with the address of its daemon."""
    aside = _set_aside(environ)
    configuration = {"DOCKER_CONFIG": str(Path(aside["HOME"]) / ".docker")} if "HOME" in aside else {}
    return clean(environ) | configuration | {name: aside[name] for name in _WAY_TO_DOCKER if name in aside}


def aws(endpoint_url: str, access_key: str, region: str, secret: str | None = None) -> dict[str, str]:
    """Return the environment of AWS tools and clients that reach this emulator and no AWS account."""
    return clean() | {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret or access_key,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        # The seconds between two checks of `sam deploy` for the end of the deployment. The emulator is fast.
        "SAM_CLI_POLL_DELAY": "0.3",
    }


def enter() -> None:
    """Replace the environment of this process, which its child processes and clients inherit."""
    given = clean() | {_SET_ASIDE: json.dumps(_set_aside(os.environ))}
    os.environ.clear()
    os.environ.update(given)
    os.umask(0o077)
    HOME.mkdir(parents=True, exist_ok=True)
    # Whatever the programs write in there, such as events with tokens, only its owner can read.
    HOME.parent.chmod(0o700)


def _set_aside(environ: Mapping[str, str]) -> dict[str, str]:
    if _SET_ASIDE in environ:
        aside: dict[str, str] = json.loads(environ[_SET_ASIDE])
        return aside
    kept = ("HOME", "XDG_CONFIG_HOME", *_WAY_TO_DOCKER)
    return {name: text for name, text in environ.items() if name in kept or _WAY_TO_A_REGISTRY.fullmatch(name)}


def _configured(way: dict[str, str], aside: Mapping[str, str], etc: Path) -> dict[str, str]:
    """Add what pip.conf and uv.toml say, and to each tool the index that only the other one has."""
    home = Path(aside.get("HOME", os.devnull))
    folder = Path(aside.get("XDG_CONFIG_HOME") or home / ".config")
    named = way.pop("PIP_CONFIG_FILE", None)
    files = [etc / "pip.conf", home / ".pip/pip.conf", folder / "pip/pip.conf"]
    files += [home / "Library/Application Support/pip/pip.conf"]
    way = _pip_conf([Path(named)] if named else files) | way
    # pip reads no file beside these settings, of which those of this environment hold.
    way["PIP_CONFIG_FILE"] = os.devnull
    uv_files = [Path(way["UV_CONFIG_FILE"])] if "UV_CONFIG_FILE" in way else [folder / "uv/uv.toml", etc / "uv/uv.toml"]
    found = [file for file in uv_files if os.access(file, os.R_OK)]
    if folder / "uv/uv.toml" in found:
        way["XDG_CONFIG_HOME"] = str(folder)
    variables = [way[name] for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL") if name in way]
    index = next(iter(variables + list(filter(None, map(_uv_index, found)))), None)
    if index and "PIP_INDEX_URL" not in way:
        way["PIP_INDEX_URL"] = index
    if not index and not found and "PIP_INDEX_URL" in way:
        names = {
            "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
            "PIP_EXTRA_INDEX_URL": "UV_INDEX",
            "PIP_FIND_LINKS": "UV_FIND_LINKS",
            "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
            "PIP_CERT": "SSL_CERT_FILE",
        }
        # As pip does, take a version from any index. The requirements have hashes.
        given = {own: way[pip] for pip, own in names.items() if pip in way} | {"UV_INDEX_STRATEGY": "unsafe-best-match"}
        way = given | way
    return way


def _pip_conf(files: list[Path]) -> dict[str, str]:
    """Return the settings for package sources in these files as variables. A later file wins."""
    found = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            for name in _PIP_SETTINGS if parser.has_section(section) else ():
                if text := parser.get(section, name, fallback=""):
                    found[f"PIP_{name.upper().replace('-', '_')}"] = " ".join(text.split())
    return found


def _uv_index(file: Path) -> str | None:
    """Return the default index in a uv.toml, for pip."""
    try:
        import tomllib  # Not in Python 3.10, which the Makefile refuses with a message.

        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (ImportError, OSError, ValueError):
        return None
    indexes = table.get("index") or []
    default = next((str(index["url"]) for index in indexes if index.get("default") and "url" in index), None)
    return default or table.get("index-url") or table.get("pip", {}).get("index-url")


def main() -> None:
    """Execute the command in the arguments in the clean environment or, with `--download`, in that of a download.

    With `--alone`, only one such command runs at a time in this checkout.
    """
    words = sys.argv[1:]
    options = set()
    while words[0] in ("--alone", "--download"):
        options.add(words.pop(0))
    try:
        enter()
        if "--alone" in options:
            _wait_for_turn()
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}. The checkout must be writable.")
    given = download() if "--download" in options else dict(os.environ)
    try:
        os.execvpe(words[0], words, given)  # noqa: S606 - it is the purpose of this program
    except PermissionError:
        sys.exit(f"{words[0]} cannot be executed. Move the checkout to a file system that is mounted without noexec.")
    except FileNotFoundError:
        sys.exit(f"{words[0]} is not installed.")


def _wait_for_turn() -> None:
    """Wait for the lock of this checkout. The executed command and its children inherit and hold it."""
    lock = os.open(HOME.parent / "setup.lock", os.O_CREAT | os.O_WRONLY, 0o644)
    os.set_inheritable(lock, True)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another make is setting up this checkout. Waiting for it to finish.", file=sys.stderr, flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)


if __name__ == "__main__":
    main()
