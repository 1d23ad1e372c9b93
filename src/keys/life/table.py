"""The table that the keys are in, as far as their life needs to know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class Table:
    """The table, and the two settings of its authorizer that decide which tokens it looks up there."""

    client: DynamoDBClient
    name: str
    prefix: str
    accept_imported: bool
