"""The signing keys of one issuer (RFC 7517): fetched, kept, refreshed, and still there when the provider is not."""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from authorizer.authentication import InvalidCredential, Reason
from authorizer.fetch import Fetch, FetchError
from authorizer.signing_key import SigningKey, UnusableKey
from authorizer.urls import is_fetchable

REFRESH_AT: Final = 0.8
"""The part of the fresh time after which keys are fetched again, so that they seldom come to its end."""
FIRST_BACKOFF_SECONDS: Final = 2.0
LONGEST_BACKOFF_SECONDS: Final = 30.0


class KeysUnavailable(Exception):
    """The issuer's keys could not be had, so nothing can be said about its tokens."""


def parse_key_set(body: bytes, skipped: Callable[[str], None]) -> tuple[SigningKey, ...]:
    """The usable keys of a JWKS. `skipped` is told about each of the others.

    :raises FetchError: the body is not a key set, or holds no usable key.
    """
    document = parse_object(body)
    members = document.get("keys")
    if not isinstance(members, list):
        raise FetchError("not a key set")
    keys = []
    for member in members:
        try:
            keys.append(SigningKey.from_jwk(member))
        except UnusableKey as error:
            skipped(str(error))
    if not keys:
        raise FetchError("no usable key")
    return tuple(keys)


def parse_object(body: bytes) -> dict[str, Any]:
    """:raises FetchError: the body is not a JSON object in UTF-8."""
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise FetchError("not JSON") from None
    if not isinstance(document, dict):
        raise FetchError("not a JSON object")
    return document


@dataclass(frozen=True, slots=True)
class KeyTimes:
    """How long things are kept and waited for, in seconds."""

    fresh: float = 600
    stale: float = 86_400
    cooldown: float = 10
    timeout: float = 2.5


@dataclass(frozen=True, slots=True)
class _KeySet:
    """`fetched_at` is None for the seed, which does not age: the first fetch that succeeds replaces it."""

    keys: tuple[SigningKey, ...]
    fetched_at: float | None


class SigningKeys:
    """The keys of one issuer, as of a recent fetch.

    A fetch is made when a key is asked for and there are no keys, or they are about to lose their freshness, or the
    key is not among them: one at a time, and whoever can do without its outcome does not wait for it. After a failed
    one the last good keys serve until they are stale, and the next attempt waits, longer each time. `report` is told
    what an operator should know: an event (`jwks_fetched`, `jwks_fetch_failed`, `jwks_key_skipped`,
    `jwks_stale_served`) and its detail, neither of which holds anything of a token.
    """

    def __init__(
        self,
        issuer: str,
        jwks_url: str | None,
        *,
        fetch: Fetch,
        clock: Callable[[], float],
        report: Callable[[str, str], None],
        times: KeyTimes,
        seed: bytes | None = None,
    ) -> None:
        """`jwks_url` None: it is discovered from the issuer. `seed`: a key set to start with.

        :raises FetchError: the seed is not a key set.
        """
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._discovered_url: str | None = None
        self._fetch = fetch
        self._clock = clock
        self._report = report
        self._times = times
        self._key_set = _KeySet(parse_key_set(seed, self._skipped), None) if seed is not None else None
        self._attempted_at: float | None = None
        self._failures = 0
        self._flight: Future[None] | None = None
        self._lock = threading.Lock()

    def find(self, kid: str | None, algorithm: str) -> SigningKey:
        """The one key with this id that fits the algorithm; without an id, the one that fits at all.

        :raises InvalidCredential: there is no such key, or more than one.
        :raises KeysUnavailable: there may be one, but the keys cannot be fetched.
        """
        if self._is_due() and (self._flight is None or self._key_set is None):
            self._refresh(self._is_due)
        found = _matching(self._usable_keys(), kid, algorithm)
        if not found and self._may_ask_again():
            self._refresh(self._may_ask_again)
            found = _matching(self._usable_keys(), kid, algorithm)
        if len(found) == 1:
            return found[0]
        if found:
            raise InvalidCredential(Reason.AMBIGUOUS_SIGNING_KEY, "jwt")
        if self._failures:
            raise KeysUnavailable("the key is not among those at hand, and the newest could not be fetched")
        raise InvalidCredential(Reason.UNKNOWN_SIGNING_KEY, "jwt")

    def _usable_keys(self) -> tuple[SigningKey, ...]:
        if self._key_set is None:
            raise KeysUnavailable("no keys could be fetched yet")
        age = self._age(self._key_set.fetched_at)
        if self._key_set.fetched_at is not None and age >= self._times.fresh and self._failures:
            if age >= self._times.stale:
                raise KeysUnavailable("the keys at hand are too old, and the newest could not be fetched")
            self._report("jwks_stale_served", self._issuer)
        return self._key_set.keys

    def _age(self, moment: float | None) -> float:
        """Seconds since then; without bound for None. A clock that was set back makes things old, never young."""
        return math.inf if moment is None else abs(self._clock() - moment)

    def _backoff(self) -> float:
        if not self._failures:
            return 0
        return min(FIRST_BACKOFF_SECONDS * 2.0 ** min(self._failures - 1, 10), LONGEST_BACKOFF_SECONDS)

    def _is_due(self) -> bool:
        fetched_at = self._key_set.fetched_at if self._key_set else None
        return (
            self._age(fetched_at) >= REFRESH_AT * self._times.fresh and self._age(self._attempted_at) >= self._backoff()
        )

    def _may_ask_again(self) -> bool:
        """Whether a key that is not there may be asked for: any client can name one, so not more often than this."""
        return self._age(self._attempted_at) >= max(self._times.cooldown, self._backoff())

    def _refresh(self, is_needed: Callable[[], bool]) -> None:
        """Fetches the keys, or waits until somebody who is doing so has done it."""
        with self._lock:
            flight, leads = self._flight, False
            if flight is None:
                if not is_needed():
                    return
                flight, leads = Future[None](), True
                self._flight = flight
        if not leads:
            with contextlib.suppress(TimeoutError):
                flight.result(self._times.timeout)
            return
        try:
            self._load()
        finally:
            self._flight = None
            flight.set_result(None)

    def _load(self) -> None:
        try:
            keys = parse_key_set(self._fetch_key_set(), self._skipped)
        except Exception as error:
            cause = str(error) if isinstance(error, FetchError) else type(error).__name__
            self._failures += 1
            self._discovered_url = None
            self._report("jwks_fetch_failed", f"{self._issuer}: {cause}")
        else:
            self._key_set = _KeySet(keys, self._clock())
            self._failures = 0
            self._report("jwks_fetched", self._issuer)
        finally:
            self._attempted_at = self._clock()

    def _fetch_key_set(self) -> bytes:
        """The key set's text. With discovery before it (OpenID Connect Discovery 1.0, 4), both within the one time."""
        ends_at = self._clock() + self._times.timeout
        url = self._jwks_url or self._discovered_url
        if url is None:
            discovery_url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
            url = self._discovered_url = self._announced_url(self._fetch(discovery_url, self._times.timeout))
        return self._fetch(url, min(self._times.timeout, max(ends_at - self._clock(), 0.05)))

    def _announced_url(self, body: bytes) -> str:
        document = parse_object(body)
        if document.get("issuer") != self._issuer:
            raise FetchError("the discovery document is another issuer's")
        url = document.get("jwks_uri")
        if not isinstance(url, str) or not is_fetchable(url):
            raise FetchError("the discovery document has no https jwks_uri")
        return url

    def _skipped(self, why: str) -> None:
        self._report("jwks_key_skipped", f"{self._issuer}: {why}")


def _matching(keys: Iterable[SigningKey], kid: str | None, algorithm: str) -> list[SigningKey]:
    return [key for key in keys if algorithm in key.algorithms and (kid is None or key.kid == kid)]
