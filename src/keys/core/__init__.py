"""API keys and consumers in a DynamoDB table, for the `keys` command and for other programs.

The names in `__all__` are public; see docs/keys-in-your-program.md.
"""

from keys.core.errors import (
    BadInput,
    Code,
    Conflict,
    KeysError,
    MalformedItem,
    NotFound,
    OutcomeUnknown,
    ServiceFailure,
)
from keys.core.history import Author, Event
from keys.core.making import Created, Rolled
from keys.core.record import Consumer, Key, State, new_key_id
from keys.core.store import Store
from keys.core.table import Table

__all__ = [
    "Author",
    "BadInput",
    "Code",
    "Conflict",
    "Consumer",
    "Created",
    "Event",
    "Key",
    "KeysError",
    "MalformedItem",
    "NotFound",
    "OutcomeUnknown",
    "Rolled",
    "ServiceFailure",
    "State",
    "Store",
    "Table",
    "new_key_id",
]
