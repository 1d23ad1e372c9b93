"""Replay what the stack of events could not send: through the stream of the table, to the function of the stack."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from keys.core.errors import ServiceFailure
from keys.deployment.failure_queue import FailureQueue

MOST_EMPTY_PAGES: Final = 5
_GONE: Final = ("TrimmedDataAccessException", "ResourceNotFoundException")


@dataclass(frozen=True, slots=True)
class Range:
    """Records of the stream, by sequence number, and why they failed. Both ends belong to it."""

    first: str
    last: str
    reason: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one message. `records`: how many records were sent again; 0 if it stays in the queue."""

    range: Range
    records: int


class Replay:
    """`client` creates AWS clients: `sqs`, `dynamodbstreams`, `lambda`."""

    def __init__(self, client: Callable[[str], Any], *, queue_url: str, stream_arn: str, function: str) -> None:
        self._streams, self._lambda = client("dynamodbstreams"), client("lambda")
        self._queue = FailureQueue(client("sqs"), queue_url)
        self._stream_arn = stream_arn
        self._function = function

    def run(self) -> Iterator[Replayed]:
        """Replay each message of the queue, and delete it when its records were sent.

        A message whose records the stream no longer has stays in the queue. So does the message that the function sends
        when it cannot read a record that is replayed: each range is replayed once.

        :raises ServiceFailure: the function failed again. The message stays in the queue.
        """
        replayed = set[tuple[str, str]]()
        for message in self._queue.messages():
            wanted = read(message["Body"])
            is_new = (wanted.first, wanted.last) not in replayed
            replayed.add((wanted.first, wanted.last))
            records = list(self._records(wanted)) if is_new else []
            if records:
                self._invoke(records)
                self._queue.delete(message)
            yield Replayed(wanted, len(records))

    def _records(self, wanted: Range) -> Iterator[dict[str, Any]]:
        for shard in self._shards():
            numbers = shard["SequenceNumberRange"]
            if int(numbers.get("EndingSequenceNumber", wanted.first)) < int(wanted.first):
                continue
            if int(numbers["StartingSequenceNumber"]) > int(wanted.last):
                continue
            for record in self._read(shard["ShardId"], wanted.first):
                number = int(record["dynamodb"]["SequenceNumber"])
                if number > int(wanted.last):
                    break
                if number >= int(wanted.first):
                    yield as_lambda_has_it(record)

    def _shards(self) -> Iterator[dict[str, Any]]:
        start: dict[str, str] = {}
        while True:
            stream = self._streams.describe_stream(StreamArn=self._stream_arn, **start)["StreamDescription"]
            yield from stream["Shards"]
            if (last := stream.get("LastEvaluatedShardId")) is None:
                return
            start = {"ExclusiveStartShardId": last}

    def _read(self, shard: str, first: str) -> Iterator[dict[str, Any]]:
        """The records of a shard from this sequence number on; none if the stream does not have it any more."""
        where = {"StreamArn": self._stream_arn, "ShardId": shard, "SequenceNumber": first}
        try:
            iterator = self._streams.get_shard_iterator(ShardIteratorType="AT_SEQUENCE_NUMBER", **where)[
                "ShardIterator"
            ]
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return
            raise
        empty = 0
        # An open shard always has a next iterator, and a page can be empty although more records follow.
        while iterator and empty < MOST_EMPTY_PAGES:
            answer = self._streams.get_records(ShardIterator=iterator)
            yield from answer["Records"]
            empty = 0 if answer["Records"] else empty + 1
            iterator = answer.get("NextShardIterator")

    def _invoke(self, records: list[dict[str, Any]]) -> None:
        payload = json.dumps({"Records": records}).encode()
        answer = self._lambda.invoke(FunctionName=self._function, Payload=payload)
        result = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer or not isinstance(result, dict) or result.get("batchItemFailures"):
            raise ServiceFailure("The function could not send the events. Its log has the reason.")


def read(body: str) -> Range:
    """The range of a message: of Lambda, for a batch that failed until it was too old, or of the function itself, for
    a record that it could not read.

    :raises ServiceFailure: the message is neither.
    """
    try:
        message = json.loads(body)
        if "DDBStreamBatchInfo" in message:
            batch = message["DDBStreamBatchInfo"]
            numbers = batch["startSequenceNumber"], batch["endSequenceNumber"]
            reason = message["requestContext"]["condition"]
        else:
            numbers = message["sequence_number"], message["sequence_number"]
            reason = message["reason"]
        if not all(number.isdigit() for number in numbers):
            raise ValueError
        return Range(*numbers, str(reason))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ServiceFailure("The queue has a message that this stack does not send.") from None


def as_lambda_has_it(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of GetRecords in the form in which Lambda passes it to a function.

    Lambda has the time as a number, the user identity with lower-case members, and binary values as base64.
    """
    change = dict(record["dynamodb"])
    change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
    identity = record.get("userIdentity")
    lowered = (
        {"userIdentity": {f"{name[0].lower()}{name[1:]}": identity[name] for name in identity}} if identity else {}
    )
    given = {**record, "dynamodb": change, **lowered, "eventSource": "aws:dynamodb"}
    encoded: dict[str, Any] = json.loads(json.dumps(given, default=lambda value: base64.b64encode(value).decode()))
    return encoded
