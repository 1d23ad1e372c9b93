"""What to do about our keys in a text: each is looked up as it is found, and revoked if it can be used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO, Final

from authorizer import api_key
from keys.life.aws_errors import translate
from keys.life.errors import KeysError, MalformedItem, NotFound, Unclear
from keys.life.record import Key, State, make_hint
from keys.life.scanning import Hit, Search
from keys.life.store import Store

MOST_PLACES: Final = 10
"""So many places of each key are kept."""

MOST_UNKNOWN: Final = 100_000
MOST_FAILURES: Final = 100
"""After so many keys that could not be looked up or revoked, the search ends: something else is wrong."""


class Fate(StrEnum):
    """What a key that was found can do now."""

    LIVE = "live"
    REVOKED = "revoked now"
    ENDED = "ended before"
    REFUSED = "refused"
    NOT_KNOWN = "not known"


@dataclass(slots=True)
class Found:
    """A key of the table that is in a text: its first places, how often it is there, and its fate.

    `key` is None when it could not be looked up, or its item is one that the authorizer refuses; `problem` says why.
    """

    begins: str
    digest: str
    key: Key | None = None
    places: list[tuple[str, int]] = field(default_factory=list)
    times: int = 0
    fate: Fate = Fate.NOT_KNOWN
    problem: str | None = None


class Leak:
    """A search through texts for the keys with a prefix, which ends those in the table that can be used.

    `may_revoke` is asked before each; `tell` is told of each key once its fate is known.
    """

    def __init__(
        self,
        store: Store,
        prefix: str,
        *,
        clock: Callable[[], float],
        may_revoke: Callable[[Found], bool],
        tell: Callable[[Found], None],
        reason: str | None = None,
    ) -> None:
        self._store = store
        self._prefix = prefix
        self._clock = clock
        self._may_revoke = may_revoke
        self._tell = tell
        self._reason = reason
        self._unknown: set[bytes] = set()
        self.found: dict[str, Found] = {}
        self.unknown = 0
        self.failures = 0

    @property
    def left(self) -> list[Found]:
        """The keys that can still be used, or may be."""
        return [found for found in self.found.values() if found.fate in (Fate.LIVE, Fate.NOT_KNOWN)]

    def take(self, name: str, search: Search, stream: BinaryIO) -> None:
        """Goes through a text of this name, whatever becomes of single keys.

        :raises BadInput: it has no readable text in it, or is damaged; what stands before that was searched.
        :raises KeysError: too many keys could not be looked up or revoked.
        """
        for hit in search.hits(stream):
            self._take(name, hit)

    def _take(self, name: str, hit: Hit) -> None:
        digest = api_key.digest(hit.key)
        found = self.found.get(digest)
        if found is None and bytes.fromhex(digest) in self._unknown:
            return
        if found is None:
            found = self._looked_up(hit, digest)
            if found is None:
                return
            self.found[digest] = found
            found.places.append((name, hit.line))
            found.times = 1
            self._end(found)
            self._tell(found)
            return
        found.times += 1
        if len(found.places) < MOST_PLACES and (name, hit.line) != found.places[-1]:
            found.places.append((name, hit.line))

    def _looked_up(self, hit: Hit, digest: str) -> Found | None:
        """What the table says of the key; None when it is not there."""
        found = Found(make_hint(hit.key, self._prefix), digest)
        try:
            found.key = self._store.with_digest(digest)
        except MalformedItem as error:
            found.fate, found.problem = Fate.REFUSED, str(error)
        except Exception as error:
            self._failed(found, error)
        else:
            if found.key is None:
                self.unknown += 1
                if len(self._unknown) >= MOST_UNKNOWN:
                    self._unknown.clear()
                self._unknown.add(bytes.fromhex(digest))
                return None
            usable = found.key.state(self._clock()) in (State.ACTIVE, State.DISABLED)
            found.fate = Fate.LIVE if usable else Fate.ENDED
        return found

    def _end(self, found: Found) -> None:
        if found.fate is not Fate.LIVE or not self._may_revoke(found):
            return
        try:
            # By its digest, which is its partition key: whatever else is in the item, and however old the index is.
            found.key, _ = self._store.revoke(found.digest, self._reason)
            found.fate = Fate.REVOKED
        except NotFound:
            found.fate = Fate.ENDED
        except Exception as error:
            found.fate = Fate.NOT_KNOWN if isinstance(error, Unclear) else Fate.LIVE
            self._failed(found, error)

    def _failed(self, found: Found, error: Exception) -> None:
        known = error if isinstance(error, KeysError) else translate(error)
        if known is None:
            raise error
        found.problem = str(known)
        self.failures += 1
        if self.failures > MOST_FAILURES:
            raise known
