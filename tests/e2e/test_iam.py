"""The emulator enforces IAM: the functions and `keys` do what they do with their documented permissions alone."""

import hashlib
import json
import subprocess
import time
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from local.deployment import STACK
from local.emulator import REGION, Endpoint
from local.session import client
from local.system import System, run_keys
from tests.e2e.conftest import Caller, Keys, policy_values
from tests.support.iam_users import iam_user
from tests.support.policies import filled


def role_of_the_authorizer(system: System) -> str:
    function = client(system.emulator, "lambda").get_function_configuration(
        FunctionName=system.deployment.authorizer_function
    )
    return str(function["Role"].rpartition("/")[2])


def test_the_authorizers_role_reads_one_table_and_writes_one_log_group(system: System) -> None:
    iam = client(system.emulator, "iam")
    document = iam.get_role_policy(RoleName=role_of_the_authorizer(system), PolicyName="authorizer")["PolicyDocument"]
    granted = {
        action
        for statement in document["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    assert granted == {"dynamodb:GetItem", "logs:CreateLogStream", "logs:PutLogEvents"}
    assert all("*" not in json.dumps(statement["Resource"]).removesuffix(':*"') for statement in document["Statement"])


def test_without_permission_to_read_the_table_an_api_key_is_503_and_a_jwt_is_not(
    system: System, keys: Keys, caller: Caller
) -> None:
    iam, role = client(system.emulator, "iam"), role_of_the_authorizer(system)
    made = keys.create()["key"]
    document = iam.get_role_policy(RoleName=role, PolicyName="authorizer")["PolicyDocument"]
    without = [statement for statement in document["Statement"] if statement["Action"] != "dynamodb:GetItem"]
    assert len(without) == len(document["Statement"]) - 1
    put = {"RoleName": role, "PolicyName": "authorizer"}
    iam.put_role_policy(**put, PolicyDocument=json.dumps(document | {"Statement": without}))
    try:
        assert caller.bearer(made).status == 503
        assert caller.bearer(system.jwt).status == 200
    finally:
        iam.put_role_policy(**put, PolicyDocument=json.dumps(document))
    deadline = time.monotonic() + 30
    while (status := caller.bearer(made).status) != 200 and time.monotonic() < deadline:
        pass
    assert status == 200


def test_a_user_without_permissions_can_list_no_keys(system: System) -> None:
    answer = run_keys(iam_user(system.emulator), system.deployment.table, "list")
    assert answer.returncode == 1
    assert "not authorized to perform: dynamodb:" in answer.stderr


def test_a_functions_role_cannot_be_signed_for_with_what_names_give_away(
    system: System, keys: Keys, caller: Caller
) -> None:
    """The emulator derives the credentials of a function from its name and role; in this system they are random."""
    assert caller.bearer(keys.create()["key"]).status == 200
    function = client(system.emulator, "lambda").get_function_configuration(
        FunctionName=system.deployment.authorizer_function
    )
    digest = hashlib.sha256(f"{function['FunctionArn']}:{function['Role']}".encode()).hexdigest()
    secret, token = (hashlib.sha256(f"{what}:{digest}".encode()).hexdigest() for what in ("secret", "token"))
    forged = boto3.client(
        "dynamodb",
        endpoint_url=system.emulator.endpoint_url,
        region_name=REGION,
        aws_access_key_id=f"ASIA{digest[:16].upper()}",
        aws_secret_access_key=secret,
        aws_session_token=token,
    )
    with pytest.raises(ClientError, match=r"security token|signature"):
        forged.get_item(TableName=system.deployment.table, Key={"pk": {"S": "0" * 64}})


def test_what_the_emulator_writes_is_below_the_checkout_and_its_owners_own(system: System) -> None:
    directory = system.emulator.log.parent
    assert (directory / "tmp").stat().st_mode & 0o777 == 0o700
    written = [file for file in (directory / "tmp" / "state").rglob("*") if file.is_file()]
    assert any(file.suffix == ".pem" for file in written)
    assert [file for file in written if file.stat().st_mode & 0o077] == []
    assert Path(".local").stat().st_mode & 0o077 == 0


KEYS = Path(".venv/bin/keys")


def holder(system: System, policy: str) -> Endpoint:
    """A user with exactly this policy of docs/policies, for the deployed stack."""
    return iam_user(system.emulator, *filled(policy, policy_values(system))["Statement"])


def run(user: Endpoint, *words: str) -> tuple[int, str]:
    """The exit code of a `keys` command on the stack, and its output, or its error message if it failed."""
    done = subprocess.run(
        [KEYS, *words, "--stack", STACK, "--output", "json"],
        env=user.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr if done.returncode else done.stdout


@pytest.fixture(scope="module")
def operator(system: System) -> Endpoint:
    return holder(system, "operator")


def test_an_operator_does_every_command_on_a_key_with_the_documented_policy(operator: Endpoint) -> None:
    code, printed = run(operator, "create", "--consumer", "initech")
    assert code == 0, printed
    key_id = json.loads(printed)["key_id"]
    for words in (
        ("list",),
        ("list", "--consumer", "initech"),
        ("show", key_id),
        ("update", key_id, "--description", "changed"),
        ("disable", key_id),
        ("enable", key_id),
        ("history", key_id),
        ("roll", key_id, "--grace", "1h"),
        ("consumer", "list"),
        ("consumer", "show", "initech"),
        ("revoke", key_id, "--yes"),
        ("export",),
    ):
        code, printed = run(operator, *words)
        assert code == 0, (words, printed)
    assert ":user/tests-" in run(operator, "history", key_id)[1]


def test_a_reader_reads_and_writes_nothing(system: System, operator: Endpoint) -> None:
    reader = holder(system, "reader")
    key_id = json.loads(run(operator, "create", "--consumer", "initrode")[1])["key_id"]
    for line in ("list", f"show {key_id}", f"history {key_id}"):
        code, printed = run(reader, *line.split())
        assert code == 0, (line, printed)
    for line in ("create --consumer initrode", f"revoke {key_id} --yes", f"disable {key_id}"):
        code, printed = run(reader, *line.split())
        assert (code, "not authorized" in printed) == (1, True), (line, printed)
