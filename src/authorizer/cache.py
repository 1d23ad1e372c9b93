"""A cache in memory with a TTL and a maximum size."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class ExpiringCache(Generic[V]):
    """Keeps values for `seconds`. Above `most` entries, the least recently used one is removed.

    If the clock is set back, entries expire instead of living longer.
    """

    def __init__(self, seconds: float, most: int, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._entries: OrderedDict[str, tuple[float, V]] = OrderedDict()

    def get(self, name: str) -> V | None:
        entry = self._entries.get(name)
        if entry is None:
            return None
        true_at, value = entry
        if not 0 <= self._clock() - true_at < self._seconds:
            del self._entries[name]
            return None
        self._entries.move_to_end(name)
        return value

    def put(self, name: str, value: V, true_at: float) -> None:
        """Store a value that was valid at `true_at`. For a value from a read, this is the start of the read."""
        if self._seconds <= 0:
            return
        self._entries[name] = (true_at, value)
        self._entries.move_to_end(name)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)
