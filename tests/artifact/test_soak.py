"""Mixed events for minutes, with the artifact, while table and provider fail, are slow and rotate keys in turn.

The function's clock runs faster than the time of the test, so that keys are fetched again and cached answers end.
"""

import itertools
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from authorizer import api_key
from tests.support import dynamodb
from tests.support import fault_server as faults
from tests.support.fault_server import Behaviour, FaultServer
from tests.support.interpreter import Artifact, running
from tests.support.tokens import AUDIENCE, ISSUER, NOW, base64url, claims, key_set

BUSY: Final = 30
"""The seconds of a calm phase with forged tokens. Until a fetch, there are none: they cause fetches, so otherwise the
keys would never be so old that a fetch is due, and others must not notice a forged token just then."""
SECRET: Final = "a-claim-that-must-not-be-logged"
API_KEY_CACHE: Final = 30
COOLDOWN: Final = 10
LONGEST_BACKOFF: Final = 30
OLDEST_KEYS: Final = 600 + LONGEST_BACKOFF
MOST_GROWTH: Final = 6 * 2**20
"""Far below the growth of a leak: 1 KB for each of the tens of thousands of events would be more."""

ARN: Final = "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234"
ALLOW, REFUSE, FAIL = "allow", "refuse", "fail"


class SigningPair:
    """A key of the provider, and the times from which it is published and no longer published."""

    def __init__(self, kid: str, published_at: float) -> None:
        self.kid: Final = kid
        self.published_at: Final = published_at
        self.removed_at: float | None = None
        self._private = ec.generate_private_key(ec.SECP256R1())

    def jwk(self) -> dict[str, Any]:
        return dict(ECAlgorithm.to_jwk(self._private.public_key(), as_dict=True)) | {"kid": self.kid}

    def token(self, *, with_kid: bool = True, **changes: Any) -> str:
        payload = claims(exp=NOW + 10**9, email=SECRET) | changes
        return jwt.encode(payload, self._private, "ES256", headers={"kid": self.kid} if with_kid else None)


@dataclass
class Backend:
    """Whether a backend works, and since when."""

    works: bool = True
    changed_at: float = NOW

    def set(self, now: float, *, works: bool) -> None:
        if works != self.works:
            self.works, self.changed_at = works, now

    def worked_for(self, now: float, seconds: float) -> bool:
        return self.works and now - self.changed_at > seconds


def item(key: str, **attributes: dict[str, Any]) -> dict[str, Any]:
    made = {"consumer": {"S": "acme"}, "key_id": {"S": "key_1"}, "enabled": {"BOOL": True}, "data": {"S": "{}"}}
    return {"pk": {"S": api_key.digest(key)}, **made, **attributes}


VALID, CHANGING, REVOKED, EXPIRED, MALFORMED = (api_key.generate("mak") for _ in range(5))
STORED: Final = (
    item(VALID),
    item(CHANGING),
    item(REVOKED, revoked_at={"N": "1"}),
    item(EXPIRED, expires_at={"N": str(NOW)}),
    item(MALFORMED, enabled={"S": "true"}),
)


@dataclass
class World:
    """The function's clock, table and provider, and which outcomes an event can have now."""

    table: dynamodb.Server
    server: FaultServer
    chance: random.Random
    now: float = NOW
    the_table: Backend = field(default_factory=Backend)
    the_provider: Backend = field(default_factory=Backend)
    latency: float = 0
    pairs: list[SigningPair] = field(default_factory=list)
    changed_at: float = NOW
    is_enabled: bool = True
    is_calm: bool = False
    busy_until: float = 0
    requests: int = 0

    def __post_init__(self) -> None:
        self.pairs.append(SigningPair("k0", self.now - 3600))
        self.table.before_answer = self._before_answer
        self.server.behaviour = self._answer
        self.fault: Behaviour = faults.status("503 Busy")

    def _before_answer(self) -> None:
        if not self.the_table.works:
            raise ConnectionError

    def _answer(self, connection: faults.Connection) -> None:
        if not self.the_provider.works:
            self.fault(connection)
        elif not connection.stopping.wait(self.latency):
            connection.answer(key_set(*(pair.jwk() for pair in self.pairs if pair.removed_at is None)))

    def enter(self, phase: "Phase") -> None:
        """Change the state of the backends. At random, the provider rotates its keys, and few tokens are forged."""
        self.the_table.set(self.now, works=phase.table_works)
        self.the_provider.set(self.now, works=phase.provider_works)
        self.latency, self.fault = phase.latency, phase.fault
        if phase.provider_works and self.chance.random() < 0.7:
            self.rotate()
        self.is_calm = self.chance.random() < 0.5

    @property
    def is_quiet(self) -> bool:
        return self.is_calm and self.now > self.busy_until

    def pass_time(self) -> None:
        if self.is_quiet and self.server.requests > self.requests:
            self.busy_until = self.now + BUSY
        self.requests = self.server.requests
        longest = self.chance.choice((0.5, 0.5, 40)) if not self.is_calm else 20 if self.is_quiet else 1
        self.now += self.chance.uniform(0, longest)

    def rotate(self) -> None:
        """Publish another key. Remove the one before the last."""
        self.pairs.append(SigningPair(f"k{len(self.pairs)}", self.now))
        if len(self.pairs) > 2:
            self.pairs[-3].removed_at = self.now

    def toggle(self) -> None:
        self.is_enabled, self.changed_at = not self.is_enabled, self.now
        self.table.items[api_key.digest(CHANGING)] = item(CHANGING, enabled={"BOOL": self.is_enabled})

    def read(self, *, is_allowed: bool) -> set[str]:
        """The outcomes of a key that is read from the table."""
        return {ALLOW if is_allowed else REFUSE} | (set() if self.the_table.works else {FAIL})

    def changing(self) -> set[str]:
        is_known = self.now - self.changed_at >= API_KEY_CACHE
        return self.read(is_allowed=self.is_enabled) | (set() if is_known else {ALLOW, REFUSE})

    def signed(self, pair: SigningPair) -> set[str]:
        """The outcomes of a token that is valid but for whether the function has, or still has, its key."""
        outcomes = {ALLOW, *self._unchecked()}
        if pair.removed_at is not None:
            outcomes.add(REFUSE)
            since = max(pair.removed_at, self.the_provider.changed_at + LONGEST_BACKOFF)
            if self.the_provider.works and self.now - since > OLDEST_KEYS:
                outcomes.discard(ALLOW)
        elif self.now - pair.published_at <= COOLDOWN:
            # Forged tokens can have used up the fetches of this cooldown.
            outcomes.add(REFUSE)
        return outcomes

    def forged(self) -> set[str]:
        return {REFUSE, *self._unchecked()}

    def _unchecked(self) -> set[str]:
        """503, while the provider fails and until the function tries again."""
        return set() if self.the_provider.worked_for(self.now, LONGEST_BACKOFF) else {FAIL}


Sample = tuple[str, object, set[str]]
"""Its name, the event and its possible outcomes."""


def request(token: str, chance: random.Random) -> dict[str, Any]:
    """An event with this token, of a REST API or of an HTTP API with one of its two payload formats."""
    bearer, names = f"{chance.choice(('Bearer', 'bearer'))} {token}", ("Authorization", "authorization")
    headers = {chance.choice(names): bearer, "X-Other": "é"}
    rest = {"type": "REQUEST", "methodArn": f"{ARN}/v1/GET/me", "headers": headers, "requestContext": {"stage": "v1"}}
    return chance.choice(
        (
            rest,
            rest | {"multiValueHeaders": {name: [text] for name, text in headers.items()}, "requestContext": None},
            rest | {"version": "1.0", "multiValueHeaders": None, "queryStringParameters": None},
            {"type": "REQUEST", "version": "2.0", "routeArn": f"{ARN}/$default/GET/me", "headers": headers},
        )
    )


def sample(world: World) -> Sample:
    """An event, chosen at random."""
    chance, pair = world.chance, world.pairs[-1]
    # Nobody signs with a key before it is published, and most tokens are not of the first second.
    current = (
        pair if world.now > pair.published_at + chance.choice((0, 60)) or len(world.pairs) < 2 else world.pairs[-2]
    )
    old = chance.choice(world.pairs[-4:])
    other = SigningPair(current.kid, world.now)
    forged, refused = world.forged(), {REFUSE}
    rubbish = f"{current.token().rpartition('.')[0]}.{base64url(chance.randbytes(64))}"
    tokens: dict[str, tuple[str, set[str]]] = {
        "valid key": (VALID, world.read(is_allowed=True)),
        "changing key": (CHANGING, world.changing()),
        "revoked key": (REVOKED, world.read(is_allowed=False)),
        "expired key": (EXPIRED, world.read(is_allowed=False)),
        "malformed item": (MALFORMED, world.read(is_allowed=False)),
        "unknown key": (api_key.generate("mak"), world.read(is_allowed=False)),
        "mistyped key": (VALID[:-1] + chance.choice("!~.0"), refused),
        "valid JWT": (current.token(), world.signed(current)),
        "valid JWT without kid": (current.token(with_kid=False), world.signed(current)),
        "JWT of an old key": (old.token(), world.signed(old)),
        "forged, known kid": (other.token(), forged),
        "forged, no kid": (other.token(with_kid=False), forged),
        "forged, unknown kid": (SigningPair(f"x{chance.random()}", world.now).token(), forged),
        "forged signature": (rubbish, forged),
        "expired JWT": (current.token(exp=NOW - 60), refused),
        "JWT of the future": (current.token(nbf=NOW + 10**8), refused),
        "other issuer": (current.token(iss=SECRET), refused),
        "other audience": (current.token(aud=SECRET), refused),
        "bound JWT": (current.token(cnf={"jkt": "x"}), refused),
        "unsigned": (jwt.encode(claims(), "", "none"), refused),
        "HMAC": (jwt.encode(claims(), "x" * 32, "HS256", headers={"kid": current.kid}), refused),
        "not a JWT": (chance.choice(("a.b.c", "..", "e30.e30.AA", "x" * 9000, f"{'e30.' * 40}e30")), refused),
    }
    odd: dict[str, object] = {
        "no event": chance.choice((None, [], "x", 7, {}, {"headers": None, "requestContext": []})),
        "no header": {"type": "REQUEST", "methodArn": ARN, "headers": {"X-Key": VALID}, "multiValueHeaders": None},
        "two headers": request(VALID, chance) | {"multiValueHeaders": {"Authorization": [f"Bearer {VALID}"] * 2}},
        "odd header": request(VALID, chance) | {"multiValueHeaders": {"authorization": chance.choice((None, [7], {}))}},
        "TOKEN": {"type": "TOKEN", "authorizationToken": f"Bearer {VALID}", "methodArn": f"{ARN}/v1/GET/me"},
        "WebSocket": request(VALID, chance) | {"requestContext": {"eventType": "CONNECT", "connectionId": "x"}},
    }
    name = chance.choice((*tokens, *odd))
    if chance.random() < (1 if world.is_quiet else 0.3):
        name = chance.choice(("valid JWT", "valid JWT without kid", "valid key", "changing key"))
    if name in odd:
        return name, odd[name], refused
    text, outcomes = tokens[name]
    return name, request(text, chance), outcomes


class Phase(NamedTuple):
    """The state of the backends for a number of events. `latency`: of the provider, in seconds of the test."""

    name: str
    table_works: bool = True
    provider_works: bool = True
    latency: float = 0
    fault: Behaviour = faults.close
    events: int = 60


PHASES: Final = (
    Phase("both work", events=300),
    Phase("the provider is slow", latency=0.45, events=200),
    Phase("the table fails", table_works=False),
    Phase("the provider closes the connection", provider_works=False),
    Phase("the provider is busy", provider_works=False, fault=faults.status("503 Busy")),
    Phase("both work after an outage", events=300),
    Phase("the provider is very slow", latency=1.3, events=200),
    Phase("both fail", table_works=False, provider_works=False, fault=faults.body(b"<html>")),
    Phase("the table fails alone", table_works=False, latency=0.1),
)


def soak(world: World, function: Artifact, seconds: float) -> dict[str, Any]:
    """Send events for this time. Returns the numbers of outcomes, and the memory after the first third and at the end.

    :raises AssertionError: an outcome is not one of those that are possible.
    """
    variables = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": world.server.url}
    function.build({"API_KEYS_TABLE": "keys"} | variables, now=world.now, with_table=True)
    counts = Counter[str]()
    memory: list[tuple[float, int]] = []
    ends_at = time.monotonic() + seconds
    for phase in itertools.cycle(PHASES):
        world.enter(phase)
        for _ in range(phase.events):
            world.pass_time()
            function.set_clock(world.now)
            if world.chance.random() < 0.03:
                world.toggle()
            name, event, outcomes = sample(world)
            decision = function.decide(event)
            outcome, reason = decision.outcome
            assert outcome in outcomes, f"{name} while {phase.name}: {outcome}, {reason}"
            assert SECRET not in decision.written, name
            counts[outcome] += 1
        memory.append((ends_at - time.monotonic(), function.memory()))
        if memory[-1][0] <= 0:
            break
    warm = next(used for left, used in memory if left <= seconds * 2 / 3)
    return {**counts, "seconds": world.now - NOW, "rotations": len(world.pairs) - 1, "warm": warm, "end": memory[-1][1]}


@pytest.mark.long
def test_mixed_events_have_right_outcomes_and_memory_stays_flat_while_backends_fail_in_turn(
    artifact: Path, request: pytest.FixtureRequest
) -> None:
    seed = time.time_ns() % 10**6
    print("seed:", seed)  # noqa: T201 - to repeat a run that fails
    with (
        dynamodb.serving(*STORED) as table,
        FaultServer().running() as server,
        running(artifact, AWS_ENDPOINT_URL_DYNAMODB=table.url) as function,
    ):
        world = World(table, server, random.Random(seed))  # noqa: S311 - nothing secret
        counted = soak(world, function, request.config.getoption("--soak-seconds"))
        assert function.threads() == 1
    print(counted)  # noqa: T201 - shown with -s
    assert min(counted[outcome] for outcome in (ALLOW, REFUSE, FAIL)) > 0
    assert counted["end"] - counted["warm"] < MOST_GROWTH
