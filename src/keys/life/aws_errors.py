"""AWS's failures in words that name the remedy."""

from __future__ import annotations

from typing import Final

from botocore import exceptions

from keys.life.errors import KeysError, NotFound, ServiceFailure

_REMEDIES: Final = {
    "AccessDeniedException": "These credentials may not do this: use others, with --profile, or extend their policy.",
    "UnrecognizedClientException": "AWS does not know these credentials: sign in again, or use others with --profile.",
    "InvalidClientTokenId": "AWS does not know these credentials: sign in again, or use others with --profile.",
    "InvalidSignatureException": "The signature is wrong: check the secret key and this machine's clock.",
    "ExpiredTokenException": "The credentials have expired: sign in again.",
    "ExpiredToken": "The credentials have expired: sign in again.",
    "ProvisionedThroughputExceededException": "The table is at its limit: try again in a moment.",
    "ThrottlingException": "The table is at its limit: try again in a moment.",
    "RequestLimitExceeded": "The account is at its limit: try again in a moment.",
}


def translate(error: Exception) -> KeysError | None:
    """A failure of AWS, or on the way to it, as one of ours; None when the error is something else."""
    if isinstance(error, exceptions.ClientError):
        code = error.response["Error"]["Code"]
        if code == "ResourceNotFoundException":
            return NotFound("There is no such table: check its name, --region and --profile.")
        texts = [_REMEDIES.get(code), error.response["Error"].get("Message")]
        said = " ".join(text.rstrip(".") + "." for text in texts if text) or "No reason was given."
        return ServiceFailure(f"AWS refused {error.operation_name} ({code}). {said}")
    text = _explain(error)
    return None if text is None else ServiceFailure(text)


def refused(error: exceptions.ClientError) -> bool:
    """Whether AWS has surely done nothing: it has refused the first request. An error of its own, or a refusal of the
    client's second request after an answer that was lost, leaves that open."""
    answer = error.response.get("ResponseMetadata", {})
    return answer.get("HTTPStatusCode", 400) < 500 and not answer.get("RetryAttempts")


def _explain(error: Exception) -> str | None:
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return "No AWS credentials were found: sign in (`aws sso login`, `aws configure`) or give --profile."
    if isinstance(error, exceptions.NoRegionError):
        return "No AWS region is set: give --region, or set AWS_REGION."
    if isinstance(error, exceptions.ProfileNotFound):
        return f"{error}. `aws configure list-profiles` shows those that there are."
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        endpoint = getattr(error, "kwargs", {}).get("endpoint_url", "AWS")
        return f"{endpoint} cannot be reached. Is the network up, or, for the local system, is `make run` running?"
    if isinstance(error, exceptions.BotoCoreError):
        return f"The AWS client failed: {error}"
    return None
