"""How what takes long tells how far it is."""

from collections.abc import Callable

Report = Callable[[int, int | None], None]
"""Takes how much is done, and of how much; None when that is not known."""
