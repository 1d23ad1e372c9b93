"""The stacks of one run: deployed under one name, and deleted with all that they made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from local.build import SAM, overrides
from local.step import StepError, run, step
from local.template_file import load
from tests.aws.place import Place

TAG: Final = "multi-auth-acceptance"
"""The tag of every resource. Its value is the name of the run."""
_SETTINGS: Final = Path(__file__).with_name("samconfig.toml")
_POLL_SECONDS: Final = 5


@dataclass(frozen=True)
class Stack:
    """A deployed stack. `resources`: physical by logical IDs. `parameters`: all in force."""

    name: str
    id: str
    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class Remnant:
    """What could not be deleted, and why."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


class Stacks:
    """`run`: the first part of all names. `directory`: for logs. Nothing else in the account is touched."""

    def __init__(self, place: Place, run: str, directory: Path) -> None:
        self._place = place
        self.run = run
        self._directory = directory
        self._names: list[str] = []
        self._ids: dict[str, str] = {}
        self._made: dict[tuple[str, str], str] = {}
        """The type and physical ID of each resource that a stack has or had, and the name of the stack."""
        self._bucket: str | None = None
        self._failed: dict[str, StepError] = {}

    def deploy(self, part: str, template: Path, parameters: Mapping[str, str]) -> Stack:
        """Create or update the stack of this part. Parameters of another version of the template are left out.

        :raises StepError: `sam deploy` failed, now or before: a stack whose creation failed cannot be updated.
        """
        name = f"{self.run}-{part}"
        if name in self._failed:
            raise self._failed[name]
        if name not in self._names:
            self._names.append(name)
        declared = load(template).get("Parameters", {})
        given = {key: value for key, value in parameters.items() if key in declared}
        command: list[str | Path] = [SAM, "deploy", "--config-file", _SETTINGS, "--template-file", template]
        command += ["--stack-name", name, "--tags", f"{TAG}={self.run}"]
        command += ["--s3-bucket", self._bucket] if self._bucket else []
        command += ["--parameter-overrides", *overrides(given)] if given else []
        try:
            with step(f"deploy {name}"):
                run(f"sam deploy of {name}", command, environment=self._place.environment, log=self._log(name))
        except StepError as error:
            self._failed[name] = error
            raise
        stack = self._describe(name)
        self._bucket = stack.outputs.get("Bucket", self._bucket)
        return stack

    def with_boundary(self, template: Path, boundary: str) -> Path:
        """A copy of a template in which each role that it makes has the permissions boundary; itself without one."""
        if not boundary:
            return template
        copy = self._directory / f"{template.parent.name}.json"
        copy.write_text(json.dumps(bounded(load(template), boundary)), encoding="utf-8")
        return copy

    def with_code(self, template: Path, built: Path) -> Path:
        """A copy of a template whose functions have the code of a build: each that of its logical ID."""
        content = _long_forms(load(template))
        for name, resource in content["Resources"].items():
            if resource["Type"] == "AWS::Serverless::Function":
                resource["Properties"]["CodeUri"] = str((built / name).resolve())
        copy = self._directory / f"{template.stem}.json"
        copy.write_text(json.dumps(content), encoding="utf-8")
        return copy

    def note(self, kind: str, physical: str, stack: Stack) -> None:
        """Note a resource that a check made beside a stack, to delete it at the end."""
        self._made[kind, physical] = stack.name

    def delete(self) -> list[Remnant]:
        """Delete every stack by its ID, the newest first, then what the stacks left. Return what remained."""
        remnants: list[Remnant] = []
        for name in reversed(self._names):
            with _noted(remnants, f"stack {name}"), step(f"delete {name}"):
                self._delete_stack(name)
        for kind, physical in self._made:
            with _noted(remnants, f"{kind} {physical}"):
                self._delete_left(kind, physical)
        return remnants

    def _log(self, name: str) -> Path:
        return self._directory / f"{name}.log"

    def _describe(self, name: str) -> Stack:
        formation = self._place.client("cloudformation")
        (described,) = formation.describe_stacks(StackName=self._ids.get(name, name))["Stacks"]
        self._ids[name] = described["StackId"]
        resources = list(
            _pages(formation, "list_stack_resources", "StackResourceSummaries", StackName=described["StackId"])
        )
        # An update can remove a resource from the stack and leave it in the account.
        self._made |= {
            (each["ResourceType"], each["PhysicalResourceId"]): name
            for each in resources
            if each.get("PhysicalResourceId")
        }
        return Stack(
            name,
            described["StackId"],
            {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])},
            {each["LogicalResourceId"]: each.get("PhysicalResourceId", "") for each in resources},
            {each["ParameterKey"]: each.get("ParameterValue", "") for each in described.get("Parameters", [])},
        )

    def _delete_stack(self, name: str) -> None:
        formation = self._place.client("cloudformation")
        try:
            stack_id = self._describe(name).id
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":  # It was never made.
                return
            raise
        for (kind, physical), owner in self._made.items():
            if kind == "AWS::S3::Bucket" and owner == name:
                self._empty(physical)
        self._await_rest(formation, stack_id)
        formation.delete_stack(StackName=stack_id)
        seconds = 1 if self._place.is_emulator else _POLL_SECONDS
        waiter = formation.get_waiter("stack_delete_complete")
        waiter.wait(StackName=stack_id, WaiterConfig={"Delay": seconds, "MaxAttempts": 1800 // seconds})

    def _await_rest(self, formation: Any, stack_id: str) -> None:
        """Wait for the end of an update, during which CloudFormation refuses to delete the stack."""
        while True:
            (stack,) = formation.describe_stacks(StackName=stack_id)["Stacks"]
            status = stack["StackStatus"]
            if not (status.startswith(("UPDATE_", "ROLLBACK_")) and status.endswith("_IN_PROGRESS")):
                return
            self._place.sleep(_POLL_SECONDS)

    def _empty(self, bucket: str) -> None:
        s3 = self._place.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            objects = [{"Key": each["Key"]} for each in page.get("Contents", [])]
            if objects:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})

    def _delete_left(self, kind: str, physical: str) -> None:
        """Delete a resource that its stack left, if there is one: a retained table or log group, or Lambda's own."""
        if kind in ("AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table"):
            dynamodb = self._place.client("dynamodb")
            with _gone():
                table = dynamodb.describe_table(TableName=physical)["Table"]
                if table.get("DeletionProtectionEnabled"):
                    dynamodb.update_table(TableName=physical, DeletionProtectionEnabled=False)
                    dynamodb.get_waiter("table_exists").wait(TableName=physical, WaiterConfig={"Delay": 1})
                dynamodb.delete_table(TableName=physical)
        groups = {"AWS::Logs::LogGroup": physical, "AWS::Lambda::Function": f"/aws/lambda/{physical}"}
        if kind in groups:
            logs, name = self._place.client("logs"), groups[kind]
            for group in logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]:
                if group["logGroupName"] == name and group.get("deletionProtectionEnabled"):
                    logs.put_log_group_deletion_protection(logGroupIdentifier=name, deletionProtectionEnabled=False)
            with _gone():
                logs.delete_log_group(logGroupName=name)


def bounded(template: Mapping[str, Any], boundary: str) -> Any:
    """The content of `load`, as JSON that CloudFormation reads, with a permissions boundary for each of its roles."""
    content = _long_forms(template)
    for resource in content["Resources"].values():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::IAM::Role" or (
            resource["Type"] == "AWS::Serverless::Function" and "Role" not in properties
        ):
            properties["PermissionsBoundary"] = boundary
    return content


def _long_forms(value: Any) -> Any:
    """`load` writes each short form as a function. Two of them are none, and one has a list in JSON."""
    if isinstance(value, list):
        return [_long_forms(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    members = {name: _long_forms(each) for name, each in value.items()}
    for name in ("Ref", "Condition"):
        if f"Fn::{name}" in members:
            return {name: members[f"Fn::{name}"]}
    if isinstance(attribute := members.get("Fn::GetAtt"), str):
        return {"Fn::GetAtt": attribute.split(".", 1)}
    return members


@contextmanager
def _noted(remnants: list[Remnant], what: str) -> Iterator[None]:
    """Note a failed deletion, so that the others are still made."""
    try:
        yield
    except (ClientError, BotoCoreError, WaiterError) as error:
        remnants.append(Remnant(what, str(error)))


@contextmanager
def _gone() -> Iterator[None]:
    """Nothing is left to do if the resource does not exist."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise


def _pages(client: Any, operation: str, member: str, **arguments: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[member]
