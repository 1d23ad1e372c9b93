"""The signing keys of one issuer over time: fresh, stale, rotated, unavailable."""

import functools
import json
from dataclasses import dataclass, field

import pytest

from authorizer.fetch import FetchError, FetchTimeout
from authorizer.jwks import MOST_IN_VAIN, Asker, KeysUnavailable, KeyTimes, Schedule, SigningKeys
from authorizer.provider import Provider
from authorizer.refusal import Reason, Refusal
from tests.support.tokens import ISSUER, NOW, jwk, key_set, sign

URL = "https://issuer.example/jwks.json"
DISCOVERY = "https://issuer.example/.well-known/openid-configuration"
TIMES = KeyTimes(fresh=600, stale=86_400, cooldown=10, timeout=2.5)


@dataclass
class World:
    """A clock that the test sets, a provider with prepared responses, and the reported events.

    An answer of the provider's takes `slowness` seconds; who waits less than that gets none.
    """

    now: float = NOW
    slowness: float = 0
    step: float = 0
    documents: dict[str, bytes] = field(default_factory=lambda: {URL: key_set(jwk())})
    fetched: list[str] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    down: bool = False

    def fetch(self, url: str, seconds: float) -> bytes:
        self.fetched.append(url)
        self.waited.append(min(self.slowness, seconds))
        self.now += self.waited[-1] + self.step
        if self.slowness > seconds:
            raise FetchTimeout("timeout")
        if self.down or url not in self.documents:
            raise FetchError("down")
        return self.documents[url]

    def keys(self, url: str | None = URL, seed: bytes | None = None, issuer: str = ISSUER) -> SigningKeys:
        return SigningKeys(
            Provider(issuer, frozenset(), url),
            fetch=self.fetch,
            clock=lambda: self.now,
            report=lambda event, _detail: self.reports.append(event),
            times=TIMES,
            seed=seed,
        )


@pytest.fixture
def world() -> World:
    return World()


@functools.cache
def signature(kind: str) -> bytes:
    return sign(b"message", "RS256", kind)


def serves(keys: SigningKeys, kid: str | None = "k1", kind: str = "RS") -> bool:
    """Whether a signature of the key of this kind is verified under this kid. Raises the errors of `verify`."""
    keys.verify(kid, "RS256", b"message", signature(kind))
    return True


def is_refused(
    keys: SigningKeys, kid: str | None, reason: Reason = Reason.UNKNOWN_SIGNING_KEY, kind: str = "RS"
) -> bool:
    with pytest.raises(Refusal, match=reason):
        serves(keys, kid, kind)
    return True


def is_unavailable(keys: SigningKeys, kid: str = "k1") -> bool:
    with pytest.raises(KeysUnavailable):
        serves(keys, kid)
    return True


def test_keys_are_fetched_once_and_again_before_they_lose_their_freshness(world: World) -> None:
    keys = world.keys()
    for second in (0, 100, 479):
        world.now = NOW + second
        assert serves(keys)
    assert len(world.fetched) == 1
    world.now = NOW + 480
    serves(keys)
    assert len(world.fetched) == 2


def test_nothing_is_fetched_before_a_key_is_asked_for(world: World) -> None:
    world.keys()
    assert world.fetched == []


def test_the_last_good_keys_serve_through_an_outage_and_each_time_is_reported(world: World) -> None:
    keys = world.keys()
    serves(keys)
    world.down = True
    for hour in (1, 12, 23.9):
        world.now = NOW + hour * 3600
        assert serves(keys)
    assert world.reports.count("jwks_stale_served") == 3
    world.now = NOW + 24 * 3600
    assert is_unavailable(keys)


def test_keys_that_are_not_stale_yet_serve_a_failed_refresh_without_a_report(world: World) -> None:
    keys = world.keys()
    serves(keys)
    world.down, world.now = True, NOW + 500
    assert serves(keys)
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
    assert serves(keys)


@pytest.mark.parametrize("second", [0, 1, 10, 479, 481, 601, 5000])
@pytest.mark.parametrize("slowness", [0, 0.4, 1.3, 2])
def test_a_rotated_key_works_at_its_first_use(slowness: float, second: float, world: World) -> None:
    world.slowness = slowness
    keys = world.keys()
    serves(keys)
    world.documents[URL] = key_set(jwk(), jwk("RS-other", "k2"))
    world.now += second
    assert serves(keys, "k2", "RS-other")


def forge(keys: SigningKeys, number: int, kid: str | None) -> None:
    """Send a token with a signature of its own. It must be refused."""
    with pytest.raises(Refusal):
        keys.verify(kid, "RS256", b"message", number.to_bytes(256))


@pytest.mark.parametrize("kid", ["k1", "k2", "x", None])
def test_forged_tokens_do_not_use_up_the_fetch_of_a_valid_one(kid: str | None, world: World) -> None:
    world.slowness = 1.3
    keys = world.keys()
    serves(keys)
    for number in range(MOST_IN_VAIN - 1):
        forge(keys, number, kid)
    world.documents[URL] = key_set(jwk("RS-other", "k2"))
    assert serves(keys, "k2", "RS-other")


@pytest.mark.parametrize("kid", ["k1", None])
def test_a_flood_of_tokens_that_a_known_key_fits_does_not_delay_a_key_with_a_new_kid(
    kid: str | None, world: World
) -> None:
    keys = world.keys()
    serves(keys)
    for number in range(100):
        forge(keys, number, kid)
    world.documents[URL] = key_set(jwk("RS-other", "k2"))
    assert serves(keys, "k2", "RS-other")


def test_a_forged_token_fetches_once_in_a_cooldown(world: World) -> None:
    keys = world.keys()
    serves(keys)
    for _ in range(100):
        forge(keys, 1, "x")
    assert len(world.fetched) == 2
    world.now += TIMES.cooldown
    forge(keys, 1, "x")
    assert len(world.fetched) == 3


def test_a_token_that_fetched_in_vain_is_remembered_beside_those_of_the_other_lane(world: World) -> None:
    keys = world.keys()
    serves(keys)
    for _ in range(3):
        forge(keys, 1, "x")
        forge(keys, 2, "k1")
    assert len(world.fetched) == 3


@pytest.mark.parametrize("kid", ["k1", "x", None])
def test_a_flood_of_forged_tokens_costs_five_fetches_and_one_in_each_cooldown_while_known_keys_serve(
    kid: str | None, world: World
) -> None:
    world.slowness = 0.4
    keys = world.keys()
    serves(keys)
    begun = world.now
    for number in range(10_000):
        world.now = max(world.now, begun + number / 100)
        forge(keys, number, kid)
        if number % 1000 == 0:
            assert serves(keys)
    assert len(world.fetched) == pytest.approx(1 + MOST_IN_VAIN + 100 / TIMES.cooldown, abs=1)
    world.documents[URL] = key_set(jwk("RS-other", "k2"))
    world.now += TIMES.cooldown
    assert serves(keys, "k2", "RS-other")


def test_after_a_flood_and_a_clock_that_was_set_back_a_rotated_key_works(world: World) -> None:
    keys = world.keys()
    serves(keys)
    for number in range(MOST_IN_VAIN):
        forge(keys, number, "x")
    world.documents[URL] = key_set(jwk("RS-other", "k2"))
    world.now -= 300
    assert serves(keys, "k2", "RS-other")


def test_a_fetch_that_was_given_up_early_is_no_failure_for_a_token_that_needs_it(world: World) -> None:
    keys = world.keys()
    serves(keys)
    world.slowness, world.now = 1.3, NOW + 480
    assert serves(keys)
    assert world.waited[-1] == 0.3
    world.documents[URL] = key_set(jwk("RS-other", "k2"))
    assert serves(keys, "k2", "RS-other")
    assert set(world.reports) == {"jwks_fetched"}


def test_a_fetch_that_is_given_up_early_does_not_delay_one_that_may_follow_a_failure(world: World) -> None:
    keys = world.keys()
    serves(keys)
    world.slowness, world.now = 60, NOW + 480
    assert is_unavailable(keys, "k2")
    failed_at = world.now
    world.now = failed_at + 1.9
    assert is_unavailable(keys, "k2")
    assert serves(keys)
    world.slowness, world.now = 1.3, failed_at + 2
    assert serves(keys)
    world.documents[URL] = key_set(jwk(), jwk("RS-other", "k2"))
    assert serves(keys, "k2", "RS-other")


def test_a_fetch_that_failed_does_not_use_up_the_one_of_its_token(world: World) -> None:
    keys = world.keys()
    serves(keys)
    world.down = True
    with pytest.raises(KeysUnavailable):
        serves(keys, "k2", "RS-other")
    world.down, world.now = False, NOW + 2
    forge(keys, 1, "x")
    world.documents[URL] = key_set(jwk("RS-other", "k2"))
    assert serves(keys, "k2", "RS-other")


def test_keys_that_lost_their_freshness_are_waited_for(world: World) -> None:
    keys = world.keys()
    serves(keys)
    world.documents[URL] = key_set(jwk("RS-other", "k2"))
    world.slowness, world.now = 2, NOW + 600
    assert is_refused(keys, "k1")
    assert world.reports.count("jwks_stale_served") == 0


def test_the_example_of_the_schedule_comes_out_as_it_says(world: World) -> None:
    world.slowness = 1.3
    keys = world.keys()
    assert serves(keys)
    world.now = NOW + 482
    assert serves(keys)
    world.now = NOW + 483
    assert is_refused(keys, "k1", Reason.BAD_SIGNATURE, "RS-other")
    world.now = NOW + 485
    assert is_refused(keys, "k1", Reason.BAD_SIGNATURE, "RS-other")
    world.documents[URL] = key_set(jwk(), jwk("RS-2", "k2"))
    world.now = NOW + 486
    assert serves(keys, "k2", "RS-2")
    assert world.waited == [1.3, 0.3, 1.3, 1.3]
    assert set(world.reports) == {"jwks_fetched"}


def test_a_schedule_is_a_value() -> None:
    schedule = Schedule(TIMES, NOW)
    assert not schedule.is_due(NOW + 479)
    assert schedule.is_due(NOW + 480)
    given_up = schedule.missed(NOW + 480, 0.3)
    assert (given_up.is_due(NOW + 481.9), given_up.is_due(NOW + 482)) == (False, True)
    assert (schedule.patience(NOW), given_up.patience(NOW), given_up.patience(NOW + 600)) == (0.3, 0.6, 2.5)
    one, other = Asker(has_key=False, signature=b"a"), Asker(has_key=False, signature=b"b")
    assert given_up.may_ask(NOW + 480, one)
    failed = schedule.missed(NOW + 480, 2.5)
    assert (failed.may_ask(NOW + 481.9, one), failed.may_ask(NOW + 482, one)) == (False, True)
    assert (failed.is_stale(NOW + 599), failed.is_stale(NOW + 600), given_up.is_stale(NOW + 600)) == (
        False,
        True,
        False,
    )
    asked = failed.fetched(NOW + 490).asked_in_vain(NOW + 490, one)
    assert (asked.may_ask(NOW + 499, one), asked.may_ask(NOW + 499, other), asked.may_ask(NOW + 500, one)) == (
        False,
        True,
        True,
    )
    assert schedule == Schedule(TIMES, NOW)


def test_a_key_that_left_the_set_stops_at_the_next_refresh(world: World) -> None:
    keys = world.keys()
    serves(keys)
    world.documents[URL] = key_set(jwk("RS-other", "k2"))
    world.now = NOW + 480
    assert is_refused(keys, "k1")
    assert serves(keys, "k2", "RS-other")


def test_an_unknown_kid_is_refused_after_a_good_fetch_and_undecided_after_a_failed_one(world: World) -> None:
    keys = world.keys()
    assert is_refused(keys, "k2")
    world.down, world.now = True, NOW + 20
    assert is_unavailable(keys, "k2")
    assert serves(keys)
    world.down, world.now = False, NOW + 60
    assert is_refused(keys, "k2")


def test_an_error_of_any_kind_in_a_fetch_is_an_outage(world: World) -> None:
    def fetch(_url: str, _seconds: float) -> bytes:
        raise RuntimeError("secret")

    keys = SigningKeys(
        Provider(ISSUER, frozenset(), URL),
        fetch=fetch,
        clock=lambda: NOW,
        report=lambda _e, d: world.reports.append(d),
        times=TIMES,
    )
    assert is_unavailable(keys)
    assert world.reports == [f"{ISSUER}: RuntimeError"]


def test_a_bad_key_set_does_not_replace_a_good_one(world: World) -> None:
    keys = world.keys()
    serves(keys)
    world.documents[URL] = b'{"keys": []}'
    world.now = NOW + 480
    assert serves(keys)


def test_a_clock_that_was_set_back_does_not_keep_keys_young(world: World) -> None:
    keys = world.keys()
    serves(keys)
    world.now = NOW - 3600
    assert serves(keys)
    assert len(world.fetched) == 2


@pytest.mark.parametrize("moved_by", [480, 10], ids=["a refresh", "an unknown kid"])
def test_keys_that_moved_are_found_where_the_issuer_says_though_the_old_ones_are_still_there(
    moved_by: float, world: World
) -> None:
    world.documents[DISCOVERY] = json.dumps({"issuer": ISSUER, "jwks_uri": URL}).encode()
    keys = world.keys(url=None)
    serves(keys)
    moved = "https://issuer.example/moved.json"
    world.documents[DISCOVERY] = json.dumps({"issuer": ISSUER, "jwks_uri": moved}).encode()
    world.documents[moved] = key_set(jwk("RS-other", "k2"))
    world.now = NOW + moved_by
    assert serves(keys, "k2", "RS-other")
    assert is_refused(keys, "k1")


def test_discovery_and_keys_together_stay_within_the_deadline(world: World) -> None:
    world.documents[DISCOVERY] = json.dumps({"issuer": ISSUER, "jwks_uri": URL}).encode()
    world.slowness = 2
    assert is_unavailable(world.keys(url=None))
    assert sum(world.waited) == pytest.approx(TIMES.timeout)


def test_an_issuer_elsewhere_cannot_name_an_address_of_this_machine(world: World) -> None:
    inner = "http://127.0.0.1:9001/jwks.json"
    for issuer in (ISSUER, "http://localhost:9000"):
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        world.documents[url] = json.dumps({"issuer": issuer, "jwks_uri": inner}).encode()
    world.documents[inner] = key_set(jwk())
    assert is_unavailable(world.keys(url=None))
    assert world.fetched == [DISCOVERY]
    assert serves(world.keys(url=None, issuer="http://localhost:9000"))


def test_an_issuer_on_this_machine_cannot_name_a_key_set_elsewhere_without_tls(world: World) -> None:
    url, outer = "http://localhost:9000/.well-known/openid-configuration", "http://issuer.example/jwks.json"
    world.documents[url] = json.dumps({"issuer": "http://localhost:9000", "jwks_uri": outer}).encode()
    world.documents[outer] = key_set(jwk())
    assert is_unavailable(world.keys(url=None, issuer="http://localhost:9000"))
    assert world.fetched == [url]


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://other.example/", "jwks_uri": URL},
        {"issuer": ISSUER.rstrip("/"), "jwks_uri": URL},
        {"jwks_uri": URL},
        {"issuer": ISSUER},
        {"issuer": ISSUER, "jwks_uri": "http://issuer.example/jwks.json"},
        {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"},
        {"issuer": ISSUER, "jwks_uri": "https://user@issuer.example/jwks.json"},
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
    assert serves(keys, "seed", "RS-other")
    assert len(world.fetched) == 1
    world.now = NOW + 23 * 3600
    assert serves(keys, "seed", "RS-other")
    world.down, world.now = False, NOW + 49 * 3600
    assert is_refused(keys, "seed")
    assert serves(keys)


def test_a_seed_that_is_no_key_set_is_an_error_at_once(world: World) -> None:
    with pytest.raises(FetchError, match="not JSON"):
        world.keys(seed=b"hello")


def test_a_seed_says_how_old_it_is_and_ends_like_other_keys(world: World) -> None:
    world.down = True
    keys = world.keys(seed=json.dumps({"fetched_at": NOW - 3600, "keys": [jwk()]}).encode())
    assert serves(keys)
    assert world.reports.count("jwks_stale_served") == 1
    world.now = NOW - 3600 + TIMES.stale
    assert is_unavailable(keys)


def test_a_seed_that_is_fresh_is_not_fetched_again(world: World) -> None:
    assert serves(world.keys(seed=json.dumps({"fetched_at": NOW - 60, "keys": [jwk()]}).encode()))
    assert world.fetched == []


def test_what_is_not_in_a_fresh_seed_is_asked_for(world: World) -> None:
    keys = world.keys(seed=json.dumps({"fetched_at": NOW - 1, "keys": [jwk("RS-other", "k0")]}).encode())
    assert serves(keys)
    assert world.fetched == [URL]


def test_each_use_of_a_seed_of_unknown_age_is_reported(world: World) -> None:
    world.down = True
    keys = world.keys(seed=key_set(jwk()))
    assert serves(keys)
    assert serves(keys)
    assert world.reports.count("jwks_stale_served") == 2
    world.now = NOW + TIMES.stale
    assert is_unavailable(keys)


def test_a_seed_of_unknown_age_is_as_old_as_its_first_use_and_not_as_the_snapshot_of_the_function(
    world: World,
) -> None:
    world.down = True
    keys = world.keys(seed=key_set(jwk()))
    world.now = restored_at = NOW + 30 * 86_400
    assert serves(keys)
    world.now = restored_at + TIMES.stale - 1
    assert serves(keys)
    world.now = restored_at + TIMES.stale
    assert is_unavailable(keys)


@pytest.mark.parametrize("moment", ["2026-01-01", True, [], {}, float("nan"), float("inf")])
def test_a_seed_whose_age_cannot_be_read_is_an_error_at_once(moment: object, world: World) -> None:
    with pytest.raises(FetchError, match="fetched_at"):
        world.keys(seed=json.dumps({"fetched_at": moment, "keys": [jwk()]}).encode())


def test_a_request_that_can_be_decided_does_not_wait_long_for_newer_keys(world: World) -> None:
    keys = world.keys()
    serves(keys)
    world.slowness, world.now = 60, NOW + 480
    waited_before = len(world.waited)
    begun = world.now
    while world.now < begun + 300:
        assert serves(keys)
        world.now += 1
    assert world.waited[waited_before:][:6] == [0.3, 0.6, 1.2, 2.4, 2.5, 2.5]


def test_a_provider_that_always_needs_0_8_seconds_is_heard_and_withdrawn_keys_end(world: World) -> None:
    keys = world.keys()
    serves(keys)
    world.slowness, world.now = 0.8, NOW + 480
    world.documents[URL] = key_set(jwk("RS-other", "k2"))
    for _second in range(10):
        world.now += 1
        try:
            serves(keys)
        except Refusal:
            break
    else:
        pytest.fail("the withdrawn key is still accepted")
    assert serves(keys, "k2", "RS-other")


def test_a_request_that_needs_newer_keys_waits_for_them(world: World) -> None:
    keys = world.keys()
    serves(keys)
    world.documents[URL] = key_set(jwk(), jwk("RS-other", "k2"))
    world.slowness, world.now = 2, NOW + 10
    assert serves(keys, "k2", "RS-other")


@pytest.mark.parametrize("kid", ["k1", None])
def test_a_key_that_changed_under_its_kid_works_and_the_former_one_is_asked_for_once(
    kid: str | None, world: World
) -> None:
    world.documents[URL] = key_set(jwk(kid=kid))
    keys = world.keys()
    serves(keys, kid)
    world.documents[URL] = key_set(jwk("RS-other", kid))
    assert serves(keys, kid, "RS-other")
    assert len(world.fetched) == 2
    for _ in range(20):
        assert is_refused(keys, kid, Reason.BAD_SIGNATURE)
    assert len(world.fetched) == 3


def test_a_bad_signature_is_refused_also_when_newer_keys_cannot_be_had(world: World) -> None:
    keys = world.keys()
    serves(keys)
    world.down, world.now = True, NOW + 10
    assert is_refused(keys, "k1", Reason.BAD_SIGNATURE, "RS-other")


def test_a_bad_signature_without_a_kid_is_undecided_while_newer_keys_cannot_be_had(world: World) -> None:
    world.documents[URL] = key_set(jwk(kid=None))
    keys = world.keys()
    serves(keys, None)
    world.down, world.now = True, NOW + 10
    with pytest.raises(KeysUnavailable):
        serves(keys, None, "RS-other")
    assert serves(keys, None)


def test_a_request_fetches_once_also_when_the_clock_steps_meanwhile(world: World) -> None:
    keys = world.keys()
    serves(keys)
    fetched, world.now = len(world.fetched), NOW + 480
    world.slowness = 0.2
    world.step = 3600
    assert is_refused(keys, "k2")
    assert len(world.fetched) == fetched + 1


@pytest.mark.parametrize("kid", ["k1", None])
@pytest.mark.parametrize("second", [{}, {"alg": "RS256"}, {"use": "sig"}, {"alg": "RS512"}])
def test_a_key_that_is_there_twice_is_one(second: dict[str, str], kid: str | None, world: World) -> None:
    world.documents[URL] = key_set(jwk(kid=kid), jwk(kid=kid, **second))
    assert serves(world.keys(), kid)


def test_different_keys_under_one_kid_are_tried_four_at_most(world: World) -> None:
    kinds = ["RS-other", "RS-2", "RS-3", "RS", "RS-5"]
    world.documents[URL] = key_set(*(jwk(kind) for kind in kinds))
    keys = world.keys()
    assert [serves(keys, "k1", kind) for kind in kinds[:4]] == [True] * 4
    assert is_refused(keys, "k1", Reason.BAD_SIGNATURE, kinds[4])


def test_each_key_that_fits_is_tried_for_a_token_that_names_none_four_at_most(world: World) -> None:
    kinds = ["RS-other", "RS-2", "RS-3", "RS", "RS-5"]
    world.documents[URL] = key_set(*(jwk(kind, f"kid of {kind}") for kind in kinds))
    keys = world.keys()
    assert [serves(keys, None, kind) for kind in kinds[:4]] == [True] * 4
    assert is_refused(keys, None, Reason.AMBIGUOUS_SIGNING_KEY, kinds[4])
    world.documents[URL] = key_set(*(jwk(kind, f"kid of {kind}") for kind in kinds[:4]))
    world.now = NOW + 480
    assert is_refused(keys, None, Reason.BAD_SIGNATURE, kinds[4])


def test_a_token_without_kid_is_served_by_a_warm_instance_through_a_rotation(world: World) -> None:
    keys = world.keys()
    serves(keys, None)
    world.documents[URL] = key_set(*(jwk(f"RS-{number}", f"k{number}") for number in range(2, 8)))
    world.now = NOW + 480
    assert is_refused(keys, None, Reason.AMBIGUOUS_SIGNING_KEY)
    world.documents[URL] = key_set(jwk("RS-other", "k2"))
    world.now = NOW + 960
    assert serves(keys, None, "RS-other")


def test_a_key_set_full_of_rubbish_is_reported_in_one_line(world: World) -> None:
    members: list[object] = [0] * 200_000
    world.documents[URL] = key_set(jwk(use="enc"), jwk(), *members)
    details: list[str] = []
    keys = SigningKeys(
        Provider(ISSUER, frozenset(), URL),
        fetch=world.fetch,
        clock=lambda: NOW,
        report=lambda _e, detail: details.append(detail),
        times=TIMES,
    )
    assert serves(keys)
    assert details == [
        f"{ISSUER}: 199002 beyond the first 1,000, 998 not an object, 1 use is not for signatures",
        ISSUER,
    ]


def test_an_outage_rotations_and_random_kids_through_two_hours(world: World) -> None:
    """A rotation every minute, an outage of half an hour, and 1,000 unknown kids, on a simulated clock."""
    kinds = ("RS", "RS-other")

    def rotation() -> int:
        return int((world.now - NOW) // 60)

    def publish() -> None:
        newest = rotation()
        world.documents[URL] = key_set(
            *(jwk(kinds[number % 2], f"k{number}") for number in range(max(newest - 20, 0), newest + 1))
        )

    publish()
    keys = world.keys()
    outage = range(3600, 5400)
    step, refused = 7.2, 0
    for number in range(1000):
        world.now = NOW + number * step
        second = int(world.now - NOW)
        world.slowness = 60 if second in outage else 0
        if second not in outage:
            publish()
        waited_before = len(world.waited)
        try:
            keys.verify(f"random-{number}", "RS256", b"message", b"x")
        except (Refusal, KeysUnavailable):
            refused += 1
        assert sum(world.waited[waited_before:]) <= TIMES.timeout
        # The key before the newest has been published for a minute, which is longer than the cooldown.
        known = max(rotation() - 1, 0) if second not in outage else max(outage.start // 60 - 1, 0)
        if second not in range(outage.start, outage.stop + 60):
            assert serves(keys, f"k{known}", kinds[known % 2])
        elif second in outage:
            waited_before = len(world.waited)
            assert serves(keys, f"k{known}", kinds[known % 2])
            assert sum(world.waited[waited_before:]) <= TIMES.timeout
    assert refused == 1000
    whole = 1000 * step
    assert len(world.fetched) <= whole / TIMES.cooldown + whole / 60 + MOST_IN_VAIN
    during = len(outage) / 30 + 10
    assert len(world.fetched) >= (whole - len(outage)) / (2 * TIMES.cooldown) - during
