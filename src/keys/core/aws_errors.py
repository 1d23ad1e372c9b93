"""Errors of boto3 and AWS as errors of this package."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from botocore import exceptions

from keys.core.errors import BadInput, Code, KeysError, NotFound, ServiceFailure

if TYPE_CHECKING:
    from keys.core.table import Table

_OTHER_SCHEMA: Final = re.compile("specified index|provided key element", re.IGNORECASE)


def translate(error: Exception, table: Table | None = None) -> KeysError | None:
    """The error as a `KeysError`; None if it is not an error of boto3 or AWS. `table`: the table that was used."""
    if isinstance(error, exceptions.ClientError):
        name, reason = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        named = f"{table.name} in {table.client.meta.region_name}" if table else "of this command"
        if name == "ResourceNotFoundException":
            return NotFound(Code.TABLE_NOT_FOUND, table=named)
        if name == "ValidationException" and _OTHER_SCHEMA.search(reason):
            return BadInput(Code.TABLE_OF_OTHER_KIND, table=named)
        reason = f"{reason.rstrip('.')}." if reason else "AWS gave no reason."
        return ServiceFailure(Code.AWS_REFUSED, operation=error.operation_name, error=name, reason=reason)
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return ServiceFailure(Code.NO_CREDENTIALS)
    if isinstance(error, exceptions.NoRegionError):
        return ServiceFailure(Code.NO_REGION)
    if isinstance(error, exceptions.ProfileNotFound):
        return ServiceFailure(Code.PROFILE_NOT_FOUND, profile=error.kwargs.get("profile", ""))
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return ServiceFailure(Code.AWS_UNREACHABLE, endpoint=error.kwargs.get("endpoint_url", "AWS"))
    return ServiceFailure(Code.AWS_CLIENT_FAILED, reason=error) if isinstance(error, exceptions.BotoCoreError) else None
