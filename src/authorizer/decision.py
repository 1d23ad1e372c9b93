"""One decision, from the event to the response or error that API Gateway expects for each outcome."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

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


class Decision(NamedTuple):
    """What is logged of a decision. `outcome`: allow, refuse or fail. `reason`: a code, or the error that failed it.

    `issuer` and `kid` of a refused JWT: see `refusal.Refusal`.
    """

    outcome: str
    reason: str | None = None
    kind: str | None = None
    key_id: str | None = None
    issuer: str | None = None
    kid: str | None = None


Recorder = Callable[[Decision, str | None, float], None]
"""Logs a decision, its request id and its latency in milliseconds; see `telemetry.Telemetry`."""


class Decider:
    """Decides authorizer events.

    The authenticators are asked in this order. `respond` returns the response for an identity, and the ARN and source
    address of an event. `default_usage_key`: see `settings.Settings`.
    """

    def __init__(
        self,
        authenticators: Sequence[Authenticator],
        respond: Callable[[Identity, object, str | None], dict[str, Any]],
        record: Recorder,
        default_usage_key: str | None = None,
    ) -> None:
        self._authenticators = authenticators
        self._respond = respond
        self._record = record
        self._default_usage_key = default_usage_key

    def decide(self, event: object, request_id: str | None = None) -> dict[str, Any]:
        """Return the policy and context for an accepted credential.

        `event`: of a REST API (or payload format 1.0 of an HTTP API), or of an HTTP API (2.0). Events of WebSocket APIs
        are refused. `request_id` is logged if the event has no request id.

        :raises Unauthorized: the credential is missing or refused.
        :raises Undecided: the credential could not be checked.
        """
        started = time.perf_counter()
        request = event if isinstance(event, dict) else {}
        context = request.get("requestContext")
        context = context if isinstance(context, dict) else {}
        identity: Identity | None = None
        outcome: dict[str, Any] | Exception
        try:
            _check_api(request, context)
            identity = authenticate(self._authenticators, bearer_token(request))
            arn = request.get("methodArn") or request.get("routeArn")
            outcome = self._respond(identity, arn, _source(context))
            if self._default_usage_key and _has_usage_plans(request):
                outcome["usageIdentifierKey"] = identity.usage_key or self._default_usage_key
            decision = Decision("allow", None, identity.kind, identity.key_id)
        except Refusal as error:
            outcome = Unauthorized()
            decision = Decision("refuse", error.reason, error.kind, error.key_id, error.issuer, error.kid)
        except Exception as error:
            outcome = Undecided("The credential could not be checked. The log line of this decision has the reason.")
            known = (identity.kind, identity.key_id) if identity else (None, None)
            decision = Decision("fail", _cause(error), *known)
        self._record(decision, _request_id(context) or request_id, (time.perf_counter() - started) * 1000)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def _check_api(event: Mapping[str, Any], context: Mapping[str, Any]) -> None:
    """Refuse events of other kinds of authorizers.

    A TOKEN authorizer (API Gateway developer guide, "Input to a Lambda authorizer") sends one header without its name.
    A WebSocket API authorizes only `$connect`, once for a connection that can last for hours.
    """
    if event.get("type") == "TOKEN":
        raise Refusal(Reason.TOKEN_AUTHORIZER)
    if context.get("eventType") == "CONNECT":
        raise Refusal(Reason.WEBSOCKET_API)


def _has_usage_plans(event: Mapping[str, Any]) -> bool:
    """Whether the event is of a REST API: only these have usage plans. Events of HTTP APIs have a `version`."""
    return "methodArn" in event and "version" not in event


def _source(context: Mapping[str, Any]) -> str | None:
    """The address from which API Gateway received the request, or None. Headers such as X-Forwarded-For are not read.

    `identity.sourceIp` (REST APIs, and payload format 1.0) or `http.sourceIp` (2.0). IAM has no `aws:SourceIp` for a
    request through a VPC endpoint ("AWS global condition context keys"), which `vpceId` tells.
    """
    found = context.get("http", context.get("identity"))
    address = found.get("sourceIp") if isinstance(found, dict) and not found.get("vpceId") else None
    return address if isinstance(address, str) and address else None


def _cause(error: Exception) -> str:
    """The error's class, and its code if it is an AWS error. Its text is left out, because it can contain anything."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, Mapping) else None
    return f"{type(error).__name__}:{code}" if isinstance(code, str) else type(error).__name__


def _request_id(context: Mapping[str, Any]) -> str | None:
    """API Gateway's extended request id, as in the access log. A client can choose `requestId`, so it comes second."""
    ids = (context.get("extendedRequestId"), context.get("requestId"))
    return next((request_id for request_id in ids if isinstance(request_id, str) and request_id), None)
