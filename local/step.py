"""Show the progress of long steps, and explain their failures."""

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
    """A step failed. `details` has its last output."""

    def __init__(self, what: str, details: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.details = details


@contextmanager
def step(what: str) -> Iterator[None]:
    """Show the step while it runs, and its duration."""
    started = time.monotonic()
    if _console.is_terminal:
        with _console.status(what):
            yield
    else:
        yield
    _console.print(f"  {what} [dim]({time.monotonic() - started:.1f} s)[/dim]")


def run(what: str, command: Sequence[str | Path], *, environment: Mapping[str, str], log: Path) -> None:
    """Run a command with its output in `log`.

    :raises StepError: its exit code is not 0.
    """
    with log.open("wb") as output:
        code = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    if code:
        raise StepError(f"{what} failed with exit code {code}. Its output is in {log}.", tail(log))


def demand_space(directory: Path, megabytes: int = NEEDED_MB) -> None:
    """Check the free space for this directory.

    :raises StepError: it is too little.
    """
    free = shutil.disk_usage(directory).free // 2**20
    if free < megabytes:
        raise StepError(f"{directory.resolve()} has {free} MB of free space. At least {megabytes} MB are required.")


def tail(log: Path, lines: int = 30) -> str:
    """Return the last lines of a log file, or an empty text if it does not exist."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, in one atomic step."""
    partial = file.with_name(f"{file.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


def say(text: str) -> None:
    """Print a line to standard error."""
    _console.print(text, markup=False, soft_wrap=True)


def fail(error: StepError) -> int:
    """Show a failed step. Return the exit code."""
    if error.details:
        print(error.details, file=sys.stderr)
    print(f"\n{error.what}", file=sys.stderr)
    return 1
