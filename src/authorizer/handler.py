"""The function's entry: reads the environment when it is imported, and hands each event to the decider."""

import os
from pathlib import Path
from typing import Any

from authorizer.composition import build

_decider = build(os.environ, Path(__file__).parent)


def lambda_handler(event: object, context: object) -> dict[str, Any]:
    """A REQUEST authorizer's event in; policy and context out.

    :raises Unauthorized: API Gateway answers 401.
    :raises Undecided: API Gateway answers 503, through this template's gateway responses.
    """
    return _decider.decide(event, getattr(context, "aws_request_id", None))
