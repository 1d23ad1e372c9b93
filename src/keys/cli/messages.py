"""What the operator can do about each error: one sentence for each code, with the commands to run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Final

from keys.core.errors import Code, KeysError
from keys.core.record import DIGEST

_REMEDIES: Final[Mapping[Code | None, str]] = {
    Code.CONSUMER_DISABLED: "To enable it: `keys consumer enable {consumer}{options}`.",
    Code.CONSUMER_EXISTS: "To change it: `keys consumer update {consumer}{options}`.",
    Code.CONSUMER_HAS_KEYS: "Delete them first, or specify --with-keys.",
    Code.CONSUMER_NOT_FOUND: "To list the consumers: `keys consumer list{options}`.",
    Code.DATA_NOT_JSON: 'Specify an object such as {{"plan": "gold"}}.',
    Code.DURATION_TOO_LONG: "Specify a shorter one, or omit the duration.",
    Code.HASH_OF_OTHER_KIND: "Create a new key with `keys create{options}`.",
    Code.KEY_ID_INVALID: (
        "To list the key IDs: `keys list{options}`. The commands also accept the SHA-256 of a key in lowercase "
        "hexadecimal."
    ),
    Code.KEY_NOT_FOUND: "To list the keys: `keys list{options}`.",
    Code.KEY_REVOKED: "Create another key with `keys create{options}`.",
    Code.KEY_OF_OWNER: "You can end it: `keys revoke {ref}{options}`.",
    Code.LIFETIME_UNKNOWN: "Specify that of the new key with --expires-in.",
    Code.NAME_OF_OWNER: "Commands that can change it have the option --owner ISSUER OWNER.",
    Code.OWNER_NOT_FOUND: "The issuer is the exact `iss` of the tokens: a slash at its end counts.",
    Code.ROLL_MALFORMED: "Create a key with `keys create{options}`.",
    Code.TIME_WITHOUT_OFFSET: (
        "Add it, such as in 2030-01-31T00:00:00Z, or specify --utc if all such times are in UTC."
    ),
    Code.TOO_MANY_CHANGES: "Try again.",
    Code.AUTHORIZER_TOO_OLD: "Deploy a newer version first.",
    Code.AWS_UNREACHABLE: "Check the network, or for the local system that `make run` is running.",
    Code.NO_CREDENTIALS: "Sign in (`aws sso login`, `aws configure`), or specify --profile.",
    Code.NO_REGION: "Specify --region, or set AWS_REGION.",
    Code.PROFILE_NOT_FOUND: "To list the profiles: `aws configure list-profiles`.",
    Code.TABLE_NOT_FOUND: "Check its name, --region and --profile. For the name of a stack, use --stack.",
    Code.TABLE_OF_OTHER_KIND: "Specify --stack, or another --table.",
    Code.THROTTLED: "Try again in a moment.",
}

_SIGN_IN: Final = "AWS does not know these credentials. Sign in again, or specify others with --profile."
_EXPIRED: Final = "The credentials have expired. Sign in again."
_REFUSALS: Final[Mapping[str, str]] = {
    "AccessDeniedException": "The credentials lack a permission. Extend their policy, or use others with --profile.",
    "UnrecognizedClientException": _SIGN_IN,
    "InvalidClientTokenId": _SIGN_IN,
    "InvalidSignatureException": "Check the secret access key and the clock of this machine.",
    "ExpiredTokenException": _EXPIRED,
    "ExpiredToken": _EXPIRED,
    "ProvisionedThroughputExceededException": "DynamoDB throttles the table. Try again in a moment.",
    "ThrottlingException": "DynamoDB throttles the table. Try again in a moment.",
    "RequestLimitExceeded": "AWS throttles the account. Try again in a moment.",
}


class Declined(KeysError):
    """The operator did not confirm the command."""


def say(error: KeysError, options: str = "") -> str:
    """The error and its remedy. `options`: those of this command that select the table, for the commands in it."""
    remedy = _remedy(error, options)
    return f"{error} {remedy}" if remedy else str(error)


def _remedy(error: KeysError, options: str) -> str:
    data: dict[str, Any] = {**error.data, "options": options}
    if "consumer" in data:
        data["consumer"] = shlex.quote(data["consumer"])
    if error.problem is Code.ITEM_MALFORMED:
        is_digest = DIGEST.fullmatch(data["pk"])
        return f"To delete it: `keys delete {data['pk']}{options}`." if is_digest else "No token matches it."
    if error.problem is Code.KEY_NOT_ACTIVE:
        return "Enable it first." if data["state"] == "disabled" else f"Create another key with `keys create{options}`."
    if error.problem is Code.KEY_ROLLED:
        return "Roll that key, or specify --undo." if data["state"] == "active" else "Roll that key."
    if error.problem is Code.AWS_REFUSED:
        return _REFUSALS.get(data["error"], "")
    return _REMEDIES.get(error.problem, "").format(**data) if error.problem else ""
