"""One run of the suite: the checks in their order, and the deletion of all stacks whatever happens."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from local.step import StepError, say
from tests.aws.check import Check, Failed, Skipped
from tests.aws.deployed import Deployed
from tests.aws.report import Result
from tests.aws.stacks import Remnant

INTERRUPTED: Final = "the run was interrupted"


class Deletes(Protocol):
    def delete(self) -> list[Remnant]: ...


@dataclass
class Run:
    """What a run found. `is_interrupted`: not all checks were made."""

    results: list[Result] = field(default_factory=list)
    remnants: list[Remnant] = field(default_factory=list)
    is_interrupted: bool = False


def perform(deployed: Deployed, stacks: Deletes, checks: Sequence[Check]) -> Run:
    """Make the checks, and delete the stacks at the end, also after Ctrl-C, SIGTERM and SIGHUP."""
    done = Run()
    try:
        with _ending_signals():
            for check in checks:
                done.results.append(result(check, deployed))
                say(f"  {done.results[-1].outcome:<7}  {check.name}  {done.results[-1].reason}".rstrip())
    except KeyboardInterrupt:
        done.is_interrupted = True
        missing = checks[len(done.results) :]
        done.results += [Result(check, "skipped", INTERRUPTED) for check in missing]
    finally:
        with _uninterrupted():
            done.remnants += stacks.delete()
    return done


def result(check: Check, deployed: Deployed) -> Result:
    """The result of one check. A check that cannot be made, for example because a stack is not deployed, fails."""
    if deployed.place.is_emulator and check.not_on_emulator:
        return Result(check, "skipped", f"the emulator cannot answer it: {check.not_on_emulator}")
    started = deployed.place.now()
    try:
        check.run(deployed)
    except Skipped as skipped:
        return Result(check, "skipped", str(skipped), deployed.place.now() - started)
    except Failed as failed:
        return Result(check, "failed", str(failed), deployed.place.now() - started)
    except StepError as error:
        return Result(check, "failed", f"{error.what}\n{error.details}", deployed.place.now() - started)
    except Exception as error:  # Whatever it is, the other checks are made, and what remained is told.
        return Result(check, "failed", f"{type(error).__name__}: {error}", deployed.place.now() - started)
    return Result(check, "passed", "", deployed.place.now() - started)


@contextlib.contextmanager
def _ending_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the checks as Ctrl-C does. An ignored signal, as under `nohup`, stays ignored."""
    ending = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, _interrupt) for number in ending}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """While stacks are deleted, a further Ctrl-C only says so."""

    def wait(_number: int, _frame: Any) -> None:
        say("  The stacks are being deleted. Wait for the end, or they remain in the account.")

    before = {number: signal.signal(number, wait) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt
