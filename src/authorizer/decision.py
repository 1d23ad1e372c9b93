"""One decision, from the event to the response or error that API Gateway expects for each outcome."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from authorizer.authentication import Authenticator, authenticate
from authorizer.bearer import bearer_token
from authorizer.identity import Identity
from authorizer.refusal import Reason, Refusal


class Unauthorized(Exception):
    """API Gateway answers 401 if, and only if, the error text is exactly this."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


class Undecided(Exception):
    """The credential could not be checked. The client receives 503."""

    def __init__(self) -> None:
        super().__init__("The credential could not be checked. The log line of this decision has the reason.")


class Recorder(Protocol):
    """Logs decisions; see `telemetry.Telemetry`."""

    def decision(
        self,
        *,
        request_id: str | None,
        outcome: str,
        kind: str | None,
        reason: str | None,
        key_id: str | None,
        latency_ms: float,
        issuer: str | None = None,
        kid: str | None = None,
    ) -> None: ...


class Decider:
    """Decides authorizer events.

    The authenticators are asked in this order. `respond` returns the response for an identity and an event's ARN.
    """

    def __init__(
        self,
        authenticators: Sequence[Authenticator],
        respond: Callable[[Identity, object], dict[str, Any]],
        recorder: Recorder,
    ) -> None:
        self._authenticators = authenticators
        self._respond = respond
        self._recorder = recorder

    def decide(self, event: object, request_id: str | None = None) -> dict[str, Any]:
        """Return the policy and context for an accepted credential.

        `event`: of a REST API (or payload format 1.0 of an HTTP API), or of an HTTP API (2.0). Events of WebSocket APIs
        are refused. `request_id` is logged if the event has no request id.

        :raises Unauthorized: the credential is missing or refused.
        :raises Undecided: the credential could not be checked.
        """
        started = time.perf_counter()
        request = event if isinstance(event, dict) else {}

        def record(
            outcome: str, reason: str | None, kind: str | None = None, key_id: str | None = None, **of_jwt: str | None
        ) -> None:
            self._recorder.decision(
                request_id=_request_id(request) or request_id,
                outcome=outcome,
                kind=kind,
                reason=reason,
                key_id=key_id,
                latency_ms=(time.perf_counter() - started) * 1000,
                **of_jwt,
            )

        identity: Identity | None = None
        try:
            _check_api(request)
            identity = authenticate(self._authenticators, bearer_token(request))
            response = self._respond(identity, request.get("methodArn") or request.get("routeArn"))
        except Refusal as error:
            record("refuse", error.reason, error.kind, error.key_id, issuer=error.issuer, kid=error.kid)
            raise Unauthorized from None
        except Exception as error:
            record("fail", _cause(error), *_kind_and_key(identity))
            raise Undecided from None
        record("allow", None, identity.kind, identity.key_id)
        return response


def _check_api(event: Mapping[str, Any]) -> None:
    """Refuse events of other kinds of authorizers.

    A TOKEN authorizer (API Gateway developer guide, "Input to a Lambda authorizer") sends one header without its name.
    A WebSocket API authorizes only `$connect`, once for a connection that can last for hours.
    """
    if event.get("type") == "TOKEN":
        raise Refusal(Reason.TOKEN_AUTHORIZER)
    context = event.get("requestContext")
    if isinstance(context, dict) and context.get("eventType") == "CONNECT":
        raise Refusal(Reason.WEBSOCKET_API)


def _kind_and_key(identity: Identity | None) -> tuple[str | None, str | None]:
    return (identity.kind, identity.key_id) if identity else (None, None)


def _cause(error: Exception) -> str:
    """The error's class, and its code if it is an AWS error. Its text is left out, because it can contain anything."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, Mapping) else None
    return f"{type(error).__name__}:{code}" if isinstance(code, str) else type(error).__name__


def _request_id(event: Mapping[str, Any]) -> str | None:
    """API Gateway's extended request id, as in the access log. A client can choose `requestId`, so it comes second."""
    context = event.get("requestContext")
    if not isinstance(context, dict):
        return None
    ids = (context.get("extendedRequestId"), context.get("requestId"))
    return next((request_id for request_id in ids if isinstance(request_id, str) and request_id), None)
