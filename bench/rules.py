"""Measure the size of the policy of many access rules, and the time to generate it."""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from authorizer import auth_file
from authorizer.access import MAX_POLICY_BYTES, AccessRules
from authorizer.identity import Identity
from authorizer.policy import Responder

COUNTS: Final = (200, 2000)
MOST_MILLISECONDS: Final = 50
"""The most time for 2,000 rules and a new set of satisfied rules."""

_METHODS = ("GET", "POST", "PUT", "DELETE")
_ARN = "arn:aws:execute-api:eu-west-1:123456789012:abcdefghij/v1/GET/me"


@dataclass(frozen=True)
class RulesFigures:
    """Figures for `rules` rules: time to read them, policy sizes, time for a new and a kept set of satisfied rules."""

    rules: int
    start_ms: float
    policy_bytes: int
    largest_bytes: int
    compile_ms: float
    again_ms: float


def many_rules(count: int) -> tuple[AccessRules, Identity]:
    """Return `count` rules, each with its own route and scope, and an identity with half of the scopes.

    The scopes are short, so that they fit into the context.
    """
    text = "[settings]\nmax_policy_bytes = 1_000_000\n" + "\n".join(
        f'[[rule]]\nroute = "{_METHODS[number % 4]} /service-{number // 8}/things/{{id}}/part-{number}"\n'
        f'scopes = ["s{number}"]'
        for number in range(count)
    )
    rules = auth_file.parse(text).rules
    scopes = frozenset(scope for rule in rules.rules[::2] for each in rule.conditions for scope in each.values)
    return rules, Identity("jwt", "user-1", {}, scopes)


def at_the_limit() -> int:
    """Return the largest number of these rules whose policy is within the default limit."""
    count = 1
    while many_rules(count + 1)[0].largest_policy_bytes() <= MAX_POLICY_BYTES:
        count += 1
    return count


def measure(count: int) -> RulesFigures:
    rules, identity = many_rules(count)
    policy = Responder(rules).respond(identity, _ARN)["policyDocument"]
    fresh = [AccessRules(rules.rules, rules.max_policy_bytes) for _ in range(5)]
    return RulesFigures(
        rules=count,
        start_ms=_milliseconds(lambda: many_rules(count), 5),
        policy_bytes=len(json.dumps(policy, separators=(",", ":"))),
        largest_bytes=rules.largest_policy_bytes(),
        compile_ms=_milliseconds(lambda: fresh.pop().permissions(identity)[0], 5),
        again_ms=_milliseconds(lambda: rules.permissions(identity)[0], 50),
    )


def _milliseconds(work: Callable[[], object], times: int) -> float:
    measured = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        measured.append((time.perf_counter() - started) * 1000)
    return statistics.median(measured)
