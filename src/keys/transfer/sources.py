"""The key files of Amazon API Gateway, which need no options."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Source:
    """A known file format. `columns`: the target of each column by its plain name; None: it is not imported.

    A file has this format if it has the columns in `required`, and no others than `columns` where `is_exact`.
    """

    name: str
    required: frozenset[str]
    columns: Mapping[str, str | None]
    is_exact: bool = False

    def is_format_of(self, names: Collection[str]) -> bool:
        return self.required <= set(names) and not (self.is_exact and set(names) - self.columns.keys())


SOURCES: Final = (
    # https://docs.aws.amazon.com/apigateway/latest/api/API_ApiKey.html
    Source(
        "Amazon API Gateway's get-api-keys",
        frozenset(["id", "name", "enabled", "createddate", "lastupdateddate", "stagekeys"]),
        {
            "value": "key",
            "name": "consumer",
            "description": "description",
            "enabled": "enabled",
            "createddate": "created_at",
            "tags": "tags",
            **dict.fromkeys(["id", "lastupdateddate", "stagekeys", "customerid"]),
        },
    ),
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-key-file-format.html
    Source(
        "Amazon API Gateway's API key file",
        frozenset(["name", "key"]),
        {
            "key": "key",
            "name": "consumer",
            "description": "description",
            "enabled": "enabled",
            "usageplanids": None,
        },
        is_exact=True,
    ),
)


def find_source(names: Collection[str]) -> Source | None:
    """The format of a file with these plain column names, or None."""
    return next((source for source in SOURCES if source.is_format_of(names)), None)
