"""The ID of one request to an HTTP API.

Source: API Gateway developer guide, "Customize HTTP API access logs" (`$context.requestId`) and "Create AWS Lambda
authorizers for HTTP APIs" (`requestContext.requestId` of the event). The emulator makes another ID for each place. The
response header `Apigw-Requestid` holds it, as AWS support articles say.
"""

import base64
import secrets
from contextvars import ContextVar
from typing import Any

from local.gateway.wrapping import Function, Wrapper

_MODULE = "ministack.services.apigateway"
_request_id: ContextVar[str] = ContextVar("request_id", default="")


def current_id() -> str:
    """Return the ID of the request that is being answered."""
    return _request_id.get()


def _identified(original: Function) -> Function:
    async def handle_execute(*arguments: Any, **options: Any) -> Any:
        _request_id.set(base64.b64encode(secrets.token_bytes(11)).decode())
        status, headers, body = await original(*arguments, **options)
        return status, {**headers, "apigw-requestid": _request_id.get()}, body

    return handle_execute


def _authorizer_with_id(original: Function) -> Function:
    async def _invoke_request_authorizer_lambda(authorizer: Any, event: Any, account_id: str, region: str) -> Any:
        event["requestContext"]["requestId"] = _request_id.get()
        return await original(authorizer, event, account_id, region)

    return _invoke_request_authorizer_lambda


WRAPPERS = (
    Wrapper(_MODULE, "handle_execute", "52e82ca2dfe52cf211b34eedda6912b0f52439d29fdf1b0f8cce8a8fbba7d4b2", _identified),
    Wrapper(
        _MODULE,
        "_invoke_request_authorizer_lambda",
        "0e29f2bcd37ea9476428e05dd427ab3806863a449cd0822b67419bc698ea4d02",
        _authorizer_with_id,
    ),
)
