"""What a check of the acceptance suite is, and how it says what it found."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.aws.deployed import Deployed


class Failed(Exception):
    """The statement does not hold. The text says what was expected and what was seen, without a credential."""


class Skipped(Exception):
    """The check cannot be made in this place. The text is the reason."""


@dataclass(frozen=True)
class Check:
    """One statement of a page, and how it is shown on deployed stacks.

    `page` has the sentence `statement`. `needs`: the IAM actions of whoever runs the check, beyond those of a
    deployment. `not_on_emulator`: why the emulator cannot answer it; None if it can. `run` raises `Failed` or
    `Skipped`.
    """

    name: str
    page: str
    statement: str
    run: Callable[[Deployed], None]
    needs: tuple[str, ...] = ()
    not_on_emulator: str | None = None


def check(
    page: str, statement: str, *, needs: tuple[str, ...] = (), not_on_emulator: str | None = None
) -> Callable[[Callable[[Deployed], None]], Check]:
    """Make a function a `Check` of its name."""

    def make(run: Callable[[Deployed], None]) -> Check:
        return Check(run.__name__, page, statement, run, needs, not_on_emulator)

    return make


def expect(what: str, seen: object, wanted: object) -> None:
    """:raises Failed: the two differ."""
    if seen != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {seen!r}")


def expect_one_of(what: str, seen: object, wanted: Collection[object]) -> None:
    """:raises Failed: it is none of them."""
    if seen not in wanted:
        raise Failed(f"{what}: expected one of {list(wanted)!r}, got {seen!r}")
