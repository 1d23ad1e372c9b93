"""The connection to the table that holds the keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class Table:
    """The table and the authorizer settings that decide which tokens are looked up in it; None if not known.

    `who` returns the identity of the caller, such as an IAM ARN.
    """

    client: DynamoDBClient
    name: str
    prefix: str | None
    accept_imported: bool | None
    who: Callable[[], str] = lambda: "unknown"
