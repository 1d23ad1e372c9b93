"""The sample backend: returns the caller's identity from the authorizer context.

Your backend reads the identity in the same way: `sub` is a string, and `data` is a JSON string.
"""

import json
import os
from collections.abc import Mapping
from typing import Any, Final

_ALLOW_ORIGIN: Final = os.environ.get("CORS_ALLOW_ORIGIN", "*")


def lambda_handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Return ``{"message": "Authenticated", "sub": ..., "data": {...}}``, or 401 without an authorizer context.

    A request without the context means that the authorizer was removed from the route, so it is refused.
    """
    identity = _authorizer_context(event)
    sub, data = identity.get("sub"), _parse(identity.get("data"))
    if not (isinstance(sub, str) and sub) or data is None:
        return _answer(
            401,
            {"type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "The caller is not known."},
            {"Content-Type": "application/problem+json", "WWW-Authenticate": 'Bearer realm="api"'},
        )
    return _answer(200, {"message": "Authenticated", "sub": sub, "data": data}, {"Content-Type": "application/json"})


def _authorizer_context(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The context of a REST API (`authorizer`) or an HTTP API (`authorizer.lambda`). Empty if there is none."""
    request_context = event.get("requestContext")
    context = request_context.get("authorizer") if isinstance(request_context, Mapping) else None
    if isinstance(context, Mapping) and isinstance(context.get("lambda"), Mapping):
        context = context["lambda"]
    return context if isinstance(context, Mapping) else {}


def _parse(data: object) -> dict[str, Any] | None:
    if not isinstance(data, str):
        return None
    try:
        parsed = json.loads(data)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _answer(status: int, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {**headers, "Cache-Control": "no-store", "Access-Control-Allow-Origin": _ALLOW_ORIGIN},
        "body": json.dumps(body, ensure_ascii=False),
    }
