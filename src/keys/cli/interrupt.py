"""Ctrl-C during an import takes effect between two lines, so that the counts are exact."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class Interrupts:
    """Raise `KeyboardInterrupt` when the next line is read. A second Ctrl-C before that raises it at once."""

    def __init__(self) -> None:
        self._is_reading = False
        self._is_pending = False

    def between(self, lines: Iterable[T]) -> Iterator[T]:
        """Yield the lines. Ctrl-C raises `KeyboardInterrupt` here, before the next line."""
        iterator = iter(lines)
        while True:
            self._is_reading = True
            try:
                if self._is_pending:
                    raise KeyboardInterrupt
                line = next(iterator)
            except StopIteration:
                return
            finally:
                self._is_reading = False
            yield line

    @contextmanager
    def held(self) -> Iterator[None]:
        """Handle Ctrl-C this way within the context."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        if self._is_reading or self._is_pending:
            raise KeyboardInterrupt
        self._is_pending = True
