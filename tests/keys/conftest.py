"""The command `keys` on the template's table in moto."""

from typing import TYPE_CHECKING

import pytest

from tests.support.keys_command import KeysCommand

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def keys(dynamodb: "DynamoDBClient", table_name: str) -> KeysCommand:
    """The command `keys` on that table."""
    return KeysCommand(dynamodb, table_name)
