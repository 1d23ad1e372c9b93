"""What could not be sent is sent again, and what cannot stays in the queue."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from keys.core.errors import ServiceFailure
from keys.deployment.replay import Range, Replay, Replayed, as_lambda_has_it, read

ARN = "arn:aws:dynamodb:eu-central-1:123456789012:table/keys/stream/1"


def record(number: int) -> dict[str, Any]:
    change = {"SequenceNumber": str(number), "ApproximateCreationDateTime": datetime(2026, 11, 26, tzinfo=UTC)}
    return {"eventName": "REMOVE", "dynamodb": {**change, "Keys": {"pk": {"B": b"\xff"}}}}


class AWS:
    """A queue with these messages, a stream of two shards with these records, and the function."""

    def __init__(self, *bodies: object, records: tuple[int, ...] = (1, 2, 3, 100, 101)) -> None:
        self.messages = {str(number): json.dumps(body) for number, body in enumerate(bodies)}
        self.shards = [[number for number in records if number < 50], [number for number in records if number >= 50]]
        self.invoked: list[list[int]] = []
        self.result: object = {"batchItemFailures": []}

    def __call__(self, _service: str) -> AWS:
        return self

    def receive_message(self, **_arguments: object) -> dict[str, Any]:
        return {
            "Messages": [
                {"MessageId": number, "Body": body, "ReceiptHandle": number} for number, body in self.messages.items()
            ]
        }

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803
        del self.messages[ReceiptHandle]

    def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = "") -> dict[str, Any]:  # noqa: N803
        number = 1 if ExclusiveStartShardId else 0
        numbers = {"StartingSequenceNumber": "0", "EndingSequenceNumber": "49"} if number == 0 else {}
        shard = {"ShardId": str(number), "SequenceNumberRange": numbers or {"StartingSequenceNumber": "50"}}
        more = {} if number else {"LastEvaluatedShardId": "0"}
        return {"StreamDescription": {"Shards": [shard], **more}}

    def get_shard_iterator(self, *, ShardId: str, SequenceNumber: str, **_rest: str) -> dict[str, str]:  # noqa: N803
        before = [number for number in self.shards[int(ShardId)] if number < int(SequenceNumber)]
        return {"ShardIterator": f"{ShardId}.{len(before)}"}

    def get_records(self, *, ShardIterator: str) -> dict[str, Any]:  # noqa: N803
        shard, position = map(int, ShardIterator.split("."))
        found = self.shards[shard][position : position + 1]
        return {"Records": [record(number) for number in found], "NextShardIterator": f"{shard}.{position + 1}"}

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        records = json.loads(Payload)["Records"]
        self.invoked.append([int(each["dynamodb"]["SequenceNumber"]) for each in records])
        return {"Payload": io.BytesIO(json.dumps(self.result).encode())}


def batch(first: int, last: int) -> dict[str, Any]:
    """The message that Lambda sends."""
    info = {"startSequenceNumber": f"{first:021}", "endSequenceNumber": f"{last:021}", "shardId": "shardId-1"}
    return {"requestContext": {"condition": "MaxRecordAgeExceeded"}, "DDBStreamBatchInfo": info}


def run(aws: AWS) -> list[Replayed]:
    return list(Replay(aws, queue_url="https://queue", stream_arn=ARN, function="events").run())


def test_the_records_of_a_batch_are_sent_again_and_its_message_is_deleted() -> None:
    aws = AWS(batch(2, 100))
    assert run(aws) == [Replayed(Range(f"{2:021}", f"{100:021}", "MaxRecordAgeExceeded"), 3)]
    assert aws.invoked == [[2, 3, 100]]
    assert aws.messages == {}


def test_a_record_that_was_set_aside_is_sent_again() -> None:
    aws = AWS({"sequence_number": "101", "reason": "The key ID is malformed."})
    assert run(aws) == [Replayed(Range("101", "101", "The key ID is malformed."), 1)]
    assert aws.invoked == [[101]]


def test_a_message_whose_records_have_left_the_stream_stays_in_the_queue() -> None:
    aws = AWS(batch(4, 9))
    assert [each.records for each in run(aws)] == [0]
    assert len(aws.messages) == 1


@pytest.mark.parametrize(
    "result", [{"batchItemFailures": [{"itemIdentifier": "1"}]}, None, {"errorType": "X", "batchItemFailures": 1}]
)
def test_a_message_whose_records_fail_again_stays_in_the_queue(result: object) -> None:
    aws = AWS(batch(1, 1))
    aws.result = result
    with pytest.raises(ServiceFailure):
        run(aws)
    assert len(aws.messages) == 1


def test_a_record_that_cannot_be_read_again_is_replayed_once_and_stays_in_the_queue() -> None:
    failure = {"sequence_number": "2", "reason": "The key ID is malformed."}

    class Again(AWS):
        def invoke(self, **arguments: Any) -> dict[str, Any]:
            self.messages[f"again {len(self.invoked)}"] = json.dumps(failure)
            return super().invoke(**arguments)

    aws = Again(failure)
    assert [each.records for each in run(aws)] == [1, 0]
    assert len(aws.messages) == 1


@pytest.mark.parametrize(
    "body", ["text", "[]", "{}", '{"sequence_number": "x", "reason": ""}', '{"DDBStreamBatchInfo": 5}']
)
def test_a_message_of_another_sender_is_an_error(body: str) -> None:
    with pytest.raises(ServiceFailure):
        read(body)


def test_a_record_has_the_form_that_lambda_gives_it() -> None:
    identity = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
    given = as_lambda_has_it({**record(1), "userIdentity": identity})
    assert given["userIdentity"] == {"principalId": "dynamodb.amazonaws.com", "type": "Service"}
    assert given["dynamodb"]["ApproximateCreationDateTime"] == datetime(2026, 11, 26, tzinfo=UTC).timestamp()
    assert given["dynamodb"]["Keys"] == {"pk": {"B": "/w=="}}
