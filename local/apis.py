"""The APIs of a deployed stack and their routes, as API Gateway tells them."""

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from local.deployment import rest_api_stage, rest_api_url
from local.emulator import Endpoint
from local.session import client

_REST: Final = "AWS::ApiGateway::RestApi"
_HTTP: Final = "AWS::ApiGatewayV2::Api"
_PARAMETER: Final = re.compile(r"\{[^{}]+\}")


@dataclass(frozen=True, order=True)
class ApiRoute:
    """A route of a deployed API. `guarded`: whether it has a Lambda authorizer."""

    path: str
    method: str
    guarded: bool

    @property
    def request(self) -> tuple[str, str]:
        """Return method and path of a request to it, with a value for each path parameter."""
        if self.path == "$default":
            return "GET", "/default"
        return "GET" if self.method == "ANY" else self.method, _PARAMETER.sub("1", self.path)

    def __str__(self) -> str:
        return self.path if self.path == "$default" else f"{self.method} {self.path}"


@dataclass(frozen=True)
class Api:
    """A deployed API: its logical ID, its base URL, its routes."""

    name: str
    is_rest: bool
    api_id: str
    stage: str
    url: str
    routes: tuple[ApiRoute, ...]


@dataclass(frozen=True)
class Answer:
    status: int
    body: str


def call(url: str, credential: str | None, method: str = "GET") -> Answer:
    """Send a request with this bearer token, or without one."""
    request = urllib.request.Request(url, b"{}" if method in ("POST", "PUT", "PATCH") else None, method=method)
    request.add_header("Content-Type", "application/json")
    if credential:
        request.add_header("Authorization", f"Bearer {credential}")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return Answer(response.status, response.read().decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read().decode("utf-8", "replace"))


def deployed(emulator: Endpoint, stack: str) -> list[Api]:
    """Return the REST and HTTP APIs of a stack that have a stage."""
    resources = client(emulator, "cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    found = []
    for resource in resources:
        name, api_id = resource["LogicalResourceId"], resource.get("PhysicalResourceId", "")
        if resource["ResourceType"] == _REST:
            routes = tuple(sorted(_rest_routes(client(emulator, "apigateway"), api_id)))
            stage = rest_api_stage(emulator, api_id)
            found.append(Api(name, True, api_id, stage, rest_api_url(emulator, api_id, stage), routes))
        elif resource["ResourceType"] == _HTTP:
            gateway = client(emulator, "apigatewayv2")
            routes = tuple(sorted(_http_routes(gateway, api_id)))
            for each in gateway.get_stages(ApiId=api_id)["Items"][:1]:
                url = f"{emulator.endpoint_url}/_aws/execute-api/{api_id}/{each['StageName']}"
                found.append(Api(name, False, api_id, each["StageName"], url, routes))
    return found


def flush(emulator: Endpoint, api: Api) -> None:
    """Empty the authorizer cache of an API."""
    if api.is_rest:
        client(emulator, "apigateway").flush_stage_authorizers_cache(restApiId=api.api_id, stageName=api.stage)
    else:
        client(emulator, "apigatewayv2").reset_authorizers_cache(ApiId=api.api_id, StageName=api.stage)


def _rest_routes(gateway: Any, api_id: str) -> Iterator[ApiRoute]:
    for page in gateway.get_paginator("get_resources").paginate(restApiId=api_id, embed=["methods"]):
        for resource in page["items"]:
            for method, details in resource.get("resourceMethods", {}).items():
                if method != "OPTIONS":
                    yield ApiRoute(resource["path"], method, details.get("authorizationType") == "CUSTOM")


def _http_routes(gateway: Any, api_id: str) -> Iterator[ApiRoute]:
    for route in gateway.get_routes(ApiId=api_id)["Items"]:
        method, _, path = route["RouteKey"].rpartition(" ")
        if method != "OPTIONS":
            yield ApiRoute(path, method, route.get("AuthorizationType") == "CUSTOM")
