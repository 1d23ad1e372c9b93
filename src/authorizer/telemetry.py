"""What an operator sees: one JSON line a decision, and metrics in CloudWatch's embedded format.

Reason codes, kinds, key ids and times; never a credential, a claim or a header.
"""

from typing import Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

SERVICE: Final = "authorizer"
NAMESPACE: Final = "MultiAuth"

_EVENT_METRICS: Final = {
    "jwks_fetched": "JwksFetched",
    "jwks_fetch_failed": "JwksFetchFailed",
    "jwks_stale_served": "JwksStaleServed",
}
_QUIET_EVENTS: Final = frozenset({"jwks_fetched"})


class Telemetry:
    """Logs and counts. The log level is Powertools' own setting, `POWERTOOLS_LOG_LEVEL`."""

    def __init__(self) -> None:
        self._logger = Logger(service=SERVICE, location=None)

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
        log = self._logger.error if outcome == "fail" else self._logger.info
        log(
            "decision",
            extra={
                "request_id": request_id,
                "outcome": outcome,
                "kind": kind,
                "reason": reason,
                "key_id": key_id,
                "latency_ms": round(latency_ms, 2),
            },
        )
        metrics = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service=SERVICE)
        metrics.add_metric("Decisions", MetricUnit.Count, 1)
        metrics.add_dimensions(outcome=outcome)
        metrics.add_dimensions(outcome=outcome, kind=kind or "none", reason=reason or "none")
        metrics.flush_metrics()

    def event(self, name: str, detail: str) -> None:
        """Something about the signing keys that is worth knowing; see `jwks.SigningKeys`."""
        log = self._logger.info if name in _QUIET_EVENTS else self._logger.warning
        log(name, extra={"detail": detail})
        if name in _EVENT_METRICS:
            metrics = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service=SERVICE)
            metrics.add_metric(_EVENT_METRICS[name], MetricUnit.Count, 1)
            metrics.flush_metrics()
