"""The stack of the deployment workflow: its role under the emulator's IAM, and the workflow's steps as the role."""

import base64
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
import yaml
from botocore.exceptions import ClientError

from local import environment
from local.build import target
from local.deployment import deploy_template
from local.emulator import Endpoint, signed
from local.session import client
from local.system import System
from tests.e2e.conftest import DIRECTORY
from tests.e2e.test_examples import REST
from tests.support.checkout import copy_checkout

ACCOUNT: Final = "000000000000"
PREFIX: Final = "delivered-"
STACK: Final = f"{PREFIX}ci"
REPOSITORY: Final = "acme/gateway"
BUCKET: Final = "aws-sam-cli-managed-default-local"
ISSUER: Final = "token.actions.githubusercontent.com"
SUBJECT: Final = f"repo:{REPOSITORY}:environment:test"
STEPS: Final[list[dict[str, Any]]] = yaml.safe_load(Path("examples/ci/deploy.yaml").read_text(encoding="utf-8"))[
    "jobs"
]["deploy"]["steps"]


@pytest.fixture(scope="module")
def outputs(system: System) -> dict[str, str]:
    """The outputs of `stacks/ci`, deployed by the administrator."""
    parameters = {"Repository": REPOSITORY, "Environment": "test", "Prefix": PREFIX, "Acceptance": "true"}
    # The emulator has no AWS::IAM::OIDCProvider, and needs none to read a token.
    parameters["ExistingProvider"] = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
    deploy_template(system.emulator, Path("stacks/ci/template.yaml"), STACK, parameters, DIRECTORY / "ci.log")
    (stack,) = client(system.emulator, "cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def assume(system: System, role: str, **claims: str) -> Endpoint:
    """What `configure-aws-credentials` does with the token of a job.

    :raises urllib.error.HTTPError: the role's trust policy refuses the token.
    """
    given = {"iss": f"https://{ISSUER}", "aud": "sts.amazonaws.com", "sub": SUBJECT, **claims}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({}, given)]
    query = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": role,
        "RoleSessionName": "job",
        "WebIdentityToken": ".".join([*parts, "c2ln"]),
    }
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    request = signed(system.emulator, "/", urlencode(query).encode(), "sts", **form)
    with urllib.request.urlopen(request) as answer:
        tree = ElementTree.fromstring(answer.read())  # noqa: S314 - of the emulator
    found = {each.tag.rpartition("}")[2]: each.text or "" for each in tree.iter()}
    return Endpoint(
        system.emulator.endpoint_url,
        found["AccessKeyId"],
        secret_key=found["SecretAccessKey"],
        session_token=found["SessionToken"],
    )


@pytest.fixture(scope="module")
def deployer(system: System, outputs: dict[str, str]) -> Endpoint:
    return assume(system, outputs["RoleArn"])


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": f"repo:{REPOSITORY}:environment:production"},
        {"sub": f"repo:{REPOSITORY}:ref:refs/heads/main"},
        {"sub": f"repo:{REPOSITORY}:pull_request"},
        {"sub": "repo:acme/gateway2:environment:test"},
        {"sub": "repo:other/gateway:environment:test"},
        {"aud": "https://github.com/acme"},
        {"iss": "https://token.actions.example.com"},
    ],
    ids=lambda claims: "-".join(claims.values()),
)
def test_only_a_job_of_the_repository_and_environment_gets_the_role(
    claims: dict[str, str], system: System, outputs: dict[str, str]
) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403"):
        assume(system, outputs["RoleArn"], **claims)


def trust(service: str = "lambda.amazonaws.com") -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def roles(system: System, deployer: Endpoint, outputs: dict[str, str]) -> Iterator[dict[str, str]]:
    """A role that the deployer made, and two that an administrator made: without the boundary, of another name."""
    made = {}
    boundary = {"PermissionsBoundary": outputs["BoundaryArn"]}
    for name, user, given in (
        (f"{PREFIX}own", deployer, boundary),
        (f"{PREFIX}free", system.emulator, {}),
        ("administrators", system.emulator, {}),
    ):
        answer = client(user, "iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust(), **given)
        made[name] = answer["Role"]["Arn"]
    yield made
    for name in made:
        client(system.emulator, "iam").delete_role(RoleName=name)


EVERYTHING: Final = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)
ADMINISTRATOR: Final = "arn:aws:iam::aws:policy/AdministratorAccess"
OWN: Final = f"{PREFIX}own"
REFUSED: Final[dict[str, Callable[[Any, dict[str, str]], object]]] = {
    "make a role without the boundary": lambda iam, _: iam.create_role(
        RoleName=f"{PREFIX}more", AssumeRolePolicyDocument=trust()
    ),
    "make a role with another boundary": lambda iam, _: iam.create_role(
        RoleName=f"{PREFIX}more", AssumeRolePolicyDocument=trust(), PermissionsBoundary=ADMINISTRATOR
    ),
    "make a role of another name": lambda iam, given: iam.create_role(
        RoleName="more", AssumeRolePolicyDocument=trust(), PermissionsBoundary=given["BoundaryArn"]
    ),
    "drop the boundary": lambda iam, _: iam.delete_role_permissions_boundary(RoleName=OWN),
    "change the boundary": lambda iam, _: iam.put_role_permissions_boundary(
        RoleName=OWN, PermissionsBoundary=ADMINISTRATOR
    ),
    "permit a role without the boundary more": lambda iam, _: iam.put_role_policy(
        RoleName=f"{PREFIX}free", PolicyName="more", PolicyDocument=EVERYTHING
    ),
    "attach a policy": lambda iam, _: iam.attach_role_policy(RoleName=OWN, PolicyArn=ADMINISTRATOR),
    "change the content of the boundary": lambda iam, given: iam.create_policy_version(
        PolicyArn=given["BoundaryArn"], PolicyDocument=EVERYTHING, SetAsDefault=True
    ),
    "permit itself more": lambda iam, given: iam.put_role_policy(
        RoleName=given["RoleArn"].rpartition("/")[2], PolicyName="more", PolicyDocument=EVERYTHING
    ),
    "put the boundary onto itself": lambda iam, given: iam.put_role_permissions_boundary(
        RoleName=given["RoleArn"].rpartition("/")[2], PermissionsBoundary=given["BoundaryArn"]
    ),
    "let others assume it": lambda iam, given: iam.update_assume_role_policy(
        RoleName=given["RoleArn"].rpartition("/")[2], PolicyDocument=trust("ec2.amazonaws.com")
    ),
}


@pytest.mark.usefixtures("roles")
@pytest.mark.parametrize("what", REFUSED)
def test_the_deployer_cannot(what: str, deployer: Endpoint, outputs: dict[str, str]) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        REFUSED[what](client(deployer, "iam"), outputs)


@pytest.mark.usefixtures("roles")
def test_the_deployer_permits_more_to_a_role_that_has_the_boundary(deployer: Endpoint, outputs: dict[str, str]) -> None:
    iam = client(deployer, "iam")
    iam.put_role_policy(RoleName=OWN, PolicyName="more", PolicyDocument=EVERYTHING)
    iam.put_role_permissions_boundary(RoleName=OWN, PermissionsBoundary=outputs["BoundaryArn"])
    iam.delete_role_policy(RoleName=OWN, PolicyName="more")


@pytest.mark.parametrize(("role", "is_passed"), [(OWN, True), ("administrators", False), ("ci", False)])
def test_the_deployer_passes_a_function_only_roles_of_its_prefix(
    role: str, is_passed: bool, deployer: Endpoint, roles: dict[str, str], outputs: dict[str, str]
) -> None:
    functions = client(deployer, "lambda")
    given = {"FunctionName": f"{PREFIX}passed", "Runtime": "python3.11", "Handler": "a.b"}
    arn = outputs["RoleArn"] if role == "ci" else roles[role]
    code = {"ZipFile": b"PK\x05\x06" + bytes(18)}
    if is_passed:
        functions.create_function(**given, Role=arn, Code=code)
        functions.delete_function(FunctionName=given["FunctionName"])
        return
    with pytest.raises(ClientError, match="AccessDenied"):
        functions.create_function(**given, Role=arn, Code=code)


@pytest.mark.parametrize("stack", [STACK, "multi-auth-local"])
def test_the_deployer_cannot_delete_its_own_stack_nor_one_of_another_prefix(stack: str, deployer: Endpoint) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        client(deployer, "cloudformation").delete_stack(StackName=stack)


@pytest.fixture
def workspace(tmp_path: Path, outputs: dict[str, str], system: System) -> Path:
    """The two checkouts of the workflow, with settings for the local system.

    The policy of the bucket that SAM makes refuses requests without TLS, which the emulator does not have. So the
    bucket is there, with a name that the role can use.
    """
    client(system.emulator, "s3").create_bucket(Bucket=BUCKET)
    copy_checkout(Path.cwd(), tmp_path / "product")
    settings = tmp_path / "settings"
    settings.mkdir()
    text = Path("examples/ci/multi-auth.toml").read_text(encoding="utf-8")
    text = text.replace('"multi-auth-test"', f'"{PREFIX}test"').replace("resolve_s3 = true", f's3_bucket = "{BUCKET}"')
    for line in text.splitlines():
        if line.startswith("PermissionsBoundary"):
            own = {"PermissionsBoundary": outputs["BoundaryArn"], "TableRemovalPolicy": "Delete", **target()}
            text = text.replace(line, "\n".join(f'{name} = "{value}"' for name, value in own.items()), 1)
            break
    lines = "\n".join(f'{name} = "{value}"' for name, value in target().items())
    (settings / "multi-auth.toml").write_text(f"{text}\n[test.build.parameters.parameter_overrides]\n{lines}\n")
    rules = '[[rule]]\nroute = "POST /reports"\nscopes = ["reports:write"]\n'
    (settings / "mine.toml").write_text(rules, encoding="utf-8")
    shutil.copy(REST, settings / "api.yaml")
    return tmp_path


def test_the_steps_of_the_workflow_deploy_the_authorizer_as_the_role(
    workspace: Path, deployer: Endpoint, system: System, outputs: dict[str, str]
) -> None:
    given = {**environment.download(), **deployer.environment(), "PATH": os.environ["PATH"]}
    given |= {"SETTINGS": "../settings/multi-auth.toml", "ENVIRONMENT": "test", "STACK": f"{PREFIX}test"}
    given |= {"ACCOUNT_ID": ACCOUNT, "BOUNDARY": outputs["BoundaryArn"]}
    for step in STEPS:
        if "run" not in step:
            continue
        done = subprocess.run(
            # As GitHub runs a step without `shell`.
            ["bash", "-e", "-c", step["run"]],  # noqa: S607
            cwd=workspace / "product",
            env=given,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if "make acceptance" in step["run"]:
            # The suite runs in an AWS account alone: here it stops before it makes anything.
            assert (done.returncode, "which is not AWS" in done.stderr) == (2, True), done.stderr
        else:
            assert done.returncode == 0, f"{step['run']}\n{done.stdout}{done.stderr}"
    formation = client(system.emulator, "cloudformation")
    (stack,) = formation.describe_stacks(StackName=f"{PREFIX}test")["Stacks"]
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    # The emulator makes the roles of a stack without their boundary.
    assert (parameters["PermissionsBoundary"], parameters["AuthConfig"]) == (outputs["BoundaryArn"], "mine.toml")
    resources = formation.describe_stack_resources(StackName=f"{PREFIX}test")["StackResources"]
    made = [each["PhysicalResourceId"] for each in resources if each["ResourceType"] == "AWS::IAM::Role"]
    assert made
    assert all(name.startswith(PREFIX) for name in made)
