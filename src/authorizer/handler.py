"""The function's entry: reads the environment when it is imported, and hands each event to the decider."""

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from authorizer.decision import Decider


def _start() -> "Decider":
    """Without looking for garbage meanwhile, or ever after in what is made here: there is none in it."""
    gc.disable()
    try:
        from authorizer.composition import build

        return build(os.environ, Path(__file__).parent, before_snapshot=_before_snapshot)
    finally:
        gc.freeze()
        gc.enable()


def _before_snapshot(work: Callable[[], None]) -> None:
    """Hands the work to the runtime, which does it once before it takes a snapshot, where there is SnapStart."""
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        from snapshot_restore_py import register_before_snapshot  # type: ignore[import-untyped]

        register_before_snapshot(work)


_decider = _start()


def lambda_handler(event: object, context: object) -> dict[str, Any]:
    """A REQUEST authorizer's event in; policy and context out.

    :raises Unauthorized: API Gateway answers 401.
    :raises Undecided: API Gateway answers 503, through this template's gateway responses.
    """
    try:
        return _decider.decide(event, getattr(context, "aws_request_id", None))
    except Exception as error:
        # The runtime logs the traceback of each: this makes it the one line below.
        outcome = error.with_traceback(None)
        raise outcome from None
