"""Key files of other systems: how each is recognized, and the target of each column."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Source:
    """A known file format. Column names are in lowercase.

    `identifying_columns`: a file that has all of these has this format. `columns`: the targets by column name; other
    columns are ignored. `notice`: shown when a file is imported. `missing_keys`: the error for lines without a key.
    """

    name: str
    identifying_columns: frozenset[str]
    columns: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""
    missing_keys: str = ""


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
        missing_keys="The file has no key values. Create it with `aws apigateway get-api-keys --include-values`.",
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
        "Sanctum hashes only the part after the | of `id|token`. Clients must send that part alone. With the ID and "
        "the |, a token is not found.",
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
        "Amazon API Gateway's API key file",
        frozenset(["name", "key"]),
        {"key": "key", "name": "consumer", "description": "description", "enabled": "enabled"},
    ),
)


def find_source(names: Collection[str]) -> Source | None:
    """The first source whose identifying columns are all present. None if there is a column `consumer`."""
    if "consumer" in names:
        return None
    return next((source for source in SOURCES if source.identifying_columns <= set(names)), None)
