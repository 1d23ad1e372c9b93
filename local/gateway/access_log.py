"""The access log of a stage: a line for each request, whether the authorizer cache answers or not.

Sources, in the API Gateway developer guide: "Set up CloudWatch logging for REST APIs in API Gateway" (the access log
settings of a stage, its format), "Variables for access logging for API Gateway" (REST APIs), "Customize HTTP API access
logs" and "Configure logging for HTTP APIs in API Gateway". A variable without a value is a hyphen. AWS documents no
value of `authorizer.status` and `authorizer.latency` for a cached policy: they are hyphens here.

The emulator stores the settings of a stage, except those that CloudFormation gives to a REST API, and writes no line.
"""

import re
import time
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

from local.gateway import http_request, rest_request
from local.gateway.wrapping import Function, Wrapper

STREAM: Final = "access-log"

_REST: Final = "ministack.services.apigateway_v1"
_HTTP: Final = "ministack.services.apigateway"
_PROVISIONERS: Final = "ministack.services.cloudformation.provisioners"
_VARIABLE: Final = re.compile(r"\$context\.([A-Za-z]\w*(?:\.\w+)*)")
_http: ContextVar[dict[str, str] | None] = ContextVar("http_authorizer", default=None)


def line(form: str, variables: Mapping[str, str]) -> str:
    """The line of a format. `variables`: the values by name, without `$context.`."""
    return _VARIABLE.sub(lambda match: variables.get(match[1], "") or "-", form)


def _rest(original: Function) -> Function:
    async def _handle_execute_in_scope(
        api_id: str, stage_name: str, method: str, path: str, headers: Any, *rest: Any
    ) -> Any:
        from ministack.services import apigateway_v1

        began = time.time()
        response = await original(api_id, stage_name, method, path, headers, *rest)
        stage = apigateway_v1._stages_v1.get(api_id, {}).get(stage_name)
        if stage and stage.get("accessLogSettings"):
            request = rest_request.current()
            error = request.get("error")
            variables = _common(response, method, headers, began) | {
                "apiId": api_id,
                "stage": stage_name,
                "path": f"/{stage_name}{path}",
                "requestId": request["request_id"],
                "extendedRequestId": request["extended_request_id"],
                "resourcePath": request["resource_path"] or path,
                "error.responseType": error.response_type if error else "",
                "error.message": (error.message or "") if error else "",
                **_of_authorizer(request),
            }
            _write(stage["accessLogSettings"], variables)
        return response

    return _handle_execute_in_scope


def _of_authorizer(request: Mapping[str, Any]) -> dict[str, str]:
    found = {f"authorizer.{name}": value for name, value in request["authorizer"].items()}
    if "authorizer_latency" in request:
        error = request.get("error")
        refused = {"UNAUTHORIZED": "401", "AUTHORIZER_FAILURE": "500", "AUTHORIZER_CONFIGURATION_ERROR": "500"}
        found["authorizer.status"] = refused.get(error.response_type if error else "", "200")
        found["authorizer.latency"] = str(request["authorizer_latency"])
    return found


def _with_error(original: Function) -> Function:
    def _gateway_error_response(error: Any, request: dict[str, Any]) -> Any:
        request["error"] = error
        return original(error, request)

    return _gateway_error_response


def _http_api(original: Function) -> Function:
    async def _handle_execute_in_scope(
        api_id: str, stage: str, path: str, method: str, headers: Any, *rest: Any
    ) -> Any:
        from ministack.services import apigateway

        began, context = time.time(), dict[str, str]()
        _http.set(context)
        response = await original(api_id, stage, path, method, headers, *rest)
        settings = (apigateway._stages.get(api_id, {}).get(stage) or {}).get("accessLogSettings")
        if settings:
            route = apigateway._match_route(api_id, method, "/" + path.lstrip("/")) or {}
            request_id = http_request.current_id()
            variables = _common(response, method, headers, began) | {
                "apiId": api_id,
                "stage": stage,
                "path": path,
                "requestId": request_id,
                "extendedRequestId": request_id,
                "routeKey": route.get("routeKey", ""),
                **{f"authorizer.{name}": value for name, value in context.items()},
            }
            _write(settings, variables)
        return response

    return _handle_execute_in_scope


def _http_invoked(original: Function) -> Function:
    async def _invoke_request_authorizer_lambda(*arguments: Any) -> Any:
        answer = await original(*arguments)
        _keep((answer or {}).get("context"))
        return answer

    return _invoke_request_authorizer_lambda


def _http_authorized(original: Function) -> Function:
    async def _authorize_request_v2(*arguments: Any) -> Any:
        error, context = await original(*arguments)
        _keep(context)
        return error, context

    return _authorize_request_v2


def _http_policy(original: Function) -> Function:
    def _evaluate_authorizer_policy(policy: Any, arn: str) -> Any:
        from ministack.services import apigateway

        # A cached policy that does not permit the route: the context is not returned, but it is in the cache.
        for entry in apigateway._authorizer_cache.values():
            if entry[1] is policy:
                _keep(entry[2])
        return original(policy, arn)

    return _evaluate_authorizer_policy


def _keep(context: Any) -> None:
    kept = _http.get()
    if kept is not None and isinstance(context, dict):
        values = {True: "true", False: "false"}
        kept |= {name: values[value] if isinstance(value, bool) else str(value) for name, value in context.items()}


def _common(response: Any, method: str, headers: Any, began: float) -> dict[str, str]:
    given = {name.lower(): value for name, value in (headers or {}).items()}
    return {
        "httpMethod": method,
        "status": str(response[0]),
        "responseLength": str(len(response[2] or b"")),
        "responseLatency": str(int((time.time() - began) * 1000)),
        "requestTime": datetime.fromtimestamp(began, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": str(int(began * 1000)),
        "identity.sourceIp": "127.0.0.1",
        "identity.userAgent": str(given.get("user-agent", "")),
        "protocol": "HTTP/1.1",
    }


def _write(settings: Mapping[str, str], variables: Mapping[str, str]) -> None:
    """Write one line. As in API Gateway, a line that cannot be written does not change the response."""
    from ministack.services import cloudwatch_logs

    group = settings.get("destinationArn", "").partition(":log-group:")[2].removesuffix(":*")
    if group not in cloudwatch_logs._log_groups:
        return
    if STREAM not in cloudwatch_logs._log_groups[group]["streams"]:
        cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": STREAM})
    event = {"timestamp": int(variables["requestTimeEpoch"]), "message": line(settings.get("format", ""), variables)}
    cloudwatch_logs._put_log_events({"logGroupName": group, "logStreamName": STREAM, "logEvents": [event]})


def _stage_created(original: Function) -> Function:
    def _apigw_stage_create(logical_id: str, props: Mapping[str, Any], stack_name: str) -> Any:
        result = original(logical_id, props, stack_name)
        _set(props)
        return result

    return _apigw_stage_create


def _stage_updated(original: Function) -> Function:
    def _apigw_stage_update(physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack_name: str) -> Any:
        result = original(physical_id, old, new, stack_name)
        _set(new)
        return result

    return _apigw_stage_update


def _set(props: Mapping[str, Any]) -> None:
    from ministack.services import apigateway_v1

    given = props.get("AccessLogSetting") or {}
    stage = apigateway_v1._stages_v1.get(props.get("RestApiId", ""), {}).get(props.get("StageName", ""))
    if stage is not None:
        names = {"DestinationArn": "destinationArn", "Format": "format"}
        stage["accessLogSettings"] = {names[name]: value for name, value in given.items() if name in names}


WRAPPERS = (
    Wrapper(
        _REST, "_handle_execute_in_scope", "044be8269869d7dbcbfa9d9a2636f2220e433a8db69ba2d06fb6e73613e9bca7", _rest
    ),
    Wrapper(
        _REST,
        "_gateway_error_response",
        "ffd0b5ec4681970d3f28df359f5067381265049a3da0be9d55b6544382624ffe",
        _with_error,
    ),
    Wrapper(
        _HTTP, "_handle_execute_in_scope", "b70b61feb2f8f6745854b638304e0708b759f182ae7fa332a610230f228a1f38", _http_api
    ),
    Wrapper(
        _HTTP,
        "_invoke_request_authorizer_lambda",
        "0e29f2bcd37ea9476428e05dd427ab3806863a449cd0822b67419bc698ea4d02",
        _http_invoked,
    ),
    Wrapper(
        _HTTP,
        "_authorize_request_v2",
        "d5520269c75127bd97547a55cd1fc93919edf842d9f21d14be9cd4d1fc25564f",
        _http_authorized,
    ),
    Wrapper(
        _HTTP,
        "_evaluate_authorizer_policy",
        "6a7c115e833eabd26e20ac70ef1bfbe2ca0108d0d25001df50db0e3ba87c5ec2",
        _http_policy,
    ),
    Wrapper(
        _PROVISIONERS,
        "_apigw_stage_create",
        "d8049eb27e564d4f935a82f10dd12e13c791f9fbfd458f17f152c00afcdc931d",
        _stage_created,
    ),
    Wrapper(
        _PROVISIONERS,
        "_apigw_stage_update",
        "9fdf36300ac11024518b49a26512caa82ad37edc98b32a4f86ebe58ab4fba1fe",
        _stage_updated,
    ),
)
