"""Errors of boto3 and AWS, translated into errors that name the remedy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from botocore import exceptions

from keys.core.errors import BadInput, KeysError, NotFound, ServiceFailure

if TYPE_CHECKING:
    from keys.core.table import Table

_UNKNOWN_CREDENTIALS: Final = "AWS does not know these credentials. Sign in again, or specify others with --profile."
_EXPIRED_CREDENTIALS: Final = "The credentials have expired. Sign in again."
_THROTTLED_TABLE: Final = "DynamoDB throttles the table. Try again in a moment."
_OTHER_SCHEMA: Final = re.compile("specified index|provided key element", re.IGNORECASE)
_REMEDIES: Final = {
    "AccessDeniedException": "The credentials lack a permission. Extend their policy, or use others with --profile.",
    "UnrecognizedClientException": _UNKNOWN_CREDENTIALS,
    "InvalidClientTokenId": _UNKNOWN_CREDENTIALS,
    "InvalidSignatureException": "The signature is wrong. Check the secret access key and the clock of this machine.",
    "ExpiredTokenException": _EXPIRED_CREDENTIALS,
    "ExpiredToken": _EXPIRED_CREDENTIALS,
    "ProvisionedThroughputExceededException": _THROTTLED_TABLE,
    "ThrottlingException": _THROTTLED_TABLE,
    "RequestLimitExceeded": "AWS throttles the account. Try again in a moment.",
}


def translate(error: Exception, table: Table | None = None) -> KeysError | None:
    """The error as a `KeysError`; None if it is not an error of boto3 or AWS. `table`: the table that was used."""
    if isinstance(error, exceptions.ClientError):
        code = error.response["Error"]["Code"]
        if code == "ResourceNotFoundException":
            return NotFound(
                f"{_named(table)} does not exist. Check its name, --region and --profile. For the name of a stack, "
                "use --stack."
            )
        if code == "ValidationException" and _OTHER_SCHEMA.search(error.response["Error"].get("Message", "")):
            return BadInput(f"{_named(table)} is not a table of this product. Specify --stack, or another --table.")
        texts = [_REMEDIES.get(code), error.response["Error"].get("Message")]
        reason = " ".join(text.rstrip(".") + "." for text in texts if text) or "AWS gave no reason."
        return ServiceFailure(f"AWS refused {error.operation_name} ({code}). {reason}")
    text = _explain(error)
    return None if text is None else ServiceFailure(text)


def _named(table: Table | None) -> str:
    return f"The table {table.name} in {table.client.meta.region_name}" if table else "The table"


def is_certain_refusal(error: exceptions.ClientError) -> bool:
    """Whether the request certainly had no effect.

    It might have had one after a 5xx answer, or if a retry was refused: the answer to the first attempt was lost.
    """
    answer = error.response.get("ResponseMetadata", {})
    return answer.get("HTTPStatusCode", 400) < 500 and not answer.get("RetryAttempts")


def _explain(error: Exception) -> str | None:
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return "No AWS credentials were found. Sign in (`aws sso login`, `aws configure`), or specify --profile."
    if isinstance(error, exceptions.NoRegionError):
        return "No AWS Region is set. Specify --region, or set AWS_REGION."
    if isinstance(error, exceptions.ProfileNotFound):
        return f"{error}. To list the profiles: `aws configure list-profiles`."
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        endpoint = getattr(error, "kwargs", {}).get("endpoint_url", "AWS")
        return f"{endpoint} cannot be reached. Check the network, or for the local system that `make run` is running."
    if isinstance(error, exceptions.BotoCoreError):
        return f"The AWS client failed: {error}"
    return None
