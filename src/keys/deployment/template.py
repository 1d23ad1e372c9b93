"""A template as CloudFormation gets it: cfn-lint decodes it, SAM's own translator translates it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from keys.core.errors import BadInput
from keys.deployment.parameter import refusal

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
_IMAGE: Final = "123456789012.dkr.ecr.us-east-1.amazonaws.com/not-uploaded:yet"
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
    given: Mapping[str, str]
    bodies: Mapping[str, Mapping[str, Any]]
    unread: Mapping[str, str]
    resources: Mapping[str, Any]
    parameters: Mapping[str, Any]
    conditions: Mapping[str, Any]
    mappings: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path, given: Mapping[str, str]) -> Template:
        """Read a template in SAM or CloudFormation, in YAML or JSON. `given`: values of parameters, by their names.

        :raises BadInput: the file cannot be read, is no template, or is one that SAM refuses; or a parameter is not
            declared.
        """
        decoded = _language_extensions(_decoded(path, MAX_TEMPLATE_BYTES), path, given)
        resources, unread = decoded["Resources"], dict[str, str]()
        for name in list(resources):
            if why := _not_translated(name, resources[name]):
                unread[name] = why
                del resources[name]
        transforms = decoded.get("Transform") or []
        transforms = transforms if isinstance(transforms, list) else [transforms]
        for each in transforms:
            if each not in (SAM, LANGUAGE_EXTENSIONS):
                named = each if isinstance(each, str) else json.dumps(each)
                unread[f"Transform {named}"] = "this macro might add or change routes"
        bodies = dict[str, Mapping[str, Any]]()
        for name, resource in resources.items():
            properties = mapping(resource.get("Properties"))
            location = properties.get("DefinitionUri") or properties.get("BodyS3Location")
            if body := included(path.parent, location):
                bodies[name] = body
        types = [resource["Type"] for resource in resources.values()]
        if (SAM in transforms and resources) or any(kind.startswith("AWS::Serverless::") for kind in types):
            decoded = _translated(decoded, path)
        sections = (mapping(decoded.get(name)) for name in ("Resources", "Parameters", "Conditions", "Mappings"))
        return cls(path.parent, given, bodies, unread, *sections)


def declared(path: Path) -> Mapping[str, Any]:
    """The parameters that a template declares.

    :raises BadInput: the file cannot be read, or is no template.
    """
    return mapping(_decoded(path, MAX_TEMPLATE_BYTES).get("Parameters"))


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def included(folder: Path, location: object) -> Mapping[str, Any] | None:
    """The OpenAPI definition in a file, relative to the template. None if it is elsewhere or not a definition."""
    if not isinstance(location, str) or "://" in location or not (folder / location).is_file():
        return None
    try:
        return _decoded(folder / location, MAX_OPENAPI_BYTES, "paths")
    except BadInput:
        return None


def _decoded(path: Path, most: int, section: str = "Resources") -> dict[str, Any]:
    """The content of a file in YAML or JSON of at most `most` bytes, in plain types."""
    try:
        from cfnlint.decode import decode_str
    except ImportError:
        raise BadInput(
            f"cfn-lint and aws-sam-translator are needed to read templates. In the checkout, run: {INSTALL}"
        ) from None
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise BadInput(f"{path} has more than {most:,} bytes, which AWS does not accept.")
        decoded, problems = decode_str(content.decode("utf-8-sig"))
        if not problems and sum(1 for _ in _values(decoded)) <= MAX_VALUES:
            decoded = json.loads(json.dumps(decoded, default=str))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} cannot be read: it is not in UTF-8.") from None
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
        if why := refusal(parameters[name], value):
            raise BadInput(f"{path} does not accept {name}={value}: {why}.")
        parameters[name]["Default"] = value
    if LANGUAGE_EXTENSIONS not in str(decoded.get("Transform")):
        return decoded
    for label, loop in (item for value in _values(decoded) for item in mapping(value).items()):
        collection = loop[1] if label.startswith("Fn::ForEach") and isinstance(loop, list) and len(loop) > 1 else None
        for unset in (str(mapping(value)["Ref"]) for value in _values(collection) if "Ref" in mapping(value)):
            if "Default" not in mapping(mapping(parameters).get(unset)):
                # cfn-lint would invent the members of the collection.
                raise BadInput(f"{path}: {label} depends on a parameter: specify --parameter {unset}=VALUE.")
    cfn = CfnTemplate(str(path), {**decoded, "Transform": LANGUAGE_EXTENSIONS}, ["us-east-1"])
    if problems := cfn.transform():
        raise BadInput(f"{path} is not a valid template: {'; '.join(problem.message for problem in problems)}")
    expanded = json.loads(json.dumps(cfn.template, default=str))
    return {**expanded, "Transform": decoded["Transform"]}


def _not_translated(name: str, resource: object) -> str | None:
    """Why a resource might have routes that are not in this template; None if it can be translated."""
    if name.startswith("Fn::"):
        return "the included part is not in the template"
    if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
        return "it has no type"
    if resource["Type"] in ("AWS::CloudFormation::Stack", "AWS::Serverless::Application"):
        return "a nested stack: check its template separately"
    return None


def _translated(decoded: dict[str, Any], path: Path) -> dict[str, Any]:
    """:raises BadInput: SAM refuses the template."""
    import boto3
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    for kind, properties in mapping(decoded.get("Globals")).items():
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
    elif not value and kind == "AWS::Serverless::Function" and "InlineCode" not in properties:
        in_image = properties.get("PackageType") == "Image"
        properties.setdefault(*(("ImageUri", _IMAGE) if in_image else (member, _PLACE)))
