"""What an operator sees: one JSON line a decision, which CloudWatch reads as metrics as well.

Reason codes, kinds, key ids, request ids and times; never a credential, a claim or a header. The metrics are in
CloudWatch's embedded metric format (AWS's specification of 2019), whose lines may hold other members too: so one line
is both. Powertools' Logger writes the line, its Metrics make the metrics in it.
"""

import functools
import json
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

import aws_lambda_powertools
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

import authorizer

VERSIONS: Final = {
    "apigateway-multi-auth": authorizer.VERSION,
    "aws-lambda-powertools": aws_lambda_powertools.__version__,
}

_EVENT_METRICS: Final = {
    "jwks_fetched": "JwksFetched",
    "jwks_fetch_failed": "JwksFetchFailed",
    "jwks_stale_served": "JwksStaleServed",
}
_QUIET_EVENTS: Final = frozenset({"jwks_fetched"})
_NONE: Final = "none"
"""A dimension has a value always."""

_JSON: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)

Dimensions = tuple[tuple[str, str], ...]


class Telemetry:
    """Logs and counts. Below `level` nothing is logged; what is counted is counted all the same.

    `service` and `stack` are dimensions of every metric; without a stack there is none. `starts_cold`: the first
    decision waits for the start, and is counted as a cold start.
    """

    def __init__(
        self,
        level: str = "INFO",
        *,
        service: str = "authorizer",
        namespace: str = "MultiAuth",
        stack: str | None = None,
        starts_cold: bool = True,
    ) -> None:
        # Where in this file the line is written says nothing, and each byte of a line is paid for.
        self._logger = Logger(
            service,
            logger_handler=_StandardOutput(),
            utc=True,
            use_rfc3339=True,
            location=None,
            xray_trace_id=None,
            json_serializer=_JSON.encode,
        )
        # Loggers of one name are one: it may be there already, with another level.
        self._logger.setLevel(level)
        self._writers = {
            logging.INFO: self._logger.info,
            logging.WARNING: self._logger.warning,
            logging.ERROR: self._logger.error,
        }
        self._namespace = namespace
        self._dimensions: Dimensions = (("service", service), *([("stack", stack)] if stack else []))
        self._is_cold = starts_cold

    def started(self, detail: str, versions: Mapping[str, str]) -> None:
        """The function is ready to decide, with these versions of its libraries. `detail`: what it is set up with."""
        python = sys.version.split(maxsplit=1)[0]
        self._record(
            logging.INFO, "started", {}, {"detail": detail, "versions": {"python": python, **VERSIONS, **versions}}
        )

    def decision(
        self,
        *,
        request_id: str | None,
        outcome: str,
        kind: str | None,
        reason: str | None,
        key_id: str | None,
        latency_ms: float,
    ) -> None:
        """One decision. `outcome` is allow, refuse or fail; `reason` is a code, or what failed."""
        metrics = _decision_metrics(
            self._namespace, self._dimensions, outcome, kind or _NONE, reason or _NONE, self._is_cold
        )
        self._is_cold = False
        level = logging.ERROR if outcome == "fail" else logging.INFO
        logged = {"request_id": request_id, "key_id": key_id, "latency_ms": round(latency_ms, 2)}
        self._record(level, "decision", metrics, logged)

    def event(self, name: str, detail: str) -> None:
        """Something about the signing keys that is worth knowing; see `jwks.SigningKeys`."""
        level = logging.INFO if name in _QUIET_EVENTS else logging.WARNING
        metric = _EVENT_METRICS.get(name)
        metrics = _metric_set(self._namespace, {metric: 1}, self._dimensions) if metric else {}
        self._record(level, name, metrics, {"detail": detail})

    def _record(self, level: int, message: str, metrics: Mapping[str, Any], logged: Mapping[str, Any]) -> None:
        if metrics:
            metrics = {**metrics, "_aws": {**metrics["_aws"], "Timestamp": int(time.time() * 1000)}}
        if level >= self._logger.log_level:
            self._writers[level](message, extra={**metrics, **logged})
        elif metrics:
            _write(_JSON.encode(metrics))


class _StandardOutput(logging.Handler):
    """Writes to what is standard output at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        _write(self.format(record))


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@functools.lru_cache(maxsize=256)
def _decision_metrics(
    namespace: str, common: Dimensions, outcome: str, kind: str, reason: str, is_cold: bool
) -> dict[str, Any]:
    """The metrics of one decision, by outcome and without: alarms need the latter. Those of the same kind are equal."""
    by_outcome = (*common, ("outcome", outcome))
    by_reason = (*by_outcome, ("kind", kind), ("reason", reason))
    totals = {"Decisions": 1, "FailedDecisions": int(outcome == "fail"), **({"ColdStart": 1} if is_cold else {})}
    detailed = _metric_set(namespace, {"Decisions": 1}, by_outcome, by_reason)
    total = _metric_set(namespace, totals, common)
    directives = [*total["_aws"]["CloudWatchMetrics"], *detailed["_aws"]["CloudWatchMetrics"]]
    return {**detailed, **total, "_aws": {"CloudWatchMetrics": directives}}


def _metric_set(namespace: str, metrics: Mapping[str, int], first: Dimensions, *more: Dimensions) -> dict[str, Any]:
    """Counts in the embedded metric format, each under each of the sets of dimensions."""
    made = EphemeralMetrics(namespace=namespace)
    for metric, count in metrics.items():
        made.add_metric(metric, MetricUnit.Count, count)
    for dimension, value in first:
        made.add_dimension(dimension, value)
    for dimensions in more:
        made.add_dimensions(**dict(dimensions))
    return dict(made.serialize_metric_set())
