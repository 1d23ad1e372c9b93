"""Fixtures of the unit tests: the template's table in moto."""

import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from tests.unit.keys_command import KeysCommand
from tests.unit.table_schema import create_table_arguments, dynamodb_client, load_template

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def pytest_collection_finish() -> None:
    """Exclude the imported modules from garbage collection, which is faster."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def table_name() -> str:
    return "ApiKeys"


@pytest.fixture
def dynamodb(table_name: str) -> "Iterator[DynamoDBClient]":
    """A moto client with the template's table, which is empty."""
    with mock_aws():
        client = dynamodb_client()
        client.create_table(TableName=table_name, **create_table_arguments(load_template()))
        yield client


@pytest.fixture
def keys(dynamodb: "DynamoDBClient", table_name: str) -> KeysCommand:
    """The command `keys` on that table."""
    return KeysCommand(dynamodb, table_name)
