"""The entry point of the function. It reads the environment when it is imported."""

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from authorizer.decision import Decider


def _start() -> "Decider":
    """Create the decider. Garbage collection is off meanwhile and later ignores these objects: they live forever."""
    gc.disable()
    try:
        from authorizer.composition import build

        return build(os.environ, Path(__file__).parent, before_snapshot=_before_snapshot)
    finally:
        gc.freeze()
        gc.enable()


def _before_snapshot(work: Callable[[], None]) -> None:
    """Register work that the runtime does once before it takes a snapshot, if SnapStart is enabled."""
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        from snapshot_restore_py import register_before_snapshot  # type: ignore[import-untyped]

        register_before_snapshot(work)


_decider = _start()


def lambda_handler(event: object, context: object) -> dict[str, Any]:
    """Return the policy and context for the event of a REQUEST authorizer.

    :raises Unauthorized: API Gateway answers 401.
    :raises Undecided: API Gateway answers 503, by the template's gateway responses.
    """
    try:
        return _decider.decide(event, getattr(context, "aws_request_id", None))
    except Exception as error:
        # The runtime logs the traceback of each error. Without the earlier frames it has only one line.
        outcome = error.with_traceback(None)
        raise outcome from None
