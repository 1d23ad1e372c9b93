"""HTTPS GET of a small document, bounded in time and size. Redirects are not followed."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from authorizer import deadline
from authorizer.urls import is_fetchable

MAX_BYTES: Final = 512 * 1024
# Some providers' networks refuse the names of well-known HTTP libraries.
USER_AGENT: Final = "apigateway-multi-auth/1 (+signing keys)"

Fetch = Callable[[str, float], bytes]
"""``fetch(url, seconds)``: the body of a 200 answer, within this many seconds. :raises FetchError: anything else."""


class FetchError(Exception):
    """The document could not be had. The text says why, and holds nothing that the server sent."""


class HttpsFetch:
    """A `Fetch` with the operating system's trusted certificates."""

    def __init__(self) -> None:
        self._tls: ssl.SSLContext | None = None
        self._workers = deadline.Workers()

    def __call__(self, url: str, seconds: float) -> bytes:
        if not is_fetchable(url):
            raise FetchError("not an https URL")
        connection = self._connection(url, seconds)
        try:
            return deadline.outcome(self._workers.start(lambda: _get(connection, url)), seconds)
        except deadline.DeadlineExceeded:
            _abort(connection)
            raise FetchError("timeout") from None
        except TimeoutError:
            raise FetchError("timeout") from None
        except ssl.SSLError:
            raise FetchError("tls") from None
        except (OSError, HTTPException, ValueError) as error:
            raise FetchError(type(error).__name__) from None

    def _connection(self, url: str, seconds: float) -> HTTPConnection:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "http":
            return HTTPConnection(host, parts.port, timeout=seconds)
        # Reading the trusted certificates takes milliseconds that a decision about an API key need not wait for.
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return HTTPSConnection(host, parts.port, timeout=seconds, context=self._tls)


def _get(connection: HTTPConnection, url: str) -> bytes:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with contextlib.closing(connection):
        connection.request(
            "GET",
            target,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"},
        )
        with connection.getresponse() as response:
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


def _abort(connection: HTTPConnection) -> None:
    """Ends the thread that is still reading, however slowly the server goes on."""
    if connection.sock is not None:
        # It may have come to its end meanwhile.
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
