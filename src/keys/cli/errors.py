"""Errors of the command line itself."""

from keys.cli.exits import Exit as Exit
from keys.core.errors import KeysError


class Declined(KeysError):
    """The operator did not confirm the command."""
