"""Faults of a key server: a failure within the deadline, and normal operation afterwards."""

import base64
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from authorizer.fetch import MAX_BYTES, USER_AGENT, FetchError, FetchTimeout, HttpsFetch
from authorizer.jwks import KeysUnavailable, KeyTimes, SigningKeys
from authorizer.provider import Provider
from tests.support import fault_server as faults
from tests.support.authority import Authority
from tests.support.fault_server import Behaviour, FaultServer
from tests.support.tokens import ISSUER, NOW, jwk, key_set, sign

DEADLINE = 0.3
GOOD = key_set(jwk())
SIGNATURE = sign(b"message", "RS256", "RS")
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
        Provider(ISSUER, frozenset(), server.url),
        fetch=HttpsFetch(),
        clock=lambda: now[0],
        report=lambda _event, _detail: None,
        times=KeyTimes(timeout=DEADLINE),
    )
    server.behaviour = fault
    started = time.monotonic()
    for _request in range(20):
        with pytest.raises(KeysUnavailable):
            keys.verify("k1", "RS256", b"message", SIGNATURE)
    # Far above the deadline of one fetch, and far below that of twenty: it distinguishes them on any machine.
    assert time.monotonic() - started < DEADLINE * 15
    assert server.requests == 1
    server.behaviour = faults.body(GOOD)
    now[0] += 2
    keys.verify("k1", "RS256", b"message", SIGNATURE)
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
        Provider(ISSUER, frozenset(), server.url),
        fetch=HttpsFetch(),
        clock=lambda: NOW,
        report=lambda event, _detail: skipped.append(event),
        times=KeyTimes(timeout=5),
    )
    keys.verify("k1", "RS256", b"message", SIGNATURE)
    assert skipped == ["jwks_key_skipped", "jwks_fetched"]


def test_a_request_has_our_own_name_and_asks_for_plain_json(server: FaultServer) -> None:
    server.behaviour = faults.body(GOOD)
    assert HttpsFetch()(server.url, 5) == GOOD
    (head,) = server.heads
    assert f"User-Agent: {USER_AGENT}" in head
    assert "Accept-Encoding: identity" in head


@pytest.mark.parametrize("target", ["/", "/keys?p=B2C_1_sign_in&v=2", "/?tenant=a"])
def test_path_and_query_are_requested_as_configured(target: str, server: FaultServer) -> None:
    server.behaviour = faults.body(GOOD)
    HttpsFetch()(f"http://127.0.0.1:{server.port}{target}", 5)
    assert server.heads[0].startswith(f"GET {target} HTTP/1.1")


@pytest.mark.parametrize(("url", "port"), [("https://localhost/a", 443), ("http://localhost/a", 80)])
def test_a_url_without_a_port_has_the_port_of_its_scheme(url: str, port: int) -> None:
    asked: list[object] = []

    def resolve(host: str, service: int, **_options: object) -> list[object]:
        asked.append((host, service))
        return []

    with pytest.raises(FetchError):
        HttpsFetch(resolve=resolve)(url, 5)
    assert asked == [("localhost", port)]


def accepts_jwk_sets_only(connection: faults.Connection, head: str) -> None:
    """As the API server of Kubernetes does."""
    accepted = next(line for line in head.splitlines() if line.startswith("Accept: "))
    if "application/jwk-set+json" in accepted:
        connection.answer(GOOD, "200 OK", "Content-Type: application/jwk-set+json")
    else:
        connection.answer(b"", "406 Not Acceptable")


def test_a_server_that_publishes_the_type_of_key_sets_only_is_read(server: FaultServer) -> None:
    server.behaviour = lambda connection: accepts_jwk_sets_only(connection, server.heads[-1])
    assert HttpsFetch()(server.url, 5) == GOOD
    (head,) = server.heads
    assert "Accept: application/jwk-set+json, application/json, */*;q=0.1\r\n" in head


@pytest.mark.parametrize("coding", ["", "identity", "utf-8", "aws-chunked", "binary, UTF-8"])
def test_a_plain_body_under_a_coding_that_is_no_compression_is_read(coding: str, server: FaultServer) -> None:
    server.behaviour = faults.body(GOOD, f"Content-Encoding: {coding}")
    assert HttpsFetch()(server.url, 5) == GOOD


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "identity, gzip", "gzip,br"])
def test_a_compressed_body_is_an_error_that_says_so(coding: str, server: FaultServer) -> None:
    server.behaviour = faults.body(GOOD, f"Content-Encoding: {coding}")
    with pytest.raises(FetchError, match="compressed"):
        HttpsFetch()(server.url, 5)


@pytest.mark.parametrize("interim", ["100 Continue", "102 Processing", "103 Early Hints", "199 Odd"])
@pytest.mark.parametrize("count", [1, 3])
def test_an_interim_response_is_not_the_answer(interim: str, count: int, server: FaultServer) -> None:
    def answer(connection: faults.Connection) -> None:
        connection.peer.sendall(f"HTTP/1.1 {interim}\r\nLink: </a>\r\n\r\n".encode() * count)
        connection.answer(GOOD)

    server.behaviour = answer
    assert HttpsFetch()(server.url, 5) == GOOD


@pytest.mark.parametrize("status", ["201 Created", "203 Odd", "206 Part", "301 Moved", "404 Not Found", "500 Oops"])
def test_only_a_response_with_status_200_is_a_key_set(status: str, server: FaultServer) -> None:
    server.behaviour = lambda connection: connection.answer(GOOD, status)
    with pytest.raises(FetchError, match=f"^status {status[:3]}$"):
        HttpsFetch()(server.url, 5)


@pytest.mark.parametrize(("more", "is_read"), [(0, True), (1, False)])
def test_a_response_has_at_most_the_maximum_size(more: int, is_read: bool, server: FaultServer) -> None:
    server.behaviour = faults.body(GOOD + b" " * (MAX_BYTES - len(GOOD) + more))
    if is_read:
        assert len(HttpsFetch()(server.url, 5)) == MAX_BYTES
    else:
        with pytest.raises(FetchError, match="too large"):
            HttpsFetch()(server.url, 5)


def test_interim_responses_without_end_are_given_up(server: FaultServer) -> None:
    def answer(connection: faults.Connection) -> None:
        while not connection.stopping.is_set():
            connection.peer.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")

    server.behaviour = answer
    with pytest.raises(FetchTimeout):
        HttpsFetch()(server.url, DEADLINE)


def test_a_server_that_changes_the_protocol_is_an_error(server: FaultServer) -> None:
    server.behaviour = faults.status("101 Switching Protocols")
    with pytest.raises(FetchError, match="status 101"):
        HttpsFetch()(server.url, 5)


def test_nobody_listening_is_an_error_at_once() -> None:
    with FaultServer().running() as server:
        url = server.url
    with pytest.raises(FetchError):
        HttpsFetch()(url, 5)


@pytest.mark.parametrize(
    "url",
    [
        *("http://issuer.example/", "ftp://127.0.0.1/", "file:///etc/passwd", "https://a:b@c.example/", "https://"),
        *("x", "", "https://[::1", "https://issuer.example:99999/", "https://issuer.example/#a"),
    ],
)
def test_only_https_urls_are_fetched(url: str) -> None:
    with pytest.raises(FetchError, match="not an https URL"):
        HttpsFetch()(url, 5)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_a_server_whose_certificate_the_authority_signed_is_trusted(authority: Authority) -> None:
    with FaultServer(authority.server()).running() as server:
        server.behaviour = faults.body(GOOD)
        assert HttpsFetch(authority.ca_bundle)(server.url, 5) == GOOD


def test_http_1_1_is_offered_in_the_tls_handshake(authority: Authority) -> None:
    tls = authority.server()
    tls.set_alpn_protocols(["h2", "http/1.1"])
    chosen: list[str | None] = []

    def answer(connection: faults.Connection) -> None:
        assert isinstance(connection.peer, ssl.SSLSocket)
        chosen.append(connection.peer.selected_alpn_protocol())
        connection.answer(GOOD)

    with FaultServer(tls).running() as server:
        server.behaviour = answer
        assert HttpsFetch(authority.ca_bundle)(server.url, 5) == GOOD
    assert chosen == ["http/1.1"]


@pytest.mark.parametrize(
    ("certificate", "trusts_authority"),
    [
        ({"name": "issuer.example"}, True),
        ({"name": "127.0.0.2"}, True),
        ({"days": -1}, True),
        ({"is_signed": False}, True),
        ({}, False),
    ],
    ids=["another host's", "another address's", "expired", "self-signed", "of an authority that is not trusted"],
)
def test_a_server_with_a_wrong_certificate_is_not_asked(
    certificate: dict[str, Any], trusts_authority: bool, authority: Authority
) -> None:
    with FaultServer(authority.server(**certificate)).running() as server:
        server.behaviour = faults.body(GOOD)
        with pytest.raises(FetchError, match=r"^tls$"):
            HttpsFetch(authority.ca_bundle if trusts_authority else None)(server.url, 5)
        assert server.requests == 0


@pytest.mark.parametrize(
    "fault", [faults.hang, faults.drip_head, faults.drip_body, faults.reset], ids=["hang", "head", "body", "reset"]
)
def test_a_fault_behind_tls_is_an_error_within_the_deadline(fault: Behaviour, authority: Authority) -> None:
    with FaultServer(authority.server()).running() as server:
        server.behaviour = fault
        started = time.monotonic()
        with pytest.raises(FetchError):
            HttpsFetch(authority.ca_bundle)(server.url, DEADLINE)
        assert time.monotonic() - started < DEADLINE * 10


def test_a_server_that_never_answers_the_tls_handshake_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(FetchError, match="timeout"):
        HttpsFetch()(f"https://127.0.0.1:{silent.getsockname()[1]}/", DEADLINE)


@pytest.mark.parametrize(
    "content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"]
)
def test_a_file_of_authorities_that_cannot_be_read_is_an_error_at_once(content: str, tmp_path: Path) -> None:
    file = tmp_path / "authorities.pem"
    file.write_text(content)
    with pytest.raises(FetchError, match="no valid certificate"):
        HttpsFetch(file)


@contextmanager
def dead_address() -> Iterator[tuple[str, int]]:
    """A server that accepts no connection, because its queue is full."""
    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            other = waiting.enter_context(socket.socket())
            other.setblocking(False)
            with suppress(BlockingIOError):
                other.connect(listener.getsockname())
        yield listener.getsockname()


def test_the_second_address_of_a_name_is_asked_within_the_deadline_when_the_first_is_dead(server: FaultServer) -> None:
    server.behaviour = faults.body(GOOD)
    with dead_address() as dead:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in (dead, ("127.0.0.1", server.port))]
        fetch = HttpsFetch(resolve=lambda *_arguments, **_options: found)
        assert fetch(server.url.replace("127.0.0.1", "localhost"), 1) == GOOD
        with pytest.raises(FetchError, match="timeout"):
            HttpsFetch(resolve=lambda *_arguments, **_options: found[:1])(server.url, DEADLINE)


class Proxy(FaultServer):
    """A proxy that opens the requested connection, or responds with a status."""

    def __init__(self, refusal: str | None = None) -> None:
        super().__init__()
        self._refusal = refusal
        self.behaviour = self._connect

    def _connect(self, connection: faults.Connection) -> None:
        if self._refusal:
            connection.answer(b"", self._refusal)
            return
        host, port = self.heads[-1].split()[1].split(":")
        with socket.create_connection((host, int(port))) as server:
            connection.peer.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, args=(server, connection.peer))
            back.start()
            _copy(connection.peer, server)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def test_the_proxy_that_the_environment_names_is_asked_for_the_server(authority: Authority) -> None:
    with FaultServer(authority.server()).running() as server, Proxy().running() as proxy:
        server.behaviour = faults.body(GOOD)
        named = f"http://us%40er:se%3Acret@127.0.0.1:{proxy.port}"
        assert HttpsFetch(authority.ca_bundle, proxies=lambda: {"https": named})(server.url, 5) == GOOD
        (head,) = proxy.heads
        assert head.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n")
        assert f"\r\nHost: 127.0.0.1:{server.port}\r\n" in head
        assert f"Proxy-Authorization: Basic {base64.b64encode(b'us@er:se:cret').decode()}\r\n" in head
        bypassed = {"https": named, "no": "127.0.0.1"}
        assert HttpsFetch(authority.ca_bundle, proxies=lambda: bypassed)(server.url, 5) == GOOD
        assert proxy.requests == 1


@pytest.mark.parametrize(
    ("named", "cause"),
    [("socks5://127.0.0.1:1080", "not an http URL"), ("https://127.0.0.1:1", "not an http URL"), ("http://", "not an")],
)
def test_a_proxy_of_another_kind_is_an_error(named: str, cause: str) -> None:
    with pytest.raises(FetchError, match=cause):
        HttpsFetch(proxies=lambda: {"https": named})("https://issuer.example/", 5)


def test_a_proxy_that_refuses_is_an_error_that_says_so() -> None:
    with Proxy("407 Proxy Authentication Required").running() as proxy, pytest.raises(FetchError, match="407 from the"):
        HttpsFetch(proxies=lambda: {"https": f"127.0.0.1:{proxy.port}"})("https://issuer.example/", 5)
