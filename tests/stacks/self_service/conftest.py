"""The self-service API on the template's table in moto."""

from typing import TYPE_CHECKING

import pytest

from tests.support.self_service import Api

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def api(dynamodb: "DynamoDBClient", table_name: str) -> Api:
    """The API, with two identity providers."""
    return Api(dynamodb, table_name)
