"""Progress of long operations."""

from collections.abc import Callable

Report = Callable[[int, int | None], None]
"""Called with the amount completed and the total, None if the total is not known."""


def ignore(_done: int, _total: int | None) -> None:
    """A report that nobody reads."""
