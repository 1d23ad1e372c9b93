"""`python -m bench.usage`: replay 1/100 of a day of 10 million requests over 10,000 keys through the function of usage.

It writes its table into docs/usage.md.

The batches are as CloudWatch Logs sends them: JSON, gzip, base64. The table is a fake that counts updates, so the time
is that of the function's own code on this machine. How many lines a batch has is not documented, so several sizes are
measured, with keys that are used equally often, and by Zipf's law.
"""

import base64
import gzip
import json
import math
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from bench import report
from bench.cost import FULL_CORE_MB, Prices

PAGE: Final = Path("docs/usage.md")
REQUESTS: Final = 10_000_000
PART: Final = 100
KEYS: Final = 10_000
DAY: Final = 86_400
START: Final = int(time.time()) // DAY * DAY - DAY
"""Yesterday: lines with a time in the future are not counted."""
BATCH_LINES: Final = (10, 1000)
MEMORY_MB: Final = 512
ENVIRONMENTS: Final = 10
"""The execution environments of a day."""
UPDATE_MILLISECONDS: Final = 5.0
"""The time of a DynamoDB update, which cannot be measured locally."""
WRITE_UNIT: Final = 0.625 / 1e6
LOG_QUERY_GB: Final = 0.005
READ_UNIT: Final = 0.125 / 1e6
READ_UNITS: Final = 50
"""Of a BatchGetItem request for 100 items below 4 KB, eventually consistent."""


class Conflict(Exception):
    """The condition of an update failed. It never does here."""


class Table:
    """A fake of the DynamoDB client that counts updates."""

    class exceptions:  # noqa: N801 - boto3's spelling
        ConditionalCheckFailedException = Conflict

    def __init__(self) -> None:
        self.days = 0

    def update_item(self, Key: Any, **_arguments: Any) -> None:  # noqa: N803 - boto3's spelling
        self.days += "-" in Key["day"]["S"]


@dataclass(frozen=True)
class Replayed:
    """The figures of one replay. `updates`: of items of a day. Those of items `last` do not grow with the requests."""

    lines: int
    batches: int
    updates: int
    seconds: float
    line_bytes: float

    @property
    def write_units(self) -> int:
        """Of the whole day. Each execution environment renews the item `last` of each key once."""
        return round(self.updates * REQUESTS / self.lines) + KEYS * ENVIRONMENTS

    def dollars_a_day(self, prices: Prices) -> float:
        """The cost of the whole day: invocations, their time, and write units."""
        share = REQUESTS / self.lines
        milliseconds = share * self.seconds * 1000 * FULL_CORE_MB / MEMORY_MB + self.write_units * UPDATE_MILLISECONDS
        compute = milliseconds / 1000 * MEMORY_MB / 1024 * prices.lambda_gb_second_arm
        return share * self.batches * prices.lambda_request + compute + self.write_units * WRITE_UNIT


def replay(batch_lines: int, *, equally: bool) -> Replayed:
    """Replay a part of the day, with batches of so many lines."""
    os.environ.update(USAGE_TABLE="usage", AWS_DEFAULT_REGION="us-east-1")
    from usage import handler
    from usage.counter import Counter

    table: Any = Table()
    handler._counter = Counter(table, "usage")
    size = seconds = 0.0
    found = batches = 0
    for lines in _batched(_lines(equally=equally), batch_lines):
        size += sum(len(line["message"]) for line in lines)
        envelope = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "access", "logStream": "s"}
        batch = json.dumps({**envelope, "subscriptionFilters": ["f"], "logEvents": lines}).encode()
        event = {"awslogs": {"data": base64.b64encode(gzip.compress(batch)).decode()}}
        began = time.process_time()
        found += handler.lambda_handler(event, None)["lines"]
        seconds, batches = seconds + time.process_time() - began, batches + 1
    return Replayed(found, batches, table.days, seconds, size / found)


def _lines(*, equally: bool) -> Iterator[dict[str, Any]]:
    chance = random.Random(1)  # noqa: S311 - no secret
    weights = [1.0 if equally else 1 / (rank + 1) for rank in range(KEYS)]
    keys = chance.choices([f"key_{number:016}" for number in range(KEYS)], weights, k=REQUESTS // PART)
    statuses = chance.choices(["200", "403", "429", "500"], [95, 3, 1, 1], k=len(keys))
    for number, (key_id, status) in enumerate(zip(keys, statuses, strict=True)):
        # A hundredth of the day, with as many requests a second as the whole day has.
        at = (START + number * DAY / REQUESTS) * 1000
        line = {
            "requestId": f"{number:016}=",
            "time": "15/Jan/2027:12:00:00 +0000",
            "ip": "203.0.113.10",
            "method": "GET",
            "resource": "/orders/{id}",
            "status": status,
            "credential": "api_key",
            "keyId": key_id,
            "issuer": "-",
            "authorizerStatus": "200",
            "authorizerLatency": "12",
            "responseLatency": "48",
            "error": "-",
        }
        yield {"id": f"{number:056}", "timestamp": int(at), "message": json.dumps(line)}


def _batched(lines: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    return iter(lambda: list(islice(lines, size)), [])


def main() -> None:
    prices = Prices()
    rows = []
    gigabytes = 0.0
    for equally in (True, False):
        for size in BATCH_LINES:
            done = replay(size, equally=equally)
            gigabytes = REQUESTS * done.line_bytes / 1e9
            rows.append(
                (
                    "equally" if equally else "by Zipf's law",
                    f"{size:,}",
                    f"{math.ceil(done.batches * REQUESTS / done.lines):,}",
                    f"{done.write_units:,}",
                    f"{done.seconds * 1e6 / done.lines:.1f} ms",
                    f"{done.dollars_a_day(prices):.2f} USD",
                )
            )
    made = {
        "usage": report.table(
            ("keys used", "lines of a batch", "invocations", "write units", "own time of 1,000 lines", "cost"), rows
        ),
        "usage-day": report.table(
            ("the same day", "value"),
            [
                ("the access log", f"{gigabytes:.1f} GB, {gigabytes * prices.log_gb:.2f} USD to write"),
                ("a query of it", f"{gigabytes * LOG_QUERY_GB:.3f} USD"),
                ("the last use of all keys, from the table", f"{KEYS / 100 * READ_UNITS * READ_UNIT:.5f} USD"),
                ("memory of the function after 100 batches", f"{_function_megabytes()} MB"),
            ],
        ),
    }
    PAGE.write_text(report.filled(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")
    print("\n\n".join(made.values()))


def _function_megabytes() -> int:
    """The most memory of a process that has only the function in it, after 100 batches of 1,000 lines."""
    done = subprocess.run([sys.executable, "-m", "bench.usage", "--memory"], capture_output=True, text=True, check=True)
    return int(done.stdout)


def _use_memory() -> None:
    replay(1000, equally=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


if __name__ == "__main__":
    _use_memory() if "--memory" in sys.argv else main()
