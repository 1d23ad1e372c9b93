"""Serve a key set on loopback, as the response to every request."""

from collections.abc import Iterator
from contextlib import contextmanager

from local import http_server


@contextmanager
def serving(key_set: bytes) -> Iterator[str]:
    """Serve a key set on a free port, and yield its URL."""

    class Handler(http_server.Handler):
        def do_GET(self) -> None:
            self.answer(200, key_set)

    with http_server.serving(Handler) as url:
        yield f"{url}/jwks.json"
