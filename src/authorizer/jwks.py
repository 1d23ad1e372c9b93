"""The signing keys of one issuer (RFC 7517): when they are fetched, and how long they are used."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from authorizer.fetch import Fetch, FetchError, FetchTimeout
from authorizer.refusal import Reason, Refusal
from authorizer.signing_key import SigningKey, UnusableKey
from authorizer.urls import is_fetchable

if TYPE_CHECKING:
    from authorizer.provider import Provider

REFRESH_AT: Final = 0.8
"""The part of the fresh time after which keys are fetched again, so that they rarely lose their freshness."""
FIRST_BACKOFF_SECONDS: Final = 2.0
LONGEST_BACKOFF_SECONDS: Final = 30.0
FIRST_PATIENCE_SECONDS: Final = 0.3
"""How long a request waits for newer keys if it can be decided without them. Each attempt doubles the time."""
MOST_IN_VAIN: Final = 5
"""The fetches in vain that tokens of one lane can cause at once. One more can follow after each cooldown."""
MOST_MEMBERS: Final = 1000
"""The members of a key set that are read. The rest are skipped without further work."""
MOST_TRIED: Final = 4
"""The keys that are tried if several fit a token. Each one costs a verification. Some providers publish two keys with
one `kid` during a rotation, and some tokens have no `kid`."""


class KeysUnavailable(Exception):
    """The issuer's keys cannot be fetched, so its tokens cannot be checked."""


class KeySet(NamedTuple):
    """The usable keys of a JWKS, and the number of unusable ones by reason. `fetched_at`: the raw member of a seed."""

    keys: tuple[SigningKey, ...]
    unusable: Counter[str]
    fetched_at: object = None

    @classmethod
    def parse(cls, body: bytes, uses: Collection[str] = ("sig",)) -> KeySet:
        """Read a key set. `uses`: see `SigningKey.from_jwk`.

        :raises FetchError: the body is not a key set, or has no usable key.
        """
        document = parse_object(body)
        members = document.get("keys")
        if not isinstance(members, list):
            raise FetchError("not a key set")
        keys, unusable = [], Counter[str]()
        for member in members[:MOST_MEMBERS]:
            try:
                keys.append(SigningKey.from_jwk(member, uses))
            except UnusableKey as error:
                unusable[str(error)] += 1
            except Exception as error:
                # No member can make the others unusable.
                unusable[type(error).__name__] += 1
        if len(members) > MOST_MEMBERS:
            unusable[f"beyond the first {MOST_MEMBERS:,}"] = len(members) - MOST_MEMBERS
        if not keys:
            raise FetchError(f"no usable key ({_counted(unusable)})" if unusable else "no usable key")
        return cls(tuple(keys), unusable, document.get("fetched_at"))

    def fitting(self, kid: str | None, algorithm: str) -> tuple[SigningKey, ...]:
        """The keys that can have signed a token with this header. A key that appears twice counts once."""
        fitting = (key for key in self.keys if algorithm in key.algorithms and (kid is None or key.kid == kid))
        return tuple({key.thumbprint: key for key in fitting}.values())


def parse_object(body: bytes) -> dict[str, Any]:
    """:raises FetchError: the body is not a JSON object in UTF-8, with or without a byte order mark."""
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise FetchError("not JSON") from None
    if not isinstance(document, dict):
        raise FetchError("not a JSON object")
    return document


class KeyTimes(NamedTuple):
    """Times in seconds. See the settings `jwks_fresh_seconds`, `jwks_stale_seconds` and so on."""

    fresh: float = 600
    stale: float = 86_400
    cooldown: float = 10
    timeout: float = 2.5


class Asker(NamedTuple):
    """A token for which keys are fetched. Those that a known key fits, and those that none fits, are two lanes.

    Each lane has its own limit of fetches in vain: forged tokens with a known `kid` are the most frequent ones, and a
    rotated key has a new one. In a lane, each signature counts by itself, because anyone can send any `kid`.
    """

    has_key: bool
    signature: bytes


class Schedule(NamedTuple):
    """When the keys of one issuer are fetched, and how long a request waits. Times are in seconds since 1970.

    There are two causes of a fetch: the keys are no longer young (`is_due`), or no known key verifies a token
    (`may_ask`). Anyone can send a token that no key verifies. So nothing that one token causes can change the outcome
    of another one while the provider works:

    - Only an attempt that had the whole `timeout` counts as a failure. It delays further attempts (backoff).
    - An attempt that had less time delays only the next one of its kind. Tokens that need newer keys do not notice it.
    - A token that fetched in vain cannot fetch again for a cooldown. Other tokens still can, up to a limit (`Asker`).

    Example: a provider that answers after 1.3 seconds, and the default times.

    | second | token | what happens | outcome |
    |---|---|---|---|
    | 0 | valid, kid a | There are no keys. It waits 1.3 of 2.5 seconds. | accepted |
    | 482 | valid, kid a | A fetch is due, but a key verifies the token. It is given up after 0.3 seconds. | accepted |
    | 483 | forged, kid a | No key verifies it. It asks, and waits 1.3 of 2.5 seconds. | bad signature |
    | 485 | the same | It asked in vain less than 10 seconds ago. | bad signature |
    | 486 | valid, kid b | The provider has a new key since second 485. It asks, and waits 1.3 seconds. | accepted |
    """

    times: KeyTimes
    fetched_at: float | None = None
    """The start of the last successful fetch. All further members are about the time since then."""
    attempts: int = 0
    attempted_at: float | None = None
    failures: int = 0
    """The attempts that had the whole timeout."""
    failed_at: float | None = None
    in_vain: Mapping[Asker, float] = MappingProxyType({})
    """Who fetched in vain, and until when each of them counts."""

    def is_due(self, now: float) -> bool:
        """Whether keys are fetched because of their age, whatever the token."""
        is_aged = _age(self.fetched_at, now) >= REFRESH_AT * self.times.fresh
        return is_aged and _age(self.attempted_at, now) >= _backoff(self.attempts)

    def may_ask(self, now: float, asker: Asker) -> bool:
        """Whether a token that no known key verifies causes a fetch."""
        if self.failures:
            return _age(self.failed_at, now) >= _backoff(self.failures)
        lane = self._lane(now, asker)
        return asker not in lane and len(lane) < MOST_IN_VAIN

    def patience(self, now: float) -> float:
        """How long a request waits for newer keys if a known key verifies its token."""
        if _age(self.fetched_at, now) >= self.times.fresh:
            return self.times.timeout
        return min(self.times.timeout, _doubled(FIRST_PATIENCE_SECONDS, self.attempts))

    def is_stale(self, now: float) -> bool:
        """Whether the keys are older than the fresh time because the provider fails."""
        return self.failures > 0 and _age(self.fetched_at, now) >= self.times.fresh

    def fetched(self, started_at: float) -> Schedule:
        """The schedule after a successful fetch."""
        return Schedule(self.times, started_at, in_vain=self.in_vain)

    def missed(self, now: float, seconds: float) -> Schedule:
        """The schedule after an attempt that had this many seconds and did not succeed."""
        missed = self._replace(attempts=self.attempts + 1, attempted_at=now)
        if seconds < self.times.timeout:
            return missed
        return missed._replace(failures=self.failures + 1, failed_at=now)

    def asked_in_vain(self, now: float, asker: Asker) -> Schedule:
        """The schedule after a fetch whose keys do not verify the token either."""
        lane = self._lane(now, asker)
        others = {other: until for other, until in self.in_vain.items() if other.has_key != asker.has_key}
        # They end one after the other, so that a flood of tokens causes one fetch in each cooldown.
        return self._replace(in_vain=others | lane | {asker: max((now, *lane.values())) + self.times.cooldown})

    def _lane(self, now: float, asker: Asker) -> dict[Asker, float]:
        """Those in the asker's lane that still count. Times that are too late are from a clock that was set back."""
        lane = {other: until for other, until in self.in_vain.items() if other.has_key == asker.has_key}
        return {other: until for other, until in lane.items() if 0 < until - now <= MOST_IN_VAIN * self.times.cooldown}


def _age(moment: float | None, now: float) -> float:
    """The seconds since this time; infinite for None. A clock that is set back makes keys older, never younger."""
    return math.inf if moment is None else abs(now - moment)


def _backoff(attempts: int) -> float:
    return min(_doubled(FIRST_BACKOFF_SECONDS, attempts - 1), LONGEST_BACKOFF_SECONDS) if attempts else 0


def _doubled(seconds: float, times: int) -> float:
    return seconds * 2.0 ** min(times, 10)


class SigningKeys:
    """Verifies signatures with the keys of one issuer, and fetches the keys when `Schedule` says so.

    After a failed fetch, the last fetched keys are used until they are stale.

    `report` receives an event (`jwks_fetched`, `jwks_fetch_failed`, `jwks_key_skipped`, `jwks_stale_served`) and its
    detail. Neither contains any part of a token.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        fetch: Fetch,
        clock: Callable[[], float],
        report: Callable[[str, str], None],
        times: KeyTimes,
        seed: bytes | None = None,
    ) -> None:
        """`seed`: a key set to start with. Its member `fetched_at` is the time of its fetch in seconds since 1970.

        A seed without it is refreshed on first use, each use after a failed fetch is reported as stale, and it is used
        for at most the stale time after its first use.

        :raises FetchError: the seed is not a key set.
        """
        self._provider = provider
        self._fetch = fetch
        self._clock = clock
        self._report = report
        self._schedule = Schedule(times)
        self._key_set: KeySet | None = None
        self._first_used_at: float | None = None
        if seed is not None:
            self._key_set = self._parse(seed)
            self._schedule = Schedule(times, _time(self._key_set.fetched_at))

    def verify(self, kid: str | None, algorithm: str, message: bytes, signature: bytes) -> None:
        """Verify that a key of the issuer signed the message. `kid`: the token's key id, or None.

        :raises Refusal: no key of the issuer did.
        :raises KeysUnavailable: the signature cannot be checked, because newer keys cannot be fetched.
        """
        now = self._clock()
        if self._first_used_at is None:
            self._first_used_at = now
        keys, is_verified = self._check(now, kid, algorithm, message, signature)
        asker = Asker(bool(keys), signature)
        if self._schedule.is_due(now) or (not is_verified and self._schedule.may_ask(now, asker)):
            is_fetched = self._refresh(self._schedule.patience(now) if is_verified else self._schedule.times.timeout)
            now = self._clock()
            keys, is_verified = self._check(now, kid, algorithm, message, signature)
            if is_fetched and not is_verified:
                self._schedule = self._schedule.asked_in_vain(now, asker)
        if not is_verified:
            # A known key with the token's kid is decisive. Without a kid, a newer key could have signed the token.
            if self._schedule.failures and not (keys and kid):
                raise KeysUnavailable("The signing key is not known, and newer keys cannot be fetched.")
            if kid is None and len(keys) > MOST_TRIED:
                raise Refusal(Reason.AMBIGUOUS_SIGNING_KEY, "jwt")
            raise Refusal(Reason.BAD_SIGNATURE if keys else Reason.UNKNOWN_SIGNING_KEY, "jwt")
        if self._schedule.is_stale(now):
            self._report("jwks_stale_served", self._provider.issuer)

    def published_kid(self, kid: object) -> str | None:
        """The first 64 characters of this `kid` if a key of the key set has it."""
        known = self._key_set.keys if self._key_set else ()
        return kid[:64] if isinstance(kid, str) and any(key.kid == kid for key in known) else None

    def _check(
        self, now: float, kid: str | None, algorithm: str, message: bytes, signature: bytes
    ) -> tuple[tuple[SigningKey, ...], bool]:
        """The usable keys that fit a token, and whether one of them verifies it."""
        # A seed without a time is as old as its first use. The function can start long before, in a snapshot.
        schedule = self._schedule
        known_at = self._first_used_at if schedule.fetched_at is None else schedule.fetched_at
        if self._key_set is None or (schedule.is_stale(now) and _age(known_at, now) >= schedule.times.stale):
            return (), False
        keys = self._key_set.fitting(kid, algorithm)
        return keys, any(key.verifies(algorithm, message, signature) for key in keys[:MOST_TRIED])

    def _refresh(self, seconds: float) -> bool:
        """Fetch the keys within this time. Whether it succeeded."""
        started_at = self._clock()
        try:
            self._key_set = self._parse(self._fetch_key_set(seconds))
        except Exception as error:
            self._schedule = self._schedule.missed(self._clock(), seconds)
            # That a provider needs longer than the patience of one request is not a failure.
            if seconds >= self._schedule.times.timeout or not isinstance(error, FetchTimeout):
                cause = str(error) if isinstance(error, FetchError) else type(error).__name__
                self._report("jwks_fetch_failed", f"{self._provider.issuer}: {cause}")
            return False
        self._schedule = self._schedule.fetched(started_at)
        self._report("jwks_fetched", self._provider.issuer)
        return True

    def _fetch_key_set(self, seconds: float) -> bytes:
        """Fetch the key set, after OpenID Connect Discovery 1.0 (section 4) if needed, within `seconds` in total."""
        if self._provider.jwks_url is not None:
            return self._fetch(self._provider.jwks_url, seconds)
        started_at = self._clock()
        # The URL is not kept: a provider can move its key set and leave an outdated one at the old URL.
        discovered = self._fetch(f"{self._provider.issuer.rstrip('/')}/.well-known/openid-configuration", seconds)
        return self._fetch(self._announced_url(discovered), seconds - _age(started_at, self._clock()))

    def _announced_url(self, body: bytes) -> str:
        document = parse_object(body)
        if document.get("issuer") != self._provider.issuer:
            raise FetchError("the discovery document has another issuer")
        url = document.get("jwks_uri")
        # Only a loopback issuer may point to a loopback URL without https.
        needed = ("https", urlsplit(self._provider.issuer).scheme)
        if isinstance(url, str) and is_fetchable(url) and urlsplit(url).scheme in needed:
            return url
        raise FetchError("the discovery document has no https jwks_uri")

    def _parse(self, body: bytes) -> KeySet:
        key_set = KeySet.parse(body, self._provider.key_uses)
        if key_set.unusable:
            self._report("jwks_key_skipped", f"{self._provider.issuer}: {_counted(key_set.unusable)}")
        return key_set


def _counted(unusable: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(unusable.items()))


def _time(fetched_at: object) -> float | None:
    """:raises FetchError: the value is not a time."""
    if fetched_at is None:
        return None
    # Python's JSON reader takes NaN for a number. No age would be compared with it.
    if isinstance(fetched_at, bool) or not isinstance(fetched_at, int | float) or not math.isfinite(fetched_at):
        raise FetchError("fetched_at is not a number of seconds since 1970")
    return fetched_at
