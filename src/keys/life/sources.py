"""Files that other systems write of their keys: how each is recognised, and what its columns are here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Source:
    """A known form of file. Names of columns in lower case.

    `marks`: the columns that tell it. `columns`: what they are called here; all others are left out. `notice`: what
    whoever imports it must know. `keyless`: what to do about lines that have no key in them.
    """

    name: str
    marks: frozenset[str]
    columns: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""
    keyless: str = ""


SOURCES: Final = (
    Source(
        "Amazon API Gateway's get-api-keys",
        frozenset(["id", "name", "createddate"]),
        {
            "value": "key",
            "name": "consumer",
            "description": "description",
            "enabled": "enabled",
            "createddate": "created_at",
            "tags": "tags",
        },
        keyless="It has no keys in it: call `aws apigateway get-api-keys --include-values`.",
    ),
    Source(
        "Laravel Sanctum's table",
        frozenset(["tokenable_id", "token", "abilities"]),
        {
            "token": "sha256",
            "tokenable_id": "consumer",
            "name": "description",
            "abilities": "scopes",
            "created_at": "created_at",
            "expires_at": "expires_at",
        },
        "Sanctum hashes only what stands after the bar of `id|token`. Clients must send that part alone: with the id "
        "and the bar no token is found.",
    ),
    Source(
        "Unkey's table",
        frozenset(["hash", "start", "key_auth_id"]),
        {
            "hash": "sha256",
            "owner_id": "consumer",
            "name": "description",
            "start": "hint",
            "meta": "data",
            "enabled": "enabled",
            "expires": "expires_at",
            "created_at_m": "created_at",
        },
    ),
    Source(
        "Amazon API Gateway's file of keys",
        frozenset(["name", "key"]),
        {"key": "key", "name": "consumer", "description": "description", "enabled": "enabled"},
    ),
)


def recognised(names: Collection[str]) -> Source | None:
    """The first source whose marks are all among the names; none where the names are our own already."""
    if "consumer" in names:
        return None
    return next((source for source in SOURCES if source.marks <= set(names)), None)
