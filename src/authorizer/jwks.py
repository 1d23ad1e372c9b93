"""The signing keys of one issuer (RFC 7517): when they are fetched, and how long they are used."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from authorizer.fetch import Fetch, FetchError
from authorizer.refusal import Reason, Refusal
from authorizer.signing_key import SigningKey, UnusableKey
from authorizer.urls import is_fetchable

REFRESH_AT: Final = 0.8
"""The part of the fresh time after which keys are fetched again, so that they rarely lose their freshness."""
FIRST_BACKOFF_SECONDS: Final = 2.0
LONGEST_BACKOFF_SECONDS: Final = 30.0
FIRST_PATIENCE_SECONDS: Final = 0.3
"""How long a request waits for newer keys if it can be decided without them. Each failure doubles the time."""
MOST_MEMBERS: Final = 1000
"""The members of a key set that are read. The rest are skipped without further work."""
MOST_OF_ONE_KID: Final = 4
"""The keys of one `kid` that are tried. Some providers publish two during a rotation. Each one costs a verification."""


class KeysUnavailable(Exception):
    """The issuer's keys cannot be fetched, so its tokens cannot be checked."""


@dataclass(frozen=True, slots=True)
class KeySet:
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
            raise FetchError("no usable key")
        return cls(tuple(keys), unusable, document.get("fetched_at"))

    def fitting(self, kid: str | None, algorithm: str) -> tuple[SigningKey, ...]:
        """The keys that can have signed a token with this header. A key that appears twice counts once.

        :raises Refusal: the token has no `kid`, and several keys fit.
        """
        fitting = {
            key.thumbprint: key for key in self.keys if algorithm in key.algorithms and (kid is None or key.kid == kid)
        }
        if kid is None and len(fitting) > 1:
            raise Refusal(Reason.AMBIGUOUS_SIGNING_KEY, "jwt")
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
    """Times in seconds. See the settings `jwks_fresh_seconds`, `jwks_stale_seconds` and so on."""

    fresh: float = 600
    stale: float = 86_400
    cooldown: float = 10
    timeout: float = 2.5


class SigningKeys:
    """Verifies signatures with the keys of one issuer, and fetches the keys when they are needed.

    `verify` fetches if there are no keys, if the keys are almost no longer fresh, or if none of them verifies the
    signature. After a failed fetch, the last fetched keys are used until they are stale, and the next attempt is
    delayed, longer after each failure. A request that can be decided without newer keys waits for them only briefly,
    and twice as long after each failure, so that a provider that is always slow still succeeds.

    `report` receives an event (`jwks_fetched`, `jwks_fetch_failed`, `jwks_key_skipped`, `jwks_stale_served`) and its
    detail. Neither contains any part of a token.
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
        """`jwks_url`: None for discovery from the issuer. `uses`: see `SigningKey.from_jwk`.

        `seed`: a key set to start with. Its member `fetched_at` is the time of its fetch in seconds since 1970. A seed
        without `fetched_at` is refreshed on first use, each use of it after a failed fetch is reported as stale, and it
        is used for at most the stale time.

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
            self._fetched_at = self._attempted_at = _time(self._key_set.fetched_at)

    def verify(self, kid: str | None, algorithm: str, message: bytes, signature: bytes) -> None:
        """Verify that a key of the issuer signed the message. `kid`: the token's key id, or None.

        :raises Refusal: no key of the issuer did.
        :raises KeysUnavailable: the signature cannot be checked, because newer keys cannot be fetched.
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
            # A known key with the token's kid is decisive. Without a kid, a newer key could have signed the token.
            if self._failures and not (keys and kid):
                raise KeysUnavailable("The signing key is not known, and newer keys cannot be fetched.")
            raise Refusal(Reason.BAD_SIGNATURE if keys else Reason.UNKNOWN_SIGNING_KEY, "jwt")
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
        """The seconds since this time; infinite for None. A clock that is set back makes keys older, never younger."""
        return math.inf if moment is None else abs(self._clock() - moment)

    def _backoff(self) -> float:
        if not self._failures:
            return 0
        return min(_doubled(FIRST_BACKOFF_SECONDS, self._failures - 1), LONGEST_BACKOFF_SECONDS)

    def _is_due(self) -> bool:
        is_aged = self._age(self._fetched_at) >= REFRESH_AT * self._times.fresh
        return is_aged and self._age(self._attempted_at) >= self._backoff()

    def _may_ask_again(self) -> bool:
        """Whether an unknown key may cause a fetch. Anyone can send such tokens, so the rate is limited."""
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
        """Fetch the key set, after OpenID Connect Discovery 1.0 (section 4) if needed, within `seconds` in total."""
        if self._jwks_url is not None:
            return self._fetch(self._jwks_url, seconds)
        started_at = self._clock()
        # The URL is not kept: a provider can move its key set and leave an outdated one at the old URL.
        discovered = self._fetch(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration", seconds)
        return self._fetch(self._announced_url(discovered), seconds - self._age(started_at))

    def _announced_url(self, body: bytes) -> str:
        document = parse_object(body)
        if document.get("issuer") != self._issuer:
            raise FetchError("the discovery document has another issuer")
        url = document.get("jwks_uri")
        # Only a loopback issuer may point to a loopback URL without https.
        if (
            not isinstance(url, str)
            or not is_fetchable(url)
            or (urlsplit(url).scheme != "https" and urlsplit(self._issuer).scheme == "https")
        ):
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


def _time(fetched_at: object) -> float | None:
    """:raises FetchError: the value is not a time."""
    if fetched_at is not None and (isinstance(fetched_at, bool) or not isinstance(fetched_at, int | float)):
        raise FetchError("fetched_at is not a number of seconds since 1970")
    return fetched_at
