"""Subscription filters of log groups: JSON filter patterns, batches, and asynchronous invocations.

Sources: Amazon CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters, filter log
events, and Live Tail" (JSON patterns) and "Log group-level subscription filters" (batches); AWS Lambda developer guide,
"Invoking a Lambda function asynchronously" (CloudWatch Logs, retries and destinations). The emulator compares the words
of a pattern, and invokes the function once for each request that writes lines, without retries. Here, lines are
collected for a second. A JSON pattern of another form than `{ ($.name = "text") || ... }` matches nothing.
"""

import base64
import contextvars
import gzip
import json
import re
import secrets
import threading
import time
from typing import Any, Final

from local.gateway.wrapping import Function, Wrapper

BATCH_SECONDS: Final = 1.0

_EQUAL: Final = re.compile(r'\(?\s*\$\.(\w+)\s*=\s*"([^"]*)"\s*\)?')
_waiting: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
_lock: Final = threading.Lock()


def matches(pattern: str, message: str) -> bool:
    """Whether a JSON filter pattern matches a line."""
    try:
        line = json.loads(message)
    except ValueError:
        return False
    parts = [_EQUAL.fullmatch(part.strip()) for part in pattern.strip()[1:-1].split("||")]
    return isinstance(line, dict) and any(part is not None and line.get(part[1]) == part[2] for part in parts)


def _json_pattern(original: Function) -> Function:
    def _subscription_pattern_matches(pattern: str, message: str) -> bool:
        is_json = (pattern or "").lstrip().startswith("{")
        return matches(pattern, message) if is_json else bool(original(pattern, message))

    return _subscription_pattern_matches


def _batched(_original: Function) -> Function:
    def _fanout_to_subscription_filters(group_name: str, stream_name: str, events: list[dict[str, Any]]) -> None:
        from ministack.services import cloudwatch_logs

        group = cloudwatch_logs._log_groups.get(group_name) or {}
        for each in (group.get("subscriptionFilters") or {}).values():
            if ":function:" not in each.get("destinationArn", ""):
                continue
            pattern = each.get("filterPattern", "")
            found = [
                {
                    "id": secrets.token_hex(28),
                    "timestamp": event.get("timestamp", int(time.time() * 1000)),
                    "message": event.get("message", ""),
                }
                for event in events
                if cloudwatch_logs._subscription_pattern_matches(pattern, event.get("message", ""))
            ]
            if found:
                _collect((group_name, stream_name, each["filterName"]), each["destinationArn"], found)

    return _fanout_to_subscription_filters


def _collect(key: tuple[str, str, str], destination: str, events: list[dict[str, Any]]) -> None:
    with _lock:
        is_first = key not in _waiting
        _waiting.setdefault(key, []).extend(events)
    if is_first:
        # The account and Region of the request are in its context.
        context = contextvars.copy_context()
        timer = threading.Timer(BATCH_SECONDS, context.run, (_deliver, key, destination))
        timer.daemon = True
        timer.start()


def _deliver(key: tuple[str, str, str], destination: str) -> None:
    from ministack.core.responses import get_account_id
    from ministack.services import lambda_svc

    with _lock:
        events = _waiting.pop(key)
    group, stream, name = key
    batch = {
        "messageType": "DATA_MESSAGE",
        "owner": get_account_id(),
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": [name],
        "logEvents": events,
    }
    function = lambda_svc._functions.get(destination.split(":function:")[-1].split(":")[0])
    if function:
        data = base64.b64encode(gzip.compress(json.dumps(batch).encode())).decode()
        lambda_svc.invoke_async_with_retry(function, {"awslogs": {"data": data}})


_MODULE: Final = "ministack.services.cloudwatch_logs"
WRAPPERS = (
    Wrapper(
        _MODULE,
        "_subscription_pattern_matches",
        "022db151aa737a7f91ced6e0bbb6800d7163967936f2367c0f0553753109da22",
        _json_pattern,
    ),
    Wrapper(
        _MODULE,
        "_fanout_to_subscription_filters",
        "c2393ca96c3b1764cd67775197054e349839e01dacc46d1936277a0dbd9ef702",
        _batched,
    ),
)
