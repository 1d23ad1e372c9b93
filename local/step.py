"""Steps that take a while: shown while they run, and explained when they fail."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console

NEEDED_MB: Final = 200

_console = Console(stderr=True, highlight=False)


class StepError(Exception):
    """A step failed: what, and what it said last."""

    def __init__(self, what: str, details: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.details = details


@contextmanager
def step(what: str) -> Iterator[None]:
    """Shows that this is being done, and how long it took."""
    started = time.monotonic()
    if _console.is_terminal:
        with _console.status(what):
            yield
    else:
        yield
    _console.print(f"  {what} [dim]({time.monotonic() - started:.1f} s)[/dim]")


def run(what: str, command: Sequence[str | Path], *, environment: Mapping[str, str], log: Path) -> None:
    """Runs a command with its output in `log`.

    :raises StepError: it ended with another code than 0.
    """
    with log.open("wb") as output:
        code = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False
        ).returncode
    if code:
        raise StepError(f"{what} failed with code {code}; its output is in {log}.", tail(log))


def demand_space(directory: Path, megabytes: int = NEEDED_MB) -> None:
    """:raises StepError: there is not enough for what builds and runs in this directory."""
    free = shutil.disk_usage(directory).free // 2**20
    if free < megabytes:
        raise StepError(f"{directory.resolve()} has {free} MB of free space; {megabytes} MB are needed.")


def tail(log: Path, lines: int = 30) -> str:
    """The last lines of a log file; nothing when it is not there."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def write_private(file: Path, text: str) -> None:
    """Writes a file that is for its owner's eyes only, whole or not at all."""
    partial = file.with_name(f"{file.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


def say(text: str) -> None:
    """A line for whoever watches."""
    _console.print(text, markup=False, soft_wrap=True)


def fail(error: StepError) -> int:
    """Shows a failed step. The exit code for it."""
    if error.details:
        print(error.details, file=sys.stderr)
    print(f"\n{error.what}", file=sys.stderr)
    return 1
