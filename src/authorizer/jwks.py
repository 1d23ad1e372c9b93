"""The signing keys of one issuer (RFC 7517): fetched, kept, refreshed, and still there when the provider is not."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from authorizer.authentication import InvalidCredential, Reason
from authorizer.fetch import Fetch, FetchError
from authorizer.signing_key import SigningKey, UnusableKey
from authorizer.urls import is_fetchable

REFRESH_AT: Final = 0.8
"""The part of the fresh time after which keys are fetched again, so that they seldom come to its end."""
FIRST_BACKOFF_SECONDS: Final = 2.0
LONGEST_BACKOFF_SECONDS: Final = 30.0
FIRST_PATIENCE_SECONDS: Final = 0.3
"""How long a request waits for newer keys that can be decided without them."""
MOST_MEMBERS: Final = 1000
"""Of a key set; what is beyond costs no time."""
MOST_OF_ONE_KID: Final = 4
"""Providers publish two keys under one id while they change them; each one costs a verification."""


class KeysUnavailable(Exception):
    """The issuer's keys could not be had, so nothing can be said about its tokens."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys of a JWKS, and how many others it has, by what is wrong with them."""

    keys: tuple[SigningKey, ...]
    unusable: Counter[str]

    @classmethod
    def parse(cls, body: bytes, uses: Collection[str] = ("sig",)) -> KeySet:
        """`uses`: see `SigningKey.from_jwk`.

        :raises FetchError: the body is not a key set, or holds no usable key.
        """
        members = parse_object(body).get("keys")
        if not isinstance(members, list):
            raise FetchError("not a key set")
        keys, unusable = [], Counter[str]()
        for member in members[:MOST_MEMBERS]:
            try:
                keys.append(SigningKey.from_jwk(member, uses))
            except UnusableKey as error:
                unusable[str(error)] += 1
            except Exception as error:
                # Whatever it is, it costs this member alone.
                unusable[type(error).__name__] += 1
        if len(members) > MOST_MEMBERS:
            unusable[f"beyond the first {MOST_MEMBERS:,}"] = len(members) - MOST_MEMBERS
        if not keys:
            raise FetchError("no usable key")
        return cls(tuple(keys), unusable)

    def fitting(self, kid: str | None, algorithm: str) -> tuple[SigningKey, ...]:
        """The keys that a token with this header may have been signed with. A key that is there twice is one.

        :raises InvalidCredential: it names no key, and several would do.
        """
        fitting = {
            key.thumbprint: key for key in self.keys if algorithm in key.algorithms and (kid is None or key.kid == kid)
        }
        if kid is None and len(fitting) > 1:
            raise InvalidCredential(Reason.AMBIGUOUS_SIGNING_KEY, "jwt")
        return tuple(fitting.values())[:MOST_OF_ONE_KID]


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


class SigningKeys:
    """The keys of one issuer, as of a recent fetch.

    They are fetched when a signature is to be verified and there are none, or they are about to lose their freshness,
    or none of them made it. After a failed fetch the last good keys serve until they are stale, and the next attempt
    waits, longer each time. A request that can be decided without newer keys waits for them `FIRST_PATIENCE_SECONDS`,
    and twice as long after each failure, so that a provider that is always slow is heard in the end.

    `report` is told what an operator should know: an event (`jwks_fetched`, `jwks_fetch_failed`, `jwks_key_skipped`,
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
        uses: Collection[str] = ("sig",),
        seed: bytes | None = None,
    ) -> None:
        """`jwks_url` None: it is discovered from the issuer. `uses`: see `SigningKey.from_jwk`.

        `seed`: a key set to start with. Its member `fetched_at`, in seconds since 1970, says how old it is. Without
        one it is due for a refresh at once, each use of it is reported as stale, and it ends like keys of now.

        :raises FetchError: the seed is not a key set.
        """
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._fetch = fetch
        self._clock = clock
        self._report = report
        self._times = times
        self._uses = uses
        self._key_set: KeySet | None = None
        self._started_at = clock()
        self._fetched_at: float | None = None
        self._attempted_at: float | None = None
        self._failures = 0
        if seed is not None:
            self._key_set = self._parse(seed)
            self._fetched_at = self._attempted_at = _fetched_at(seed)

    def verify(self, kid: str | None, algorithm: str, message: bytes, signature: bytes) -> None:
        """Returns if a key of the issuer's, the one with this id, made the signature over the message.

        :raises InvalidCredential: none did.
        :raises KeysUnavailable: one may have, but the keys cannot be had.
        """
        keys = self._usable(kid, algorithm)
        if is_due := self._is_due():
            self._refresh(can_do_without=bool(keys))
            keys = self._usable(kid, algorithm)
        is_verified = _any_verifies(keys, algorithm, message, signature)
        if not is_verified and not is_due and self._may_ask_again():
            self._refresh(can_do_without=bool(keys))
            keys = self._usable(kid, algorithm)
            is_verified = _any_verifies(keys, algorithm, message, signature)
        if not is_verified:
            # Keys at hand under the token's own id answer for it; without an id, any newer one may have made it.
            if self._failures and not (keys and kid):
                raise KeysUnavailable("the key is not among those at hand, and the newest could not be fetched")
            raise InvalidCredential(Reason.BAD_SIGNATURE if keys else Reason.UNKNOWN_SIGNING_KEY, "jwt")
        if self._is_stale():
            self._report("jwks_stale_served", self._issuer)

    def _usable(self, kid: str | None, algorithm: str) -> tuple[SigningKey, ...]:
        known_at = self._started_at if self._fetched_at is None else self._fetched_at
        if self._key_set is None or (self._is_stale() and self._age(known_at) >= self._times.stale):
            return ()
        return self._key_set.fitting(kid, algorithm)

    def _is_stale(self) -> bool:
        return self._failures > 0 and self._age(self._fetched_at) >= self._times.fresh

    def _age(self, moment: float | None) -> float:
        """Seconds since then; without bound for None. A clock that was set back makes things old, never young."""
        return math.inf if moment is None else abs(self._clock() - moment)

    def _backoff(self) -> float:
        return (
            min(_doubled(FIRST_BACKOFF_SECONDS, self._failures - 1), LONGEST_BACKOFF_SECONDS) if self._failures else 0
        )

    def _is_due(self) -> bool:
        is_aged = self._age(self._fetched_at) >= REFRESH_AT * self._times.fresh
        return is_aged and self._age(self._attempted_at) >= self._backoff()

    def _may_ask_again(self) -> bool:
        """Whether keys may be fetched because of a token: anybody can make one up, so not more often than this."""
        return self._age(self._attempted_at) >= max(self._times.cooldown, self._backoff())

    def _refresh(self, *, can_do_without: bool) -> None:
        timeout = self._times.timeout
        if can_do_without:
            timeout = min(timeout, _doubled(FIRST_PATIENCE_SECONDS, self._failures))
        started_at = self._clock()
        try:
            self._key_set = self._parse(self._fetch_key_set(timeout))
        except Exception as error:
            cause = str(error) if isinstance(error, FetchError) else type(error).__name__
            self._failures += 1
            self._report("jwks_fetch_failed", f"{self._issuer}: {cause}")
        else:
            self._fetched_at = started_at
            self._failures = 0
            self._report("jwks_fetched", self._issuer)
        finally:
            self._attempted_at = self._clock()

    def _fetch_key_set(self, seconds: float) -> bytes:
        """The key set's text. With discovery before it (OpenID Connect Discovery 1.0, 4), both within the one time."""
        if self._jwks_url is not None:
            return self._fetch(self._jwks_url, seconds)
        started_at = self._clock()
        # Each time anew: the provider may have moved its keys, and left old ones where they were.
        discovered = self._fetch(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration", seconds)
        return self._fetch(self._announced_url(discovered), seconds - self._age(started_at))

    def _announced_url(self, body: bytes) -> str:
        document = parse_object(body)
        if document.get("issuer") != self._issuer:
            raise FetchError("the discovery document is another issuer's")
        url = document.get("jwks_uri")
        if not isinstance(url, str) or not is_fetchable(url):
            raise FetchError("the discovery document has no https jwks_uri")
        # What is on loopback is this machine's own: an issuer elsewhere has no say in it.
        if urlsplit(url).scheme != "https" and urlsplit(self._issuer).scheme == "https":
            raise FetchError("the discovery document has no https jwks_uri")
        return url

    def _parse(self, body: bytes) -> KeySet:
        key_set = KeySet.parse(body, self._uses)
        if key_set.unusable:
            reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(key_set.unusable.items()))
            self._report("jwks_key_skipped", f"{self._issuer}: {reasons}")
        return key_set


def _any_verifies(keys: tuple[SigningKey, ...], algorithm: str, message: bytes, signature: bytes) -> bool:
    return any(key.verifies(algorithm, message, signature) for key in keys)


def _doubled(seconds: float, times: int) -> float:
    return seconds * 2.0 ** min(times, 10)


def _fetched_at(seed: bytes) -> float | None:
    """:raises FetchError: the seed's `fetched_at` is not a time."""
    moment = parse_object(seed).get("fetched_at")
    if moment is None:
        return None
    if isinstance(moment, bool) or not isinstance(moment, int | float):
        raise FetchError("fetched_at is not a number of seconds since 1970")
    return moment
