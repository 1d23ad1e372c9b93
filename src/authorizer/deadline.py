"""A bound on the whole time of an operation, whatever it waits for.

Socket timeouts bound one wait each: name resolution has none, and a peer that sends a byte now and then never meets
one. So an operation runs on a thread of its own, and who needs its outcome waits for it no longer than they want.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class DeadlineExceeded(Exception):
    """The operation did not end in time."""


def start(operation: Callable[[], T]) -> "Future[T]":
    """Runs the operation on a thread that keeps no process alive; several may wait for its outcome."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = operation()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name="deadline", daemon=True).start()
    return future


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
