"""Forward GetItem on one table to the emulator, for a function in a container, and refuse everything else."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from typing import Final

from local import http_server
from local.emulator import Endpoint, signed
from local.guard import carries_key

GET_ITEM: Final = "DynamoDB_20120810.GetItem"
MAX_BYTES: Final = 16_384
_PASSED_BACK: Final = ("Content-Type", "x-amz-crc32", "x-amzn-requestid")


@contextmanager
def forwarding(emulator: Endpoint, table: str, access_key: str, address: str = "127.0.0.1") -> Iterator[str]:
    """Serve GetItem on this table to requests that are signed with this access key, and yield the URL.

    :raises OSError: this machine has no such address.
    """

    class Forwarder(http_server.Handler):
        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > MAX_BYTES:
                self.close_connection = True
                self._refuse()
                return
            body = self.body()
            if self.path != "/" or not _is_permitted(self.headers, body, table, access_key):
                self._refuse()
                return
            names = {"X-Amz-Target": GET_ITEM, "Content-Type": "application/x-amz-json-1.0"}
            request = signed(emulator, "/", body, **names)
            try:
                answer = urllib.request.urlopen(request, timeout=10)
            except urllib.error.HTTPError as error:
                answer = error
            except OSError:
                self.answer(502, b"")
                return
            with answer:
                passed = {name: value for name in _PASSED_BACK if (value := answer.headers.get(name))}
                self.answer(answer.status, answer.read(), passed)

        def _refuse(self) -> None:
            self.answer(403, b'{"__type": "AccessDeniedException", "message": "GetItem on one table only"}')

    with http_server.serving(Forwarder, address) as url:
        yield url


def _is_permitted(headers: Message, body: bytes, table: str, access_key: str) -> bool:
    given = ((name.lower().encode(), value.encode("latin-1")) for name, value in headers.items())
    if not carries_key(given, access_key) or headers.get("X-Amz-Target") != GET_ITEM:
        return False
    try:
        asked = json.loads(body)
    except ValueError:
        return False
    return isinstance(asked, dict) and asked.get("TableName") == table
