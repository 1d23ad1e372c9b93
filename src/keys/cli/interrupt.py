"""Ctrl-C, SIGTERM and SIGHUP: all of them raise `KeyboardInterrupt`, during an import only between two lines."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

# Windows has no SIGHUP.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def interruptible(handler: Callable[[int, FrameType | None], object] = signal.default_int_handler) -> Iterator[None]:
    """Call `handler` for each of these signals within the context. By default it raises `KeyboardInterrupt`.

    A signal that the parent process set to be ignored, as `nohup` does, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handled = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = [(number, signal.signal(number, handler)) for number in handled]
    try:
        yield
    finally:
        for number, previous in before:
            signal.signal(number, previous)


class Interrupts:
    """Raise `KeyboardInterrupt` when the next line is read, so that the counts of an import are exact.

    `is_pending`: there was a signal. A second one raises it at once.
    """

    def __init__(self) -> None:
        self._is_reading = False
        self.is_pending = False

    def between(self, lines: Iterable[T]) -> Iterator[T]:
        """Yield the lines. A pending interrupt is raised before the next line."""
        iterator = iter(lines)
        while True:
            self._is_reading = True
            try:
                if self.is_pending:
                    raise KeyboardInterrupt
                line = next(iterator)
            except StopIteration:
                return
            finally:
                self._is_reading = False
            yield line

    @contextmanager
    def held(self) -> Iterator[None]:
        """Handle the signals this way within the context."""
        with interruptible(self._interrupt):
            yield

    def _interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        if self._is_reading or self.is_pending:
            raise KeyboardInterrupt
        self.is_pending = True
