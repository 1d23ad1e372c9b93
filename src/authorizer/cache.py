"""Values kept in memory for a time, bounded in number."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class ExpiringCache(Generic[V]):
    """Values by name. Each is kept at most `seconds`; beyond `most` of them, those not used for longest go first.

    A clock that steps back makes entries stale instead of long-lived. Safe to use from several threads.
    """

    def __init__(self, seconds: float, most: int, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._entries: OrderedDict[str, tuple[float, V]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> V | None:
        with self._lock:
            entry = self._entries.get(name)
            if entry is None:
                return None
            stored_at, value = entry
            if not 0 <= self._clock() - stored_at < self._seconds:
                del self._entries[name]
                return None
            self._entries.move_to_end(name)
            return value

    def put(self, name: str, value: V) -> None:
        if self._seconds <= 0:
            return
        with self._lock:
            self._entries[name] = (self._clock(), value)
            self._entries.move_to_end(name)
            if len(self._entries) > self._most:
                self._entries.popitem(last=False)

    def __len__(self) -> int:
        return len(self._entries)
