"""Deploy the optional stacks of `stacks/`, and `examples/plans`, into the emulator, beside the first stack.

`python -m local.stacks NAME ...` does so for the running system, and prints the outcome as JSON. `make run` starts it
as a process of its own, so that the first stack can be used meanwhile, and ends it with everything that it started.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from local import environment
from local.apis import call
from local.build import HOST_WHEELS, build, target
from local.deployment import STACK, deploy_template, rest_api_stage, rest_api_url
from local.emulator import Endpoint
from local.provider import permit_sign_in
from local.session import client
from local.step import StepError
from local.system import KEYS, create_key

DIRECTORY: Final = Path(".local")
ON_PLAN: Final = "small-customer"
"""The consumer that is on the plan `free`."""
MOST_CALLS: Final = 8
"""More than the burst of the plan `free`."""


def deploy_events(emulator: Endpoint, table: str, directory: Path) -> dict[str, str]:
    """Deploy `stacks/events` for a table. Return its outputs.

    :raises StepError: the build or the deployment failed.
    """
    stream = client(emulator, "dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]
    return deploy_stack(emulator, "events", {"TableName": table, "StreamArn": stream}, directory)


def deploy_usage(emulator: Endpoint, _table: str, directory: Path) -> dict[str, str]:
    """Deploy `stacks/usage` for the access log of the sample API. Return its outputs.

    :raises StepError: the build or the deployment failed.
    """
    first = client(emulator, "cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    (group,) = [each["OutputValue"] for each in first["Outputs"] if each["OutputKey"] == "AccessLogGroup"]
    return deploy_stack(emulator, "usage", {"AccessLogGroup": group}, directory)


def deploy_self_service(emulator: Endpoint, table: str, directory: Path) -> dict[str, str]:
    """Deploy `stacks/self-service` for users of the user pool. Return its outputs, and the `page` that answers here.

    Its file of rules is that of the authorizer. The client of the pool gets the page as the address to return to.

    :raises StepError: the build or the deployment failed.
    """
    first = client(emulator, "cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in first["Outputs"]}
    resources = client(emulator, "cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    (api,) = [each["PhysicalResourceId"] for each in resources if each["LogicalResourceId"] == "Api"]
    given = {"AuthorizerFunctionArn": outputs["AuthorizerFunctionArn"], "TableName": table}
    given["ExampleUrl"] = f"{rest_api_url(emulator, api, rest_api_stage(emulator, api))}/me"
    rules = directory / "deployed" / "Authorizer" / "authorizer" / "auth.toml"
    found = deploy_stack(emulator, "self-service", given, directory, rules)
    api = found["SelfServiceApiId"]
    found["page"] = f"{rest_api_url(emulator, api, rest_api_stage(emulator, api))}/self-service"
    permit_sign_in(emulator, found["page"])
    return found


def deploy_plans(emulator: Endpoint, table: str, directory: Path) -> dict[str, str]:
    """Deploy `examples/plans`, make a consumer on the plan `free`, and call the API until its limit.

    Returns the `url`, the `command` that made the consumer's plan, and the `statuses` of the calls.

    :raises StepError: the deployment or a command failed, or the first stack has no default usage key.
    """
    first = client(emulator, "cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in first["Outputs"]}
    if "DefaultUsageKey" not in outputs:
        raise StepError("examples/plans needs a value of the parameter DefaultUsageKey.")
    given = {name: outputs[name] for name in ("AuthorizerFunctionArn", "DefaultUsageKey")}
    log = directory / "sam-deploy-plans.log"
    api = deploy_template(emulator, Path("examples/plans/template.yaml"), f"{STACK}-plans", given, log)["Api"]
    url = f"{rest_api_url(emulator, api, rest_api_stage(emulator, api))}/reports"
    key = create_key(emulator, table, "--consumer", ON_PLAN, "--scopes", "reports:write")["key"]
    command = ["consumer", "update", ON_PLAN, "--plan", "free"]
    done = subprocess.run(
        [KEYS, *command],
        env=emulator.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StepError(f"keys {' '.join(command)} failed.", done.stderr or done.stdout)
    statuses = [call(url, key, "POST").status for _ in range(MOST_CALLS)]
    return {"url": url, "command": f"keys {' '.join(command)}", "statuses": " ".join(map(str, statuses))}


STACKS: Final[Mapping[str, Callable[[Endpoint, str, Path], dict[str, str]]]] = {
    "events": deploy_events,
    "usage": deploy_usage,
    "self-service": deploy_self_service,
    "plans": deploy_plans,
}
"""The optional stacks that `make run` knows, by name."""


@dataclass(frozen=True)
class Outcome:
    """`deployed`: the outputs of each stack. `failed`: why each of the others is not deployed, as text for a screen."""

    deployed: dict[str, dict[str, str]]
    failed: dict[str, str]


def default_names(*, own: bool) -> list[str]:
    """The stacks to deploy if none are named. `own`: the template or the rules are the user's own.

    Without `plans` then: rules of one's own need not permit its route, and another API with plans has the key of API
    Gateway with the value of `DefaultUsageKey`, of which an account can have only one.
    """
    return [name for name in STACKS if not (own and name == "plans")]


def deploy_all(names: Sequence[str], deploy: Callable[[str], dict[str, str]]) -> Outcome:
    """Deploy each stack with `deploy`. One that fails does not stop the others."""
    outcome = Outcome({}, {})
    for name in names:
        try:
            outcome.deployed[name] = deploy(name)
        except StepError as error:
            outcome.failed[name] = "\n".join(filter(None, (error.what, error.details)))
    return outcome


def deploy_stack(
    emulator: Endpoint, name: str, parameters: Mapping[str, str], directory: Path, rules: Path | None = None
) -> dict[str, str]:
    """Build and deploy the stack of this name. Return its outputs. Logs are in `directory`.

    `rules`: the file that a copy of the build has in place of its own `auth.toml`.

    :raises StepError: the build or the deployment failed.
    """
    folder = Path(f".local/build-{name}")
    log = directory / f"sam-build-{name}.log"
    build(environment.download(), log, folder, host_wheels=HOST_WHEELS, template=f"stacks/{name}/template.yaml")
    stack = f"{STACK}-{name}"
    given = {**target(), "AuthorizerStack": STACK, **parameters}
    template = folder / "template.yaml"
    if rules:
        template = _with_rules(folder, directory / f"deployed-{name}", rules)
    deploy_template(emulator, template, stack, given, directory / f"sam-deploy-{name}.log")
    found = client(emulator, "cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def _with_rules(folder: Path, copy: Path, rules: Path) -> Path:
    """Copy a build, with this file of rules in each function. Return the template of the copy."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy, copy_function=os.link)
    for file in copy.glob("*/authorizer/auth.toml"):
        file.unlink()  # It is a link to that of the build, which must not change.
        file.write_bytes(rules.read_bytes())
        file.chmod(0o644)
    return copy / "template.yaml"


class Deploying:
    """The process that deploys optional stacks beside the running system."""

    def __init__(self, process: "subprocess.Popen[str] | None") -> None:
        self._process = process

    def finished(self) -> Outcome | None:
        """The outcome, once; None before the end of the process and after the first answer.

        :raises StepError: the process failed.
        """
        if self._process is None or self._process.poll() is None:
            return None
        process, self._process = self._process, None
        written, complaint = process.communicate()
        if process.returncode:
            raise StepError("The optional stacks are not deployed. The first stack works without them.", complaint)
        return Outcome(**json.loads(written))


@contextmanager
def deploying(names: Sequence[str]) -> Iterator[Deploying]:
    """Start the deployment for the running system. End it with the context, finished or not."""
    if not names:
        yield Deploying(None)
        return
    command = [sys.executable, "-m", "local.stacks", *names]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield Deploying(process)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def main(names: Sequence[str]) -> int:
    environment.enter()
    outputs = json.loads((DIRECTORY / "outputs.json").read_text(encoding="utf-8"))
    emulator = Endpoint(outputs["endpoint_url"], outputs["access_key"])
    outcome = deploy_all(names, lambda name: STACKS[name](emulator, outputs["table"], DIRECTORY))
    print(json.dumps(asdict(outcome)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
