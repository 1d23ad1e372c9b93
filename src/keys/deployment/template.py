"""The routes of the APIs in a SAM or CloudFormation template. cfn-lint resolves the intrinsic functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from authorizer.route import DEFAULT, METHODS, RouteError
from keys.core.errors import BadInput
from keys.deployment.endpoint import Endpoint

if TYPE_CHECKING:
    from cfnlint import Template
    from cfnlint.jsonschema import Validator

INSTALL: Final = "pip install '.[templates]'"

_NO_VALUE: Final = {"Ref": "AWS::NoValue"}
_KNOWN_TRANSFORMS: Final = ("AWS::LanguageExtensions", "AWS::Serverless-2016-10-31")
_EVENTS: Final = ("AWS::Serverless::Function", "AWS::Serverless::StateMachine")
_BODIES: Final = (
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGatewayV2::Api",
    "AWS::Serverless::Api",
    "AWS::Serverless::HttpApi",
)
_STACKS: Final = ("AWS::CloudFormation::Stack", "AWS::Serverless::Application")
_DEEPEST: Final = 100
"""The deepest nesting of path resources; more than this must be a circular reference."""
_WEBSOCKET: Final = "WebSocket APIs are not supported"


@dataclass(frozen=True)
class ApiRoutes:
    """The routes of a template. `unread`: places that might have routes but cannot be read, and why."""

    endpoints: tuple[Endpoint, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)


def read(*paths: Path) -> ApiRoutes:
    """The routes of all APIs of these templates: SAM events, OpenAPI bodies, method and route resources.

    A parameter has its default, or each of its allowed values. Both branches of an `Fn::If` are read.

    :raises BadInput: a file cannot be read, is no template, or cfn-lint is not installed.
    """
    endpoints: set[Endpoint] = set()
    unread: dict[str, str] = {}
    for path in paths:
        reading = _read(path)
        endpoints |= set(reading.endpoints)
        where = "" if len(paths) == 1 else f"{path}: "
        unread |= {f"{where}{place}": why for place, why in reading.unread.items()}
    return ApiRoutes(tuple(sorted(endpoints)), unread)


def _read(path: Path) -> _Reading:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} cannot be read: it is not in UTF-8.") from None
    template = _Template(text, path)
    reading = _Reading(template)
    for resource in template.resources():
        reading.resource(resource)
    return reading


def _demand_none(problems: Sequence[Any], fault: str) -> None:
    if problems:
        told = "; ".join(f"line {problem.linenumber}: {problem.message}" for problem in problems)
        raise BadInput(f"{fault}: {told}")


@dataclass(frozen=True)
class _Node:
    """A value, its place in the template, and the conditions under which it exists."""

    value: Any
    place: str
    validator: Validator

    def within(self, name: str) -> _Node:
        return _Node(self.value[name], f"{self.place}.{name}", self.validator)


class _Template:
    """A decoded template with each `Fn::ForEach` expanded. `unread`: those that cannot be expanded."""

    def __init__(self, text: str, path: Path) -> None:
        try:
            from cfnlint import Template
            from cfnlint.decode import decode_str
            from cfnlint.jsonschema import CfnTemplateValidator
        except ImportError:
            raise BadInput(
                f"cfn-lint is needed to read templates and is not installed. In the checkout, run: {INSTALL}"
            ) from None
        try:
            decoded, problems = decode_str(text)
            _demand_none(problems, f"{path} is not a valid template in YAML or JSON")
            if not isinstance(decoded, Mapping) or not isinstance(decoded.get("Resources"), Mapping):
                raise BadInput(f"{path} is not a template: it has no Resources.")
            self.unread: Final = dict(_taken_out(decoded, decoded.get("Parameters")))
            self.cfn: Template = Template(str(path), decoded, ["us-east-1"])
            _demand_none(self.cfn.transform(), f"{path} is not a valid template")
        except BadInput:
            raise
        except Exception as error:
            raise BadInput(f"{path} cannot be read: {type(error).__name__}: {' '.join(str(error).split())}") from None
        self.folder: Final = path.parent
        self._validator: Final = CfnTemplateValidator({}).evolve(cfn=self.cfn, context=self.cfn.context)

    def resources(self) -> Iterator[_Node]:
        resources = self.cfn.template["Resources"]
        return (_Node(value, str(name), self._validator) for name, value in resources.items())

    def resource(self, name: object) -> _Node | None:
        resources = self.cfn.template["Resources"]
        found = isinstance(name, str) and isinstance(resources.get(name), Mapping)
        return _Node(resources[name], str(name), self._validator) if found else None

    def transforms(self) -> list[object]:
        declared = self.cfn.template.get("Transform") or []
        return declared if isinstance(declared, list) else [declared]


class _Reading:
    def __init__(self, template: _Template) -> None:
        self.endpoints: Final = set[Endpoint]()
        self.unread: Final = dict(template.unread)
        self._template = template
        for transform in template.transforms():
            if transform not in _KNOWN_TRANSFORMS:
                self.unread[f"Transform {transform}"] = "this macro might add routes"

    def resource(self, resource: _Node) -> None:
        kind = resource.value.get("Type") if isinstance(resource.value, Mapping) else None
        if resource.place.startswith("Fn::"):
            self.unread[resource.place] = "the included part is not in the template"
        elif not isinstance(kind, str):
            self.unread[resource.place] = "it has no type"
        elif kind in _STACKS:
            self.unread[resource.place] = "a nested stack: check its template separately"
        elif kind == "AWS::Serverless::WebSocketApi":
            self.unread[resource.place] = _WEBSOCKET
        elif kind in (readers := self._readers()):
            for properties in self._members(resource, "Properties"):
                if isinstance(properties.value, Mapping):
                    readers[kind](properties)

    def _readers(self) -> Mapping[str, Callable[[_Node], None]]:
        return {
            **dict.fromkeys(_EVENTS, self._events),
            **dict.fromkeys(_BODIES, self._api),
            "AWS::ApiGateway::Method": self._method,
            "AWS::ApiGatewayV2::Route": self._route,
        }

    def _method(self, properties: _Node) -> None:
        for method in self._members(properties, "HttpMethod"):
            for path in self._paths(properties, "ResourceId"):
                self._add(properties, method.value, path, guarded=self._is_custom(properties))

    def _events(self, properties: _Node) -> None:
        for events in self._members(properties, "Events"):
            for each in self._each(events):
                for event in self._values(each):
                    self._event(event)

    def _event(self, event: _Node) -> None:
        for kind in self._members(event, "Type"):
            if kind.value not in ("Api", "HttpApi"):
                continue
            properties = self._members(event, "Properties") or [_Node({}, event.place, event.validator)]
            for declared in properties:
                if kind.value == "HttpApi" and isinstance(declared.value, Mapping) and "Path" not in declared.value:
                    self._add(declared, "ANY", DEFAULT, guarded=self._asks(declared))
                    continue
                for path in self._members(declared, "Path"):
                    methods = [method.value for method in self._members(declared, "Method")]
                    for method in methods or ([] if "Method" in declared.value else ["ANY"]):
                        self._add(declared, method, path.value, guarded=self._asks(declared))

    def _api(self, properties: _Node) -> None:
        if self._is_websocket(properties):
            self.unread[properties.place] = _WEBSOCKET
            return
        for name in ("BodyS3Location", "DefinitionUri"):
            if name in properties.value:
                self._include(properties.within(name), properties.value[name])
        for name in ("Body", "DefinitionBody"):
            included = properties.value.get(name)
            transform = included.get("Fn::Transform") if isinstance(included, Mapping) else None
            if transform is not None:
                parameters = transform.get("Parameters") if isinstance(transform, Mapping) else None
                self._include(
                    properties.within(name), parameters.get("Location") if isinstance(parameters, Mapping) else None
                )
                continue
            for body in self._members(properties, name):
                self._body(body)
        for key in self._members(properties, "RouteKey"):
            self._add_key(properties, key.value, guarded=False)

    def _include(self, node: _Node, location: object) -> None:
        """Read an OpenAPI definition from a file relative to the template. Other locations are not fetched."""
        from cfnlint.decode import decode_str

        file = self._template.folder / location if isinstance(location, str) and "://" not in location else None
        try:
            decoded, problems = decode_str(file.read_text(encoding="utf-8")) if file else (None, [])
        except (OSError, UnicodeDecodeError):
            decoded, problems = None, []
        if problems or not isinstance(decoded, Mapping):
            self.unread[node.place] = "the OpenAPI definition is neither in the template nor in a file that can be read"
        else:
            self._body(_Node(decoded, node.place, node.validator))

    def _body(self, body: _Node) -> None:
        for paths in self._members(body, "paths"):
            for each in self._each(paths):
                path = each.place.rpartition(".paths.")[2]
                for item in self._values(each):
                    if not isinstance(item.value, Mapping) or "$ref" in item.value:
                        self.unread[item.place] = "its operations are not in the template"
                        continue
                    for name in item.value:
                        if str(name).upper() in (*METHODS, "X-AMAZON-APIGATEWAY-ANY-METHOD"):
                            operation = item.value[name]
                            is_open = isinstance(operation, Mapping) and operation.get("security") == []
                            self._add(item, name, path, guarded=not is_open)

    def _route(self, properties: _Node) -> None:
        api = self._template.resource(self._reference(properties.value.get("ApiId")))
        if api and any(self._is_websocket(node) for node in self._members(api, "Properties")):
            self.unread[properties.place] = _WEBSOCKET
            return
        for key in self._members(properties, "RouteKey"):
            self._add_key(properties, key.value, guarded=self._is_custom(properties))

    def _add_key(self, node: _Node, key: object, *, guarded: bool) -> None:
        method, space, path = str(key).partition(" ")
        if key == DEFAULT:
            self._add(node, "ANY", DEFAULT, guarded=guarded)
        elif space:
            self._add(node, method, path, guarded=guarded)
        else:
            self.unread[node.place] = f"the route key {key!r} is for a WebSocket API. {_WEBSOCKET}"

    def _add(self, node: _Node, method: object, path: object, *, guarded: bool) -> None:
        try:
            self.endpoints.update(Endpoint.parse(str(method), str(path), guarded=guarded))
        except RouteError as error:
            self.unread[f"{node.place}: {method} {path}"] = f"the route {error}"

    def _paths(self, node: _Node, name: str, below: tuple[str, ...] = ()) -> Iterator[str]:
        """The paths of the REST API resource that a member refers to."""
        for branch in self._branches(node.within(name)) if name in node.value else ():
            attribute = branch.value.get("Fn::GetAtt") if isinstance(branch.value, Mapping) else None
            parts = attribute.split(".") if isinstance(attribute, str) else attribute
            if isinstance(parts, list) and parts[-1:] == ["RootResourceId"]:
                yield f"/{'/'.join(below)}"
                continue
            parent = self._template.resource(self._reference(branch.value))
            if not parent or parent.value.get("Type") != "AWS::ApiGateway::Resource" or len(below) > _DEEPEST:
                self.unread[branch.place] = "the resource that it refers to is not in the template"
                continue
            for properties in self._members(parent, "Properties"):
                for part in self._members(properties, "PathPart"):
                    yield from self._paths(properties, "ParentId", (str(part.value), *below))

    def _is_custom(self, properties: _Node) -> bool:
        """Whether the type is CUSTOM or cannot be resolved. With any other type there is no Lambda authorizer."""
        kinds = self._members(properties, "AuthorizationType")
        return any(kind.value == "CUSTOM" for kind in kinds) or bool(
            not kinds and "AuthorizationType" in properties.value
        )

    def _asks(self, event: _Node) -> bool:
        if not isinstance(event.value, Mapping) or "Auth" not in event.value:
            return True
        named = [name.value for auth in self._members(event, "Auth") for name in self._members(auth, "Authorizer")]
        return "NONE" not in named

    def _is_websocket(self, properties: _Node) -> bool:
        return any(kind.value == "WEBSOCKET" for kind in self._members(properties, "ProtocolType"))

    @staticmethod
    def _reference(value: object) -> object:
        return value.get("Ref") if isinstance(value, Mapping) else None

    def _each(self, node: _Node) -> Iterator[_Node]:
        if not isinstance(node.value, Mapping):
            self.unread[node.place] = "it is not a mapping of names to values"
            return
        for name in node.value:
            if str(name).startswith("Fn::"):
                self.unread[f"{node.place}.{name}"] = "the included part is not in the template"
            else:
                yield node.within(name)

    def _members(self, node: _Node, name: str) -> list[_Node]:
        """The possible values of a member. Empty if it is missing or cannot be resolved; the latter is in `unread`."""
        found = []
        for value in self._values(node):
            if not isinstance(value.value, Mapping):
                self.unread[value.place] = "it is not a mapping of names to values"
            elif name in value.value:
                found += list(self._values(value.within(name)))
        return found

    def _values(self, node: _Node) -> Iterator[_Node]:
        for branch in self._branches(node):
            if branch.value == _NO_VALUE:
                continue
            try:
                resolved = [
                    _Node(value, branch.place, validator)
                    for value, validator, error in branch.validator.resolve_value(branch.value)
                    if error is None
                ]
            except Exception:  # cfn-lint raises various errors for an invalid intrinsic function.
                resolved = []
            if not resolved:
                self.unread[branch.place] = f"{_function(branch.value)} cannot be resolved"
            yield from resolved

    def _branches(self, node: _Node) -> Iterator[_Node]:
        """The possible branches of an `Fn::If`, each resolved separately, so that none is lost."""
        choice = node.value.get("Fn::If") if isinstance(node.value, Mapping) and len(node.value) == 1 else None
        if not isinstance(choice, list) or len(choice) != 3:
            yield node
            return
        condition, *branches = choice
        for number, branch in enumerate(branches):
            asked = [condition, _NO_VALUE, _NO_VALUE]
            asked[number + 1] = "taken"
            try:
                taken = [validator for _, validator, _ in node.validator.resolve_value({"Fn::If": asked})]
            except Exception:
                taken = []
                self.unread[node.place] = "its condition cannot be read"
            for validator in taken:
                yield from self._branches(_Node(branch, node.place, validator))


def _function(value: object) -> str:
    return next(iter(value), "it") if isinstance(value, Mapping) and len(value) == 1 else "it"


def _taken_out(node: Any, parameters: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Remove each `Fn::ForEach` whose collection is not in the template: cfn-lint would invent members for it."""
    if isinstance(node, dict):
        for name in list(node):
            within = (*place, str(name))
            if str(name).startswith("Fn::ForEach") and not _is_known(node[name], parameters):
                del node[name]
                yield ".".join(within[1:] or within), "its collection is not in the template"
            else:
                yield from _taken_out(node[name], parameters, within)
    elif isinstance(node, list):
        for number, each in enumerate(node):
            yield from _taken_out(each, parameters, (*place, str(number)))


def _is_known(for_each: Any, parameters: Any) -> bool:
    """Whether the collection is in the template. True for an invalid `Fn::ForEach`, which cfn-lint refuses."""

    def known(value: Any) -> bool:
        if isinstance(value, list):
            return all(map(known, value))
        if not isinstance(value, dict):
            return True
        if "Fn::FindInMap" in value:
            return known(value["Fn::FindInMap"])
        parameter = parameters.get(value.get("Ref")) if isinstance(parameters, dict) else None
        return isinstance(parameter, dict) and "Default" in parameter

    return not isinstance(for_each, list) or len(for_each) != 3 or known(for_each[1])
