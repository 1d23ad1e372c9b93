"""Forged and valid tokens in turn, with the artifact and a provider that answers slowly: no answer of a valid one
changes, and nothing that a client sends counts as a failure."""

import json
from collections.abc import Iterator

import pytest

from tests.support import fault_server as faults
from tests.support.fault_server import Behaviour, FaultServer
from tests.support.interpreter import Artifact, Decision
from tests.support.tokens import AUDIENCE, ISSUER, NOW, base64url, claims, jwk, key_set, token

CLAIMS = claims(exp=NOW + 7200)
OLD = token(CLAIMS)
NEW = token(CLAIMS, {"kid": "k2"}, kind="RS-other")
NEW_WITHOUT_KID = token(CLAIMS, {"kid": None}, kind="RS-other")


def forged(kid: str | None, number: int = 0) -> str:
    header, payload, _signature = token(CLAIMS, {"kid": kid}).split(".")
    return f"{header}.{payload}.{base64url(number.to_bytes(256))}"


def slow(seconds: float, *keys: object) -> Behaviour:
    def answer(connection: faults.Connection) -> None:
        if not connection.stopping.wait(seconds):
            connection.answer(key_set(*keys))

    return answer


class Function:
    """The artifact with a slow provider. It checks each decision for what must never be in it."""

    def __init__(self, artifact: Artifact, provider: FaultServer, seconds: float) -> None:
        self._artifact = artifact
        self._provider = provider
        self._seconds = seconds
        self.publish(jwk())
        artifact.build(
            {"API_KEYS_TABLE": "keys", "JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": provider.url},
            now=NOW,
        )

    def publish(self, *keys: object) -> None:
        self._provider.behaviour = slow(self._seconds, *keys)

    def at(self, second: float) -> None:
        self._artifact.set_clock(NOW + second)

    def decide(self, text: str) -> Decision:
        decision = self._artifact.bearer(text)
        counted = [json.loads(line) for line in decision.written.splitlines()]
        assert not any(any(line.get("FailedDecisions", ())) for line in counted)
        assert [line for line in counted if {"JwksFetchFailed", "JwksStaleServed"} & line.keys()] == []
        return decision

    def is_allowed(self, text: str) -> bool:
        return self.decide(text).outcome == ("allow", None)

    def is_refused(self, text: str) -> bool:
        return self.decide(text).outcome[0] == "refuse"


@pytest.fixture
def provider() -> Iterator[FaultServer]:
    with FaultServer().running() as server:
        yield server


@pytest.mark.parametrize(
    ("seconds", "second"), [(0.4, 1), (2, 490), (1.3, 700)], ids=["at once", "when a fetch is due", "with old keys"]
)
@pytest.mark.parametrize("kid", ["k1", "k2", "x", None], ids=["known", "next", "unknown", "none"])
def test_a_rotated_key_works_at_its_first_or_second_request_beside_forged_tokens(
    kid: str | None, seconds: float, second: int, provider: FaultServer, authorizer: Artifact
) -> None:
    function = Function(authorizer, provider, seconds)
    assert function.is_allowed(OLD)
    function.at(second)
    assert function.is_refused(forged(kid))
    function.publish(jwk(), jwk("RS-other", "k2"))
    assert function.is_refused(forged(kid, 1))
    assert function.is_allowed(NEW) or function.is_allowed(NEW)
    assert function.is_allowed(OLD)
    assert function.is_allowed(NEW_WITHOUT_KID)


def test_a_refresh_that_is_given_up_is_no_failure_for_a_rotated_key(
    provider: FaultServer, authorizer: Artifact
) -> None:
    function = Function(authorizer, provider, 1.3)
    assert function.is_allowed(OLD)
    function.at(490)
    assert function.is_allowed(OLD)
    requests = provider.requests
    function.publish(jwk(), jwk("RS-other", "k2"))
    assert function.is_allowed(NEW)
    assert provider.requests == requests + 1


def test_a_rotated_key_works_for_a_token_without_kid_in_a_warm_function(
    provider: FaultServer, authorizer: Artifact
) -> None:
    function = Function(authorizer, provider, 0.4)
    assert function.is_allowed(OLD)
    function.publish(*(jwk(f"RS-{number}", f"k{number}") for number in range(3, 8)))
    function.at(700)
    assert function.decide(token(CLAIMS, {"kid": None})).outcome == ("refuse", "ambiguous_signing_key")
    function.publish(jwk(), jwk("RS-other", "k2"))
    function.at(1400)
    assert function.is_allowed(NEW_WITHOUT_KID)


def test_the_line_of_a_refused_token_names_what_is_public(provider: FaultServer, authorizer: Artifact) -> None:
    function = Function(authorizer, provider, 0)
    assert function.is_allowed(OLD)
    known, unknown = (function.decide(forged(kid)).line for kid in ("k1", "a secret"))
    assert (known["issuer"], known["kid"]) == (ISSUER, "k1")
    assert (unknown["issuer"], "kid" in unknown) == (ISSUER, False)
    stranger = function.decide(token({"iss": "https://other.example"})).line
    assert {"issuer", "kid"}.isdisjoint(stranger)


def test_a_flood_of_forged_tokens_fetches_a_few_times_and_holds_few_requests(
    provider: FaultServer, authorizer: Artifact
) -> None:
    function = Function(authorizer, provider, 0.4)
    assert function.is_allowed(OLD)
    for number in range(200):
        assert function.is_refused(forged(("k1", "x", None)[number % 3], number))
        if number % 50 == 0:
            assert function.is_allowed(OLD)
    assert provider.requests <= 11
    function.publish(jwk("RS-other", "k2"))
    function.at(10)
    assert function.is_allowed(NEW)


def test_a_provider_that_fails_is_an_outage_for_those_that_need_it_and_over_when_it_is_over(
    provider: FaultServer, authorizer: Artifact
) -> None:
    function = Function(authorizer, provider, 0)
    assert function.is_allowed(OLD)
    provider.behaviour = faults.status("503 Busy")
    assert authorizer.bearer(NEW).outcome == ("fail", "KeysUnavailable")
    assert authorizer.bearer(forged("k1")).outcome == ("refuse", "bad_signature")
    assert function.is_allowed(OLD)
    function.publish(jwk(), jwk("RS-other", "k2"))
    function.at(2)
    assert function.is_allowed(NEW)
