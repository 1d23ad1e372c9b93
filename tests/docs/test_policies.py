"""The policies of docs/policies and stacks/ci permit what the commands call, and nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import pytest

from local.template_file import load
from tests.support.keys_command import KeysCommand
from tests.support.policies import CI, FOLDER, NAMES, OF_CI, actions, filled, listed, permits, text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "arn:aws:dynamodb:eu-central-1:123456789012:table/ApiKeys"
VALUES = {
    "Partition": "aws",
    "Region": "eu-central-1",
    "Account": "123456789012",
    "Stack": "multi-auth-prod",
    "Table": "ApiKeys",
    "Function": "multi-auth-prod-Authorizer-EXAMPLE",
    "AccessLogGroup": "multi-auth-prod-AccessLogs-EXAMPLE",
    "LogGroup": "multi-auth-prod-AuthorizerLogs-EXAMPLE",
    "Prefix": "multi-auth-",
    "Boundary": "arn:aws:iam::123456789012:policy/multi-auth-boundary",
}
ACTIONS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
Calls = set[tuple[str, str]]
"""Actions and their resources."""


def recorded(client: "DynamoDBClient", commands: Callable[[], None]) -> Calls:
    """What the commands call on the table, as IAM authorizes it: a transaction by each of its members."""
    calls: Calls = set()

    def record(params: Any, model: Any, **_others: Any) -> None:
        resource = f"{TABLE}/index/{params['IndexName']}" if "IndexName" in params else TABLE
        members = [next(iter(item)) for item in params.get("TransactItems", [])]
        names = [ACTIONS[member] for member in members] or [model.name]
        calls.update((f"dynamodb:{name}", resource) for name in names)

    client.meta.events.register("provide-client-params.dynamodb", record)
    try:
        commands()
    finally:
        client.meta.events.unregister("provide-client-params.dynamodb", record)
    return calls


def of_dynamodb(name: str) -> Calls:
    """The actions of a policy on the table and its indexes."""
    return {
        (action, "index" if resource.endswith("/index/*") else "table")
        for statement in filled(name, VALUES)["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if action.startswith("dynamodb:")
    }


def by_kind(calls: Calls) -> Calls:
    return {(action, "index" if "/index/" in resource else "table") for action, resource in calls}


@pytest.fixture
def keys(dynamodb: "DynamoDBClient", table_name: str) -> KeysCommand:
    return KeysCommand(dynamodb, table_name)


def test_the_policy_of_an_operator_permits_what_the_commands_call_and_nothing_else(
    dynamodb: "DynamoDBClient", keys: KeysCommand
) -> None:
    def commands() -> None:
        created = keys.create("--expires-in", "90d")
        key_id = created["key_id"]
        for command in ("show", "history", "disable", "enable"):
            keys.json(command, key_id)
        keys.json("list")
        keys.json("list", "--consumer", "acme")
        keys.json("update", key_id, "--description", "x")
        keys.json("roll", key_id, "--grace", "1h")
        for words in (("list",), ("show", "acme"), ("disable", "acme", "--yes"), ("enable", "acme")):
            keys.json("consumer", *words)
        assert keys.run("export").exit_code == 0
        keys.json("verify", stdin=created["key"])
        keys.json("revoke", key_id, "--yes")
        keys.json("delete", key_id, "--yes")
        other = keys.create(consumer="globex")
        keys.run("leak", "-", "--yes", stdin=f"text {other['key']}")

    calls = recorded(dynamodb, commands)
    policy = filled("operator", VALUES)
    assert {call for call in calls if not permits(policy, *call)} == set()
    # PutItem outside a transaction and in one are the same action.
    assert by_kind(calls) == of_dynamodb("operator")


def test_the_policy_of_a_reader_permits_the_commands_that_read_and_no_write(
    dynamodb: "DynamoDBClient", keys: KeysCommand
) -> None:
    created = keys.create()

    def commands() -> None:
        keys.json("list")
        keys.json("list", "--consumer", "acme")
        keys.json("show", created["key_id"])
        keys.json("history", created["key_id"])
        keys.json("consumer", "list")
        keys.json("consumer", "show", "acme")
        assert keys.run("export").exit_code == 0
        keys.json("verify", stdin=created["key"])

    assert by_kind(recorded(dynamodb, commands)) == of_dynamodb("reader")


def test_an_operator_and_a_reader_read_no_stream_of_the_table_and_change_no_role() -> None:
    stream = f"{TABLE}/stream/2026-11-26T00:00:00.000"
    for name in ("operator", "reader", "doctor", "usage"):
        assert not any(action.startswith("iam:") for action in actions(filled(name, VALUES)))
        for action in ("dynamodb:GetRecords", "dynamodb:GetItem", "dynamodb:DescribeStream"):
            assert not permits(filled(name, VALUES), action, stream)


@pytest.mark.parametrize("action", ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"])
def test_a_deployer_gives_permissions_only_to_a_role_with_the_boundary(action: str) -> None:
    allowing = [each for each in filled("deployer", VALUES)["Statement"] if action in listed(each["Action"])]
    assert [each["Condition"]["StringEquals"] for each in allowing] == [{"iam:PermissionsBoundary": VALUES["Boundary"]}]


@pytest.mark.parametrize("action", ["iam:DeleteRolePermissionsBoundary", "iam:AttachRolePolicy", "iam:CreatePolicy"])
def test_a_deployer_cannot_leave_the_boundary(action: str) -> None:
    role = "arn:aws:iam::123456789012:role/multi-auth-prod-AuthorizerRole-EXAMPLE"
    assert not permits(filled("deployer", VALUES), action, role)


def test_a_deployer_passes_roles_of_its_prefix_to_lambda_alone() -> None:
    (passing,) = [each for each in filled("deployer", VALUES)["Statement"] if "iam:PassRole" in listed(each["Action"])]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    assert passing["Resource"] == "arn:aws:iam::123456789012:role/multi-auth-*"


def test_a_deployer_can_use_each_transform_of_the_template() -> None:
    transforms = load(Path("template.yaml"))["Transform"]
    for name in listed(transforms):
        resource = f"arn:aws:cloudformation:eu-central-1:aws:transform/{name.removeprefix('AWS::')}"
        assert permits(filled("deployer", VALUES), "cloudformation:CreateChangeSet", resource)


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_has_every_placeholder_filled_and_fits_into_a_managed_policy(name: str) -> None:
    assert Template(text(name)).is_valid()
    # IAM's quota for a managed policy: 6,144 characters, not counting white space.
    assert len(json.dumps(filled(name, VALUES), separators=(",", ":"))) <= 6144


def test_the_folder_has_the_policies_that_the_pages_link() -> None:
    assert sorted(NAMES) == sorted({*OF_CI, "doctor", "operator", "plans", "program", "reader", "usage"})
    assert sorted(path.name for path in FOLDER.iterdir()) == [f"{name}.json" for name in NAMES if name not in OF_CI]


ROLE_TEMPLATES = [Path("template.yaml"), *sorted(set(Path("stacks").glob("*/template.yaml")) - {CI})]


@pytest.mark.parametrize("template", ROLE_TEMPLATES, ids=str)
def test_the_boundary_of_the_deployers_roles_permits_what_the_roles_of_each_stack_do(template: Path) -> None:
    permitted = actions(filled("boundary", VALUES))
    for name, resource in load(template)["Resources"].items():
        if resource["Type"] != "AWS::IAM::Role":
            continue
        assert "PermissionsBoundary" in resource["Properties"], name
        for policy in resource["Properties"].get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                given = statement["Fn::If"][1] if "Fn::If" in statement else statement
                missing = set(listed(given["Action"])) - permitted
                assert given["Effect"] == "Deny" or not missing, name


def test_the_trust_policy_of_the_deployer_names_one_repository_and_one_environment() -> None:
    (statement,) = load(CI)["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": {"Fn::Sub": "repo:${Repository}:environment:${Environment}"},
        }
    }
