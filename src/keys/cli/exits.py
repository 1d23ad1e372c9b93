"""The exit codes of `keys`. The help and the pages are made from them."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """Each code with its meaning."""

    text: str

    def __new__(cls, value: int, text: str) -> Exit:
        member = int.__new__(cls, value)
        member._value_ = value
        member.text = text
        return member

    DONE = 0, "The command succeeded."
    FAILED = 1, "AWS failed or did not answer, the result could not be written, or the command was not confirmed."
    BAD_INPUT = 2, "The usage or the input is invalid."
    NOT_FOUND = 3, "The key, consumer, stack or table does not exist."
    CONFLICT = 4, "The state of the key or consumer does not allow the change."
    REFUSED = 5, "verify, explain: the credential is refused, or the route is not permitted."
    INCOMPLETE = 6, "import: some lines failed. export: some items were left out."
    FAULTY = 7, "doctor, stack upgrade-check: there is a fault. stack references: something refers to the authorizer."
    NO_EFFECT = 8, "The key or consumer already had this state. Nothing was changed."
    STILL_LIVE = 9, "leak: a key that was found is active or disabled, or might be, or is not in this table."
    UNCHECKED = 10, "check: some rules could not be compared. list --unused-for, usage: it cannot be known."

    @classmethod
    def of(cls, error: BaseException) -> Exit:
        """The exit code of an error."""
        kinds = (kind.__name__ for kind in type(error).__mro__)
        return next((_CODES[name] for name in kinds if name in _CODES), cls.FAILED)


_CODES: Final = {
    "BadInput": Exit.BAD_INPUT,
    "NotFound": Exit.NOT_FOUND,
    "Conflict": Exit.CONFLICT,
    "NoEffect": Exit.NO_EFFECT,
    "NotKnown": Exit.UNCHECKED,
}
