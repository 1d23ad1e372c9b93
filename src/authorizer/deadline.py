"""A bound on the whole time of an operation, whatever it waits for.

Socket timeouts bound one wait each: name resolution has none, and a peer that sends a byte now and then never meets
one. So an operation runs on a thread of its own, and who needs its outcome waits for it no longer than they want.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_Inbox = SimpleQueue[tuple[Callable[[], Any], "Future[Any]"]]


class DeadlineExceeded(Exception):
    """The operation did not end in time."""


class Workers:
    """Threads for operations. One that is done waits for the next: a new thread would cost a sixth of a lookup.

    There are as many as operations have run at the same time. They keep no process alive.
    """

    def __init__(self) -> None:
        self._idle: list[_Inbox] = []

    def start(self, operation: Callable[[], T]) -> "Future[T]":
        """Runs the operation; several may wait for its outcome."""
        future: Future[T] = Future()
        try:
            inbox = self._idle.pop()
        except IndexError:
            inbox = SimpleQueue()
            threading.Thread(target=self._work, args=(inbox,), name="deadline", daemon=True).start()
        inbox.put((operation, future))
        return future

    def _work(self, inbox: _Inbox) -> None:
        while True:
            operation, future = inbox.get()
            try:
                result = operation()
            except BaseException as error:
                self._idle.append(inbox)
                future.set_exception(error)
            else:
                self._idle.append(inbox)
                future.set_result(result)
            # Until the next operation, none of this one's parts is kept.
            operation = future = result = None  # type: ignore[assignment]


def outcome(future: "Future[T]", seconds: float) -> T:
    """What the operation returned or raised, waited for at most this many seconds.

    :raises DeadlineExceeded: the time is up. The operation goes on until a timeout of its own ends it.
    """
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():
            raise
        raise DeadlineExceeded(f"no answer within {seconds:g} s") from None
