"""An image in place of AWS's of the Python runtime, made of this machine's own Python, where no registry answers.

It has what the SAM CLI needs of one: a shell, `mv` and `chmod` (it adds the Runtime Interface Emulator and renames
it), `/var/task`, and `/var/runtime/bootstrap`, which the emulator starts. The libraries are this machine's and not
Amazon Linux's, and AWS's bootstrap is the `awslambdaric` that it is made from: it shows how the SAM CLI and a container
run the functions, not how Amazon Linux does.
"""

import io
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from local import environment

NAME: Final = f"multi-auth-test/python:{sys.version_info.major}.{sys.version_info.minor}"
BOOTSTRAP: Final = """#!/bin/sh
cd "$LAMBDA_TASK_ROOT"
exec /var/lang/bin/python3 -m awslambdaric "$_HANDLER"
"""
_RUNTIME: Final = ("awslambdaric", "simplejson", "snapshot-restore-py")
_NOT_NEEDED: Final = ("__pycache__", "site-packages", "dist-packages", "test", "idlelib", "tkinter", "ensurepip")


def make() -> None:
    """Imports the image into Docker as `NAME`."""
    with TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            libraries = set(_fill(tar))
        file.seek(0)
        variables = {
            "PATH": "/var/lang/bin:/usr/bin:/bin",
            "LD_LIBRARY_PATH": ":".join(sorted(libraries)),
            "PYTHONPATH": "/var/runtime",
            "LAMBDA_TASK_ROOT": "/var/task",
        }
        changes = [f"--change=ENV {name}={value}" for name, value in variables.items()]
        subprocess.run(
            ["docker", "import", *changes, "-", NAME],  # noqa: S607 - the one on PATH
            env=environment.docker(),
            stdin=file,
            stdout=subprocess.DEVNULL,
            check=True,
        )


def remove() -> None:
    """Removes it, and what the SAM CLI has made of it."""
    listed = subprocess.run(
        ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", NAME.partition(":")[0]],  # noqa: S607
        env=environment.docker(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    command = ["docker", "image", "rm", "--force", *listed]
    subprocess.run(command, env=environment.docker(), stdout=subprocess.DEVNULL, check=bool(listed))


def _fill(tar: tarfile.TarFile) -> Iterator[str]:
    """Writes the image's files. What it yields are the folders of shared libraries."""
    python = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    tools = [Path(shutil.which(name) or name).resolve() for name in ("sh", "mv", "chmod")]
    for tool, name in zip(tools, ("sh", "mv", "chmod"), strict=True):
        tar.add(tool, f"bin/{name}")
    tar.add(python, "var/lang/bin/python3")
    standard = Path(sysconfig.get_path("stdlib"))
    tar.add(standard, f"var/lang/lib/{standard.name}", filter=_needed)
    extensions = Path(sysconfig.get_config_var("DESTSHARED"))
    if extensions.parent != standard:
        tar.add(extensions, f"var/lang/lib/{standard.name}/lib-dynload", filter=_needed)
    runtime = [Path(str(file.locate())) for name in _RUNTIME for file in distribution(name).files or ()]
    root = Path(sysconfig.get_path("purelib"))
    for file in runtime:
        if file.is_relative_to(root) and "__pycache__" not in file.parts:
            tar.add(file, f"var/runtime/{file.relative_to(root)}")
    _write(tar, "var/runtime/bootstrap", BOOTSTRAP)
    for folder in ("tmp", "var/task"):
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o777
        tar.addfile(entry)
    for library in _libraries([python, *tools, *extensions.glob("*.so"), *(f for f in runtime if f.suffix == ".so")]):
        tar.add(library.resolve(), str(library))
        yield str(library.parent)


def _needed(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if set(Path(entry.name).parts) & set(_NOT_NEEDED) else entry


def _write(tar: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.size = 0o755, len(text)
    tar.addfile(entry, io.BytesIO(text.encode()))


def _libraries(programs: Iterable[Path]) -> set[Path]:
    """The shared libraries that these load, and those that a wheel may expect of any Linux (PEP 600)."""
    listed = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout  # noqa: S607
    found = {Path(path) for path in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", listed, re.MULTILINE)}
    folders = {path.parent for path in found}
    expected = ("libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "librt.so.1", "libutil.so.1")
    return found | {folder / name for folder in folders for name in expected if (folder / name).exists()}
