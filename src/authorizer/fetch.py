"""HTTPS GET of a small document, with limits for time and size. Redirects are not followed.

Everything runs in the caller's thread within one deadline. Lambda freezes the function between invocations, so a
background thread would continue in a later invocation.
"""

from __future__ import annotations

import base64
import functools
import io
import socket
import ssl
import time
from collections.abc import Callable
from http.client import SWITCHING_PROTOCOLS, HTTPConnection, HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

from authorizer.urls import is_fetchable

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 512 * 1024
# Some providers refuse the user agents of well-known HTTP libraries.
USER_AGENT: Final = "apigateway-multi-auth/1 (+signing keys)"
_HEADERS: Final = {
    "User-Agent": USER_AGENT,
    # RFC 7517, section 8.5. Some servers publish key sets only under this type, and most only as JSON.
    "Accept": "application/jwk-set+json, application/json, */*;q=0.1",
    "Accept-Encoding": "identity",
}
_COMPRESSIONS: Final = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress"})

Fetch = Callable[[str, float], bytes]
"""``fetch(url, seconds)`` returns the body of a 200 response within this time. :raises FetchError: otherwise."""
Remaining = Callable[[], float]
"""Returns the seconds until the deadline. :raises TimeoutError: the deadline has passed."""


class FetchError(Exception):
    """The document cannot be fetched. The text says why, and contains nothing that the server sent."""


class FetchTimeout(FetchError):
    """The document did not arrive within the time."""


class HttpsFetch:
    """A `Fetch` that uses the proxy of the environment variables, if they name one.

    The deadline does not limit name resolution, because the operating system has no timeout for it.
    """

    def __init__(
        self,
        ca_bundle: Path | None = None,
        *,
        resolve: Callable[..., list[Any]] = socket.getaddrinfo,
        proxies: Callable[[], dict[str, str]] = getproxies_environment,
    ) -> None:
        """`ca_bundle`: a PEM file of the authorities to trust, or None for those of the operating system.

        :raises FetchError: the file has no valid certificate.
        """
        self._resolve = resolve
        self._proxies = proxies
        # The operating system's certificates are loaded on the first fetch: API keys do not need them.
        self._tls = _trusting(ca_bundle) if ca_bundle else None

    def __call__(self, url: str, seconds: float) -> bytes:
        if not is_fetchable(url):
            raise FetchError("not an https URL")
        try:
            return self._get(urlsplit(url), functools.partial(_seconds_until, time.monotonic() + seconds))
        except TimeoutError:
            raise FetchTimeout("timeout") from None
        except ssl.SSLError:
            raise FetchError("tls") from None
        except (OSError, HTTPException, ValueError) as error:
            raise FetchError(type(error).__name__) from None

    def _get(self, url: SplitResult, remaining: Remaining) -> bytes:
        proxy = self._proxy(url)
        with self._connect(proxy or url, remaining) as connected:
            timed = _TimedSocket(connected, remaining)
            if proxy:
                _tunnel(timed, url, proxy)
            if url.scheme == "http":
                return _document(timed, url)
            connected.settimeout(remaining())
            self._tls = self._tls or _trusting(None)
            with self._tls.wrap_socket(connected, server_hostname=url.hostname) as secured:
                return _document(_TimedSocket(secured, remaining), url)

    def _proxy(self, url: SplitResult) -> SplitResult | None:
        proxies = self._proxies() if url.scheme == "https" else {}
        named = proxies.get("https")
        if not named or proxy_bypass_environment(url.hostname or "", proxies):
            return None
        proxy = urlsplit(named if "://" in named else f"http://{named}")
        if proxy.scheme != "http" or not proxy.hostname:
            raise FetchError("the proxy of the environment is not an http URL")
        return proxy

    def _connect(self, server: SplitResult, remaining: Remaining) -> socket.socket:
        """Connect to the first reachable address of the server. The remaining time is divided between the addresses."""
        port = server.port or (443 if server.scheme == "https" else 80)
        found = self._resolve(server.hostname, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(address[:2] for *_, address in found))
        for left in range(len(addresses), 0, -1):
            try:
                return socket.create_connection(addresses[-left], remaining() / left)
            except OSError:
                if left == 1:
                    raise
        raise OSError("The name has no address.")


class _TimedSocket(io.RawIOBase):
    """The part of a socket that `http.client` uses, with each wait limited by the deadline. The caller closes it."""

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


class _Response(HTTPResponse):
    """The final response. `http.client` ignores only 100 of the interim ones (RFC 9110, section 15.2)."""

    def begin(self) -> None:
        super().begin()
        while 100 <= self.status < 200 and self.status != SWITCHING_PROTOCOLS:
            self.headers = self.msg = None  # type: ignore[assignment]
            super().begin()


def _trusting(ca_bundle: Path | None) -> ssl.SSLContext:
    """The settings for TLS. They offer HTTP/1.1 by ALPN (RFC 7301), without which some servers close the connection."""
    try:
        context = ssl.create_default_context(cafile=ca_bundle)
    except OSError:  # ssl.SSLError is one.
        raise FetchError("the CA bundle has no valid certificate") from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def _seconds_until(deadline: float) -> float:
    """:raises TimeoutError: the deadline has passed."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _tunnel(timed: _TimedSocket, url: SplitResult, proxy: SplitResult) -> None:
    """Open a tunnel to the server through the proxy (RFC 9110, section 9.3.6)."""
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    server = f"{host}:{url.port or 443}"
    headers = {"Host": server}
    if proxy.username is not None:
        credentials = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
    answer = _request(timed, "CONNECT", server, headers)
    if answer.status != 200:
        raise FetchError(f"status {answer.status} from the proxy")


def _request(timed: _TimedSocket, method: str, target: str, headers: dict[str, str]) -> HTTPResponse:
    connection = HTTPConnection("")
    connection.response_class = _Response
    connection.sock = timed
    connection.request(method, target, headers=_HEADERS | headers)
    return connection.getresponse()


def _document(timed: _TimedSocket, url: SplitResult) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    response = _request(timed, "GET", target, {"Host": url.netloc})
    if response.status != 200:
        raise FetchError(f"status {response.status}")
    codings = response.getheader("Content-Encoding", "").lower().replace(",", " ").split()
    if not _COMPRESSIONS.isdisjoint(codings):
        raise FetchError("compressed response")
    body = response.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise FetchError("response too large")
    if response.length:
        raise FetchError("incomplete response")
    return body
