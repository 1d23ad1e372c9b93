"""What an operator sees: one JSON line a decision, which CloudWatch reads as a metric as well.

Reason codes, kinds, key ids and times; never a credential, a claim or a header. The metric is in CloudWatch's embedded
metric format (AWS's specification of 2019), whose lines may hold other members too: so one line is both.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any, Final

SERVICE: Final = "authorizer"
NAMESPACE: Final = "MultiAuth"
LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")

_EVENT_METRICS: Final = {
    "jwks_fetched": "JwksFetched",
    "jwks_fetch_failed": "JwksFetchFailed",
    "jwks_stale_served": "JwksStaleServed",
}
_QUIET_EVENTS: Final = frozenset({"jwks_fetched", "started"})
_DECISION_DIMENSIONS: Final = (("service",), ("service", "outcome"), ("service", "outcome", "kind", "reason"))
_NONE: Final = "none"
"""A dimension has a value always."""


def _write(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


class Telemetry:
    """Logs and counts. Below `level` nothing is logged; what is counted is counted all the same."""

    def __init__(
        self, level: str = "INFO", *, write: Callable[[str], object] = _write, clock: Callable[[], float] = time.time
    ) -> None:
        self._least = LEVELS.index(level)
        self._write = write
        self._clock = clock

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
        counted = {"outcome": outcome, "kind": kind or _NONE, "reason": reason or _NONE}
        logged = {**counted, "request_id": request_id, "key_id": key_id, "latency_ms": round(latency_ms, 2)}
        level = "ERROR" if outcome == "fail" else "INFO"
        self._record(level, "decision", logged, counted, "Decisions", _DECISION_DIMENSIONS)

    def event(self, name: str, detail: str) -> None:
        """Something that is worth knowing: the start, or about the signing keys (see `jwks.SigningKeys`)."""
        level = "INFO" if name in _QUIET_EVENTS else "WARNING"
        self._record(level, name, {"detail": detail}, {}, _EVENT_METRICS.get(name), (("service",),))

    def _record(
        self,
        level: str,
        message: str,
        logged: dict[str, Any],
        counted: dict[str, Any],
        metric: str | None,
        dimensions: tuple[tuple[str, ...], ...],
    ) -> None:
        now = self._clock()
        line: dict[str, Any] = {"service": SERVICE}
        if LEVELS.index(level) >= self._least:
            line |= {"level": level, "message": message, "timestamp": _iso(now), **logged}
        elif metric:
            line |= counted
        else:
            return
        if metric:
            directive = {
                "Namespace": NAMESPACE,
                "Dimensions": dimensions,
                "Metrics": [{"Name": metric, "Unit": "Count"}],
            }
            line |= {metric: 1, "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]}}
        self._write(json.dumps(line, separators=(",", ":")) + "\n")


def _iso(now: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now * 1000) % 1000:03}Z"
