"""The signing keys of one issuer through time: fresh, stale, rotated, unavailable."""

import json
import threading
from dataclasses import dataclass, field

import pytest

from authorizer.authentication import InvalidCredential, Reason
from authorizer.fetch import FetchError
from authorizer.jwks import KeysUnavailable, KeyTimes, SigningKeys
from tests.unit.tokens import ISSUER, NOW, jwk, key_set

URL = "https://issuer.example/jwks.json"
DISCOVERY = "https://issuer.example/.well-known/openid-configuration"
TIMES = KeyTimes(fresh=600, stale=86_400, cooldown=10, timeout=2.5)


@dataclass
class World:
    """A clock that is set by hand, a provider that answers what it is told to, and what was reported."""

    now: float = NOW
    documents: dict[str, bytes] = field(default_factory=lambda: {URL: key_set(jwk())})
    fetched: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    down: bool = False

    def fetch(self, url: str, _seconds: float) -> bytes:
        self.fetched.append(url)
        if self.down or url not in self.documents:
            raise FetchError("down")
        return self.documents[url]

    def keys(self, url: str | None = URL, seed: bytes | None = None) -> SigningKeys:
        return SigningKeys(
            ISSUER,
            url,
            fetch=self.fetch,
            clock=lambda: self.now,
            report=lambda event, _detail: self.reports.append(event),
            times=TIMES,
            seed=seed,
        )


@pytest.fixture
def world() -> World:
    return World()


def is_refused(keys: SigningKeys, kid: str) -> bool:
    with pytest.raises(InvalidCredential, match=Reason.UNKNOWN_SIGNING_KEY):
        keys.find(kid, "RS256")
    return True


def is_unavailable(keys: SigningKeys, kid: str = "k1") -> bool:
    with pytest.raises(KeysUnavailable):
        keys.find(kid, "RS256")
    return True


def test_keys_are_fetched_once_and_again_before_they_lose_their_freshness(world: World) -> None:
    keys = world.keys()
    for second in (0, 100, 479):
        world.now = NOW + second
        assert keys.find("k1", "RS256").kid == "k1"
    assert len(world.fetched) == 1
    world.now = NOW + 480
    keys.find("k1", "RS256")
    assert len(world.fetched) == 2


def test_nothing_is_fetched_before_a_key_is_asked_for(world: World) -> None:
    world.keys()
    assert world.fetched == []


def test_the_last_good_keys_serve_through_an_outage_and_each_time_is_reported(world: World) -> None:
    keys = world.keys()
    keys.find("k1", "RS256")
    world.down = True
    for hour in (1, 12, 23.9):
        world.now = NOW + hour * 3600
        assert keys.find("k1", "RS256")
    assert world.reports.count("jwks_stale_served") == 3
    world.now = NOW + 24 * 3600
    assert is_unavailable(keys)


def test_keys_that_are_not_stale_yet_serve_a_failed_refresh_without_a_report(world: World) -> None:
    keys = world.keys()
    keys.find("k1", "RS256")
    world.down, world.now = True, NOW + 500
    assert keys.find("k1", "RS256")
    assert world.reports.count("jwks_stale_served") == 0
    assert world.reports.count("jwks_fetch_failed") == 1


def test_twenty_requests_in_an_outage_with_no_keys_cost_one_fetch(world: World) -> None:
    world.down = True
    keys = world.keys()
    assert all(is_unavailable(keys) for _ in range(20))
    assert len(world.fetched) == 1


def test_attempts_in_an_outage_come_at_growing_intervals(world: World) -> None:
    world.down = True
    keys = world.keys()
    attempts = []
    for second in range(200):
        world.now = NOW + second
        before = len(world.fetched)
        is_unavailable(keys)
        if len(world.fetched) > before:
            attempts.append(second)
    assert attempts == [0, 2, 6, 14, 30, 60, 90, 120, 150, 180]


def test_recovery_is_at_the_next_attempt(world: World) -> None:
    world.down = True
    keys = world.keys()
    is_unavailable(keys)
    world.down, world.now = False, NOW + 2
    assert keys.find("k1", "RS256")


def test_a_rotated_key_works_at_its_first_use_when_the_last_fetch_is_older_than_the_cooldown(world: World) -> None:
    keys = world.keys()
    keys.find("k1", "RS256")
    world.documents[URL] = key_set(jwk(), jwk("RS-other", "k2"))
    world.now = NOW + 10
    assert keys.find("k2", "RS256").kid == "k2"


def test_a_rotated_key_works_within_the_cooldown_otherwise(world: World) -> None:
    keys = world.keys()
    keys.find("k1", "RS256")
    world.documents[URL] = key_set(jwk(), jwk("RS-other", "k2"))
    world.now = NOW + 9.9
    assert is_refused(keys, "k2")
    world.now = NOW + 10
    assert keys.find("k2", "RS256")


def test_ten_thousand_unknown_kids_cost_one_fetch_a_cooldown_while_known_keys_serve(world: World) -> None:
    keys = world.keys()
    for number in range(10_000):
        world.now = NOW + number / 500
        is_refused(keys, f"random-{number}")
        if number % 1000 == 0:
            assert keys.find("k1", "RS256")
    assert len(world.fetched) == 2


def test_a_key_that_left_the_set_stops_at_the_next_refresh(world: World) -> None:
    keys = world.keys()
    keys.find("k1", "RS256")
    world.documents[URL] = key_set(jwk("RS-other", "k2"))
    world.now = NOW + 480
    assert is_refused(keys, "k1")


def test_an_unknown_kid_is_refused_after_a_good_fetch_and_undecided_after_a_failed_one(world: World) -> None:
    keys = world.keys()
    assert is_refused(keys, "k2")
    world.down, world.now = True, NOW + 20
    assert is_unavailable(keys, "k2")
    assert keys.find("k1", "RS256")
    world.down, world.now = False, NOW + 60
    assert is_refused(keys, "k2")


def test_an_error_of_any_kind_in_a_fetch_is_an_outage(world: World) -> None:
    def fetch(_url: str, _seconds: float) -> bytes:
        raise RuntimeError("secret")

    keys = SigningKeys(
        ISSUER, URL, fetch=fetch, clock=lambda: NOW, report=lambda _e, d: world.reports.append(d), times=TIMES
    )
    assert is_unavailable(keys)
    assert world.reports == [f"{ISSUER}: RuntimeError"]


def test_a_bad_key_set_does_not_replace_a_good_one(world: World) -> None:
    keys = world.keys()
    keys.find("k1", "RS256")
    world.documents[URL] = b'{"keys": []}'
    world.now = NOW + 480
    assert keys.find("k1", "RS256")


def test_a_clock_that_was_set_back_does_not_keep_keys_young(world: World) -> None:
    keys = world.keys()
    keys.find("k1", "RS256")
    world.now = NOW - 3600
    assert keys.find("k1", "RS256")
    assert len(world.fetched) == 2


def test_discovery_finds_the_key_set_once(world: World) -> None:
    world.documents[DISCOVERY] = json.dumps({"issuer": ISSUER, "jwks_uri": URL}).encode()
    keys = world.keys(url=None)
    keys.find("k1", "RS256")
    world.now = NOW + 480
    keys.find("k1", "RS256")
    assert world.fetched == [DISCOVERY, URL, URL]


def test_discovery_is_repeated_when_the_key_set_cannot_be_fetched(world: World) -> None:
    world.documents[DISCOVERY] = json.dumps({"issuer": ISSUER, "jwks_uri": URL}).encode()
    keys = world.keys(url=None)
    keys.find("k1", "RS256")
    moved = "https://issuer.example/moved.json"
    world.documents = {
        DISCOVERY: json.dumps({"issuer": ISSUER, "jwks_uri": moved}).encode(),
        moved: key_set(jwk("RS-other", "k2")),
    }
    world.now = NOW + 480
    keys.find("k1", "RS256")
    world.now = NOW + 490
    assert keys.find("k2", "RS256")


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://other.example/", "jwks_uri": URL},
        {"issuer": ISSUER.rstrip("/"), "jwks_uri": URL},
        {"jwks_uri": URL},
        {"issuer": ISSUER},
        {"issuer": ISSUER, "jwks_uri": "http://issuer.example/jwks.json"},
        {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"},
        {"issuer": ISSUER, "jwks_uri": 7},
        [],
    ],
)
def test_a_discovery_document_that_is_not_this_issuers_is_not_followed(document: object, world: World) -> None:
    world.documents[DISCOVERY] = json.dumps(document).encode()
    assert is_unavailable(world.keys(url=None))
    assert world.fetched == [DISCOVERY]


def test_the_seed_serves_until_a_fetch_succeeds_and_never_after(world: World) -> None:
    world.down = True
    keys = world.keys(seed=key_set(jwk("RS-other", "seed")))
    assert keys.find("seed", "RS256")
    assert len(world.fetched) == 1
    world.now = NOW + 48 * 3600
    assert keys.find("seed", "RS256")
    world.down, world.now = False, NOW + 49 * 3600
    assert is_refused(keys, "seed")
    assert keys.find("k1", "RS256")


def test_a_seed_that_is_no_key_set_is_an_error_at_once(world: World) -> None:
    with pytest.raises(FetchError, match="not JSON"):
        world.keys(seed=b"hello")


def test_many_that_wait_for_the_first_keys_share_one_fetch() -> None:
    go_on, fetches = threading.Event(), []

    def fetch(url: str, _seconds: float) -> bytes:
        fetches.append(url)
        go_on.wait(30)
        return key_set(jwk())

    keys = SigningKeys(ISSUER, URL, fetch=fetch, clock=lambda: NOW, report=lambda _e, _d: None, times=TIMES)
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(keys.find("k1", "RS256"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(fetches) == 1


def test_who_can_do_with_the_keys_at_hand_does_not_wait_for_a_refresh(world: World) -> None:
    begun, go_on = threading.Event(), threading.Event()
    blocking = False

    def fetch(_url: str, _seconds: float) -> bytes:
        if blocking:
            begun.set()
            go_on.wait(30)
        return key_set(jwk())

    keys = SigningKeys(ISSUER, URL, fetch=fetch, clock=lambda: world.now, report=lambda _e, _d: None, times=TIMES)
    keys.find("k1", "RS256")
    blocking, world.now = True, NOW + 480
    refreshing = threading.Thread(target=lambda: keys.find("k1", "RS256"))
    refreshing.start()
    assert begun.wait(30)
    assert keys.find("k1", "RS256")
    assert refreshing.is_alive()
    go_on.set()
    refreshing.join()
