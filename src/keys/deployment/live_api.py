"""The routes of a deployed API, and who can call each of them, as API Gateway answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from authorizer.route import DEFAULT, RouteError
from keys.core.errors import NotFound
from keys.deployment.api_routes import ApiRoutes
from keys.deployment.endpoint import Endpoint
from keys.deployment.guard import OPEN, USAGE_PLAN_KEY, Guard, LambdaAuthorizer, attached

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_apigatewayv2 import ApiGatewayV2Client


def read(api: str, function: str, client: Callable[[str], Any]) -> ApiRoutes:
    """The routes of a REST or HTTP API as they are configured now.

    A stage of a REST API has them only after a deployment. `function`: the ARN of this authorizer's function.

    :raises NotFound: there is no such API.
    :raises botocore.exceptions.ClientError: API Gateway refused a request.
    """
    rest: APIGatewayClient = client("apigateway")
    http: ApiGatewayV2Client = client("apigatewayv2")
    try:
        rest.get_rest_api(restApiId=api)
    except ClientError as error:
        _demand_not_found(error)
    else:
        return _routes(api, _rest_routes(api, rest, function))
    try:
        protocol = http.get_api(ApiId=api)["ProtocolType"]
    except ClientError as error:
        _demand_not_found(error)
        raise NotFound(f"There is no REST or HTTP API {api} in {rest.meta.region_name}.") from None
    if protocol == "WEBSOCKET":
        return ApiRoutes(unread={api: "WebSocket APIs are not supported"})
    return _routes(api, _http_routes(api, http, function))


def _routes(api: str, found: Iterator[tuple[str, str, Guard]]) -> ApiRoutes:
    endpoints, unread = set[Endpoint](), dict[str, str]()
    for method, path, guard in found:
        try:
            endpoints.update(Endpoint.parse(method, path, api=api, guard=guard))
        except RouteError as error:
            unread[f"{api}: {method} {path}"] = f"the route {error}"
    return ApiRoutes(tuple(sorted(endpoints)), unread)


def _rest_routes(api: str, client: APIGatewayClient, function: str) -> Iterator[tuple[str, str, Guard]]:
    authorizers = {
        authorizer["id"]: LambdaAuthorizer(
            authorizer["name"],
            authorizer["type"],
            authorizer.get("authorizerUri", ""),
            authorizer.get("identitySource", ""),
            str(authorizer.get("authorizerResultTtlInSeconds", 300)),
        )
        for page in client.get_paginator("get_authorizers").paginate(restApiId=api)
        for authorizer in page["items"]
    }
    for page in client.get_paginator("get_resources").paginate(restApiId=api, embed=["methods"]):
        for resource in page["items"]:
            for name, method in resource.get("resourceMethods", {}).items():
                guard = _guard(
                    method.get("authorizationType", ""), authorizers.get(method.get("authorizerId", "")), function
                )
                if guard == OPEN and method.get("apiKeyRequired"):
                    guard = USAGE_PLAN_KEY
                yield name, resource["path"], guard


def _http_routes(api: str, client: ApiGatewayV2Client, function: str) -> Iterator[tuple[str, str, Guard]]:
    authorizers = {
        authorizer["AuthorizerId"]: LambdaAuthorizer(
            authorizer["Name"],
            authorizer["AuthorizerType"],
            authorizer.get("AuthorizerUri", ""),
            ", ".join(authorizer.get("IdentitySource", [])),
            str(authorizer.get("AuthorizerResultTtlInSeconds", 0)),
            authorizer.get("EnableSimpleResponses", False),
        )
        for page in client.get_paginator("get_authorizers").paginate(ApiId=api)
        for authorizer in page["Items"]
    }
    for page in client.get_paginator("get_routes").paginate(ApiId=api):
        for route in page["Items"]:
            method, _, path = route["RouteKey"].partition(" ")
            guard = _guard(
                route.get("AuthorizationType", "NONE"), authorizers.get(route.get("AuthorizerId", "")), function
            )
            yield (method, path, guard) if path else ("ANY", DEFAULT, guard)


def _guard(kind: str, authorizer: LambdaAuthorizer | None, function: str) -> Guard:
    def is_this(named: str) -> bool | None:
        return None if "${" in named else _unqualified(named) == _unqualified(function)

    return attached(kind, authorizer.name if authorizer else "", authorizer, is_this)


def _unqualified(function: str) -> str:
    """The ARN of a function without a version or alias."""
    return ":".join(function.split(":")[:7])


def _demand_not_found(error: ClientError) -> None:
    if error.response["Error"]["Code"] != "NotFoundException":
        raise error
