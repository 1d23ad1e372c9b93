"""Deploy an API of one's own in its own stack, beside the authorizer's."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from keys.core.errors import BadInput
from local import apis, environment, parameter, template_file
from local.build import SAM, overrides, target
from local.deployment import STACK as AUTHORIZER_STACK
from local.deployment import deploy_template
from local.emulator import Emulator
from local.session import client
from local.step import StepError, run

STACK: Final = "own-api-local"
_AUTHORIZER: Final = Path("template.yaml")
_ARN: Final = "AuthorizerFunctionArn"
_APIS: Final = (
    *("AWS::Serverless::Api", "AWS::Serverless::HttpApi"),
    *("AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api"),
)
_NOT_HERE: Final = {
    **dict.fromkeys(("SampleApi", "ExistingTable"), "make run creates the sample API and a table"),
    "AuthConfig": "the file is RULES=FILE",
    **dict.fromkeys(("JwtIssuer", "JwtAudience", "JwtJwksUrl"), "write the identity provider into RULES=FILE"),
    **dict.fromkeys(("PythonRuntime", "Architecture"), "make run builds for this machine and Python (make PYTHON=...)"),
}
"""The parameters that the local system sets, or that are in the file of rules; and what to do instead."""
_BUILT: Final = ("requirements.txt", "package.json", "Makefile", "go.mod", "pom.xml", "build.gradle", "Gemfile")


@dataclass(frozen=True)
class Parameters:
    """Template parameters by stack: of the authorizer, and of the API of one's own."""

    authorizer: Mapping[str, str]
    own: Mapping[str, str]


def parameters(text: str, template: Path | None) -> Parameters:
    """Read `Name=value` pairs, separated by spaces. Each is for the template that declares the parameter.

    :raises StepError: a pair or a template is malformed, no template has the parameter, its template does not accept
        the value, or the template of one's own has no API that can use the authorizer.
    """
    authorizer = _declared(_AUTHORIZER)
    own = _declared(template) if template else {}
    try:
        pairs = [pair.partition("=") for pair in shlex.split(text)]
    except ValueError as error:
        raise StepError(f"PARAMETERS: {error}. Example: PARAMETERS=\"LogLevel=DEBUG 'CorsAllowOrigin=*'\"") from None
    for name, equals, _value in pairs:
        if not equals:
            raise StepError(f"PARAMETERS: {name!r} is not in the form Name=value.")
        if name not in authorizer and name not in own:
            where = f"template.yaml or {template}" if template else "template.yaml"
            raise StepError(f"PARAMETERS: {name} is not a parameter of {where}.")
        if name in _NOT_HERE and name not in own:
            raise StepError(f"PARAMETERS: {name} cannot be set here: {_NOT_HERE[name]}.")
    given = {name: value for name, _equals, value in pairs}
    if len(given) < len(pairs):
        twice = next(name for name in given if sum(name == each for each, *_ in pairs) > 1)
        raise StepError(f"PARAMETERS: {twice} is given twice.")
    found = Parameters(
        {name: value for name, value in given.items() if name in authorizer},
        {name: value for name, value in given.items() if name in own},
    )
    _demand_accepted(_AUTHORIZER, target() | dict(found.authorizer))
    if template:
        _demand_accepted(template, found.own)
        _demand_usable(template, found.own)
    return found


def _demand_accepted(template: Path, given: Mapping[str, str]) -> None:
    if refused := list(parameter.mistakes(template_file.load(template), given)):
        raise StepError(f"PARAMETERS: {template} does not accept these values.", "\n".join(refused))


def _demand_usable(template: Path, given: Mapping[str, str]) -> None:
    """:raises StepError: the template has no API, no parameter for the authorizer, or a parameter without a value."""
    declared = _declared(template)
    if not any(_has_api(resource) for resource in template_file.load(template)["Resources"].values()):
        raise StepError(f"{template} has no REST API and no HTTP API. TEMPLATE is the template of an API of your own.")
    if _ARN not in declared:
        raise StepError(
            f"{template} has no parameter {_ARN}, so its API cannot name the authorizer. Add the parameter, as in "
            "examples/rest-api/template.yaml."
        )
    missing = [name for name in declared if "Default" not in declared[name] and name not in (_ARN, *given)]
    if missing:
        raise StepError(f'{template} has parameters without a value. Add PARAMETERS="{missing[0]}=...".')


def _has_api(resource: Mapping[str, Any]) -> bool:
    """Whether a resource is an API, or a function with an event for which SAM makes one."""
    events = (resource.get("Properties") or {}).get("Events") or {}
    return resource.get("Type") in _APIS or any(
        isinstance(event, Mapping) and event.get("Type") in ("Api", "HttpApi") for event in events.values()
    )


def deploy(emulator: Emulator, template: Path, given: Mapping[str, str], directory: Path) -> list[apis.Api]:
    """Build the template if its functions need it, deploy it, and return its APIs.

    `given` is what `parameters` returned for it. The parameter AuthorizerFunctionArn is the ARN of the authorizer.

    :raises StepError: a step failed, or the template has no API.
    """
    declared = _declared(template)
    given = {_ARN: _authorizer_arn(emulator), **given}
    built = template
    if _needs_build(template):
        built = directory / "own-api" / "template.yaml"
        command: list[str | Path] = [SAM, "build", "--template-file", template, "--build-dir", built.parent]
        command += ["--config-file", Path("samconfig.toml").resolve(), "--config-env", "local"]
        values = {name: value for name, value in target().items() if name in declared} | dict(given)
        command += ["--parameter-overrides", *overrides(values)] if values else []
        run("sam build", command, environment=environment.download(), log=directory / "own-api-build.log")
    deploy_template(emulator, built, STACK, given, directory / "own-api.log")
    found = apis.deployed(emulator, STACK)
    if not found:
        raise StepError(f"{template} is deployed, but has no REST API or HTTP API with a stage.")
    return found


def _declared(template: Path) -> Mapping[str, Any]:
    try:
        return dict(template_file.load(template).get("Parameters") or {})
    except BadInput as error:
        raise StepError(str(error)) from None


def _authorizer_arn(emulator: Emulator) -> str:
    (stack,) = client(emulator, "cloudformation").describe_stacks(StackName=AUTHORIZER_STACK)["Stacks"]
    return str(next(output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == _ARN))


def _needs_build(template: Path) -> bool:
    """Whether the code of a function has requirements, or names how it is built."""
    for resource in template_file.load(template)["Resources"].values():
        if resource.get("Type") != "AWS::Serverless::Function":
            continue
        uri = resource.get("Properties", {}).get("CodeUri")
        if "BuildMethod" in (resource.get("Metadata") or {}):
            return True
        if isinstance(uri, str) and any((template.parent / uri / name).exists() for name in _BUILT):
            return True
    return False
