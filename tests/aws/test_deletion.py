"""The suite deletes its own stacks with all that they made, and nothing else. On the emulator."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.aws.emulated import Emulated
from tests.aws.stacks import Remnant, Stacks

KEEPS = """
Resources:
  Keys:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties:
      BillingMode: PAY_PER_REQUEST
      DeletionProtectionEnabled: true
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
  Lines:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: RetainExceptOnCreate
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    file = tmp_path / "template.yaml"
    file.write_text(KEEPS, encoding="utf-8")
    return file


@pytest.fixture
def stacks(emulated: Emulated, tmp_path: Path) -> Iterator[Stacks]:
    made = Stacks(emulated, f"multi-auth-accept-{uuid4().hex[:8]}", tmp_path)
    yield made
    made.delete()


class Resources:
    """What exists in the emulator."""

    def __init__(self, emulated: Emulated) -> None:
        self._emulated = emulated

    def tables(self) -> set[str]:
        return set(self._emulated.client("dynamodb").list_tables()["TableNames"])

    def groups(self) -> set[str]:
        pages = self._emulated.client("logs").get_paginator("describe_log_groups").paginate()
        return {group["logGroupName"] for page in pages for group in page["logGroups"]}

    def all(self) -> set[str]:
        return self.tables() | self.groups()


@pytest.fixture
def resources(emulated: Emulated) -> Resources:
    return Resources(emulated)


def test_retained_tables_and_log_groups_are_deleted_too(stacks: Stacks, template: Path, resources: Resources) -> None:
    before = resources.all()
    stack = stacks.deploy("keeps", template, {})
    assert resources.all() - before == {stack.resources["Keys"], stack.resources["Lines"]}
    assert stacks.delete() == []
    assert resources.all() == before


def test_nothing_of_another_run_is_deleted(stacks: Stacks, template: Path, emulated: Emulated, tmp_path: Path) -> None:
    other = Stacks(emulated, f"{stacks.run}-other", tmp_path)
    table = other.deploy("keeps", template, {}).resources["Keys"]
    stacks.deploy("keeps", template, {})
    assert stacks.delete() == []
    assert table in Resources(emulated).tables()
    assert other.delete() == []


def test_a_deletion_that_fails_is_listed_and_the_others_are_made(
    emulated: Emulated, tmp_path: Path, template: Path, resources: Resources
) -> None:
    class Denied:
        """A place in which no log group may be deleted."""

        def __getattr__(self, name: str) -> Any:
            return getattr(emulated, name)

        def client(self, service: str) -> Any:
            client = emulated.client(service)
            if service == "logs":
                client.delete_log_group = self.refuse
            return client

        def refuse(self, **_arguments: str) -> None:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DeleteLogGroup")

    place: Any = Denied()
    run = f"multi-auth-accept-{uuid4().hex[:8]}"
    stacks = Stacks(place, run, tmp_path)
    stack = stacks.deploy("keeps", template, {})
    (remnant,) = stacks.delete()
    assert remnant.what == f"AWS::Logs::LogGroup {stack.resources['Lines']}"
    assert "AccessDeniedException" in remnant.why
    assert stack.resources["Keys"] not in resources.tables()
    assert stack.resources["Lines"] in resources.groups()


def test_a_remnant_is_told_with_its_reason() -> None:
    assert str(Remnant("stack x", "denied")) == "stack x: denied"
