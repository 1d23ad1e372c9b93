"""SAM and CloudFormation templates as data, and the routes in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from authorizer.route import METHODS, Route, RouteError
from keys.life.errors import BadInput


def load(path: Path) -> dict[str, Any]:
    """A template, with its short forms written out: `!Sub text` is `{"Fn::Sub": text}`.

    :raises BadInput: it cannot be read, or is not one.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    def short_form(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
        if isinstance(node, yaml.SequenceNode):
            return {f"Fn::{tag}": loader.construct_sequence(node, deep=True)}
        if isinstance(node, yaml.MappingNode):
            return {f"Fn::{tag}": loader.construct_mapping(node, deep=True)}
        return {f"Fn::{tag}": node.value}

    Loader.add_multi_constructor("!", short_form)
    try:
        template = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise BadInput(f"{path} is not a template: it has no Resources.")
    return template


def routes(template: Mapping[str, Any]) -> list[Route]:
    """The routes of its APIs: those of SAM's events, and of OpenAPI definitions, each once and sorted.

    :raises BadInput: one of them cannot be a route.
    """
    found = set[Route]()
    for method, path in _declared(template["Resources"]):
        try:
            found.add(Route.parse(f"{'*' if method in ('ANY', 'X-AMAZON-APIGATEWAY-ANY-METHOD') else method} {path}"))
        except RouteError as error:
            raise BadInput(f"The template's route {method} {path} {error}.") from None
    return sorted(found, key=lambda route: (route.path, route.method))


def _declared(resources: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for resource in resources.values():
        properties = resource.get("Properties") or {}
        for event in (properties.get("Events") or {}).values():
            declared = event.get("Properties") or {}
            if event.get("Type") in ("Api", "HttpApi") and "Path" in declared:
                yield str(declared.get("Method", "ANY")).upper(), declared["Path"]
        definition = properties.get("DefinitionBody") or properties.get("Body") or {}
        for path, operations in (definition.get("paths") or {}).items():
            for method in operations:
                if method.upper() in (*METHODS, "X-AMAZON-APIGATEWAY-ANY-METHOD"):
                    yield method.upper(), path
        if resource.get("Type") == "AWS::ApiGatewayV2::Route":
            method, _, path = str(properties.get("RouteKey")).partition(" ")
            if path:
                yield method, path
