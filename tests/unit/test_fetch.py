"""Every fault of a key server: an outage within the deadline, and all well again afterwards."""

import threading
import time
from collections.abc import Iterator

import pytest

from authorizer.fetch import MAX_BYTES, USER_AGENT, FetchError, HttpsFetch
from authorizer.jwks import KeysUnavailable, KeyTimes, SigningKeys
from tests import fault_server as faults
from tests.fault_server import Behaviour, FaultServer
from tests.unit.tokens import ISSUER, NOW, jwk, key_set

DEADLINE = 0.3
GOOD = key_set(jwk())
FAULTS: dict[str, Behaviour] = {
    **{f"status {line}": faults.status(line) for line in ("204 No Content", "400 Bad Request", "401 Unauthorized")},
    **{f"status {line}": faults.status(line) for line in ("404 Not Found", "429 Too Many", "500 Oops", "503 Busy")},
    "status 999": faults.status("999 Odd"),
    **{
        f"redirect {code}": faults.status(f"{code} Moved", "Location: http://127.0.0.1:9/stolen")
        for code in (301, 302, 303, 307, 308)
    },
    "hang": faults.hang,
    "drip of headers": faults.drip_head,
    "drip of the body": faults.drip_body,
    "reset": faults.reset,
    "closed without an answer": faults.close,
    "endless body": faults.endless,
    "body over the cap": faults.without_length(GOOD + b" " * MAX_BYTES),
    "no HTTP": faults.nonsense,
    "too many headers": faults.many_headers,
    "gzip": faults.compressed(GOOD),
    "HTML": faults.body(b"<!doctype html><title>Sign in</title>", "Content-Type: text/html"),
    "empty": faults.body(b""),
    "cut short": faults.cut_short(GOOD),
    "half of the key set": faults.body(GOOD[: len(GOOD) // 2]),
    "not UTF-8": faults.body(b'{"keys": "\xff"}'),
    "deep JSON": faults.body(b"[" * 200_000),
    "a list": faults.body(b"[]"),
    "keys of a wrong type": faults.body(b'{"keys": "k1"}'),
    "bad members alone": faults.body(b'{"keys": [null, 7, {"kty": "RSA"}, {"kty": "oct", "k": "AA"}]}'),
    "an error document": faults.body(b'{"error": "temporarily_unavailable"}'),
}


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer().running() as server:
        yield server


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_an_outage_within_the_deadline_costs_one_fetch_and_is_over_when_it_is_over(
    fault: Behaviour, server: FaultServer
) -> None:
    now = [float(NOW)]
    keys = SigningKeys(
        ISSUER,
        server.url,
        fetch=HttpsFetch(),
        clock=lambda: now[0],
        report=lambda _event, _detail: None,
        times=KeyTimes(timeout=DEADLINE),
    )
    server.behaviour = fault
    started = time.monotonic()
    for _request in range(20):
        with pytest.raises(KeysUnavailable):
            keys.find("k1", "RS256")
    # Far above the deadline for one fetch, and far below twenty of them: it tells one fetch from many on any machine.
    assert time.monotonic() - started < DEADLINE * 15
    assert server.requests == 1
    server.behaviour = faults.body(GOOD)
    now[0] += 2
    assert keys.find("k1", "RS256")
    assert server.requests == 2


def test_a_fetch_that_is_given_up_closes_its_connection(server: FaultServer) -> None:
    closed = threading.Event()

    def drip_until_closed(connection: faults.Connection) -> None:
        try:
            faults.drip_head(connection)
        except OSError:
            closed.set()
            raise

    server.behaviour = drip_until_closed
    with pytest.raises(FetchError, match="timeout"):
        HttpsFetch()(server.url, DEADLINE)
    assert closed.wait(10)


def test_a_key_set_with_one_good_key_among_bad_ones_is_used(server: FaultServer) -> None:
    server.behaviour = faults.body(key_set(None, {"kty": "oct", "k": "AA"}, jwk(kid="bad", alg=["RS256"]), jwk()))
    skipped: list[str] = []
    keys = SigningKeys(
        ISSUER,
        server.url,
        fetch=HttpsFetch(),
        clock=lambda: NOW,
        report=lambda event, _detail: skipped.append(event),
        times=KeyTimes(timeout=5),
    )
    assert keys.find("k1", "RS256")
    assert skipped.count("jwks_key_skipped") == 3


def test_a_request_has_our_own_name_and_asks_for_plain_json(server: FaultServer) -> None:
    server.behaviour = faults.body(GOOD)
    assert HttpsFetch()(server.url, 5) == GOOD
    (head,) = server.heads
    assert f"User-Agent: {USER_AGENT}" in head
    assert "Accept-Encoding: identity" in head


def test_nobody_listening_is_an_error_at_once() -> None:
    with FaultServer().running() as server:
        url = server.url
    with pytest.raises(FetchError):
        HttpsFetch()(url, 5)


@pytest.mark.parametrize(
    "url",
    ["http://issuer.example/", "ftp://127.0.0.1/", "file:///etc/passwd", "https://a:b@c.example/", "https://", "x", ""],
)
def test_only_https_urls_are_fetched(url: str) -> None:
    with pytest.raises(FetchError, match="not an https URL"):
        HttpsFetch()(url, 5)
