"""A template as CloudFormation gets it: cfn-lint decodes it, SAM's own translator translates it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from keys.core.errors import BadInput

INSTALL: Final = "pip install '.[templates]'"
MAX_TEMPLATE_BYTES: Final = 1_000_000
"""The limit of CloudFormation for a template in Amazon S3."""
MAX_OPENAPI_BYTES: Final = 6_000_000
"""The limit of API Gateway for an OpenAPI definition."""
MAX_VALUES: Final = 500_000
"""The most values of a template: an alias in YAML can repeat a part of it any number of times."""

LANGUAGE_EXTENSIONS: Final = "AWS::LanguageExtensions"
SAM: Final = "AWS::Serverless-2016-10-31"

_PLACE: Final = "s3://not-uploaded/yet"
_CODE: Final = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
    "AWS::Serverless::Api": "DefinitionUri",
    "AWS::Serverless::HttpApi": "DefinitionUri",
}
"""The properties with a local path, which `sam package` replaces by a place in Amazon S3 before SAM translates."""


@dataclass(frozen=True)
class Template:
    """`parameters`: those declared. `given`: the values that were specified. `bodies`: OpenAPI definitions from local
    files, by the logical ID of their API. `unread`: places that might have routes but cannot be read, and why.
    """

    folder: Path
    resources: Mapping[str, Any]
    parameters: Mapping[str, Any]
    conditions: Mapping[str, Any]
    mappings: Mapping[str, Any]
    given: Mapping[str, str]
    bodies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, given: Mapping[str, str]) -> Template:
        """Read a template in SAM or CloudFormation, in YAML or JSON. `given`: values of parameters, by their names.

        :raises BadInput: the file cannot be read, is no template, or is one that SAM refuses; or a parameter is not
            declared.
        """
        decoded = _language_extensions(_decoded(read_bounded(path, MAX_TEMPLATE_BYTES), path), path, given)
        resources, unread = decoded["Resources"], dict[str, str]()
        for name in list(resources):
            if why := _not_translated(name, resources[name]):
                unread[name] = why
                del resources[name]
        transforms = decoded.get("Transform") or []
        transforms = transforms if isinstance(transforms, list) else [transforms]
        unread |= {
            f"Transform {each if isinstance(each, str) else json.dumps(each)}": "this macro might add or change routes"
            for each in transforms
            if each not in (SAM, LANGUAGE_EXTENSIONS)
        }
        bodies = {
            name: body for name, resource in resources.items() if (body := _local_definition(resource, path.parent))
        }
        types = [resource["Type"] for resource in resources.values()]
        if (SAM in transforms and resources) or any(kind.startswith("AWS::Serverless::") for kind in types):
            decoded = _translated(decoded, path)
        return cls(
            path.parent,
            decoded["Resources"],
            _mapping(decoded.get("Parameters")),
            _mapping(decoded.get("Conditions")),
            _mapping(decoded.get("Mappings")),
            given,
            bodies,
            unread,
        )


def read_bounded(path: Path, most: int) -> str:
    """:raises BadInput: the file cannot be read, is larger than `most` bytes, or is not in UTF-8."""
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise BadInput(f"{path} has more than {most:,} bytes, which AWS does not accept.")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} cannot be read: it is not in UTF-8.") from None


def included(folder: Path, location: object) -> Mapping[str, Any] | None:
    """The OpenAPI definition in a file, relative to the template. None if it is elsewhere or not a definition."""
    if not isinstance(location, str) or "://" in location or not (folder / location).is_file():
        return None
    try:
        return _decoded(read_bounded(folder / location, MAX_OPENAPI_BYTES), folder / location, "paths")
    except BadInput:
        return None


def _decoded(text: str, path: Path, section: str = "Resources") -> dict[str, Any]:
    """The content of a file in YAML or JSON, in plain types."""
    try:
        from cfnlint.decode import decode_str
    except ImportError:
        raise BadInput(
            f"cfn-lint and aws-sam-translator are needed to read templates. In the checkout, run: {INSTALL}"
        ) from None
    try:
        decoded, problems = decode_str(text)
        if not problems and sum(1 for _ in _values(decoded)) <= MAX_VALUES:
            decoded = json.loads(json.dumps(decoded, default=str))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not a valid template: {type(error).__name__}.") from None
    if problems:
        told = "; ".join(f"line {problem.linenumber}: {problem.message}" for problem in problems)
        raise BadInput(f"{path} is not a valid template in YAML or JSON: {told}")
    if type(decoded) is not dict or not isinstance(decoded.get(section), dict):
        raise BadInput(f"{path} is not a template: it has no {section}.")
    return decoded


def _values(decoded: object) -> Iterator[object]:
    """Each value of a decoded file, at most one more than `MAX_VALUES`."""
    waiting, count = [decoded], 0
    while waiting and count <= MAX_VALUES:
        value = waiting.pop()
        count += 1
        yield value
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _language_extensions(decoded: dict[str, Any], path: Path, given: Mapping[str, str]) -> dict[str, Any]:
    """The template with the given values as defaults, and with each `Fn::ForEach` expanded.

    CloudFormation applies this transform before SAM (AWS::LanguageExtensions transform, "Considerations").
    """
    from cfnlint import Template as CfnTemplate

    parameters = decoded.get("Parameters")
    for name, value in given.items():
        if not isinstance(parameters, dict) or not isinstance(parameters.get(name), dict):
            raise BadInput(f"{path} has no parameter {name}.")
        parameters[name]["Default"] = value
    if LANGUAGE_EXTENSIONS not in str(decoded.get("Transform")):
        return decoded
    loops = (item for value in _values(decoded) if isinstance(value, dict) for item in value.items())
    for label, loop in loops:
        if label.startswith("Fn::ForEach") and (unset := _without_default(loop, parameters)):
            # cfn-lint would invent the members of the collection.
            raise BadInput(f"{path}: {label} depends on a parameter: specify --parameter {unset}=VALUE.")
    cfn = CfnTemplate(str(path), {**decoded, "Transform": LANGUAGE_EXTENSIONS}, ["us-east-1"])
    if problems := cfn.transform():
        raise BadInput(f"{path} is not a valid template: {'; '.join(problem.message for problem in problems)}")
    expanded = json.loads(json.dumps(cfn.template, default=str))
    return {**expanded, "Transform": decoded["Transform"]}


def _without_default(for_each: object, parameters: object) -> str | None:
    collection = for_each[1] if isinstance(for_each, list) and len(for_each) > 1 else None
    declared = parameters if isinstance(parameters, dict) else {}
    refs = (str(value["Ref"]) for value in _values(collection) if isinstance(value, dict) and "Ref" in value)
    return next((name for name in refs if "Default" not in _mapping(declared.get(name))), None)


def _not_translated(name: str, resource: object) -> str | None:
    """Why a resource might have routes that are not in this template; None if it can be translated."""
    if name.startswith("Fn::"):
        return "the included part is not in the template"
    if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
        return "it has no type"
    if resource["Type"] in ("AWS::CloudFormation::Stack", "AWS::Serverless::Application"):
        return "a nested stack: check its template separately"
    return None


def _local_definition(resource: dict[str, Any], folder: Path) -> Mapping[str, Any] | None:
    properties = _mapping(resource.get("Properties"))
    return included(folder, properties.get("DefinitionUri") or properties.get("BodyS3Location"))


def _translated(decoded: dict[str, Any], path: Path) -> dict[str, Any]:
    """:raises BadInput: SAM refuses the template."""
    import boto3
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    for kind, properties in _mapping(decoded.get("Globals")).items():
        _upload(f"AWS::Serverless::{kind}", properties)
    for resource in decoded["Resources"].values():
        _upload(resource["Type"], resource.setdefault("Properties", {}))
    # The names of IAM policies and the Region have nothing to do with routes, so AWS is not asked for them.
    translator = Translator(None, Parser(), boto_session=boto3.Session(region_name="us-east-1"))
    try:
        translated: dict[str, Any] = translator.translate(decoded, {}, get_managed_policy_map=dict)
    except InvalidDocumentException as error:
        reasons = " ".join("; ".join(str(cause.message) for cause in error.causes).split())
        raise BadInput(f"{path}: SAM refuses this template: {reasons}") from None
    except Exception as error:
        # The translator raises various errors for values of a wrong type.
        raise BadInput(f"{path}: SAM cannot translate this template: {type(error).__name__}: {error}") from None
    finally:
        # They go nowhere. Without this, the translator warns that they are unpublished.
        translator.metrics.publish()
    return translated


def _upload(kind: str, properties: object) -> None:
    """Put a place in Amazon S3 for a local path, as `sam package` does."""
    member = _CODE.get(kind)
    if member is None or not isinstance(properties, dict):
        return
    value = properties.get(member)
    if isinstance(value, str) and "://" not in value:
        properties[member] = _PLACE
    if kind == "AWS::Serverless::Function" and "InlineCode" not in properties and not value:
        if properties.get("PackageType") == "Image":
            properties.setdefault("ImageUri", "123456789012.dkr.ecr.us-east-1.amazonaws.com/not-uploaded:yet")
        else:
            properties[member] = _PLACE


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
