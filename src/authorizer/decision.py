"""One decision from event to answer: the four outcomes in the form that API Gateway has for each."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from authorizer.authentication import Authenticator, InvalidCredential, Reason, authenticate
from authorizer.bearer import BearerError, bearer_token
from authorizer.identity import Identity, IdentityTooLarge


class Unauthorized(Exception):
    """API Gateway answers 401 when, and only when, the text is exactly this."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


class Undecided(Exception):
    """Something that is needed to decide is out of order: the client gets 503."""

    def __init__(self) -> None:
        super().__init__("The credential could not be checked; the decision's log line says why.")


class Recorder(Protocol):
    """Where decisions are written down: see `telemetry.Telemetry`."""

    def decision(
        self,
        *,
        request_id: str | None,
        outcome: str,
        kind: str | None,
        reason: str | None,
        key_id: str | None,
        latency_ms: float,
    ) -> None: ...


class Decider:
    """Decides about authorizer events.

    The authenticators are asked in the order given. `respond` makes the answer for an identity and an event's ARN.
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
        """Policy and context for an accepted credential. `request_id` stands in for API Gateway's in the log.

        Events are those of REST APIs (and HTTP APIs' payload format 1.0) and of HTTP APIs (2.0). Those of WebSocket
        APIs are refused.

        :raises Unauthorized: the credential is refused, or there is none.
        :raises Undecided: it could not be checked.
        """
        started = time.perf_counter()
        request = event if isinstance(event, Mapping) else {}

        def record(outcome: str, reason: str | None, kind: str | None = None, key_id: str | None = None) -> None:
            self._recorder.decision(
                request_id=_request_id(request) or request_id,
                outcome=outcome,
                kind=kind,
                reason=reason,
                key_id=key_id,
                latency_ms=(time.perf_counter() - started) * 1000,
            )

        identity: Identity | None = None
        try:
            _check_api(request)
            identity = authenticate(self._authenticators, bearer_token(request))
            response = self._respond(identity, request.get("methodArn") or request.get("routeArn"))
        except BearerError as error:
            record("refuse", error.reason)
            raise Unauthorized from None
        except InvalidCredential as error:
            record("refuse", error.reason, error.kind, error.key_id)
            raise Unauthorized from None
        except IdentityTooLarge:
            record("refuse", Reason.IDENTITY_TOO_LARGE, *_kind_and_key(identity))
            raise Unauthorized from None
        except Exception as error:
            record("fail", _cause(error), *_kind_and_key(identity))
            raise Undecided from None
        record("allow", None, identity.kind, identity.key_id)
        return response


def _check_api(event: Mapping[str, Any]) -> None:
    """A WebSocket API's rules would be about routes such as `$connect`, asked once for a connection of hours."""
    context = event.get("requestContext")
    if isinstance(context, Mapping) and context.get("eventType") == "CONNECT":
        raise InvalidCredential(Reason.WEBSOCKET_API)


def _kind_and_key(identity: Identity | None) -> tuple[str | None, str | None]:
    return (identity.kind, identity.key_id) if identity else (None, None)


def _cause(error: Exception) -> str:
    """What failed, without the error's text: a library may have put anything there. AWS's errors have a code."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, Mapping) else None
    return f"{type(error).__name__}:{code}" if isinstance(code, str) else type(error).__name__


def _request_id(event: Mapping[str, Any]) -> str | None:
    """API Gateway's own request id, which its access log has too. A client can choose what `requestId` is."""
    context = event.get("requestContext")
    if not isinstance(context, Mapping):
        return None
    ids = (context.get("extendedRequestId"), context.get("requestId"))
    return next((request_id for request_id in ids if isinstance(request_id, str) and request_id), None)
