"""The keys that were found in texts: which of them are in the table, and their end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from authorizer import api_key
from keys.core.aws_errors import translate
from keys.core.errors import BadInput, Code, KeysError, MalformedItem, NotFound, OutcomeUnknown
from keys.core.record import Key, State, make_hint
from keys.core.store import Store
from keys.leak.scanning import Hit

MAX_KEYS: Final = 100_000
"""The most distinct keys that are collected."""
MAX_PLACES: Final = 10
"""How many places are kept for each key."""
MAX_FAILURES: Final = 100
"""After more failures to look up or revoke a key, the command stops: AWS or the permissions have a problem."""


class Fate(StrEnum):
    """The status of a key. LIVE: active or disabled. REFUSED: its item is malformed. NOT_KNOWN: AWS did not tell."""

    LIVE = "live"
    REVOKED = "revoked now"
    ENDED = "ended before"
    REFUSED = "refused"
    NOT_KNOWN = "not known"
    ELSEWHERE = "not in this table"


@dataclass(slots=True)
class FoundKey:
    """A distinct key of the texts. `begins`: its hint. `prefix`: None if it does not have the product's key format.

    `is_certain`: False for a secret of a report in another format, which might be of another product. `places`: the
    first files and lines. `times`: the count. `key`: None if it is not in the table, or `problem` says why not.
    """

    begins: str
    digest: str
    prefix: str | None
    is_certain: bool = False
    places: list[tuple[str, int]] = field(default_factory=list)
    times: int = 0
    key: Key | None = None
    fate: Fate = Fate.NOT_KNOWN
    problem: str | None = None

    @property
    def ref(self) -> str:
        return self.key.ref if self.key else self.digest


class FoundKeys:
    """The distinct keys that were found, by their digests. The keys themselves are not kept."""

    def __init__(self) -> None:
        self.by_digest: dict[str, FoundKey] = {}

    def add(self, hit: Hit, place: str, *, is_certain: bool = True) -> None:
        """:raises BadInput: there are more than `MAX_KEYS` distinct keys."""
        digest = api_key.digest(hit.key)
        if digest not in self.by_digest:
            if len(self.by_digest) >= MAX_KEYS:
                raise BadInput(f"There are more than {MAX_KEYS:,} distinct keys. Search fewer texts at a time.")
            prefix = hit.prefix if hit.is_ours else None
            begins = make_hint(hit.key, prefix) if prefix else f"{hit.key[:4]}..."
            self.by_digest[digest] = FoundKey(begins, digest, prefix)
        found = self.by_digest[digest]
        found.times += 1
        found.is_certain |= is_certain
        if len(found.places) < MAX_PLACES and (place, hit.line) not in found.places:
            found.places.append((place, hit.line))

    def having(self, *fates: Fate) -> list[FoundKey]:
        """The keys with one of these fates. Secrets that are not in the table and might be of others do not count."""
        found = (one for one in self.by_digest.values() if one.fate in fates)
        return [one for one in found if one.is_certain or one.fate is not Fate.ELSEWHERE]


class Ending:
    """Looks up and revokes keys by their digests, the partition key of the table, with consistent reads."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._failures = 0

    def look_up(self, found: FoundKey) -> None:
        """Set its `key` and `fate`. A failure is in `problem`.

        :raises KeysError: there were more than `MAX_FAILURES` failures.
        """
        try:
            found.key = self._store.get(found.digest)
        except MalformedItem as error:
            found.fate, found.problem = Fate.REFUSED, str(error)
        except Exception as error:
            self._failed(found, error)
        else:
            usable = found.key and found.key.state(self._clock()) in (State.ACTIVE, State.DISABLED)
            found.fate = Fate.LIVE if usable else Fate.ENDED if found.key else Fate.ELSEWHERE

    def revoke(self, found: FoundKey, reason: str | None) -> None:
        """Revoke a live key. A failure is in `problem`.

        :raises OutcomeUnknown: it was interrupted.
        :raises KeysError: there were more than `MAX_FAILURES` failures.
        """
        try:
            found.key, _ = self._store.revoke(found.digest, reason, leaked=True)
            found.fate = Fate.REVOKED
        except NotFound:
            found.fate = Fate.ENDED
        except Exception as error:
            found.fate = Fate.NOT_KNOWN if isinstance(error, OutcomeUnknown) else Fate.LIVE
            if isinstance(error, OutcomeUnknown) and error.problem is Code.INTERRUPTED:
                raise
            self._failed(found, error)

    def _failed(self, found: FoundKey, error: Exception) -> None:
        known = error if isinstance(error, KeysError) else translate(error)
        if known is None:
            raise error
        found.problem = str(known)
        self._failures += 1
        if self._failures > MAX_FAILURES:
            raise known
