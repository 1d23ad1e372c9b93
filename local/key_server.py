"""A provider's signing keys on loopback: the same document for every request."""

from collections.abc import Iterator
from contextlib import contextmanager

from local import http_server


@contextmanager
def serving(key_set: bytes) -> Iterator[str]:
    """The URL of a key set, on a free port."""

    class Handler(http_server.Handler):
        def do_GET(self) -> None:
            self.answer(200, key_set)

    with http_server.serving(Handler) as url:
        yield f"{url}/jwks.json"
