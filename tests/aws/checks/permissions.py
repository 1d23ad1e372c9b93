"""The authorizer's role and the policies of docs/policies, as IAM evaluates them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any, Final

from local.template_file import load
from tests.aws.check import Failed, check, expect
from tests.aws.deployed import Deployed
from tests.support.policies import NAMES, actions, filled, of_self_service

SERIOUS: Final = frozenset({"ERROR", "SECURITY_WARNING", "WARNING"})


def _values(deployed: Deployed) -> dict[str, str]:
    """The values of the placeholders of all policies."""
    partition, account = deployed.main.id.split(":")[1], deployed.main.id.split(":")[4]
    return {
        "Partition": partition,
        "Region": deployed.place.region,
        "Account": account,
        "Stack": deployed.main.name,
        "Table": deployed.main.outputs["ApiKeysTableName"],
        "Function": deployed.main.outputs["AuthorizerFunctionName"],
        "LogGroup": deployed.main.outputs["AuthorizerLogGroup"],
        # Without an access log, the policy of its reader is checked for a name that an access log could have.
        "AccessLogGroup": deployed.main.outputs.get("AccessLogGroup", f"{deployed.main.name}-AccessLogs-EXAMPLE"),
        "Prefix": "multi-auth-",
        "Boundary": f"arn:{partition}:iam::{account}:policy/multi-auth-boundary",
    }


def _table(values: Mapping[str, str]) -> str:
    return f"arn:{values['Partition']}:dynamodb:{values['Region']}:{values['Account']}:table/{values['Table']}"


def _expect_allowed(what: str, answer: Mapping[str, Any], wanted: Iterable[str]) -> None:
    """:raises Failed: the actions that the simulation allows are others."""
    allowed = sorted(
        each["EvalActionName"] for each in answer["EvaluationResults"] if each["EvalDecision"] == "allowed"
    )
    expect(f"actions that {what} permits", allowed, sorted(wanted))


@check(
    "README.md",
    "The authorizer's role permits `GetItem` on the table, and writing its own log.",
    needs=("iam:SimulatePrincipalPolicy",),
)
def the_authorizers_role_permits_one_read(deployed: Deployed) -> None:
    values = _values(deployed)
    functions, iam = deployed.place.client("lambda"), deployed.place.client("iam")
    role = functions.get_function_configuration(FunctionName=values["Function"])["Role"]
    tried = ["GetItem", "BatchGetItem", "Query", "Scan", "PutItem", "UpdateItem", "DeleteItem", "DescribeTable"]
    for what, resource, wanted in (
        ("the role on the table", _table(values), ["dynamodb:GetItem"]),
        ("the role on another table", f"{_table(values)}-other", []),
        ("the role on an index", f"{_table(values)}/index/by_consumer", []),
    ):
        answer = iam.simulate_principal_policy(
            PolicySourceArn=role, ActionNames=[f"dynamodb:{name}" for name in tried], ResourceArns=[resource]
        )
        _expect_allowed(what, answer, wanted)


@check(
    "docs/operations.md",
    "Permits every command of `keys` except `doctor`, `plan` and `usage`.",
    needs=("iam:SimulateCustomPolicy",),
)
def the_policies_permit_what_they_say(deployed: Deployed) -> None:
    values, iam = _values(deployed), deployed.place.client("iam")
    reads, writes = ["GetItem", "Scan"], ["ConditionCheckItem", "DeleteItem", "PutItem", "UpdateItem"]
    tried = [*reads, *writes, "DeleteTable", "UpdateTable"]
    for name, wanted in (("operator", [*reads, *writes]), ("reader", reads)):
        answer = iam.simulate_custom_policy(
            PolicyInputList=[json.dumps(filled(name, values))],
            ActionNames=[f"dynamodb:{action}" for action in tried],
            ResourceArns=[_table(values)],
        )
        _expect_allowed(f"{name}.json", answer, [f"dynamodb:{action}" for action in wanted])


@check(
    "docs/operations.md",
    "IAM Access Analyzer has no error, security warning or warning about them.",
    needs=("access-analyzer:ValidatePolicy",),
    not_on_emulator="it has no IAM Access Analyzer",
)
def the_policies_are_valid(deployed: Deployed) -> None:
    values, analyzer = _values(deployed), deployed.place.client("accessanalyzer")
    for name in NAMES:
        policy = filled(name, values)
        answer = analyzer.validate_policy(policyDocument=json.dumps(policy), policyType="IDENTITY_POLICY")
        found = [each["issueCode"] for each in answer["findings"] if each["findingType"] in SERIOUS]
        if found:
            raise Failed(f"{name}.json, with {len(actions(policy))} actions: {', '.join(found)}")


@check(
    "SECURITY.md",
    "GetItem, PutItem, UpdateItem and Query for owners and keys only, by `dynamodb:LeadingKeys`",
    needs=("iam:SimulateCustomPolicy",),
    not_on_emulator="the emulator's simulation takes no context entries",
)
def the_role_of_self_service_is_bound_to_items(deployed: Deployed) -> None:
    values, iam = _values(deployed), deployed.place.client("iam")
    names = {**values, "TableName": values["Table"], "UsageTableName": f"{values['Table']}-usage"}
    policy = Template(json.dumps(of_self_service())).substitute(names)
    tried = [f"dynamodb:{name}" for name in ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem")]
    writes = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    for key, wanted in (
        ("owner#" + "0" * 64, writes),
        ("0" * 64, writes),
        ("subject#" + "0" * 64, ["dynamodb:ConditionCheckItem", "dynamodb:GetItem"]),
        ("consumer#" + "x" * 55, []),
        ("consumer#acme", []),
    ):
        leading = {"ContextKeyName": "dynamodb:LeadingKeys", "ContextKeyType": "stringList", "ContextKeyValues": [key]}
        answer = iam.simulate_custom_policy(
            PolicyInputList=[policy], ActionNames=tried, ResourceArns=[_table(values)], ContextEntries=[leading]
        )
        _expect_allowed(f"the role on {key[:12]}", answer, wanted)


@check(
    "docs/operations.md",
    "Its code is denied the role's permissions for network interfaces.",
    needs=("iam:SimulateCustomPolicy",),
    not_on_emulator="its simulations have no context",
)
def the_code_of_a_function_in_a_vpc_cannot_change_network_interfaces(deployed: Deployed) -> None:
    role = load(Path("template.yaml"))["Resources"]["AuthorizerRole"]["Properties"]
    (policy,) = role["Policies"]
    in_vpc = [
        each["Fn::If"][1] for each in policy["PolicyDocument"]["Statement"] if each.get("Fn::If", [""])[0] == "InVpc"
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": in_vpc})
    function = deployed.main.outputs["AuthorizerFunctionArn"]
    key = "lambda:SourceFunctionArn"
    context = {"ContextKeyName": key, "ContextKeyValues": [function], "ContextKeyType": "string"}
    action, iam = "ec2:CreateNetworkInterface", deployed.place.client("iam")
    for what, entries, wanted in (("Lambda's service", [], [action]), ("the function's code", [context], [])):
        answer = iam.simulate_custom_policy(
            PolicyInputList=[document], ActionNames=[action], ResourceArns=["*"], ContextEntries=entries
        )
        _expect_allowed(f"the role of a function in a VPC, for {what},", answer, wanted)
