"""Deploy this template into the emulator with `sam deploy`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local.build import SAM, overrides, target
from local.emulator import Emulator
from local.session import client
from local.step import run
from local.template_file import load

STACK: Final = "multi-auth-local"
BUCKET: Final = "multi-auth-local-artifacts"

_UNKNOWN_VARIABLES: Final = {
    "$context.authorizer.missing_scopes": "",
    "$context.extendedRequestId": "$context.requestId",
}
"""Variables that the emulator does not replace in gateway responses, and their replacement. On AWS, missing scopes are
empty if the authorizer gave none."""


@dataclass(frozen=True)
class Deployment:
    """The deployed resources."""

    api_id: str
    stage: str
    table: str
    authorizer_function: str
    me_function: str
    log_group: str
    url: str


def deploy(emulator: Emulator, parameters: Mapping[str, str], log: Path, built: Path) -> Deployment:
    """Run `sam deploy` for a build; `built` is its template.

    :raises StepError: the deployment failed.
    """
    client(emulator, "s3").create_bucket(Bucket=BUCKET)
    given = local_parameters() | dict(parameters)
    physical = deploy_template(emulator, built, STACK, given, log)
    template = load(Path("template.yaml"))
    values = {name: parameter.get("Default", "") for name, parameter in template["Parameters"].items()} | given
    api_id, stage = physical["Api"], str(values["StageName"])
    complete_api(client(emulator, "apigateway"), template["Resources"]["Api"]["Properties"], values, api_id, stage)
    return Deployment(
        api_id=api_id,
        stage=stage,
        table=physical["ApiKeysTable"],
        authorizer_function=physical["Authorizer"],
        me_function=physical["Me"],
        log_group=physical["AuthorizerLogs"],
        url=rest_api_url(emulator, api_id, stage),
    )


def deploy_template(
    emulator: Emulator, template: Path, stack: str, parameters: Mapping[str, str], log: Path
) -> dict[str, str]:
    """Run `sam deploy` for a template. Return the physical IDs of its resources by logical ID.

    :raises StepError: the deployment failed.
    """
    command: list[str | Path] = [SAM, "deploy", "--config-env", "local"]
    command += ["--config-file", Path("samconfig.toml").resolve(), "--template-file", template, "--stack-name", stack]
    command += ["--s3-bucket", BUCKET, "--no-progressbar", "--parameter-overrides", *overrides(parameters)]
    run("sam deploy", command, environment=emulator.environment(), log=log)
    resources = client(emulator, "cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}


def rest_api_url(emulator: Emulator, api_id: str, stage: str) -> str:
    return f"{emulator.endpoint_url}/restapis/{api_id}/{stage}/_user_request_"


def _with_known_variables(text: str) -> str:
    for unknown, instead in _UNKNOWN_VARIABLES.items():
        text = text.replace(unknown, instead)
    return text


def local_parameters() -> dict[str, str]:
    """Return the template parameters for this machine and the emulator."""
    return {"ApiGatewayLogRole": "Existing", "TableRemovalPolicy": "Delete"} | target()


def complete_api(gateway: Any, api: Mapping[str, Any], values: Mapping[str, Any], api_id: str, stage: str) -> None:
    """Set what the emulator ignores in SAM's definition: gateway responses, preflight headers, cache TTL.

    `api` has the properties of an `AWS::Serverless::Api`, and `values` the template's parameters.
    """
    for name, response in api["GatewayResponses"].items():
        headers = response["ResponseParameters"]["Headers"]
        status = {"statusCode": str(response["StatusCode"])} if "StatusCode" in response else {}
        gateway.put_gateway_response(
            restApiId=api_id,
            responseType=name,
            responseParameters={
                f"gatewayresponse.header.{header}": _substituted(value, values) for header, value in headers.items()
            },
            responseTemplates={
                kind: _with_known_variables(text) for kind, text in response["ResponseTemplates"].items()
            },
            **status,
        )
    if "Cors" in api:
        _put_preflight(gateway, api_id, {name: _substituted(value, values) for name, value in api["Cors"].items()})
    if "AuthorizerCacheSeconds" in values:
        set_cache_seconds(gateway, api_id, int(values["AuthorizerCacheSeconds"]))
    gateway.create_deployment(restApiId=api_id, stageName=stage)


def set_cache_seconds(gateway: Any, api_id: str, seconds: int) -> None:
    """Set the TTL of the authorizer cache. The emulator applies it immediately, without a deployment."""
    change = {"op": "replace", "path": "/authorizerResultTtlInSeconds", "value": str(seconds)}
    for authorizer in gateway.get_authorizers(restApiId=api_id)["items"]:
        gateway.update_authorizer(restApiId=api_id, authorizerId=authorizer["id"], patchOperations=[change])


def _put_preflight(gateway: Any, api_id: str, cors: Mapping[str, str]) -> None:
    names = {"AllowMethods": "Allow-Methods", "AllowHeaders": "Allow-Headers", "AllowOrigin": "Allow-Origin"}
    headers = {f"method.response.header.Access-Control-{header}": cors[name] for name, header in names.items()}
    for resource in gateway.get_resources(restApiId=api_id)["items"]:
        if "OPTIONS" in resource.get("resourceMethods", {}):
            where = {"restApiId": api_id, "resourceId": resource["id"], "httpMethod": "OPTIONS", "statusCode": "200"}
            gateway.put_integration_response(**where, responseParameters=headers)


def _substituted(value: Any, values: Mapping[str, Any]) -> str:
    """Return a text, with the parameters of its `!Sub` replaced."""
    if isinstance(value, str):
        return value
    return re.sub(r"\$\{(\w+)\}", lambda match: str(values[match[1]]), value["Fn::Sub"])
