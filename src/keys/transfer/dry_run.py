"""A stand-in for the table in a dry run: it has the writes of the run, which do not reach DynamoDB."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from keys.core.table import WriteConflict

if TYPE_CHECKING:
    from keys.core.change import Write
    from keys.core.record import Item


class DryRunTable:
    """The methods of `Database` that an import calls, with the same errors.

    Reads with `get` from a real table, or from an empty one. The writes are kept in a temporary SQLite database, which
    uses the disk if they do not fit in memory.
    """

    def __init__(self, get: Callable[[str], Item | None] = lambda _pk: None) -> None:
        self._get = get
        self._lock = threading.Lock()
        # The empty name makes a temporary file, which is deleted when the connection is closed.
        self._written = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._written.execute("PRAGMA journal_mode = OFF")
        self._written.execute("CREATE TABLE item (pk TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID")

    def close(self) -> None:
        """Delete the writes. No other thread may use the table any more."""
        self._written.close()

    def get(self, pk: str) -> Item | None:
        """The item, after the writes of the dry run."""
        with self._lock:
            found = self._written.execute("SELECT body FROM item WHERE pk = ?", (pk,)).fetchone()
        if found is None:
            return self._get(pk)
        item: Item = json.loads(found[0])
        return item

    def write(self, writes: Sequence[Write]) -> None:
        """Apply all of these writes of new items, or none.

        :raises WriteConflict: some of the items exist; the error has them.
        """
        items = [write["Put"]["Item"] for write in writes]
        if self._existing(items) or not self._put(items):
            raise WriteConflict(self._existing(items))

    def _existing(self, items: Sequence[Item]) -> dict[int, Item | None]:
        found = ((number, self.get(item["pk"]["S"])) for number, item in enumerate(items))
        return {number: item for number, item in found if item is not None}

    def _put(self, items: Sequence[Item]) -> bool:
        """Whether the items were written. False if another thread has written one of them."""
        with self._lock:
            try:
                self._written.execute("BEGIN")
                self._written.executemany(
                    "INSERT INTO item VALUES (?, ?)", [(item["pk"]["S"], json.dumps(item)) for item in items]
                )
                self._written.execute("COMMIT")
            except sqlite3.IntegrityError:
                self._written.execute("ROLLBACK")
                return False
            return True
