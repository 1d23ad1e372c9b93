"""What can go wrong for an operator, each with its exit code. The texts are meant for people and name the remedy."""

import re
from typing import ClassVar, Final


class KeysError(Exception):
    """The command could not do what was asked. The text is shown as it is."""

    exit_code: ClassVar[int]


class ServiceFailure(KeysError):
    """AWS failed or could not be reached, or there are no credentials for it."""

    exit_code = 1


class BadInput(KeysError):
    """An argument or a file is not of the form that it must have."""

    exit_code = 2


class NotFound(KeysError):
    """There is no such key, consumer, stack or table."""

    exit_code = 3


class Conflict(KeysError):
    """The state of the key or consumer does not allow it."""

    exit_code = 4


class NoEffect(KeysError):
    """Nothing was changed, because it was so already. The text says what is so."""

    exit_code = 8


class MalformedItem(Conflict):
    """An item of the table that the authorizer refuses whatever the token. The text says which part is wrong."""

    def __init__(self, problem: str, pk: str) -> None:
        remedy = f"`keys delete {pk}` removes it." if re.fullmatch("[0-9a-f]{64}", pk) else "No token leads to it."
        super().__init__(f"The item {pk!a} in the table is malformed: {problem}. The authorizer refuses it. {remedy}")
        self.problem: Final = problem


class Unclear(ServiceFailure):
    """A write was sent, and whether it has come through is not known."""
