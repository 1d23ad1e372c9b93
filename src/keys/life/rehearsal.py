"""A table as it would be after writes that go nowhere: what a dry run writes to."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from keys.life.database import Changed

if TYPE_CHECKING:
    from keys.life.change import Write
    from keys.life.record import Item


class Rehearsal:
    """Reads with `get` from a real table, or from an empty one; keeps what is put, on disk where there is much.

    It has the part of `Database` that an import needs, with the same errors.
    """

    def __init__(self, get: Callable[[str], Item | None] = lambda _pk: None) -> None:
        self._get = get
        self._lock = threading.Lock()
        # The empty name: a file of its own, without a name, that is gone with the connection.
        self._written = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._written.execute("PRAGMA journal_mode = OFF")
        self._written.execute("CREATE TABLE item (pk TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID")

    def get(self, pk: str) -> Item | None:
        """The item as it would be now."""
        with self._lock:
            found = self._written.execute("SELECT body FROM item WHERE pk = ?", (pk,)).fetchone()
        if found is None:
            return self._get(pk)
        item: Item = json.loads(found[0])
        return item

    def put_new(self, item: Item) -> None:
        """:raises Changed: there is an item with its `pk`; the error has it."""
        there = self.get(item["pk"]["S"])
        if there is not None or not self._put([item]):
            raise Changed(there or self.get(item["pk"]["S"]))

    def write(self, writes: Sequence[Write]) -> None:
        """All of these writes of new items, or none.

        :raises Changed: one is there.
        """
        items = [write["Put"]["Item"] for write in writes]
        if any(self.get(item["pk"]["S"]) is not None for item in items) or not self._put(items):
            raise Changed

    def _put(self, items: Sequence[Item]) -> bool:
        """False when somebody else was first with one of them."""
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
