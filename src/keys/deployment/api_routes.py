"""The routes of the APIs in a template, and who can call each of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from authorizer.route import DEFAULT
from keys.core.errors import BadInput
from keys.deployment import openapi, plans_check
from keys.deployment.access_logs import format_problem
from keys.deployment.endpoint import WEBSOCKET, ApiRoutes, Endpoint
from keys.deployment.guard import OPEN, Guard, attached
from keys.deployment.intrinsics import Case, as_text, cases
from keys.deployment.openapi import operations
from keys.deployment.template import Template, included, mapping

FUNCTION_OUTPUT: Final = "AuthorizerFunctionArn"
"""The output of the authorizer's stack, after which APIs name their parameter, import or export."""

_HANDLER: Final = "authorizer.handler.lambda_handler"
_NO_ROUTES: Final = ("MethodSettings", "x-amazon-apigateway-gateway-responses")
"""Members that no route depends on. Their conditions would only multiply the cases."""
_DEEPEST: Final = 100
"""The deepest nesting of path resources; more than this must be a circular reference."""
_NO_DEFINITION: Final = "the OpenAPI definition is neither in the template nor in a file that can be read"


def read(paths: Sequence[Path], parameters: Mapping[str, str], names: Collection[str] = ()) -> ApiRoutes:
    """The routes of all APIs of these templates, for every value of the parameters that conditions depend on.

    Other parameters have the value in `parameters`, else their default. `names`: what else names the authorizer's
    function in a template: a parameter, a logical ID, an import or an ARN.

    :raises BadInput: a file cannot be read, is no template, or is one that SAM refuses.
    """
    found = ApiRoutes()
    for path in paths:
        template = Template.read(path, parameters)
        try:
            by_case = cases(template, lambda case: _Reading(case, names).read())
        except RecursionError:
            raise BadInput("The template is nested too deeply.") from None
        unread = dict(template.unread)
        for _, reading in by_case:
            unread |= reading.routes.unread
            found.log_notes |= reading.routes.log_notes
            found.plan_notes |= reading.routes.plan_notes
        where = "" if len(paths) == 1 else f"{path}: "
        found.include(_merged(by_case), {f"{where}{place}": why for place, why in unread.items()})
    return found


def _merged(by_case: Sequence[tuple[Case, _Reading]]) -> Iterator[Endpoint]:
    """The endpoints of all cases. Where they differ, `Endpoint.when` names a case."""
    by_route = dict[Endpoint, dict[Guard, list[Mapping[str, bool]]]]()
    for case, reading in by_case:
        for endpoint in reading.routes.endpoints:
            by_route.setdefault(replace(endpoint, guard=OPEN), {}).setdefault(endpoint.guard, []).append(case.outcomes)
    usual = by_case[0][0].outcomes
    for route, guards in by_route.items():
        for guard, outcomes in guards.items():
            is_usual = len(guards) == 1 or usual in outcomes
            yield replace(route, guard=guard, when=_difference(guards, guard), is_usual=is_usual)


def _difference(guards: Mapping[Guard, Sequence[Mapping[str, bool]]], guard: Guard) -> str:
    """The conditions with which this guard holds, in one of its cases: if possible those that no other guard has."""
    outcomes = guards[guard][0] if len(guards) > 1 else {}
    others = [other for each, found in guards.items() if each != guard for other in found]
    own = {name: value for name, value in outcomes.items() if all(other.get(name) != value for other in others)}
    return ", ".join(f"{name} {str(value).lower()}" for name, value in (own or outcomes).items())


class _Reading:
    """Reads the resources of one case."""

    def __init__(self, case: Case, names: Collection[str]) -> None:
        self.routes: Final = ApiRoutes()
        self._case = case
        self._names = names
        self._readers = {
            "AWS::ApiGateway::RestApi": self._api,
            "AWS::ApiGatewayV2::Api": self._api,
            "AWS::ApiGateway::Method": self._method,
            "AWS::ApiGatewayV2::Route": self._route,
            "AWS::ApiGateway::Stage": self._stage,
            "AWS::ApiGateway::UsagePlan": self._usage_plan,
            "AWS::ApiGateway::ApiKey": self._native_key,
            "AWS::ApiGatewayV2::Stage": self._stage,
        }

    def read(self) -> _Reading:
        for name, resource in self._case.template.resources.items():
            kind = resource.get("Type")
            if kind == "AWS::Serverless::WebSocketApi":
                self.routes.unread[name] = WEBSOCKET
            elif kind in self._readers and self._case.exists(resource):
                if isinstance(resource.get("Properties"), Mapping):
                    self._readers[kind](name, self._properties(name))
                else:
                    self.routes.unread[name] = "its properties are not a mapping"
        return self

    def _api(self, name: str, properties: Mapping[str, Any]) -> None:
        if properties.get("ProtocolType") == "WEBSOCKET":
            self.routes.unread[name] = WEBSOCKET
            return
        body = self._case.template.bodies.get(name) or properties.get("Body")
        include = mapping(body).get("Fn::Transform")
        if include is not None:
            rest = {member: value for member, value in mapping(body).items() if member != "Fn::Transform"}
            location = mapping(mapping(include).get("Parameters")).get("Location")
            found = included(self._case.template.folder, location)
            body = None if found is None else {**found, **rest}
        if isinstance(body, Mapping):
            self._body(name, body)
            if self._case.template.resources[name]["Type"] == "AWS::ApiGateway::RestApi":
                given = properties.get("ApiKeySourceType") or body.get("x-amazon-apigateway-api-key-source")
                self._keyed(name, body, as_text(given or "HEADER"))
        elif body is not None or include or "BodyS3Location" in properties:
            self.routes.unread[name] = (
                "the OpenAPI definition is neither in the template nor in a file that can be read"
            )
        if isinstance(properties.get("RouteKey"), str) or "Target" in properties:
            # Quick create makes this route without an authorizer (AWS::ApiGatewayV2::Api, RouteKey and Target).
            self._add_key(name, name, properties.get("RouteKey", DEFAULT), OPEN)

    def _body(self, name: str, body: Mapping[str, Any]) -> None:
        if any(path.startswith("Fn::") for path in mapping(body.get("paths"))):
            self.routes.unread[f"{name}.paths"] = "the included part is not in the template"
        for method, path, guard in operations(self._case.resolve(body), self._is_this):
            if guard is None or path.startswith("Fn::"):
                self.routes.unread[f"{name}.paths.{path}"] = "its operations are not in the template"
            else:
                self.routes.add(name, name, method, path, guard)

    def _keyed(self, name: str, body: Mapping[str, Any], source: str) -> None:
        """Note what is forgotten about usage plans in the definition of a REST API."""
        routes = [plans_check.Route(*each) for each in openapi.keyed(self._case.resolve(body), self._is_this)]
        resources = self._case.template.resources.values()
        has_plans = any(each.get("Type") == "AWS::ApiGateway::UsagePlan" for each in resources)
        remarks = plans_check.of_api(name, source, routes, has_default=True, has_plans=has_plans)
        if details := [remark.detail for remark in remarks]:
            self.routes.plan_notes[name] = "; ".join(details)

    def _usage_plan(self, name: str, properties: Mapping[str, Any]) -> None:
        if not properties.get("Throttle") and not properties.get("Quota"):
            self.routes.plan_notes[name] = "it has neither Throttle nor Quota, so it limits nothing"

    def _native_key(self, name: str, properties: Mapping[str, Any]) -> None:
        if as_text(properties.get("Enabled")).lower() != "true":
            self.routes.plan_notes[name] = "it is disabled: CloudFormation needs Enabled: true"

    def _method(self, name: str, properties: Mapping[str, Any]) -> None:
        path = self._path(properties.get("ResourceId"))
        if path is None:
            self.routes.unread[name] = "the resource that it refers to is not in the template"
            return
        api, method = _reference(properties.get("RestApiId")), as_text(properties.get("HttpMethod"))
        self.routes.add(name, api, method, path, self._attached(properties))

    def _route(self, name: str, properties: Mapping[str, Any]) -> None:
        api = _reference(properties.get("ApiId"))
        if self._properties(api).get("ProtocolType") == "WEBSOCKET":
            self.routes.unread[name] = WEBSOCKET
        else:
            self._add_key(name, api, properties.get("RouteKey"), self._attached(properties))

    def _stage(self, name: str, properties: Mapping[str, Any]) -> None:
        settings = mapping(properties.get("AccessLogSetting") or properties.get("AccessLogSettings"))
        form = settings.get("Format")
        if isinstance(form, str) and (problem := format_problem(form)):
            self.routes.log_notes[name] = problem

    def _attached(self, properties: Mapping[str, Any]) -> Guard:
        """The guard of a method or route with these properties."""
        kind = as_text(properties.get("AuthorizationType", "NONE")).upper()
        name = _reference(properties.get("AuthorizerId"))
        return attached(kind, name, self._properties(name), self._is_this)

    def _is_this(self, function: str, depth: int = 0) -> bool | None:
        """Whether the text of a function's ARN means this authorizer; None if it cannot be known."""
        is_whole = function.startswith("${") and function.endswith("}") and "{" not in function[2:]
        inner = function[2:-1] if is_whole else ""
        logical_id = inner.partition(".")[0]
        if not {function, inner, logical_id}.isdisjoint(self._names) or function in self._known_arns():
            return True
        if isinstance(self._case.template.parameters.get(inner), Mapping):
            return inner == FUNCTION_OUTPUT
        if inner.startswith("import ") or ".Outputs." in inner:
            name = inner.removeprefix("import ").rpartition(".Outputs.")[2]
            return name in self._names or name.endswith(FUNCTION_OUTPUT)
        resource = self._case.template.resources.get(logical_id)
        if isinstance(resource, Mapping):
            properties = self._properties(logical_id)
            if resource.get("Type") == "AWS::Lambda::Function":
                return properties.get("Handler") == _HANDLER
            named = as_text(properties.get("FunctionName"))
            return self._is_this(named, depth + 1) if depth < 3 and named.startswith("${") else None
        return None if "${" in function else False

    def _known_arns(self) -> set[str]:
        """The values of the parameters that name this authorizer. SAM puts them in place of the parameters."""
        parameters = (mapping(self._case.template.parameters.get(name)) for name in (FUNCTION_OUTPUT, *self._names))
        return {str(each["Default"]) for each in parameters if each.get("Default")}

    def _properties(self, name: str) -> Mapping[str, Any]:
        resource = mapping(self._case.template.resources.get(name))
        properties = _without(mapping(resource.get("Properties")), _NO_ROUTES)
        if isinstance(body := properties.get("Body"), Mapping):
            properties = {**properties, "Body": _without(body, _NO_ROUTES)}
        return mapping(self._case.resolve(properties))

    def _path(self, resource_id: object) -> str | None:
        """The path of a REST API resource; None if one of its parts is not in the template."""
        parts = list[str]()
        while len(parts) < _DEEPEST:
            if as_text(resource_id).endswith(".RootResourceId}"):
                return f"/{'/'.join(reversed(parts))}"
            properties = self._properties(_reference(resource_id))
            if "PathPart" not in properties:
                return None
            parts.append(as_text(properties["PathPart"]))
            resource_id = properties.get("ParentId")
        return None

    def _add_key(self, place: str, api: str, key: object, guard: Guard) -> None:
        method, _, path = as_text(key).partition(" ")
        if path or method == DEFAULT:
            self.routes.add(place, api, method, path or DEFAULT, guard)
        elif method.startswith("${"):
            self.routes.unread[place] = "its route key is not in the template"
        else:
            self.routes.unread[place] = f"the route key {method!r} is for a WebSocket API. {WEBSOCKET}"


def _without(members: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in names}


def _reference(value: object) -> str:
    """The logical ID that a resolved value refers to, else the value as text."""
    text = as_text(value)
    return text[2:-1].partition(".")[0] if text.startswith("${") else text
