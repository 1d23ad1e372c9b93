"""An API key of API Gateway's own, which counts the requests of one holder on the usage plans of one name.

It identifies nobody: no client has it, and only the authorizer sends it to API Gateway (`usageIdentifierKey`).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from keys.plans.usage_plan import NAME_TAG, STACK_TAG

HOLDER_TAG: Final = "multi-auth:holder"
END_TAG: Final = "multi-auth:remove-after"
"""The tag of a key that nothing uses: from this time on, in seconds since 1970, no cached answer has it anymore."""

_PLAIN: Final = re.compile(r"[\w .:=+@-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Holder:
    """A consumer or subject that can have a plan, as the table has it. `pk`: of its item. `label`: for the names of its
    native keys, where an operator reads them.
    """

    pk: str
    label: str
    plan: str | None = None
    usage_key: str | None = None

    @property
    def digest(self) -> str:
        """What identifies it in a tag, whose value cannot have all characters of a consumer's name."""
        return hashlib.sha256(self.pk.encode()).hexdigest()[:32]

    def name(self, stack: str, plan: str) -> str:
        """The name of its native key for this plan."""
        label = self.label if _PLAIN.fullmatch(self.label) else self.digest
        return f"multi-auth/{stack}/{label}/{plan}"


@dataclass(frozen=True, slots=True)
class NativeKey:
    """`holder`: the digest of its holder. `value`: None if it was not asked for. `remove_after`: see `END_TAG`."""

    id: str
    holder: str
    plan: str
    enabled: bool
    created: float
    remove_after: int | None = None
    value: str | None = None

    @classmethod
    def read(cls, answer: Mapping[str, Any], stack: str) -> Self | None:
        """A key of an answer of API Gateway; None if it is not one of this stack's."""
        tags = answer.get("tags") or {}
        if tags.get(STACK_TAG) != stack or HOLDER_TAG not in tags or NAME_TAG not in tags:
            return None
        created: Any = answer.get("createdDate") or 0
        end = tags.get(END_TAG, "")
        return cls(
            answer["id"],
            tags[HOLDER_TAG],
            tags[NAME_TAG],
            bool(answer.get("enabled")),
            created.timestamp() if hasattr(created, "timestamp") else float(created),
            int(end) if end.isdecimal() else None,
            answer.get("value"),
        )


def tags(stack: str, holder: Holder, plan: str) -> dict[str, str]:
    """The tags of a new native key."""
    return {STACK_TAG: stack, HOLDER_TAG: holder.digest, NAME_TAG: plan}


def new_value() -> str:
    """A value for a native key: API Gateway accepts 20 to 128 letters and digits, unique in the account and Region."""
    return secrets.token_hex(20)
