"""Run the services that the contenders call: DynamoDB in the emulator with one key, and a key set, both on loopback."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local import sample
from local.emulator import running_emulator
from local.key_server import serving
from local.session import client

TABLE: Final = "keys"


@dataclass(frozen=True)
class Backend:
    """`environment` has the variables of a process that can reach both services and no other."""

    environment: dict[str, str]
    dynamodb: Any


@contextmanager
def running_backend(directory: Path, key_set: bytes) -> Iterator[Backend]:
    """Run the table of the template, with the key of the sample events, and a server with this key set."""
    directory.mkdir(parents=True, exist_ok=True)
    with running_emulator(directory) as emulator, serving(key_set) as jwks_url:
        dynamodb: Any = client(emulator, "dynamodb")
        sample.make_table(dynamodb, TABLE)
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
    """Return a sample event."""
    return sample.read(f"{name}.json")
