"""The routes of the APIs in a template, and who can call each of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from authorizer.route import DEFAULT, RouteError
from keys.core.errors import BadInput
from keys.deployment.endpoint import Endpoint
from keys.deployment.guard import OPEN, Guard, LambdaAuthorizer, attached
from keys.deployment.intrinsics import Case, cases
from keys.deployment.openapi import operations
from keys.deployment.template import Template, included

FUNCTION_OUTPUT: Final = "AuthorizerFunctionArn"
"""The output of the authorizer's stack, after which APIs name their parameter, import or export."""

_HANDLER: Final = "authorizer.handler.lambda_handler"
_DEEPEST: Final = 100
"""The deepest nesting of path resources; more than this must be a circular reference."""
_WEBSOCKET: Final = "WebSocket APIs are not supported"


@dataclass(frozen=True)
class ApiRoutes:
    """`unread`: places that might have routes but cannot be read, and why."""

    endpoints: tuple[Endpoint, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def joined(cls, parts: Sequence[ApiRoutes]) -> ApiRoutes:
        """The routes of several APIs."""
        endpoints = {endpoint for part in parts for endpoint in part.endpoints}
        return cls(tuple(sorted(endpoints)), {place: why for part in parts for place, why in part.unread.items()})


def read(paths: Sequence[Path], parameters: Mapping[str, str], names: Collection[str] = ()) -> ApiRoutes:
    """The routes of all APIs of these templates, for every value of the parameters that conditions depend on.

    Other parameters have the value in `parameters`, else their default. `names`: what else names the authorizer's
    function in a template: a parameter, a logical ID, an import or an ARN.

    :raises BadInput: a file cannot be read, is no template, or is one that SAM refuses.
    """
    parts = list[ApiRoutes]()
    for path in paths:
        template = Template.read(path, parameters)
        endpoints, told = _merged(template, names)
        where = "" if len(paths) == 1 else f"{path}: "
        unread = {f"{where}{place}": why for place, why in {**template.unread, **told}.items()}
        parts.append(ApiRoutes(tuple(endpoints), unread))
    return ApiRoutes.joined(parts)


def _merged(template: Template, names: Collection[str]) -> tuple[set[Endpoint], dict[str, str]]:
    """The endpoints of all cases. Where they differ, `Endpoint.when` names a case."""
    by_route = dict[Endpoint, dict[Guard, list[Mapping[str, bool]]]]()
    unread = dict[str, str]()
    try:
        read_cases = cases(template, lambda case: _Reading(case, names).read())
    except RecursionError:
        raise BadInput("The template is nested too deeply.") from None
    for case, reading in read_cases:
        unread |= reading.unread
        for endpoint in reading.endpoints:
            by_route.setdefault(replace(endpoint, guard=OPEN), {}).setdefault(endpoint.guard, []).append(case.outcomes)
    usual = read_cases[0][0].outcomes
    return {
        replace(
            route, guard=guard, when=_difference(guards, guard), is_usual=len(guards) == 1 or usual in guards[guard]
        )
        for route, guards in by_route.items()
        for guard in guards
    }, unread


def _difference(guards: Mapping[Guard, Sequence[Mapping[str, bool]]], guard: Guard) -> str:
    """The conditions with which this guard holds, in one of its cases: if possible those that no other guard has."""
    outcomes = guards[guard][0] if len(guards) > 1 else {}
    others = [other for each, found in guards.items() if each != guard for other in found]
    own = {name: value for name, value in outcomes.items() if all(other.get(name) != value for other in others)}
    return ", ".join(f"{name} {str(value).lower()}" for name, value in (own or outcomes).items())


class _Reading:
    """Reads the resources of one case."""

    def __init__(self, case: Case, names: Collection[str]) -> None:
        self.endpoints: Final = set[Endpoint]()
        self.unread: Final = dict[str, str]()
        self._case = case
        self._names = names
        self._readers = {
            "AWS::ApiGateway::RestApi": self._api,
            "AWS::ApiGatewayV2::Api": self._api,
            "AWS::ApiGateway::Method": self._method,
            "AWS::ApiGatewayV2::Route": self._route,
        }

    def read(self) -> _Reading:
        for name, resource in self._case.template.resources.items():
            kind = resource.get("Type")
            if kind in self._readers and self._case.exists(resource):
                if isinstance(resource.get("Properties"), Mapping):
                    self._readers[kind](name, self._properties(name))
                else:
                    self.unread[name] = "its properties are not a mapping"
            elif kind == "AWS::Serverless::WebSocketApi":
                self.unread[name] = _WEBSOCKET
        return self

    def _api(self, name: str, properties: Mapping[str, Any]) -> None:
        if properties.get("ProtocolType") == "WEBSOCKET":
            self.unread[name] = _WEBSOCKET
            return
        body = self._case.template.bodies.get(name) or properties.get("Body")
        include = body.get("Fn::Transform") if isinstance(body, Mapping) else None
        if isinstance(body, Mapping) and include is not None:
            location = _mapping(_mapping(include).get("Parameters")).get("Location")
            rest = {member: value for member, value in body.items() if member != "Fn::Transform"}
            found = included(self._case.template.folder, location)
            body = None if found is None else {**found, **rest}
        if isinstance(body, Mapping):
            self._body(name, body)
        elif body is not None or include or "BodyS3Location" in properties:
            self.unread[name] = "the OpenAPI definition is neither in the template nor in a file that can be read"
        if isinstance(properties.get("RouteKey"), str) or "Target" in properties:
            # Quick create makes this route without an authorizer (AWS::ApiGatewayV2::Api, RouteKey and Target).
            self._add_key(name, name, properties.get("RouteKey", DEFAULT), OPEN)

    def _body(self, name: str, body: Mapping[str, Any]) -> None:
        paths = body.get("paths")
        if isinstance(paths, Mapping) and any(path.startswith("Fn::") for path in paths):
            self.unread[f"{name}.paths"] = "the included part is not in the template"
        for operation in operations(self._case.resolve(body), self._is_this):
            if operation.guard is None or operation.path.startswith("Fn::"):
                self.unread[f"{name}.paths.{operation.path}"] = "its operations are not in the template"
            else:
                self._add(name, name, operation.method, operation.path, operation.guard)

    def _method(self, name: str, properties: Mapping[str, Any]) -> None:
        path = self._path(properties.get("ResourceId"))
        if path is None:
            self.unread[name] = "the resource that it refers to is not in the template"
            return
        kind = self._case.text(properties.get("AuthorizationType", "NONE")).upper()
        guard = self._attached(kind, properties.get("AuthorizerId"))
        self._add(name, self._reference(properties.get("RestApiId")), properties.get("HttpMethod"), path, guard)

    def _route(self, name: str, properties: Mapping[str, Any]) -> None:
        api = self._reference(properties.get("ApiId"))
        if self._properties(api).get("ProtocolType") == "WEBSOCKET":
            self.unread[name] = _WEBSOCKET
            return
        kind = self._case.text(properties.get("AuthorizationType", "NONE")).upper()
        guard = self._attached(kind, properties.get("AuthorizerId"))
        self._add_key(name, api, properties.get("RouteKey"), guard)

    def _attached(self, kind: str, authorizer: object) -> Guard:
        """The guard of a method or route with this authorization type and authorizer."""
        name = self._reference(authorizer)
        resource = self._properties(name)
        sources, ttl = resource.get("IdentitySource"), resource.get("AuthorizerResultTtlInSeconds")
        known = LambdaAuthorizer(
            name,
            str(resource.get("Type", resource.get("AuthorizerType", ""))),
            self._case.text(resource.get("AuthorizerUri")),
            ", ".join(map(str, sources)) if isinstance(sources, list) else str(sources or ""),
            None if ttl is None else self._case.text(ttl),
            str(resource.get("EnableSimpleResponses")).lower() == "true",
        )
        return attached(kind, name, known if resource else None, self._is_this)

    def _is_this(self, function: str, depth: int = 0) -> bool | None:
        """Whether the text of a function's ARN means this authorizer; None if it cannot be known."""
        inner = (
            function[2:-1] if function.startswith("${") and function.endswith("}") and "{" not in function[2:] else ""
        )
        parameter = self._case.template.parameters.get(inner)
        if inner in self._names or function in self._names or function in self._known_arns():
            return True
        if isinstance(parameter, Mapping):
            return inner == FUNCTION_OUTPUT
        if inner.startswith("import ") or ".Outputs." in inner:
            name = inner.removeprefix("import ").rpartition(".Outputs.")[2]
            return name in self._names or name.endswith(FUNCTION_OUTPUT)
        logical_id = inner.partition(".")[0]
        if logical_id in self._names:
            return True
        resource = self._case.template.resources.get(logical_id)
        if isinstance(resource, Mapping):
            properties = self._properties(logical_id)
            if resource.get("Type") == "AWS::Lambda::Function":
                return properties.get("Handler") == _HANDLER
            named = self._case.text(properties.get("FunctionName"))
            return self._is_this(named, depth + 1) if depth < 3 and named.startswith("${") else None
        return None if "${" in function else False

    def _known_arns(self) -> set[str]:
        """The values of the parameters that name this authorizer. SAM puts them in place of the parameters."""
        parameters = (self._case.template.parameters.get(name) for name in (FUNCTION_OUTPUT, *self._names))
        return {str(each["Default"]) for each in parameters if isinstance(each, Mapping) and each.get("Default")}

    def _properties(self, name: str) -> Mapping[str, Any]:
        resource = self._case.template.resources.get(name)
        return _mapping(self._case.resolve(resource.get("Properties"))) if isinstance(resource, Mapping) else {}

    def _reference(self, value: object) -> str:
        """The logical ID that a resolved value refers to, else the value as text."""
        text = self._case.text(value)
        return text[2:-1].partition(".")[0] if text.startswith("${") else text

    def _path(self, resource_id: object) -> str | None:
        """The path of a REST API resource; None if one of its parts is not in the template."""
        parts = list[str]()
        while len(parts) < _DEEPEST:
            if self._case.text(resource_id).endswith(".RootResourceId}"):
                return f"/{'/'.join(reversed(parts))}"
            properties = self._properties(self._reference(resource_id))
            if "PathPart" not in properties:
                return None
            parts.append(self._case.text(properties["PathPart"]))
            resource_id = properties.get("ParentId")
        return None

    def _add_key(self, place: str, api: str, key: object, guard: Guard) -> None:
        method, space, path = self._case.text(key).partition(" ")
        if method == DEFAULT and not space:
            self._add(place, api, "ANY", DEFAULT, guard)
        elif space:
            self._add(place, api, method, path, guard)
        elif method.startswith("${"):
            self.unread[place] = "its route key is not in the template"
        else:
            self.unread[place] = f"the route key {method!r} is for a WebSocket API. {_WEBSOCKET}"

    def _add(self, place: str, api: str, method: object, path: str, guard: Guard) -> None:
        try:
            self.endpoints.update(Endpoint.parse(self._case.text(method), path, api=api, guard=guard))
        except RouteError as error:
            self.unread[f"{place}: {method} {path}"] = f"the route {error}"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
