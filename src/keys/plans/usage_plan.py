"""A usage plan of API Gateway, as its API describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

NAME_TAG: Final = "multi-auth:plan"
"""The tag of a usage plan whose value is the name of the plan. Several usage plans can have one name: one a stage."""
STACK_TAG: Final = "multi-auth:stack"
"""The tag of a usage plan that is only for the consumers of one authorizer's stack."""


@dataclass(frozen=True, slots=True)
class UsagePlan:
    """`name`: of the plan. `stages`: pairs of API ID and stage. `rate`: in requests per second. `quota`: requests in a
    `period`, which is `DAY`, `WEEK` or `MONTH`. None: no such limit.
    """

    id: str
    name: str
    stages: tuple[tuple[str, str], ...] = ()
    rate: float | None = None
    burst: int | None = None
    quota: int | None = None
    period: str | None = None

    @classmethod
    def read(cls, answer: Mapping[str, Any], stack: str) -> Self | None:
        """A usage plan of an answer of API Gateway; None if it is not for this stack."""
        tags = answer.get("tags") or {}
        if NAME_TAG not in tags or tags.get(STACK_TAG, stack) != stack:
            return None
        throttle, quota = answer.get("throttle") or {}, answer.get("quota") or {}
        return cls(
            answer["id"],
            tags[NAME_TAG],
            tuple((each["apiId"], each["stage"]) for each in answer.get("apiStages") or ()),
            throttle.get("rateLimit"),
            throttle.get("burstLimit"),
            quota.get("limit"),
            quota.get("period"),
        )

    @property
    def is_limited(self) -> bool:
        """Whether it limits anything."""
        return self.rate is not None or self.quota is not None

    @property
    def limits(self) -> str:
        """Its limits as text."""
        rate = "" if self.rate is None else f"{self.rate:g} a second, burst {self.burst or 0:g}"
        quota = "" if self.quota is None else f"{self.quota:,} a {(self.period or '').lower()}"
        return "; ".join(filter(None, [rate, quota])) or "no limit"
