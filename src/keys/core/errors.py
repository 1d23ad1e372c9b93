"""Errors of this package: a class, a code and data. The text states a fact, without a remedy of any program."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, unique
from typing import Any, Final


@unique
class Code(Enum):
    """What went wrong. The name is the code; the value is the text, with places for the data."""

    # Input
    BOOLEAN_INVALID = "{name} must be true or false."
    CLAIM_INVALID = "An issuer or subject must have 1 to {limit} bytes of visible characters."
    DATA_DUPLICATE = "The data has the member {member!r} twice."
    DATA_INVALID = "The data cannot be converted to JSON: {reason}."
    DATA_NOT_JSON = "The data is not valid JSON: {reason}."
    DATA_NOT_OBJECT = 'The data must be a JSON object, such as {{"plan": "gold"}}.'
    DATA_TOO_LARGE = (
        "The data is too large. The limit for consumer name, data as compact JSON, key ID and scopes together is "
        "{limit} bytes."
    )
    DESCRIPTION_INVALID = "A description or reason must be one line of at most {limit} visible characters."
    DIGEST_INVALID = "sha256 must be the SHA-256 of the key: 64 hexadecimal digits, or the base64 of its 32 bytes."
    DURATION_INVALID = "{text!r} is not a duration. A duration is a number and a unit, such as 30s, 15m, 72h or 90d."
    DURATION_TOO_LONG = "{text!r} is too long. It can be at most {limit}d."
    HASH_OF_OTHER_KIND = "sha256 is {kind} hash, which cannot be imported."
    HINT_INVALID = "A hint must have 1 to 25 visible ASCII characters."
    KEY_ID_INVALID = "This is not a key ID. A key ID has the format key_1a2B3c4D5e6F7g8H."
    NAME_INVALID = "A consumer name must have 1 to {limit} visible characters, without spaces at the start or end."
    NAME_OF_OWNER = "This is no consumer, but the owner of keys that signed-in users made."
    NETWORK_INVALID = "{reason}"
    PLAN_INVALID = "The name of a plan must have 1 to 128 letters, digits, spaces and the characters _ . : / = + @ -"
    PREFIX_INVALID = (
        "A key prefix has at most 20 lowercase letters, digits and single underscores. It must start with a letter, "
        "and must not end with an underscore."
    )
    SCOPE_INVALID = (
        "A scope must have 1 to 128 visible ASCII characters, except comma, semicolon, vertical bar, quotation mark "
        "and backslash. Separate scopes by one comma, such as read,write."
    )
    TAG_FORM = "A tag has the form NAME=VALUE."
    TAG_NAME_INVALID = "The name of a tag must have 1 to 128 letters, digits, spaces and the characters _ . : / = + @ -"
    TAG_REPEATED = "The tag {name!r} is specified twice."
    TAG_VALUE_INVALID = "The value of a tag must be one line of at most 256 visible characters."
    TIME_INVALID = (
        "{name} must be a time between the years 2000 and 2200, such as 2030-01-31T00:00:00Z, or in seconds or "
        "milliseconds since 1970."
    )
    TIME_WITHOUT_OFFSET = "{name} has no UTC offset."
    TOO_MANY_NETWORKS = "A key or consumer can have at most {limit} networks. Combine them."
    TOO_MANY_SCOPES = "A key can have at most {limit} scopes."
    TOO_MANY_TAGS = "There can be at most {limit} tags."
    USAGE_KEY_INVALID = "The value of an API key of API Gateway must have 20 to 128 letters and digits."
    LIFETIME_UNKNOWN = "The lifetime of {ref} is not known."

    # Not found
    KEY_NOT_FOUND = "There is no key {ref} in the table {table}."
    OWNER_NOT_FOUND = "No signed-in user has made keys for this owner of this issuer in the table {table}."
    CONSUMER_NOT_FOUND = "There is no consumer {consumer!r} in the table {table}."
    SUBJECT_NOT_FOUND = "There is no item of this subject in the table {table}."
    TABLE_NOT_FOUND = "The table {table} does not exist."

    # The state does not allow the change
    CONSUMER_DISABLED = "The consumer {consumer!r} is disabled."
    CONSUMER_EXISTS = "The consumer {consumer!r} already exists."
    CONSUMER_HAS_KEYS = "{consumer!r} still has keys ({count})."
    ITEM_MALFORMED = "The item {pk!a} in the table is malformed: {problem}. The authorizer refuses it."
    KEY_OF_OWNER = "{ref} was made by a signed-in user. Only its owner can roll it."
    KEY_ID_AMBIGUOUS = "{count} keys have the ID {ref}. Specify the digest of one of them: {digests}"
    KEY_NOT_ACTIVE = "{ref} is {state}."
    KEY_NOT_ROLLED = "{ref} was not rolled."
    KEY_REVOKED = "{ref} is permanently revoked."
    KEY_ROLLED = "{ref} was already rolled to {successor}."
    ROLL_MALFORMED = "{ref}: its unrolled_expires_at is malformed."
    OWNER_DISABLED = "The owner or the user is disabled."
    OWNER_LIMIT = "The owner has {count} keys, and can have {limit}."
    OWNER_ROLL_LIMIT = "The owner has {count} rolled keys that still work, and can have {limit}."
    OWNER_PER_DAY = "{count} keys were made for the owner today, and {limit} can be. The day ends in {seconds} seconds."
    SUCCESSOR_ROLLED = "{ref} was rolled to {successor}. Undo that roll first."
    TOO_MANY_CHANGES = "Other programs change the same items at the same time."
    AUTHORIZER_TOO_OLD = "The stack {stack} has version {version}, whose authorizer does not read {attribute}."

    # AWS
    AWS_REFUSED = "AWS refused {operation} ({error}). {reason}"
    AWS_CLIENT_FAILED = "The AWS client failed: {reason}"
    AWS_NO_ANSWER = "AWS did not answer: {reason}."
    AWS_UNREACHABLE = "{endpoint} cannot be reached."
    INTERRUPTED = "Interrupted before AWS answered."
    NO_CREDENTIALS = "No AWS credentials were found."
    NO_REGION = "No AWS Region is set."
    PROFILE_NOT_FOUND = "The AWS profile {profile} does not exist."
    TABLE_OF_OTHER_KIND = "The table {table} is not a table of this product."
    THROTTLED = "DynamoDB throttles the table. Its reason: {reason}"


class KeysError(Exception):
    """Something failed. `code`: of `Code`, in lowercase. `data`: the values in the text, by name.

    Packages that use this one can pass a sentence in place of a code. Then `code` is empty.
    """

    def __init__(self, problem: Code | str, /, **data: Any) -> None:
        super().__init__(problem.value.format(**data) if isinstance(problem, Code) else problem)
        self.problem: Code | None = problem if isinstance(problem, Code) else None
        self.code: Final = problem.name.lower() if isinstance(problem, Code) else ""
        self.data: Final[Mapping[str, Any]] = data


class ServiceFailure(KeysError):
    """AWS refused a request, failed or could not be reached, or there are no AWS credentials."""


class BadInput(KeysError):
    """A value is invalid."""


class NotFound(KeysError):
    """The key, consumer, stack or table does not exist."""


class Conflict(KeysError):
    """The state of the key or consumer does not allow the change."""


class MalformedItem(Conflict):
    """An item of the table that the authorizer refuses, whatever the token. Its data: `pk`, and `problem`."""

    def __init__(self, problem: str, pk: str) -> None:
        super().__init__(Code.ITEM_MALFORMED, problem=problem, pk=pk)


class OutcomeUnknown(ServiceFailure):
    """A write was sent, and it is not known whether DynamoDB applied it."""
