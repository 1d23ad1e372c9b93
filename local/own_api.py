"""Deploy an API of one's own in its own stack, beside the authorizer's."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from keys.core.errors import BadInput
from local import apis, environment, template_file
from local.build import SAM, overrides, target
from local.deployment import STACK as AUTHORIZER_STACK
from local.deployment import deploy_template
from local.emulator import Emulator
from local.session import client
from local.step import StepError, run

STACK: Final = "own-api-local"
_ARN: Final = "AuthorizerFunctionArn"
_BUILT: Final = ("requirements.txt", "package.json", "Makefile", "go.mod", "pom.xml", "build.gradle", "Gemfile")


@dataclass(frozen=True)
class Parameters:
    """Template parameters by stack: of the authorizer, and of the API of one's own."""

    authorizer: Mapping[str, str]
    own: Mapping[str, str]


def parameters(text: str, template: Path | None) -> Parameters:
    """Read `Name=value` pairs, separated by spaces. Each is for the template that declares the parameter.

    :raises StepError: a pair or a template is malformed, or no template has the parameter.
    """
    authorizer = _declared(Path("template.yaml"))
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
        if name in ("SampleApi", "AuthConfig", "ExistingTable") and name not in own:
            raise StepError(f"PARAMETERS: {name} cannot be set here: make run deploys the sample API with RULES=FILE.")
    given = {name: value for name, _equals, value in pairs}
    return Parameters(
        {name: value for name, value in given.items() if name in authorizer},
        {name: value for name, value in given.items() if name in own},
    )


def deploy(emulator: Emulator, template: Path, given: Mapping[str, str], directory: Path) -> list[apis.Api]:
    """Build the template if its functions need it, deploy it, and return its APIs.

    The parameter AuthorizerFunctionArn, if the template has it, is the ARN of the authorizer.

    :raises StepError: a step failed, or the template has no API.
    """
    declared = _declared(template)
    if _ARN in declared:
        given = {_ARN: _authorizer_arn(emulator), **given}
    missing = [name for name, parameter in declared.items() if "Default" not in parameter and name not in given]
    if missing:
        raise StepError(f'{template} has parameters without a value. Add PARAMETERS="{missing[0]}=...".')
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
