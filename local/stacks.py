"""Deploy the optional stacks of `stacks/` into the emulator, beside the first stack."""

from collections.abc import Mapping
from pathlib import Path

from local import environment
from local.build import HOST_WHEELS, build, target
from local.deployment import STACK, Deployment, deploy_template
from local.emulator import Emulator
from local.session import client


def deploy_events(emulator: Emulator, first: Deployment, directory: Path) -> dict[str, str]:
    """Deploy `stacks/events`. Return its outputs.

    :raises StepError: the build or the deployment failed.
    """
    stream = client(emulator, "dynamodb").describe_table(TableName=first.table)["Table"]["LatestStreamArn"]
    given = {"AuthorizerStack": STACK, "TableName": first.table, "StreamArn": stream}
    return deploy_stack(emulator, "events", given, directory)


def deploy_stack(emulator: Emulator, name: str, parameters: Mapping[str, str], directory: Path) -> dict[str, str]:
    """Build and deploy the stack of this name. Return its outputs. Logs are in `directory`.

    :raises StepError: the build or the deployment failed.
    """
    folder = Path(f".local/build-{name}")
    log = directory / f"sam-build-{name}.log"
    build(environment.download(), log, folder, host_wheels=HOST_WHEELS, template=f"stacks/{name}/template.yaml")
    stack = f"{STACK}-{name}"
    deploy_template(
        emulator, folder / "template.yaml", stack, {**target(), **parameters}, directory / f"sam-deploy-{name}.log"
    )
    found = client(emulator, "cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
