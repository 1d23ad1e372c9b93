"""A terminal: bash in a folder, what is pasted into it, and what it has printed."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Final

import pytest

from local import environment

SECONDS: Final = 300


class Terminal:
    """bash, whose standard error is shown too."""

    def __init__(self, folder: Path, process: "subprocess.Popen[str]") -> None:
        self.folder = folder
        self.process = process
        self.lines: list[str] = []
        Thread(target=self._read, daemon=True).start()

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator["Terminal"]:
        """A new one. At the end, what runs in it gets Ctrl-C."""
        with subprocess.Popen(
            ["bash", "--noprofile", "--norc"],  # noqa: S607
            cwd=folder,
            env=environment.download(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield cls(folder, process)
            finally:
                os.killpg(process.pid, signal.SIGINT)
                assert process.stdin is not None
                process.stdin.close()
                process.wait(60)

    def paste(self, text: str, until: str) -> str:
        """Run commands in this shell, and return what is printed until this text. If one fails, the shell ends."""
        before = len(self.lines)
        file = self.folder.parent / f"pasted-{self.process.pid}-{before}.sh"
        file.write_text(text, encoding="utf-8")
        assert self.process.stdin is not None
        # The commands must not read what is pasted after them.
        self.process.stdin.write(f"set -e -o pipefail\n. '{file}' < /dev/null\n")
        self.process.stdin.flush()
        return self.until(until, before)

    def until(self, text: str, after: int = 0) -> str:
        """What it has printed after that many lines, once the text is in it."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            printed = "".join(self.lines[after:])
            if text in printed:
                return printed
            time.sleep(0.05)
        pytest.fail(f"{text!r} was not printed: {''.join(self.lines)}", pytrace=False)

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))
