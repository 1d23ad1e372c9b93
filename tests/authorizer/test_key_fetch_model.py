"""A model of valid and forged tokens on a stepped clock: no forged token changes the outcome of a valid one.

The provider always answers, after up to 2.4 seconds, and publishes each key before it signs with it.
"""

import functools
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from jwt.algorithms import OKPAlgorithm

from authorizer.fetch import FetchTimeout
from authorizer.jwks import MOST_IN_VAIN, KeyTimes, SigningKeys
from authorizer.provider import Provider
from authorizer.refusal import Refusal
from tests.support.tokens import ISSUER, NOW

TIMES = KeyTimes()
MESSAGE = b"message"


@functools.cache
def private_key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(number.to_bytes(32))


@functools.cache
def signature(number: int) -> bytes:
    return private_key(number).sign(MESSAGE)


@functools.cache
def public_jwk(number: int) -> dict[str, object]:
    return dict(OKPAlgorithm.to_jwk(private_key(number).public_key(), as_dict=True)) | {"kid": f"k{number}"}


class Tokens(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = float(NOW)
        self.latency = 0.0
        self.published = [1]
        self.waited: list[tuple[float, float]] = []
        self.rotations = 0
        self.forged = 0
        self.in_vain: list[float] = []
        self.reports: list[str] = []
        self.keys = SigningKeys(
            Provider(ISSUER, frozenset(), "https://issuer.example/jwks.json"),
            fetch=self.fetch,
            clock=lambda: self.now,
            report=lambda event, _detail: self.reports.append(event),
            times=TIMES,
        )

    def fetch(self, _url: str, seconds: float) -> bytes:
        waited = min(self.latency, seconds)
        self.waited.append((self.now, waited))
        self.now += waited
        if self.latency > seconds:
            raise FetchTimeout("timeout")
        return json.dumps({"keys": [public_jwk(number) for number in self.published]}).encode()

    def is_accepted(self, number: int, *, has_kid: bool) -> bool:
        try:
            self.keys.verify(f"k{number}" if has_kid else None, "EdDSA", MESSAGE, signature(number))
        except Refusal:
            return False
        return True

    @initialize(latency=st.sampled_from([0.0, 0.4, 1.3, 2.0, 2.4]))
    def start(self, latency: float) -> None:
        self.latency = latency

    @rule(seconds=st.sampled_from([0.1, 1.0, 10.0, 485.0, 485.0, 590.0, 100_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(latency=st.sampled_from([0.0, 0.4, 1.3, 2.4]))
    def the_provider_becomes_slower_or_faster(self, latency: float) -> None:
        self.latency = latency

    @rule(kept=st.integers(0, 2))
    def the_provider_rotates_its_key_and_signs_with_it(self, kept: int) -> None:
        self.rotations += 1
        self.published = [*self.published, self.published[-1] + 1][-kept - 1 :]
        self.is_decided_rightly(self.published[-1], has_kid=True)

    @rule(kid=st.sampled_from(["known", "next", "unknown", "none"]), is_repeated=st.booleans())
    def a_forged_token(self, kid: str, is_repeated: bool) -> None:
        self.forged += not is_repeated
        name = {
            "known": f"k{self.published[-1]}",
            "next": f"k{self.published[-1] + 1}",
            "unknown": f"x{self.forged}",
            "none": None,
        }[kid]
        before = len(self.waited)
        try:
            self.keys.verify(name, "EdDSA", MESSAGE, self.forged.to_bytes(64))
        except Refusal:
            pass
        else:
            raise AssertionError("a forged token was accepted")
        if len(self.waited) > before:
            self.in_vain.append(self.now)

    @rule(data=st.data(), has_kid=st.booleans())
    def a_valid_token(self, data: st.DataObject, has_kid: bool) -> None:
        self.is_decided_rightly(data.draw(st.sampled_from(self.published)), has_kid=has_kid)

    def is_decided_rightly(self, number: int, *, has_kid: bool) -> None:
        counting = [at for at in self.in_vain if self.now - at < MOST_IN_VAIN * TIMES.cooldown]
        if len(counting) < MOST_IN_VAIN:
            assert self.is_accepted(number, has_kid=has_kid)
        elif not self.is_accepted(number, has_kid=has_kid):
            # A flood: the forged tokens have used up all fetches. One is given back in each cooldown.
            self.now += TIMES.cooldown
            assert self.is_accepted(number, has_kid=has_kid)

    @invariant()
    def the_provider_has_not_failed(self) -> None:
        assert set(self.reports) <= {"jwks_fetched"}

    @invariant()
    def the_work_is_bounded(self) -> None:
        whole = self.now - NOW
        for_age = 1 + 6 * whole / (0.8 * TIMES.fresh)
        for_tokens = 2 * (MOST_IN_VAIN + whole / TIMES.cooldown) + 3 * self.rotations
        assert len(self.waited) <= for_age + for_tokens
        assert all(seconds <= TIMES.timeout for _at, seconds in self.waited)


Tokens.TestCase.settings = settings(stateful_step_count=50)
TestTokens = Tokens.TestCase
