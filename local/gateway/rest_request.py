"""The variables of one request to a REST API: its IDs and the authorizer's context.

Sources, in the API Gateway developer guide: "Variables for data models, authorizers, mapping templates, and CloudWatch
access logging" (`$context.requestId`, `$context.extendedRequestId`, `$context.authorizer.property`), "Input to an API
Gateway Lambda authorizer" (`requestContext` with `requestId` and `extendedRequestId`), and "API Gateway important
notes" (the response headers `x-amzn-RequestId` and `x-amz-apigw-id`).

The emulator makes another ID for each place, and its gateway responses know neither the extended ID nor the
authorizer's context. Here, the IDs of the authorizer's event, the backend's event, the response's headers, gateway
responses and so the log are the same.
"""

import base64
import re
import secrets
import time
from contextvars import ContextVar
from typing import Any, Final

from local.gateway.wrapping import Function, Wrapper

_MODULE = "ministack.services.apigateway_v1"
_VARIABLE: Final = re.compile(rb"\$context\.(extendedRequestId|authorizer\.\w+)")
_request: ContextVar[dict[str, Any] | None] = ContextVar("request", default=None)


def current() -> dict[str, Any]:
    """Return the request that is being answered, with `request_id`, `extended_request_id` and `authorizer`.

    It has `authorizer_latency`, in milliseconds, if the authorizer was called.

    :raises LookupError: none is.
    """
    request = _request.get()
    if request is None:
        raise LookupError("There is no request.")
    return request


def _identified(original: Function) -> Function:
    async def _execute_in_scope(request: dict[str, Any], *arguments: Any) -> Any:
        request["extended_request_id"] = base64.b64encode(secrets.token_bytes(11)).decode()
        request["authorizer"] = {}
        _request.set(request)
        return _with_ids(await original(request, *arguments), request)

    return _execute_in_scope


def _with_ids(response: Any, request: dict[str, Any]) -> Any:
    """Add the IDs to the headers of a response. An error of API Gateway is not a tuple yet."""
    if isinstance(response, tuple):
        response[1]["x-amzn-requestid"] = request["request_id"]
        response[1]["x-amz-apigw-id"] = request["extended_request_id"]
    return response


def _ids() -> dict[str, str]:
    request = current()
    return {"requestId": request["request_id"], "extendedRequestId": request["extended_request_id"]}


def _authorizer_with_ids(original: Function) -> Function:
    async def _invoke_authorizer_lambda(authorizer: Any, event: dict[str, Any], account_id: str, region: str) -> Any:
        from ministack.services import apigateway_v1

        if event["type"] == "REQUEST":
            event["requestContext"] |= _ids()
        began = time.monotonic()
        result = await original(authorizer, event, account_id, region)
        current()["authorizer_latency"] = int((time.monotonic() - began) * 1000)
        answer = (result or {}).get("body")
        if isinstance(answer, dict) and isinstance(answer.get("context"), dict):
            current()["authorizer"] = apigateway_v1._stringify_context(answer["context"])
        return result

    return _invoke_authorizer_lambda


def _policy_with_context(original: Function) -> Function:
    def _evaluate_policy(policy_doc: Any, method_arn: str) -> Any:
        from ministack.services import apigateway_v1

        request = current()
        if not request["authorizer"]:
            cached = [entry for entry in apigateway_v1._authorizer_cache.values() if entry[1] is policy_doc]
            request["authorizer"] = dict(cached[0][2]) if cached else {}
        return original(policy_doc, method_arn)

    return _evaluate_policy


def _event_with_ids(original: Function) -> Function:
    def _build_lambda_event_v1(*arguments: Any, **options: Any) -> Any:
        event = original(*arguments, **options)
        event["requestContext"] |= _ids()
        return event

    return _build_lambda_event_v1


def _gateway_response_with_variables(original: Function) -> Function:
    def _gateway_error_response(error: Any, request: dict[str, Any]) -> Any:
        status, headers, body = original(error, request)
        known = {"extendedRequestId": request.get("extended_request_id", "")}
        known |= {f"authorizer.{name}": value for name, value in request.get("authorizer", {}).items()}
        rendered = _VARIABLE.sub(lambda match: known.get(match[1].decode(), "").encode(), body)
        if "extended_request_id" not in request:  # A refused signature of a route with IAM authorization.
            return status, headers, rendered
        return _with_ids((status, headers, rendered), request)

    return _gateway_error_response


WRAPPERS = (
    Wrapper(
        _MODULE, "_execute_in_scope", "203e75429341fab084e29683888661bd9d2fd0808c1d2c56d669683a3ae5fbd9", _identified
    ),
    Wrapper(
        _MODULE,
        "_invoke_authorizer_lambda",
        "f61b102f6bbafbad1b2530b9ec87891c9a7c66598fdcdf4f985f2a70b0bbd65d",
        _authorizer_with_ids,
    ),
    Wrapper(
        _MODULE,
        "_evaluate_policy",
        "aa7e0fae74c3207c0c326c86d65d873e82731997d7456ab5cee64e90d673f8c5",
        _policy_with_context,
    ),
    Wrapper(
        _MODULE,
        "_build_lambda_event_v1",
        "ce25dc4258d92a496ed7ccd3de9d305dbd11a93845ae8f4948e41ca8599fe93c",
        _event_with_ids,
    ),
    Wrapper(
        _MODULE,
        "_gateway_error_response",
        "ffd0b5ec4681970d3f28df359f5067381265049a3da0be9d55b6544382624ffe",
        _gateway_response_with_variables,
    ),
)
