"""The parameters of the optional stacks, from the authorizer's stack."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from keys.cli.app import App
from keys.cli.main import main
from keys.core.table import Table
from keys.deployment import optional
from keys.deployment.target import Resolved
from local.template_file import load

OUTPUTS = {
    "ApiKeysTableName": "keys",
    "ApiKeysTableStreamArn": "arn:aws:dynamodb:eu-central-1:123456789012:table/keys/stream/1",
    "AuthorizerFunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:authorizer",
    "AuthorizerFunctionName": "authorizer",
    "AuthorizerLogGroup": "logs",
}
PARAMETERS = {"PythonRuntime": "python3.12", "Architecture": "x86_64", "KmsKeyArn": "", "PermissionsBoundary": ""}


class CloudFormation:
    """One stack, `prod`, with these outputs."""

    def __init__(self, outputs: Mapping[str, str]) -> None:
        self._outputs = outputs

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in self._outputs.items()]
        parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in PARAMETERS.items()]
        return {"Stacks": [{"Outputs": outputs, "Parameters": parameters}]}


class DynamoDB:
    """A table of another origin, with or without a stream."""

    def __init__(self, stream: str | None) -> None:
        self._stream = stream

    def describe_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803
        enabled = {"StreamSpecification": {"StreamEnabled": True}, "LatestStreamArn": self._stream}
        return {"Table": enabled if self._stream else {}}


def run(name: str, outputs: Mapping[str, str] = OUTPUTS, stream: str | None = None) -> Result:
    clients = {"cloudformation": CloudFormation(outputs), "dynamodb": DynamoDB(stream)}
    table: Any = Table(clients["dynamodb"], "keys")  # type: ignore[arg-type]
    resolved = Resolved(table, "mak", None, client=clients.__getitem__, stack="prod")
    app = App(env={}, resolve=lambda _target, _env: resolved)
    return CliRunner().invoke(main, ["stack", "parameters", "--for", name], obj=app, catch_exceptions=False)


@pytest.mark.parametrize("name", sorted(optional.FROM_OUTPUTS))
def test_the_printed_settings_have_parameters_that_the_stack_knows_and_requires(name: str) -> None:
    printed = tomllib.loads(run(name).stdout)[name]
    known = load(Path("stacks", name, "template.yaml"))["Parameters"]
    given = printed["deploy"]["parameters"]["parameter_overrides"]
    required = {parameter for parameter, declared in known.items() if "Default" not in declared}
    assert required <= given.keys() <= known.keys()
    assert printed["global"]["parameters"]["stack_name"] == f"prod-{name}"


def test_the_runtime_of_the_authorizer_is_that_of_the_stack_for_build_and_deployment() -> None:
    printed = tomllib.loads(run("events").stdout)["events"]
    for command in ("build", "deploy"):
        overrides = printed[command]["parameters"]["parameter_overrides"]
        assert (overrides["PythonRuntime"], overrides["Architecture"]) == ("python3.12", "x86_64")


def test_the_stream_of_a_table_that_the_stack_did_not_make_is_asked_of_the_table() -> None:
    outputs = {name: value for name, value in OUTPUTS.items() if name != "ApiKeysTableStreamArn"}
    assert 'StreamArn = "arn:other"' in run("events", outputs, "arn:other").stdout


def test_a_table_without_a_stream_is_an_error_with_the_command_that_turns_it_on() -> None:
    outputs = {name: value for name, value in OUTPUTS.items() if name != "ApiKeysTableStreamArn"}
    result = run("events", outputs)
    assert result.exit_code == 2
    assert "aws dynamodb update-table --table-name keys" in result.stderr


def test_a_stack_that_lacks_an_output_is_an_error() -> None:
    result = run("monitoring", {"ApiKeysTableName": "keys"})
    assert result.exit_code == 3
    assert "AuthorizerFunctionName" in result.stderr
