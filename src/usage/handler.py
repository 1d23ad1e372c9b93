"""The entry point of the function. It reads the environment when it is imported."""

from __future__ import annotations

import os
import time
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes import CloudWatchLogsEvent
from botocore.config import Config

from usage import batch
from usage.counter import Counter

_logger = Logger(service="usage", location=None)
# Lambda tries a failed batch again, and counts it twice, so the client does it first.
_config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 8, "mode": "adaptive"})
_counter = Counter(boto3.client("dynamodb", config=_config), os.environ["USAGE_TABLE"])


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, int]:
    """Count a batch of a subscription.

    Return the numbers of its lines, of those that were skipped, and of updates of the table.
    """
    return count(event, _counter, time.time())


def count(event: dict[str, Any], counter: Counter, now: float) -> dict[str, int]:
    """See `lambda_handler`. `now`: in seconds since 1970."""
    data = CloudWatchLogsEvent(event).parse_logs_data()
    lines = [each.raw_event for each in data.log_events]
    if data.message_type != "DATA_MESSAGE" or not lines:
        return {"lines": 0, "skipped": 0, "updates": 0}
    found = batch.read(lines, now)
    updates = counter.add(found, data.log_group, int(now))
    if found.skipped["malformed"]:
        _logger.warning("lines skipped", extra={"malformed": found.skipped["malformed"], "log_group": data.log_group})
    return {"lines": len(lines), "skipped": found.skipped.total(), "updates": updates}
