"""Logs and metrics: one JSON line for each decision, which CloudWatch also reads as metrics.

A line has reason codes, kinds, key ids, request ids and times, but never a credential, a claim or a header, except the
configured issuer and the published `kid` of a refused JWT. Metrics are in CloudWatch's embedded metric format, which
permits other members in the same line. Powertools' Logger writes the line, and its Metrics create the metrics in it.
"""

import functools
import json
import logging
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import aws_lambda_powertools
from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import BasePowertoolsFormatter
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

import authorizer
from authorizer.decision import Decision

VERSIONS: Final = {
    "apigateway-multi-auth": authorizer.VERSION,
    "aws-lambda-powertools": aws_lambda_powertools.__version__,
}

_EVENT_METRICS: Final = {
    "jwks_fetched": "JwksFetched",
    "jwks_fetch_failed": "JwksFetchFailed",
    "jwks_stale_served": "JwksStaleServed",
}
_NONE: Final = "none"
"""The value of a dimension must not be empty."""

# Text is escaped and unknown values become text, so that no line is lost for what it contains.
_JSON: Final = json.JSONEncoder(separators=(",", ":"), default=str)

Dimensions = tuple[tuple[str, str], ...]


class Telemetry:
    """Writes log lines and metrics. Lines below `level` are not logged, but their metrics are still written.

    `service` and `stack` are dimensions of every metric; `stack` can be absent. `starts_cold`: the first decision is
    counted as a cold start.
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
        Logger(service, logger_handler=_StandardOutput(), logger_formatter=_JsonLine())
        # Powertools sets up the logger of this name. It exists once, and can have another level from before.
        self._logger = logging.getLogger(service)
        self._logger.setLevel(level)
        self._namespace = namespace
        self._dimensions: Dimensions = (("service", service), *([("stack", stack)] if stack else []))
        self._is_cold = starts_cold

    def started(self, detail: str, versions: Mapping[str, str]) -> None:
        """Log the start, with the versions of the libraries. `detail`: a summary of the settings."""
        libraries = {"python": sys.version.split(maxsplit=1)[0], **VERSIONS, **versions}
        self._record(logging.INFO, "started", {}, {"detail": detail, "versions": libraries})

    def decision(self, decision: Decision, request_id: str | None, latency_ms: float) -> None:
        """Log and count a decision; see `decision.Recorder`."""
        reason, kind, outcome = decision.reason or _NONE, decision.kind or _NONE, decision.outcome
        metrics = _decision_metrics(self._namespace, self._dimensions, outcome, kind, reason, self._is_cold)
        self._is_cold = False
        known = {"request_id": request_id, "key_id": decision.key_id, "issuer": decision.issuer, "kid": decision.kid}
        logged: dict[str, Any] = {name: value for name, value in known.items() if value is not None}
        logged["latency_ms"] = round(latency_ms, 2)
        self._record(logging.ERROR if outcome == "fail" else logging.INFO, "decision", metrics, logged)

    def event(self, name: str, detail: str) -> None:
        """Log and count an event of the signing keys; see `jwks.SigningKeys`."""
        level = logging.INFO if name == "jwks_fetched" else logging.WARNING
        metric = _EVENT_METRICS.get(name)
        metrics = _metric_set(self._namespace, {metric: 1}, self._dimensions) if metric else {}
        self._record(level, name, metrics, {"detail": detail})

    def _record(self, level: int, message: str, metrics: Mapping[str, Any], logged: Mapping[str, Any]) -> None:
        if metrics:
            metrics = {**metrics, "_aws": {**metrics["_aws"], "Timestamp": int(time.time() * 1000)}}
        if self._logger.isEnabledFor(level):
            self._logger.log(level, message, extra={"members": {**metrics, **logged}})
        elif metrics:
            _write(_JSON.encode(metrics))


class _JsonLine(BasePowertoolsFormatter):
    """Formats the `members` of a record as one JSON object; Powertools' own formatter takes twice as long.

    Location and trace id are left out, because CloudWatch charges for each byte.
    """

    def __init__(self) -> None:
        super().__init__()
        self._keys: dict[str, Any] = {}

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "level": record.levelname,
            "message": record.getMessage(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            **self._keys,
            **getattr(record, "members", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _JSON.encode(line)

    def append_keys(self, **additional_keys: Any) -> None:
        self._keys.update((name, value) for name, value in additional_keys.items() if value is not None)

    def clear_state(self) -> None:
        self._keys.clear()


class _StandardOutput(logging.Handler):
    """Writes to the current standard output."""

    def emit(self, record: logging.LogRecord) -> None:
        _write(self.format(record))


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@functools.lru_cache(maxsize=256)
def _decision_metrics(
    namespace: str, common: Dimensions, outcome: str, kind: str, reason: str, is_cold: bool
) -> dict[str, Any]:
    """The metrics of a decision, with and without the outcome as a dimension. Alarms need the latter."""
    by_outcome = (*common, ("outcome", outcome))
    by_reason = (*by_outcome, ("kind", kind), ("reason", reason))
    totals = {"Decisions": 1, "FailedDecisions": int(outcome == "fail"), **({"ColdStart": 1} if is_cold else {})}
    detailed = _metric_set(namespace, {"Decisions": 1}, by_outcome, by_reason)
    total = _metric_set(namespace, totals, common)
    directives = [*total["_aws"]["CloudWatchMetrics"], *detailed["_aws"]["CloudWatchMetrics"]]
    return {**detailed, **total, "_aws": {"CloudWatchMetrics": directives}}


def _metric_set(namespace: str, metrics: Mapping[str, int], first: Dimensions, *more: Dimensions) -> dict[str, Any]:
    """Counts in the embedded metric format, with each of the sets of dimensions."""
    made = EphemeralMetrics(namespace=namespace)
    for metric, count in metrics.items():
        made.add_metric(metric, MetricUnit.Count, count)
    for dimension, value in first:
        made.add_dimension(dimension, value)
    for dimensions in more:
        made.add_dimensions(**dict(dimensions))
    return dict(made.serialize_metric_set())
