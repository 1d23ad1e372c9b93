"""A key server that misbehaves on request, on loopback."""

import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Behaviour = Callable[["Connection"], None]


class Connection:
    """A request that was read. A behaviour responds to it."""

    def __init__(self, peer: socket.socket, stopping: threading.Event) -> None:
        self.peer = peer
        self.stopping = stopping

    def answer(self, body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
        self.peer.sendall("\r\n".join(lines).encode() + body)

    def drip(self, data: bytes, seconds: float) -> None:
        """Send one byte at a time, with this pause between them."""
        for byte in data:
            if self.stopping.wait(seconds):
                return
            self.peer.sendall(bytes([byte]))


class FaultServer:
    """Responds to every request with `behaviour`, and counts the requests."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        """`tls`: the certificate, for an https URL."""
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stopping = threading.Event()
        self.behaviour: Behaviour = lambda connection: connection.answer(b"{}")
        self.requests = 0
        self.heads: list[str] = []
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/jwks.json"

    @contextmanager
    def running(self) -> Iterator["FaultServer"]:
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            self._listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            self._listener.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                peer, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        # The client can have disconnected, which most faults cause.
        with suppress(OSError), self._secured(peer) as connected:
            self.heads.append(connected.recv(65_536).decode())
            self.requests += 1
            self.behaviour(Connection(connected, self._stopping))

    def _secured(self, peer: socket.socket) -> socket.socket:
        if self._tls is None:
            return peer
        with peer:
            return self._tls.wrap_socket(peer, server_side=True)


def status(line: str, *headers: str) -> Behaviour:
    return lambda connection: connection.answer(b"", line, *headers)


def body(content: bytes, *headers: str) -> Behaviour:
    return lambda connection: connection.answer(content, "200 OK", *headers)


def compressed(content: bytes) -> Behaviour:
    return body(gzip.compress(content), "Content-Encoding: gzip")


def cut_short(content: bytes) -> Behaviour:
    return lambda connection: connection.answer(content, length=len(content) + 100)


def without_length(content: bytes) -> Behaviour:
    """A body that ends when the connection closes."""
    return lambda connection: connection.peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + content)


def hang(connection: Connection) -> None:
    connection.stopping.wait()


def reset(connection: Connection) -> None:
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    connection.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def close(_connection: Connection) -> None:
    return


def drip_head(connection: Connection) -> None:
    connection.drip(b"HTTP/1.1 200 OK\r\n" + b"X-Slow: yes\r\n" * 90, 0.05)


def drip_body(connection: Connection) -> None:
    connection.peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    connection.drip(b" " * 10_000, 0.05)


def endless(connection: Connection) -> None:
    connection.peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not connection.stopping.is_set():
        connection.peer.sendall(b" " * 65_536)


def nonsense(connection: Connection) -> None:
    connection.peer.sendall(b"\x16\x03\x01\x02\x00\x01\x00\xff\r\n\r\n")


def many_headers(connection: Connection) -> None:
    connection.answer(b"{}", "200 OK", *(f"X-{number}: x" for number in range(1000)))
