"""A stand-in for the table in a dry run: reads go to the table, and writes do not leave this process."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from keys.core.table import WriteConflict

if TYPE_CHECKING:
    from keys.core.change import Write
    from keys.core.record import Item


class DryRunTable:
    """The methods of `Table` that an import calls. `get_many`: those of the table; none exist without a table.

    The new items are in a temporary file, which is deleted with this object, so memory use does not grow.
    """

    def __init__(self, get_many: Callable[[Sequence[str]], Mapping[str, Item]] = lambda _pks: {}) -> None:
        self._get_many = get_many
        self._lock = threading.Lock()
        self._new = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._new.execute("CREATE TABLE item (pk TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID")

    def close(self) -> None:
        self._new.close()

    def get(self, pk: str) -> Item | None:
        """The item, after the writes of the dry run."""
        return self._find([pk]).get(pk)

    def write(self, writes: Sequence[Write]) -> None:
        """Keep the new items, or none of them. The consumer of a condition was read just before, so that it holds.

        :raises WriteConflict: as `Table.write`.
        """
        items = {number: write["Put"]["Item"] for number, write in enumerate(writes) if "Put" in write}
        found = self._find([item["pk"]["S"] for item in items.values()])
        if found:
            raise WriteConflict({n: found[item["pk"]["S"]] for n, item in items.items() if item["pk"]["S"] in found})
        rows = [(item["pk"]["S"], json.dumps(item)) for item in items.values()]
        with self._lock:
            self._new.executemany("INSERT INTO item VALUES (?, ?)", rows)

    def _find(self, pks: Sequence[str]) -> dict[str, Item]:
        query = f"SELECT pk, body FROM item WHERE pk IN ({', '.join('?' * len(pks))})"  # noqa: S608 - placeholders only
        with self._lock:
            rows = self._new.execute(query, pks).fetchall()
        return {**self._get_many(pks), **{pk: json.loads(body) for pk, body in rows}}
