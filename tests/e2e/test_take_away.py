"""docs/production.md, "Take it away": what refers to an authorizer is found, and what remains is what it names."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from local.build import FOLDER
from local.deployment import deploy_template, local_parameters
from local.session import client
from local.system import KEYS, System, create_key
from tests.e2e.conftest import DIRECTORY
from tests.e2e.test_examples import HTTP, REST

STACK = "going"
ELSEWHERE = Path("examples/another-account/template.yaml")
PAGE = Path("docs/production.md").read_text(encoding="utf-8").partition("## Take it away")[2]
KINDS = {"dynamodb": "table of keys", "logs": "log groups"}
"""What remains, and the words that the page has for it."""


def references(system: System) -> tuple[int, list[dict[str, str]]]:
    done = subprocess.run(
        [KEYS, "stack", "references", "--stack", STACK, "--output", "json"],
        env=system.emulator.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def existing(system: System) -> set[tuple[str, str]]:
    """The resources of the emulator, each with its service, of all services that a stack of the authorizer uses."""
    made: Any = {name: client(system.emulator, name) for name in ("dynamodb", "logs", "lambda", "iam", "apigateway")}
    found = {("dynamodb", name) for name in made["dynamodb"].list_tables()["TableNames"]}
    found |= {("logs", group["logGroupName"]) for group in made["logs"].describe_log_groups()["logGroups"]}
    found |= {("lambda", each["FunctionName"]) for each in made["lambda"].list_functions()["Functions"]}
    found |= {("iam", role["RoleName"]) for role in made["iam"].list_roles()["Roles"]}
    found |= {("apigateway", api["id"]) for api in made["apigateway"].get_rest_apis()["items"]}
    return found


def delete(system: System, stack: str) -> None:
    formation = client(system.emulator, "cloudformation")
    formation.delete_stack(StackName=stack)
    formation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})


def test_what_refers_to_the_authorizer_is_found_and_its_removal_leaves_what_the_page_names(system: System) -> None:
    before, log = existing(system), DIRECTORY / f"{STACK}.log"
    given = {**local_parameters(), "SampleApi": "None", "TableRemovalPolicy": "Retain"}
    made = deploy_template(system.emulator, FOLDER / "template.yaml", STACK, given, log)
    create_key(system.emulator, made["ApiKeysTable"], "--consumer", "acme")
    assert references(system) == (0, [])

    (stack,) = client(system.emulator, "cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    arn = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}["AuthorizerFunctionArn"]
    function = {"AuthorizerFunctionArn": arn}
    rest = deploy_template(system.emulator, REST, "going-rest", function, log)["Api"]
    http = deploy_template(system.emulator, HTTP, "going-http", function, log)["Api"]
    other = {**function, "ApiAccount": "444455556666", "ApiId": "a1b2c3d4e5"}
    deploy_template(system.emulator, ELSEWHERE, "going-elsewhere", other, log)
    code, found = references(system)
    assert (code, {(each["kind"], each["id"]) for each in found}) == (
        7,
        {("REST API", rest), ("HTTP API", http), ("permission", "a1b2c3d4e5")},
    )

    for name in ("going-elsewhere", "going-http", "going-rest"):
        delete(system, name)
    assert references(system) == (0, [])
    delete(system, STACK)

    remained = existing(system) - before
    assert {service for service, _name in remained} == KINDS.keys()
    assert all(words in PAGE for words in KINDS.values())
    dynamodb, logs = client(system.emulator, "dynamodb"), client(system.emulator, "logs")
    for service, name in remained:
        if service == "dynamodb":
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
            dynamodb.delete_table(TableName=name)
        else:
            logs.delete_log_group(logGroupName=name)
    assert existing(system) == before


def test_the_page_has_the_command_for_each_kind_that_remains() -> None:
    commands = set(re.findall(r"aws (\w+) (delete-[a-z-]+)", PAGE))
    assert commands == {("dynamodb", "delete-table"), ("logs", "delete-log-group")}
