"""The entry points of both functions: `lambda_handler` for the stream, and `notices_handler` for the daily schedule.

They read the environment when they are imported.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from key_events.notices import Notices
from key_events.outlet import Outlet
from key_events.stream import Stream

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

_logger = Logger(service="key-events", location=None)
_queue = boto3.client("sqs")


def _write(name: str, detail: dict[str, Any]) -> None:
    _logger.info(name, extra=detail)


def _set_aside(sequence_number: str, reason: str) -> None:
    failure = {"sequence_number": sequence_number, "reason": reason}
    _logger.warning("record set aside", extra=failure)
    _queue.send_message(QueueUrl=os.environ["FAILURES_QUEUE"], MessageBody=json.dumps(failure))


_outlet = Outlet(boto3.client("events"), os.environ["EVENT_BUS"], os.environ["EVENT_SOURCE"], _write)
_stream = Stream(_outlet, _set_aside)
_notices = Notices(
    boto3.client("dynamodb"),
    os.environ["API_KEYS_TABLE"],
    _outlet,
    days=[int(days) for days in os.environ["NOTICE_DAYS"].split(",")],
    clock=time.time,
)


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Handle a batch of the table's stream. Returns the records to deliver again."""

    def handle(record: DynamoDBRecord) -> None:
        _stream.handle(record.raw_event)

    processor = BatchProcessor(event_type=EventType.DynamoDBStreams)
    return process_partial_response(event, handle, processor, context)


def notices_handler(_event: object, _context: object) -> dict[str, int]:
    """Send the notices that are due, whatever the event."""
    return {"sent": _notices.run()}
