"""HTTPS GET of a small document, bounded in time and size. Redirects are not followed.

All of it happens in the caller's thread, within one deadline: a function is frozen between requests, and a thread that
goes on behind one would end in another.
"""

from __future__ import annotations

import base64
import io
import socket
import ssl
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

from authorizer.urls import is_fetchable

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 512 * 1024
# Some providers' networks refuse the names of well-known HTTP libraries.
USER_AGENT: Final = "apigateway-multi-auth/1 (+signing keys)"

Fetch = Callable[[str, float], bytes]
"""``fetch(url, seconds)``: the body of a 200 answer, within this many seconds. :raises FetchError: anything else."""
Remaining = Callable[[], float]
"""The seconds that are left. :raises TimeoutError: none are."""


class FetchError(Exception):
    """The document could not be had. The text says why, and holds nothing that the server sent."""


class HttpsFetch:
    """A `Fetch`, through the proxy that the environment names, if any.

    Name resolution alone is not bounded by the deadline: the operating system offers no way to.
    """

    def __init__(
        self,
        ca_bundle: Path | None = None,
        *,
        resolve: Callable[..., list[Any]] = socket.getaddrinfo,
        proxies: Callable[[], dict[str, str]] = getproxies_environment,
    ) -> None:
        """`ca_bundle`: a PEM file of the authorities to trust, None for the operating system's.

        :raises FetchError: the file holds no certificate.
        """
        self._resolve = resolve
        self._proxies = proxies
        # Reading the trusted certificates takes milliseconds that a decision about an API key need not wait for.
        self._tls = _trusting(ca_bundle) if ca_bundle else None

    def __call__(self, url: str, seconds: float) -> bytes:
        if not is_fetchable(url):
            raise FetchError("not an https URL")
        try:
            return self._get(urlsplit(url), _until(time.monotonic() + seconds))
        except TimeoutError:
            raise FetchError("timeout") from None
        except ssl.SSLError:
            raise FetchError("tls") from None
        except (OSError, HTTPException, ValueError) as error:
            raise FetchError(type(error).__name__) from None

    def _get(self, url: SplitResult, remaining: Remaining) -> bytes:
        proxy = self._proxy(url)
        with self._connect(proxy or url, remaining) as connected:
            if proxy:
                _tunnel(connected, url, proxy, remaining)
            if url.scheme == "http":
                return _document(connected, url, remaining)
            connected.settimeout(remaining())
            self._tls = self._tls or ssl.create_default_context()
            with self._tls.wrap_socket(connected, server_hostname=url.hostname) as secured:
                return _document(secured, url, remaining)

    def _proxy(self, url: SplitResult) -> SplitResult | None:
        proxies = self._proxies() if url.scheme == "https" else {}
        named = proxies.get("https")
        if not named or proxy_bypass_environment(url.hostname or "", proxies):
            return None
        proxy = urlsplit(named if "://" in named else f"http://{named}")
        if proxy.scheme != "http" or not proxy.hostname:
            raise FetchError("the proxy that the environment names is not an http URL")
        return proxy

    def _connect(self, server: SplitResult, remaining: Remaining) -> socket.socket:
        """A connection to the first of the server's addresses that takes one. Each has an equal part of the time."""
        port = server.port or (443 if server.scheme == "https" else 80)
        found = self._resolve(server.hostname, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(address[:2] for *_, address in found))
        for left in range(len(addresses), 0, -1):
            try:
                return socket.create_connection(addresses[-left], remaining() / left)
            except OSError:
                if left == 1:
                    raise
        raise OSError("the name has no address")


class _TimedSocket(io.RawIOBase):
    """What `http.client` needs of a socket, with every wait bounded by the one deadline. Whoever made it closes it."""

    def __init__(self, connected: socket.socket, remaining: Remaining) -> None:
        self._socket = connected
        self._remaining = remaining

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(self._remaining())
        return self._socket.recv_into(buffer)

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._remaining())
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def close(self) -> None:
        pass


def _trusting(ca_bundle: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except (ssl.SSLError, OSError):
        raise FetchError("it holds no certificate that can be read") from None


def _until(ends_at: float) -> Remaining:
    def remaining() -> float:
        seconds = ends_at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    return remaining


def _tunnel(connected: socket.socket, url: SplitResult, proxy: SplitResult, remaining: Remaining) -> None:
    """Asks the proxy for a connection to the server (RFC 9110, 9.3.6)."""
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    server = f"{host}:{url.port or 443}"
    headers = {"Host": server}
    if proxy.username is not None:
        credentials = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
    answer = _request(connected, "CONNECT", server, headers, remaining)
    if answer.status != 200:
        raise FetchError(f"status {answer.status} of the proxy")


def _request(
    connected: socket.socket, method: str, target: str, headers: dict[str, str], remaining: Remaining
) -> HTTPResponse:
    connection = HTTPConnection("")
    connection.sock = _TimedSocket(connected, remaining)
    connection.request(
        method,
        target,
        headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity", **headers},
    )
    return connection.getresponse()


def _document(connected: socket.socket, url: SplitResult, remaining: Remaining) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    response = _request(connected, "GET", target, {"Host": url.netloc}, remaining)
    if response.status != 200:
        raise FetchError(f"status {response.status}")
    if response.getheader("Content-Encoding", "identity").lower() != "identity":
        raise FetchError("compressed")
    body = response.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise FetchError("too large")
    if response.length:
        raise FetchError("cut short")
    return body
