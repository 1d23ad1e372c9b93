"""Operations within a time, on threads that are used again."""

import threading

import pytest

from authorizer.deadline import DeadlineExceeded, Workers, outcome


def test_what_the_operation_returns_or_raises_is_the_outcome() -> None:
    workers = Workers()
    assert outcome(workers.start(lambda: 7), 5) == 7

    def fail() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        outcome(workers.start(fail), 5)


def test_an_operation_that_does_not_end_is_waited_for_no_longer() -> None:
    gate = threading.Event()
    with pytest.raises(DeadlineExceeded):
        outcome(Workers().start(gate.wait), 0.01)
    gate.set()


def test_a_timeout_of_the_operations_own_stays_what_it_is() -> None:
    def operation() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        outcome(Workers().start(operation), 5)


def test_operations_one_after_the_other_share_a_thread_also_after_a_failure() -> None:
    workers = Workers()

    def fail() -> None:
        raise ValueError("x")

    first = outcome(workers.start(threading.get_ident), 5)
    with pytest.raises(ValueError, match="x"):
        outcome(workers.start(fail), 5)
    assert outcome(workers.start(threading.get_ident), 5) == first


def test_an_operation_that_hangs_does_not_keep_others_waiting() -> None:
    workers, gate = Workers(), threading.Event()
    hanging = workers.start(gate.wait)
    assert outcome(workers.start(lambda: 7), 5) == 7
    assert not hanging.done()
    gate.set()
    assert outcome(hanging, 5)
