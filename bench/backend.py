"""What the contenders ask: the emulated DynamoDB with one key in it, and a server of signing keys, both on loopback."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

from keys.template import load
from local.emulator import running_emulator
from local.session import client

EVENTS: Final = Path("events")
TABLE: Final = "keys"


@dataclass(frozen=True)
class Backend:
    """`environment`: for a process that is to reach both, and nothing else."""

    environment: dict[str, str]
    dynamodb: Any


@contextmanager
def running_backend(directory: Path, key_set: bytes) -> Iterator[Backend]:
    """The table as the template has it, with the key of the sample events; and this key set."""
    directory.mkdir(parents=True, exist_ok=True)
    with running_emulator(directory) as emulator, _serving(key_set) as jwks_url:
        dynamodb: Any = client(emulator, "dynamodb")
        properties = load(Path("template.yaml"))["Resources"]["ApiKeys"]["Properties"]
        wanted = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
        dynamodb.create_table(TableName=TABLE, **{name: properties[name] for name in wanted})
        dynamodb.put_item(TableName=TABLE, Item=event("api_key_item"))
        yield Backend(
            emulator.environment()
            | {
                "AWS_ENDPOINT_URL_DYNAMODB": emulator.endpoint_url,
                "API_KEYS_TABLE": TABLE,
                "JWT_ISSUER": "https://issuer.example/",
                "JWT_AUDIENCE": "https://api.example",
                "JWT_JWKS_URL": jwks_url,
            },
            dynamodb,
        )


def event(name: str) -> Any:
    """One of the sample events."""
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


@contextmanager
def _serving(body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/jwks.json"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
