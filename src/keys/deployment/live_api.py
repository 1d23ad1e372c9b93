"""The routes of a deployed API, and who can call each of them, as API Gateway answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from authorizer.route import DEFAULT
from keys.core.errors import NotFound
from keys.deployment.endpoint import WEBSOCKET, ApiRoutes
from keys.deployment.guard import OPEN, USAGE_PLAN_KEY, Guard, attached


def read(api: str, function: str, client: Callable[[str], Any]) -> ApiRoutes:
    """The routes of a REST or HTTP API as they are configured now.

    A stage of a REST API has them only after a deployment. `function`: the ARN of this authorizer's function.

    :raises NotFound: there is no such API.
    :raises botocore.exceptions.ClientError: API Gateway refused a request.
    """
    rest, http = client("apigateway"), client("apigatewayv2")

    def is_this(named: str) -> bool | None:
        return None if "${" in named else _unqualified(named) == _unqualified(function)

    routes = ApiRoutes()
    if _found(lambda: rest.get_rest_api(restApiId=api)):
        found = _methods(api, rest)
    elif answer := _found(lambda: http.get_api(ApiId=api)):
        if answer["ProtocolType"] == "WEBSOCKET":
            routes.unread[api] = WEBSOCKET
            return routes
        found = _http_routes(api, http)
    else:
        raise NotFound(f"There is no REST or HTTP API {api} in {rest.meta.region_name}.")
    for method, path, kind, authorizer, asks_key in found:
        guard = attached(kind, authorizer.get("name", authorizer.get("Name", "")), authorizer, is_this)
        routes.add(api, api, method, path, USAGE_PLAN_KEY if guard == OPEN and asks_key else guard)
    return routes


def rest_routes(api: str, function: str, client: Any) -> Iterator[tuple[str, Guard, bool]]:
    """The name of each method of a REST API, its guard, and whether it requires a key of a usage plan."""

    def is_this(named: str) -> bool | None:
        return None if "${" in named else _unqualified(named) == _unqualified(function)

    for method, path, kind, authorizer, asks_key in _methods(api, client):
        yield f"{method} {path}", attached(kind, authorizer.get("name", ""), authorizer, is_this), asks_key


def _methods(api: str, client: Any) -> Iterator[tuple[str, str, str, dict[str, Any], bool]]:
    """Method, path, authorization type, authorizer, and whether a key of a usage plan is asked for."""
    pages = client.get_paginator("get_authorizers").paginate(restApiId=api)
    authorizers = {each["id"]: each for page in pages for each in page["items"]}
    for page in client.get_paginator("get_resources").paginate(restApiId=api, embed=["methods"]):
        for resource in page["items"]:
            for name, method in resource.get("resourceMethods", {}).items():
                authorizer = authorizers.get(method.get("authorizerId"), {})
                kind, asks_key = method.get("authorizationType", ""), method.get("apiKeyRequired", False)
                yield name, resource["path"], kind, authorizer, asks_key


def _http_routes(api: str, client: Any) -> Iterator[tuple[str, str, str, dict[str, Any], bool]]:
    pages = client.get_paginator("get_authorizers").paginate(ApiId=api)
    # Without a time to live, API Gateway does not cache the answers for an HTTP API.
    without_cache = {"AuthorizerResultTtlInSeconds": 0}
    authorizers = {each["AuthorizerId"]: {**without_cache, **each} for page in pages for each in page["Items"]}
    for page in client.get_paginator("get_routes").paginate(ApiId=api):
        for route in page["Items"]:
            method, _, path = route["RouteKey"].partition(" ")
            authorizer = authorizers.get(route.get("AuthorizerId"), {})
            yield method, path or DEFAULT, route.get("AuthorizationType", "NONE"), authorizer, False


def _found(ask: Callable[[], Any]) -> Any:
    """The answer of API Gateway; None if there is no such API."""
    try:
        return ask()
    except ClientError as error:
        if error.response["Error"]["Code"] != "NotFoundException":
            raise
        return None


def _unqualified(function: str) -> str:
    """The ARN of a function without a version or alias."""
    return ":".join(function.split(":")[:7])
