"""Every check of the suite on the emulator, and some of them with a fault in the deployed stacks."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from local.deployment import set_cache_seconds
from tests.aws.check import Check
from tests.aws.checks import CHECKS, limits
from tests.aws.deployed import Deployed
from tests.aws.run import result

pytestmark = pytest.mark.aws
BY_NAME = {check.name: check for check in CHECKS}


def marked(check: Check) -> Any:
    """The checks of usage plans wait 30 seconds for each new plan of a consumer, as they must on AWS."""
    marks = [pytest.mark.long] if check.run.__module__ == limits.__name__ else []
    return pytest.param(check, id=check.name, marks=marks)


@pytest.mark.parametrize("check", [marked(each) for each in CHECKS])
def test_the_statement_holds_on_the_emulator(check: Check, deployed: Deployed) -> None:
    made = result(check, deployed)
    if check.not_on_emulator:
        tried = result(replace(check, not_on_emulator=None), deployed)
        assert tried.outcome != "passed", f"the emulator can answer it: {check.not_on_emulator!r} no longer holds"
    if made.outcome == "skipped":
        pytest.skip(made.reason)
    assert made.outcome == "passed", made.reason


@contextmanager
def no_authorizer_cache(deployed: Deployed) -> Iterator[None]:
    gateway, api_id = deployed.place.client("apigateway"), deployed.main.resources["Api"]
    set_cache_seconds(gateway, api_id, 0)
    yield
    set_cache_seconds(gateway, api_id, deployed.cache_seconds)


@contextmanager
def a_role_that_writes(deployed: Deployed) -> Iterator[None]:
    iam, role = deployed.place.client("iam"), deployed.main.resources["AuthorizerRole"]
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=role, PolicyName="more", PolicyDocument=json.dumps(document))
    yield
    iam.delete_role_policy(RoleName=role, PolicyName="more")


@contextmanager
def another_challenge(deployed: Deployed) -> Iterator[None]:
    """The gateway response that API Gateway has without the template's."""
    gateway, api_id = deployed.place.client("apigateway"), deployed.main.resources["Api"]
    kept = gateway.get_gateway_response(restApiId=api_id, responseType="UNAUTHORIZED")
    gateway.delete_gateway_response(restApiId=api_id, responseType="UNAUTHORIZED")
    gateway.create_deployment(restApiId=api_id, stageName=deployed.stage)
    yield
    members = ("responseType", "statusCode", "responseParameters", "responseTemplates")
    gateway.put_gateway_response(restApiId=api_id, **{name: kept[name] for name in members})
    gateway.create_deployment(restApiId=api_id, stageName=deployed.stage)


@contextmanager
def no_table(deployed: Deployed) -> Iterator[None]:
    with deployed.changed_environment(API_KEYS_TABLE="no-such-table"):
        yield


FAULTS: dict[str, Callable[[Deployed], AbstractContextManager[None]]] = {
    "a_refused_credential_gets_the_same_401": another_challenge,
    "one_decision_answers_many_requests": no_authorizer_cache,
    "the_authorizers_role_permits_one_read": a_role_that_writes,
    "doctor_finds_no_fault": no_table,
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_check_finds_the_fault_of_the_deployed_stack(name: str, deployed: Deployed) -> None:
    with FAULTS[name](deployed):
        made = result(BY_NAME[name], deployed)
    assert made.outcome == "failed"
