"""One call of one service, passed on to the emulator: what a function in a container must reach, and nothing more."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final

from local.emulator import Endpoint
from local.guard import carries_key

GET_ITEM: Final = "DynamoDB_20120810.GetItem"
MAX_BYTES: Final = 16_384
_PASSED_BACK: Final = ("Content-Type", "x-amz-crc32", "x-amzn-requestid")


class _Forwarder(BaseHTTPRequestHandler):
    """Made into a class of its own for each table, emulator and access key."""

    emulator: Endpoint
    table: str
    access_key: str
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BYTES:
            self.close_connection = True
            self._refuse()
            return
        body = self.rfile.read(length)
        if not self._is_permitted(body):
            self._refuse()
            return
        headers = {"X-Amz-Target": GET_ITEM, "Content-Type": "application/x-amz-json-1.0"}
        headers["X-Amz-Security-Token"] = self.emulator.access_key
        request = urllib.request.Request(self.emulator.endpoint_url, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                self._answer(answer.status, answer.read(), answer.headers)
        except urllib.error.HTTPError as error:
            self._answer(error.code, error.read(), error.headers)

    def _is_permitted(self, body: bytes) -> bool:
        given = ((name.lower().encode(), value.encode("latin-1")) for name, value in self.headers.items())
        if not carries_key(given, self.access_key):
            return False
        if self.path != "/" or self.headers.get("X-Amz-Target") != GET_ITEM:
            return False
        try:
            asked = json.loads(body)
        except ValueError:
            return False
        return isinstance(asked, dict) and asked.get("TableName") == self.table

    def _refuse(self) -> None:
        self._answer(403, b'{"__type": "AccessDeniedException", "message": "GetItem on one table only"}', {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | Message) -> None:
        self.send_response(status)
        for name in _PASSED_BACK:
            if value := headers.get(name):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def forwarding(emulator: Endpoint, table: str, access_key: str, address: str = "127.0.0.1") -> Iterator[int]:
    """The port on `address` at which GetItem on this table is answered, to whoever signs with this access key.

    :raises OSError: this machine has no such address.
    """
    given = {"emulator": emulator, "table": table, "access_key": access_key}
    server = ThreadingHTTPServer((address, 0), type("Forwarder", (_Forwarder,), given))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
