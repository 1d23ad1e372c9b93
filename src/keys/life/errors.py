"""What can go wrong for an operator, each with its exit code. The texts are meant for people and name the remedy."""

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


class MalformedItem(Conflict):
    """An item of the table is of another form than ours. The text says which part."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"The item in the table is malformed: {problem}. If nobody needs it, delete it.")
        self.problem: Final = problem
