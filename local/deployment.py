"""Deploy this template into the emulator with `sam deploy`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local.build import SAM, overrides, target
from local.emulator import Emulator, Endpoint
from local.session import client
from local.step import run

STACK: Final = "multi-auth-local"
BUCKET: Final = "multi-auth-local-artifacts"


@dataclass(frozen=True)
class Deployment:
    """The deployed resources."""

    api_id: str
    stage: str
    table: str
    authorizer_function: str
    me_function: str
    log_group: str
    access_log_group: str
    url: str


def deploy(emulator: Emulator, parameters: Mapping[str, str], log: Path, built: Path) -> Deployment:
    """Run `sam deploy` for a build; `built` is its template.

    :raises StepError: the deployment failed.
    """
    client(emulator, "s3").create_bucket(Bucket=BUCKET)
    given = local_parameters() | dict(parameters)
    physical = deploy_template(emulator, built, STACK, given, log)
    api_id = physical["Api"]
    stage = rest_api_stage(emulator, api_id)
    return Deployment(
        api_id=api_id,
        stage=stage,
        table=physical["ApiKeysTable"],
        authorizer_function=physical["Authorizer"],
        me_function=physical["Me"],
        log_group=physical["AuthorizerLogs"],
        access_log_group=physical["AccessLogs"],
        url=rest_api_url(emulator, api_id, stage),
    )


def deploy_template(
    emulator: Endpoint, template: Path, stack: str, parameters: Mapping[str, str], log: Path
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


def rest_api_stage(emulator: Endpoint, api_id: str) -> str:
    """Return the name of the stage of a REST API. SAM's deployment makes another one, which is named `Stage`."""
    stages = [str(stage["stageName"]) for stage in client(emulator, "apigateway").get_stages(restApiId=api_id)["item"]]
    return next((name for name in stages if name != "Stage"), stages[0])


def rest_api_url(emulator: Endpoint, api_id: str, stage: str) -> str:
    return f"{emulator.endpoint_url}/restapis/{api_id}/{stage}/_user_request_"


def local_parameters() -> dict[str, str]:
    """Return the template parameters for this machine and the emulator."""
    return {"ApiGatewayLogRole": "Existing", "TableRemovalPolicy": "Delete"} | target()


def set_cache_seconds(gateway: Any, api_id: str, seconds: int) -> None:
    """Set the TTL of the authorizer cache. The emulator applies it immediately, without a deployment."""
    change = {"op": "replace", "path": "/authorizerResultTtlInSeconds", "value": str(seconds)}
    for authorizer in gateway.get_authorizers(restApiId=api_id)["items"]:
        gateway.update_authorizer(restApiId=api_id, authorizerId=authorizer["id"], patchOperations=[change])
