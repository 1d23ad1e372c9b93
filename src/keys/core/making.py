"""New keys: the secret, which is shown once, and the record of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from authorizer import api_key
from keys.core.history import Event
from keys.core.record import Key, make_hint, new_key_id


@dataclass(frozen=True, slots=True)
class Created:
    """A new key: the secret, which is not stored, and the stored record."""

    secret: str
    key: Key
    new_consumer: bool = False


@dataclass(frozen=True, slots=True)
class Rolled:
    """A roll: the new key, and the old key after the roll."""

    created: Created
    old: Key


def new_key(secret: str, prefix: str, key_id: str | None, event: Event, lifetime: int | None, **known: Any) -> Key:
    """The record of a new key, with its first event. `lifetime`: in seconds."""
    key = Key(
        digest=api_key.digest(secret),
        key_id=key_id or new_key_id(),
        created_at=event.at,
        expires_at=None if lifetime is None else event.at + lifetime,
        hint=make_hint(secret, prefix),
        **known,
    )
    return key.changed(event)
