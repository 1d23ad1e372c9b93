"""What the unit tests share: the template's table in an imitation of DynamoDB."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from tests.unit.keys_command import KeysCommand
from tests.unit.table_schema import create_table_arguments, load_template

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture(scope="session")
def dynamodb_client() -> "DynamoDBClient":
    """One client for all tests, since making one takes longer than most of them."""
    return boto3.client("dynamodb", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def table_name() -> str:
    return "ApiKeys"


@pytest.fixture
def dynamodb(dynamodb_client: "DynamoDBClient", table_name: str) -> "Iterator[DynamoDBClient]":
    """A client of a DynamoDB that has the template's table, empty."""
    with mock_aws():
        dynamodb_client.create_table(TableName=table_name, **create_table_arguments(load_template()))
        yield dynamodb_client


@pytest.fixture
def keys(dynamodb: "DynamoDBClient", table_name: str) -> KeysCommand:
    """The operators' command on that table."""
    return KeysCommand(dynamodb, table_name)
