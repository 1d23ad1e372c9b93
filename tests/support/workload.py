"""A mixed workload with a simulated clock, and what it must cost: DynamoDB reads, key set fetches, memory."""

import io
import json
import random
import tracemalloc
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any, Final

from authorizer import api_key
from authorizer.decision import Decider, Unauthorized
from authorizer.jwks import MOST_IN_VAIN, KeyTimes, SigningKeys
from authorizer.jwt_bearer import JwtAuthenticator
from authorizer.key_store import ApiKeyAuthenticator, KeyStore
from authorizer.policy import Responder
from authorizer.provider import Provider
from authorizer.telemetry import Telemetry
from local import sample
from tests.support.rules_text import EVERY_ROUTE
from tests.support.tokens import AUDIENCE, ISSUER, NOW, claims, jwk, key_set, token

HOLDERS: Final = 1_000
CACHE_SECONDS: Final = 30
SECONDS_A_DECISION: Final = 0.01


class Table:
    """A fake of the DynamoDB client. It has the items whose digests `has` accepts, and counts the reads."""

    def __init__(self, has: Callable[[str], bool]) -> None:
        self._has = has
        self._item = sample.read("api_key_item.json")
        self.reads = 0
        self.revoked: set[str] = set()

    def get_item(self, *, TableName: str, Key: Mapping[str, Any]) -> Any:  # noqa: N803 - boto3's spelling
        self.reads += 1
        digest = Key["pk"]["S"]
        answered = {"ResponseMetadata": {"HTTPHeaders": {"content-type": "application/x-amz-json-1.0"}}}
        if not self._has(digest):
            return answered
        return {**answered, "Item": {**self._item, **({"revoked_at": {"N": "1"}} if digest in self.revoked else {})}}


@dataclass
class Workload:
    """The counts of a mixed workload."""

    decisions: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    reads: int = 0
    expected_reads: int = 0
    fetches: int = 0
    most_fetches: int = 0
    late: int = 0
    """Decisions that accepted a key after its revocation for longer than the key cache permits."""
    needless_reads: int = 0
    """Reads for credentials that need none: an unrecognized token, a wrong checksum, a token with an unknown `kid`."""


def mixed(decisions: int, seed: int = 1) -> Workload:
    """Run a workload of API keys and JWTs alternately, at 100 decisions per second of a simulated clock.

    Every 20th credential is invalid. The provider rotates its signing key four times. A key is revoked at every 1,000th
    decision.
    """
    return _Mixed(decisions, seed).run()


class _Lines(io.TextIOBase):
    """A standard output that passes each line to a function."""

    def __init__(self, written: Callable[[str], None]) -> None:
        self._written = written

    def write(self, line: str) -> int:
        self._written(line)
        return len(line)


class _Mixed:
    def __init__(self, decisions: int, seed: int) -> None:
        self._count = decisions
        self._chance = random.Random(seed)  # noqa: S311 - variety, not secrecy
        self._now = float(NOW)
        self._keys = [api_key.generate("mak") for _ in range(HOLDERS)]
        digests = {api_key.digest(key) for key in self._keys}
        self._table = Table(digests.__contains__)
        self._fetches = 0
        self._generation = 0
        self._result = Workload()
        self._decider = self._build()
        self._tokens: list[str] = []
        self._read_at: dict[str, float] = {}
        self._revoked_at: dict[str, float] = {}

    def run(self) -> Workload:
        with redirect_stdout(_Lines(self._written)):
            return self._run()

    def _run(self) -> Workload:
        result, rotation = self._result, max(self._count // 5, 1)
        for index in range(self._count):
            self._now += SECONDS_A_DECISION
            if index % rotation == 0:
                self._rotate()
            if index % 1000 == 999:
                self._revoke()
            if index % 20 == 0:
                before = self._table.reads
                self._decide(self._bad(index))
                result.needless_reads += self._table.reads - before
            elif index % 2:
                self._decide_key(self._chance.choice(self._keys))
            else:
                self._decide(self._chance.choice(self._tokens))
        result.decisions, result.reads, result.fetches = self._count, self._table.reads, self._fetches
        seconds = self._count * SECONDS_A_DECISION
        # The first fetch, an early refresh every 480 s, one for each rotation, and those that unknown `kid`s cause.
        result.most_fetches = 1 + int(seconds / 480) + 5 + 2 * MOST_IN_VAIN + int(seconds / KeyTimes().cooldown)
        return result

    def _build(self) -> Decider:
        def clock() -> float:
            return self._now

        def fetch(_url: str, _seconds: float) -> bytes:
            self._fetches += 1
            return key_set(jwk("RS", kid=f"k{self._generation}"))

        telemetry = Telemetry(stack="multi-auth")
        client: Any = self._table
        store = KeyStore(client, "keys", cache_seconds=CACHE_SECONDS, clock=clock)
        provider = Provider(ISSUER, frozenset({AUDIENCE}), "https://x.example/")
        keys = SigningKeys(provider, fetch=fetch, clock=clock, report=telemetry.event, times=KeyTimes())
        return Decider(
            [
                ApiKeyAuthenticator(store, "mak", accept_imported=False, clock=clock),
                JwtAuthenticator([(provider, keys)], leeway_seconds=30, clock=clock),
            ],
            Responder(EVERY_ROUTE).respond,
            telemetry.decision,
        )

    def _written(self, line: str) -> None:
        outcome = json.loads(line).get("outcome")
        if outcome:
            self._result.outcomes[outcome] = self._result.outcomes.get(outcome, 0) + 1

    def _rotate(self) -> None:
        self._generation += 1
        expires = int(self._now) + 3600
        self._tokens = [
            token(claims(sub=f"user-{user}", iat=int(self._now), exp=expires), {"kid": f"k{self._generation}"})
            for user in range(HOLDERS)
        ]

    def _revoke(self) -> None:
        key = self._chance.choice(self._keys)
        self._table.revoked.add(api_key.digest(key))
        self._revoked_at.setdefault(key, self._now)

    def _bad(self, index: int) -> str:
        key = self._keys[0]
        wrong_checksum = key[:-1] + ("x" if key[-1] != "x" else "y")
        unknown = token(claims(exp=int(self._now) + 60), {"kid": "unknown"}) if index % 60 == 40 else "hello"
        return wrong_checksum if index % 60 == 20 else unknown

    def _decide_key(self, key: str) -> None:
        """Decide, and calculate independently whether the key must be read and can still be accepted."""
        read_at = self._read_at.get(key)
        if read_at is None or self._now - read_at >= CACHE_SECONDS:
            self._read_at[key] = self._now
            self._result.expected_reads += 1
        accepted = self._decide(key)
        revoked_at = self._revoked_at.get(key)
        if accepted and revoked_at is not None and self._now - revoked_at >= CACHE_SECONDS:
            self._result.late += 1

    def _decide(self, credential: str) -> bool:
        made = {
            "headers": {"Authorization": f"Bearer {credential}"},
            "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abc/v1/GET/me",
            "requestContext": {"requestId": "8f2c6d1e-0b7a-4c1d-9a57-3a0c5b9f1e42"},
        }
        try:
            self._decider.decide(made)
        except Unauthorized:
            return False
        return True


def memory_held(distinct: int) -> int:
    """Return the bytes in a key store after `distinct` credentials, every second of which is a key in the table."""
    client: Any = Table(lambda digest: digest[-1] in "02468ace")
    store = KeyStore(client, "keys", cache_seconds=CACHE_SECONDS, clock=lambda: NOW)
    tracemalloc.start()
    try:
        for number in range(distinct):
            store.find(f"{number:064x}")
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
