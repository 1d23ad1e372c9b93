"""Errors that a command reports to the operator, each with its exit code. The text of an error names the remedy."""

import re
from typing import ClassVar, Final


class KeysError(Exception):
    """The command failed. The text is shown unchanged."""

    exit_code: ClassVar[int]


class ServiceFailure(KeysError):
    """AWS refused a request, failed or could not be reached, or there are no AWS credentials."""

    exit_code = 1


class BadInput(KeysError):
    """An argument or a file is invalid."""

    exit_code = 2


class NotFound(KeysError):
    """The key, consumer, stack or table does not exist."""

    exit_code = 3


class Conflict(KeysError):
    """The state of the key or consumer does not allow the change."""

    exit_code = 4


class Declined(KeysError):
    """The operator did not confirm the command."""

    exit_code = 1


class NoEffect(KeysError):
    """Nothing was changed, because the key or consumer already had this state. The text names the state."""

    exit_code = 8


class MalformedItem(Conflict):
    """An item of the table that the authorizer refuses, whatever the token. `problem` says which attribute is wrong."""

    def __init__(self, problem: str, pk: str) -> None:
        remedy = f"To delete it: `keys delete {pk}`." if re.fullmatch("[0-9a-f]{64}", pk) else "No token matches it."
        super().__init__(f"The item {pk!a} in the table is malformed: {problem}. The authorizer refuses it. {remedy}")
        self.problem: Final = problem


class OutcomeUnknown(ServiceFailure):
    """A write was sent, and it is not known whether DynamoDB applied it."""
