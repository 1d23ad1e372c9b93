"""The client for DynamoDB."""

from typing import TYPE_CHECKING, Final

import boto3
import botocore
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

VERSIONS: Final = {"boto3": boto3.__version__, "botocore": botocore.__version__}


def client(timeout_seconds: float) -> "DynamoDBClient":
    """Create a client that makes at most two attempts within this time, and keeps its connection open.

    Each attempt can wait for the connection, for TLS and for the response. Each further address of the endpoint adds
    one wait for a connection.
    """
    return boto3.client(
        "dynamodb",
        config=Config(
            connect_timeout=timeout_seconds / 8,
            read_timeout=timeout_seconds / 4,
            retries={"total_max_attempts": 2, "mode": "legacy"},
            tcp_keepalive=True,
            parameter_validation=False,
        ),
    )
