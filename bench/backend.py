"""What the contenders ask: the emulated DynamoDB with one key in it, and a server of signing keys, both on loopback."""

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
    """`environment`: for a process that is to reach both, and nothing else."""

    environment: dict[str, str]
    dynamodb: Any


@contextmanager
def running_backend(directory: Path, key_set: bytes) -> Iterator[Backend]:
    """The table as the template has it, with the key of the sample events; and this key set."""
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
    """One of the sample events."""
    return sample.read(f"{name}.json")
