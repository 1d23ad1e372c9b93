"""The reports of secret scanners: JSON of gitleaks and betterleaks, and JSON Lines of TruffleHog."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from keys.core.errors import BadInput

WHITESPACE: Final = b" \t\r\n"

_NOT_A_REPORT: Final = "The file is not a JSON report of gitleaks, betterleaks or TruffleHog"
_SECRETS: Final = ("Secret", "secret", "Raw", "RawV2")
_TEXTS: Final = ("Match", "match")


@dataclass(frozen=True, slots=True)
class Finding:
    """`secrets`: what the scanner found, decoded. `texts`: what stands around it. `is_redacted`: it is not shown."""

    secrets: tuple[str, ...]
    texts: tuple[str, ...]
    file: str
    line: int

    @property
    def is_redacted(self) -> bool:
        """Whether the scanner removed a part of the secret: gitleaks writes REDACTED, or three dots at the end."""
        return any("REDACTED" in secret or secret.endswith("...") or "***" in secret for secret in self.secrets)


def read(stream: BinaryIO) -> Iterator[Finding]:
    """The findings of a report, one at a time.

    :raises BadInput: it is no such report, or is truncated.
    """
    import ijson

    buffered: Any = stream if hasattr(stream, "peek") else io.BufferedReader(stream)
    try:
        if buffered.peek(1).lstrip(WHITESPACE).startswith(b"{"):
            for line in buffered:
                if line.strip(WHITESPACE):
                    yield _finding(json.loads(line))
            return
        for item in ijson.items(buffered, "item"):
            yield _finding(item)
    except (ValueError, RecursionError, ijson.JSONError) as error:
        raise BadInput(f"{_NOT_A_REPORT}, or is truncated ({error}).") from None


def _finding(item: Any) -> Finding:
    """Of the members of one finding, as gitleaks 8, betterleaks 1 and 2, and TruffleHog 3 write them."""
    members = item if isinstance(item, Mapping) else {}
    secrets = tuple(members[name] for name in _SECRETS if isinstance(members.get(name), str) and members[name])
    if not secrets:
        raise BadInput(f"{_NOT_A_REPORT}: a finding has no secret.")
    texts = tuple(members[name] for name in _TEXTS if isinstance(members.get(name), str))
    source = _mapping(_mapping(members.get("SourceMetadata")).get("Data"))
    place = {
        **_mapping(members.get("location")),
        **_mapping(members.get("attributes")),
        **_mapping(next(iter(source.values()), None)),
        **members,
    }
    file = next((str(place[name]) for name in ("File", "file", "path") if place.get(name)), "unknown")
    line = next((place[name] for name in ("StartLine", "startLine", "line") if isinstance(place.get(name), int)), 0)
    return Finding(secrets, texts, file, line)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
