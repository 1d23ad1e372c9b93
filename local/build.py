"""Run `sam build`, and reuse its output while no input has changed."""

import fcntl
import hashlib
import json
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from local.step import run

SAM: Final = Path(".tools/sam/bin/sam")
FOLDER: Final = Path(".local/build")
"""The build for this interpreter and machine, on which the emulator runs functions."""
HOST_WHEELS: Final = sys.platform != "linux"
"""Whether this machine needs other wheels than Lambda, because libraries for Linux do not run on it."""
FOR_LAMBDA: Final = Path(".local/build-lambda") if HOST_WHEELS else FOLDER
"""The build for this interpreter and Lambda, which containers run."""

_COMMON: Final = ("samconfig.toml", "src/artifact", "src/authorizer")
_SOURCES: Final = {
    "template.yaml": ("src/me",),
    "stacks/events/template.yaml": ("src/key_events", "src/keys/core"),
    "stacks/usage/template.yaml": ("src/usage", "src/keys/core"),
    "stacks/self-service/template.yaml": ("src/self_service", "src/keys/core"),
    "examples/mcp/template.yaml": ("examples/mcp",),
}
"""What a template's functions are built from, beside `_COMMON`."""


def target(architecture: str | None = None) -> dict[str, str]:
    """Return the template parameters for this interpreter, and for this machine's or another architecture."""
    here = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    return {
        "PythonRuntime": f"python{sys.version_info.major}.{sys.version_info.minor}",
        "Architecture": architecture or here,
    }


def build(
    environment: Mapping[str, str],
    log: Path,
    folder: Path = FOLDER,
    architecture: str | None = None,
    *,
    host_wheels: bool = False,
    template: str = "template.yaml",
) -> bool:
    """Run `sam build` for a template into `folder`, and return True. Return False if the last build is still valid.

    It is valid if neither the inputs nor the files of the build have changed since.

    :raises StepError: the build failed. Its output is in `log`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    state = folder.with_suffix(".json")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        inputs = _digest(_inputs(template), json.dumps([target(architecture), host_wheels]), sys.version, *_builders())
        if _read(state) == {"inputs": inputs, "built": _digest(_files(folder))}:
            return False
        state.unlink(missing_ok=True)
        command: list[str | Path] = [
            SAM,
            "build",
            "--parallel",
            "--template",
            template,
            "--build-dir",
            folder.absolute(),
        ]
        command += ["--config-file", Path("samconfig.toml").absolute(), "--config-env", "local"]
        command += ["--parameter-overrides", *overrides(target(architecture))]
        given = {**environment, **({"HOST_WHEELS": "1"} if host_wheels else {})}
        run("sam build", command, environment=given, log=log)
        state.write_text(json.dumps({"inputs": inputs, "built": _digest(_files(folder))}), encoding="utf-8")
        return True


def overrides(parameters: Mapping[str, str]) -> list[str]:
    """Return the arguments of `--parameter-overrides`."""
    escaped = ((name, value.replace("\\", "\\\\").replace('"', '\\"')) for name, value in parameters.items())
    return [f'{name}="{value}"' for name, value in escaped]


def _inputs(template: str) -> Iterator[Path]:
    for name in (template, *_COMMON, *_SOURCES[template]):
        path = Path(name)
        found = [path] if path.is_file() else _files(path)
        yield from (file for file in found if "__pycache__" not in file.parts)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _builders() -> list[str]:
    """Return names and versions of the packages that `sam build` runs."""
    packages = Path(".tools/sam").glob("lib/python*/site-packages/aws_*.dist-info")
    return sorted(path.name for path in packages)


def _digest(files: Iterator[Path], *words: str) -> str:
    digest = hashlib.sha256(json.dumps(words).encode())
    for path in files:
        content = path.read_bytes()
        digest.update(f"\n{path} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _read(state: Path) -> object:
    try:
        return json.loads(state.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
