"""The table that the keys are in, as far as their life needs to know it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class Table:
    """The table; the two settings of its authorizer that decide which tokens it looks up there, None where they are not
    known; and who it is that the table is reached as.
    """

    client: DynamoDBClient
    name: str
    prefix: str | None
    accept_imported: bool | None
    who: Callable[[], str] = lambda: "unknown"
