"""Count the batches again that the function of stacks/usage could not count."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from keys.core.errors import ServiceFailure
from keys.deployment.failure_queue import FailureQueue


def replay(client: Callable[[str], Any], *, queue_url: str, function: str) -> Iterator[int]:
    """Send each batch of the queue to the function again, and delete its message. Yield the number of lines of each.

    `client` creates AWS clients: `sqs`, `lambda`.

    :raises ServiceFailure: the function failed again, or a message is not one of Lambda's. It stays in the queue.
    """
    queue = FailureQueue(client("sqs"), queue_url)
    for message in queue.messages():
        payload = _payload(message["Body"])
        answer = client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload).encode())
        result = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer or not isinstance(result, dict):
            raise ServiceFailure("The function could not count the batch. Its log has the reason.")
        queue.delete(message)
        yield int(result["lines"])


def _payload(body: str) -> dict[str, Any]:
    """The event that failed, in the record of Lambda (AWS Lambda developer guide, "Capturing records of Lambda
    asynchronous invocations").
    """
    try:
        payload: dict[str, Any] = json.loads(body)["requestPayload"]
        str(payload["awslogs"]["data"])
    except (ValueError, TypeError, KeyError):
        raise ServiceFailure("The queue has a message that this stack does not send.") from None
    return payload
