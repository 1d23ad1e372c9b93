"""Ctrl-C, SIGTERM and SIGHUP: all of them raise `KeyboardInterrupt`, during an import only between two lines."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

# Windows has no SIGHUP.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextlib.contextmanager
def interruptible(handler: Callable[[int, FrameType | None], object] = signal.default_int_handler) -> Iterator[None]:
    """Call `handler` for each of these signals within the context. By default it raises `KeyboardInterrupt`.

    A signal that the parent process set to be ignored, as `nohup` does, stays ignored.
    """
    with contextlib.ExitStack() as restored:
        for number in _SIGNALS if threading.current_thread() is threading.main_thread() else ():
            if (before := signal.getsignal(number)) is not signal.SIG_IGN:
                signal.signal(number, handler)
                restored.callback(signal.signal, number, before)
        yield


class Interrupts:
    """Raise `KeyboardInterrupt` when the next line is read, so that the counts of an import are exact.

    `is_pending`: there was a signal. A second one raises it at once. The instance is the handler of the signals.
    """

    def __init__(self) -> None:
        self._is_reading = False
        self.is_pending = False

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        if self._is_reading or self.is_pending:
            raise KeyboardInterrupt
        self.is_pending = True

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
