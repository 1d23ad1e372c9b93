"""One local system for all end-to-end tests, and its log beside whatever fails."""

import json
import shutil
from collections.abc import Generator, Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from local.deployment import STACK
from local.emulator import REGION, Endpoint
from local.session import client
from local.stacks import deploy_self_service, deploy_usage
from local.step import StepError, tail
from local.system import System, create_key, run_keys, running_system
from tests.support.iam_users import iam_user
from tests.support.issuer import Issuer
from tests.support.tokens import ALL_TYPES

DIRECTORY = Path(".local") / f"test-{uuid4().hex[:8]}"
CACHE_SECONDS = 1


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and "e2e" in item.path.parts:
        report.sections.append(("Emulator's log", tail(DIRECTORY / "emulator.log", 60)))
    return report


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    with Issuer(*ALL_TYPES).serving() as issuer:
        yield issuer


@pytest.fixture(scope="session")
def system(issuer: Issuer) -> Iterator[System]:
    """The whole system, with the tests' own issuer beside Cognito, and short caches."""

    caches = dict.fromkeys(("AuthorizerCacheSeconds", "ApiKeyCacheSeconds"), str(CACHE_SECONDS))
    try:
        with running_system(DIRECTORY, caches, [issuer.provider()]) as system:
            yield system
    except StepError as error:
        pytest.fail(f"{error.what}\n{error.details}", pytrace=False)
    shutil.rmtree(DIRECTORY)


@pytest.fixture(scope="session")
def usage_stack(system: System) -> dict[str, str]:
    """The outputs of the stack of usage."""
    return deploy_usage(system.emulator, system.deployment.table, DIRECTORY)


@pytest.fixture(scope="session")
def self_service_page(system: System) -> str:
    """The address of the page of self-service."""
    return deploy_self_service(system.emulator, system.deployment.table, DIRECTORY)["page"]


def policy_values(system: System) -> dict[str, str]:
    """The names of the deployment, for the placeholders of docs/policies."""
    return {
        "Partition": "aws",
        "Region": REGION,
        "Account": "000000000000",
        "Stack": STACK,
        "Table": system.deployment.table,
        "Function": system.deployment.authorizer_function,
    }


class Caller:
    """Sends requests to a deployed API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def send(
        self,
        *authorization: str,
        path: str = "/me",
        method: str = "GET",
        header: str = "Authorization",
        source: str = "127.0.0.1",
        forwarded_for: str | None = None,
    ) -> "Answer":
        """Send a request from an address of this machine."""
        url = urlsplit(self.url + path)
        connection = HTTPConnection(url.hostname or "", url.port, timeout=30, source_address=(source, 0))
        try:
            connection.putrequest(method, url.path)
            for value in authorization:
                connection.putheader(header, value)
            if forwarded_for:
                connection.putheader("X-Forwarded-For", forwarded_for)
            connection.endheaders()
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def bearer(self, token: str) -> "Answer":
        return self.send(f"Bearer {token}")


class Answer:
    """Status, headers and JSON body of a response."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        text = response.read().decode()
        self.body: Any = json.loads(text) if text else None


@pytest.fixture
def caller(system: System) -> Caller:
    return Caller(system.deployment.url)


class Keys:
    """Makes API keys and changes them, through the `keys` command and behind its back."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._table = system.deployment.table
        self.dynamodb = client(system.emulator, "dynamodb")

    def create(self, *arguments: str) -> dict[str, str]:
        return create_key(self._system.emulator, self._table, *(arguments or ("--consumer", "acme")))

    def run(self, command: str, *arguments: str) -> None:
        answer = run_keys(self._system.emulator, self._table, command, *arguments)
        assert answer.returncode == 0, answer.stderr

    def update(self, digest: str, expression: str, values: dict[str, Any]) -> None:
        self.dynamodb.update_item(
            TableName=self._table,
            Key={"pk": {"S": digest}},
            UpdateExpression=expression,
            ExpressionAttributeValues=values,
        )

    def put(self, pk: str, attributes: dict[str, Any]) -> None:
        """Write attributes of an item, and create it if there is none."""
        key = {"pk": {"S": pk}}
        item = self.dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item", key)
        self.dynamodb.put_item(TableName=self._table, Item={**item, **attributes})


@pytest.fixture
def keys(system: System) -> Keys:
    return Keys(system)


@pytest.fixture(scope="session")
def administrator(system: System) -> Endpoint:
    """An IAM user who may do everything that IAM governs."""
    return iam_user(system.emulator, {"Effect": "Allow", "Action": "*", "Resource": "*"})
