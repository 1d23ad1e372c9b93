"""The table of API keys outlives its stack, and the template of before, with the keys in it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.build import FOLDER
from local.deployment import deploy_template, local_parameters
from local.session import client
from local.system import System, create_key
from tests.e2e.conftest import DIRECTORY
from tests.support.interpreter import event

NAME = "outlived"
NOW = FOLDER / "template.yaml"
BEFORE = Path(__file__).with_name("template_0_1.yaml")
"""The last template whose table was an `AWS::DynamoDB::Table`."""


class Stack:
    """An authorizer without the sample API, whose table is to be kept."""

    def __init__(self, system: System) -> None:
        self._emulator = system.emulator
        self.resources: dict[str, str] = {}
        self.formation = client(system.emulator, "cloudformation")

    def deploy(self, template: Path, **parameters: str) -> None:
        given = local_parameters() | {"SampleApi": "None", "TableRemovalPolicy": "Retain"} | parameters
        self.resources = deploy_template(self._emulator, template, NAME, given, DIRECTORY / f"{NAME}.log")

    def delete(self) -> None:
        self.formation.delete_stack(StackName=NAME)
        self.formation.get_waiter("stack_delete_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})

    @property
    def table(self) -> str:
        return self._output("ApiKeysTableName")

    @property
    def function(self) -> str:
        """What APIs invoke: the function, or the alias of its version in force."""
        return self._output("AuthorizerFunctionArn")

    def _output(self, name: str) -> str:
        (described,) = self.formation.describe_stacks(StackName=NAME)["Stacks"]
        return str({output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}[name])

    def create_key(self) -> str:
        return create_key(self._emulator, self.table, "--consumer", "globex")["key"]

    def allows(self, key: str) -> bool:
        answer = client(self._emulator, "lambda").invoke(
            FunctionName=self.resources["Authorizer"], Payload=json.dumps(event(key))
        )
        return b'"Allow"' in answer["Payload"].read()


@pytest.fixture
def stack(system: System) -> Iterator[Stack]:
    stack = Stack(system)
    yield stack
    stack.delete()


def template_of_before(tmp_path: Path, before: Path = BEFORE, code: str = "src/authorizer") -> Path:
    """The template of before, with the functions of today's build: it is about the table."""
    text = before.read_text(encoding="utf-8")
    for folder, built in ((code, "Authorizer"), ("src/me", "Me")):
        assert text.count(f"CodeUri: {folder}\n") == 1
        text = text.replace(f"CodeUri: {folder}\n", f"CodeUri: {(FOLDER / built).resolve()}\n")
    template = tmp_path / "template.yaml"
    template.write_text(text, encoding="utf-8")
    return template


def test_an_update_from_the_template_of_before_keeps_the_table_and_its_keys(stack: Stack, tmp_path: Path) -> None:
    stack.deploy(template_of_before(tmp_path))
    table, key = stack.resources["ApiKeys"], stack.create_key()
    assert stack.table == table
    stack.deploy(NOW, ExistingTable=table)
    assert stack.resources.keys().isdisjoint({"ApiKeys", "ApiKeysTable"})
    assert stack.table == table
    assert stack.allows(key)
    assert stack.allows(stack.create_key())


def test_a_table_outlives_its_stack_and_serves_the_next_one(stack: Stack) -> None:
    stack.deploy(NOW)
    table, key = stack.table, stack.create_key()
    assert table == stack.resources["ApiKeysTable"]
    assert stack.allows(key)
    stack.delete()
    stack.deploy(NOW, ExistingTable=table)
    assert "ApiKeysTable" not in stack.resources
    assert stack.allows(key)


def test_a_table_for_trials_is_deleted_with_one_more_command_after_its_stack(stack: Stack, system: System) -> None:
    dynamodb = client(system.emulator, "dynamodb")
    stack.deploy(NOW, TableRemovalPolicy="Delete")
    table = stack.table
    stack.delete()
    assert table in dynamodb.list_tables()["TableNames"]
    dynamodb.delete_table(TableName=table)
    assert table not in dynamodb.list_tables()["TableNames"]


def test_another_release_is_another_version_of_the_function(stack: Stack, system: System) -> None:
    found = []
    for release in ("one", "two"):
        stack.deploy(NOW, TableRemovalPolicy="Delete", ProvisionedConcurrency="1", Release=release)
        function = client(system.emulator, "lambda").get_function_configuration(FunctionName=stack.function)
        found.append((function["Version"], function["Environment"]["Variables"]["RELEASE"]))
    assert [release for _version, release in found] == ["one", "two"]
    assert len({version for version, _release in found}) == 2
