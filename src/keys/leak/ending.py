"""Find keys in text, look up each key in the table, and revoke it if it is active or disabled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO, Final

from authorizer import api_key
from keys.core.aws_errors import translate
from keys.core.errors import KeysError, MalformedItem, NotFound, OutcomeUnknown
from keys.core.record import Key, State, make_hint
from keys.core.store import Store
from keys.leak.scanning import Hit, Search

MAX_PLACES: Final = 10
"""How many places are kept for each key."""

MAX_REMEMBERED: Final = 100_000
"""How many digests that are not in the table are kept, so that they are not looked up again."""

MAX_PREFIXES: Final = 10
"""How many prefixes of keys that are not in the table are kept."""

MAX_FAILURES: Final = 100
"""After more failures to look up or revoke a key, the scan stops: AWS or the permissions have a problem."""


class Fate(StrEnum):
    """The status of a key that was found. LIVE: active or disabled. REFUSED: its item is malformed."""

    LIVE = "live"
    REVOKED = "revoked now"
    ENDED = "ended before"
    REFUSED = "refused"
    NOT_KNOWN = "not known"


@dataclass(slots=True)
class FoundKey:
    """A key of the table that was found. `begins`: its hint. `places`: the first files and lines. `times`: the count.

    `key`: None if the lookup failed or the item is malformed; `problem` has the reason.
    """

    begins: str
    digest: str
    key: Key | None = None
    places: list[tuple[str, int]] = field(default_factory=list)
    times: int = 0
    fate: Fate = Fate.NOT_KNOWN
    problem: str | None = None


class LeakScan:
    """Scans texts for keys with any prefix, and revokes those in the table that are active or disabled.

    `may_revoke` is called before each revocation. `report` is called for each key when its fate is known. `unknown`:
    the number of keys that are not in the table. `unknown_prefixes`: their prefixes, at most `MAX_PREFIXES`.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float],
        may_revoke: Callable[[FoundKey], bool],
        report: Callable[[FoundKey], None],
        reason: str | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._may_revoke = may_revoke
        self._report = report
        self._reason = reason
        self._unknown: set[bytes] = set()
        self.found: dict[str, FoundKey] = {}
        self.unknown = 0
        self.unknown_prefixes: set[str] = set()
        self.failures = 0

    @property
    def left(self) -> list[FoundKey]:
        """The keys that are active or disabled, or might be."""
        return [found for found in self.found.values() if found.fate in (Fate.LIVE, Fate.NOT_KNOWN)]

    def scan(self, name: str, search: Search, stream: BinaryIO) -> None:
        """Scan a text. A failure to look up or revoke one key does not stop the scan.

        :raises BadInput: the text has a binary format or is damaged. The part before that was scanned.
        :raises KeysError: there were more than `MAX_FAILURES` failures.
        """
        for hit in search.hits(stream):
            self._handle(name, hit)

    def _handle(self, name: str, hit: Hit) -> None:
        digest = api_key.digest(hit.key)
        place = (name, hit.line)
        if found := self.found.get(digest):
            found.times += 1
            if len(found.places) < MAX_PLACES and place != found.places[-1]:
                found.places.append(place)
        elif bytes.fromhex(digest) not in self._unknown and (found := self._look_up(hit, digest)):
            self.found[digest] = found
            found.places.append(place)
            found.times = 1
            self._revoke(found)
            self._report(found)

    def _look_up(self, hit: Hit, digest: str) -> FoundKey | None:
        """The key, or None if it is not in the table."""
        found = FoundKey(make_hint(hit.key, hit.prefix), digest)
        try:
            found.key = self._store.get(digest)
        except MalformedItem as error:
            found.fate, found.problem = Fate.REFUSED, str(error)
        except Exception as error:
            self._count_failure(found, error)
        else:
            if found.key is None:
                self.unknown += 1
                if len(self.unknown_prefixes) < MAX_PREFIXES:
                    self.unknown_prefixes.add(hit.prefix)
                if len(self._unknown) >= MAX_REMEMBERED:
                    self._unknown.clear()
                self._unknown.add(bytes.fromhex(digest))
                return None
            usable = found.key.state(self._clock()) in (State.ACTIVE, State.DISABLED)
            found.fate = Fate.LIVE if usable else Fate.ENDED
        return found

    def _revoke(self, found: FoundKey) -> None:
        if found.fate is not Fate.LIVE or not self._may_revoke(found):
            return
        try:
            # By its digest, the partition key, which does not depend on the index or on other attributes.
            found.key, _ = self._store.revoke(found.digest, self._reason, leaked=True)
            found.fate = Fate.REVOKED
        except NotFound:
            found.fate = Fate.ENDED
        except Exception as error:
            found.fate = Fate.NOT_KNOWN if isinstance(error, OutcomeUnknown) else Fate.LIVE
            self._count_failure(found, error)

    def _count_failure(self, found: FoundKey, error: Exception) -> None:
        known = error if isinstance(error, KeysError) else translate(error)
        if known is None:
            raise error
        found.problem = str(known)
        self.failures += 1
        if self.failures > MAX_FAILURES:
            raise known
