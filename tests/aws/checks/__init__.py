"""All checks, in the order in which they run: those that change a stack come last."""

from types import ModuleType
from typing import Final

from tests.aws.check import Check
from tests.aws.checks import caches, limits, logs, monitoring, networks, outages, outcomes, permissions, stacks


def _of(module: ModuleType) -> list[Check]:
    return [value for value in vars(module).values() if isinstance(value, Check)]


CHECKS: Final[tuple[Check, ...]] = tuple(
    check
    for module in (outcomes, networks, caches, limits, permissions, logs, monitoring, outages, stacks)
    for check in _of(module)
)
