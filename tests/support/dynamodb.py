"""An HTTP server that implements GetItem of DynamoDB, the only operation that the authorizer uses."""

import json
import socket
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Server(ThreadingHTTPServer):
    """A table. `items`: by partition key. `reads`: their number. `before_answer`: called after each read."""

    daemon_threads = True

    def __init__(self, *items: Mapping[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.items = {item["pk"]["S"]: item for item in items}
        self.reads = 0
        self.before_answer: Callable[[], None] = lambda: None
        self.connections: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.connections.append(connection)
        return connection, address

    def handle_error(self, *_arguments: object) -> None:
        """Ignore a client that has disconnected."""

    def cut_connections(self) -> None:
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["X-Amz-Target"] == "DynamoDB_20120810.GetItem"
        self.server.reads += 1
        item = self.server.items.get(asked["Key"]["pk"]["S"])
        content = json.dumps({"Item": item} if item else {}).encode()
        self.server.before_answer()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("x-amz-crc32", str(zlib.crc32(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def serving(*items: Mapping[str, Any]) -> Iterator[Server]:
    """A table with these items."""
    with Server(*items) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
