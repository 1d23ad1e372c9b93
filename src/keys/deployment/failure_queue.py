"""A queue of what a function of an optional stack could not do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

MOST_MESSAGES: Final = 10
"""The messages of one ReceiveMessage request (Amazon SQS API reference)."""
VISIBILITY_SECONDS: Final = 300
"""How long a message is hidden from others while it is replayed."""


class FailureQueue:
    """`client`: of Amazon SQS."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def messages(self) -> Iterator[dict[str, Any]]:
        """The messages, each once. A message that is not deleted stays in the queue."""
        seen = set[str]()
        while new := self._receive(seen):
            yield from new

    def delete(self, message: dict[str, Any]) -> None:
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

    def _receive(self, seen: set[str]) -> list[dict[str, Any]]:
        """The next messages, without those that were received before. Empty at the end."""
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=MOST_MESSAGES,
            VisibilityTimeout=VISIBILITY_SECONDS,
            WaitTimeSeconds=1,
        )
        new = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
        seen.update(message["MessageId"] for message in new)
        return new
