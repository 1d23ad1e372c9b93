"""The challenge that the 403 of an API can have (RFC 6750, section 3.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from authorizer.access import Rule
from authorizer.conditions import Scopes
from keys.deployment.endpoint import ApiRoutes
from keys.deployment.guard import Caller


def insufficient_scope(rules: Sequence[Rule], api: ApiRoutes) -> Iterator[str]:
    """A note with the value of `WWW-Authenticate`, if nothing but a scope can be missing where a rule refuses.

    A gateway response has one header for all requests, so it must be right for each of them. All routes must be known,
    be open or have this authorizer, have rules for all of their requests, and accept one spelling of a path. All
    conditions must be scopes. The header names the scopes of all rules, because it does not know the route.
    """
    conditions = [*chain.from_iterable(chain(rule.conditions, *rule.alternatives) for rule in rules)]
    guarded = [endpoint for endpoint in api.endpoints if endpoint.is_guarded]
    if (
        not (conditions and guarded)
        or api.unread
        or not all(isinstance(condition, Scopes) for condition in conditions)
        or not all(endpoint.guard.caller in (Caller.THIS, Caller.ANYONE) for endpoint in api.endpoints)
        or any(endpoint.is_greedy for endpoint in guarded)
        or not all(any(endpoint.is_covered(rule.route) for rule in rules) for endpoint in guarded)
    ):
        return
    scopes = " ".join(sorted(frozenset[str]().union(*(condition.values for condition in conditions))))
    challenge = f'Bearer error="insufficient_scope", scope="{scopes}"'
    yield (
        "only a missing scope can refuse an accepted credential, unless its key has networks. The gateway response "
        f"ACCESS_DENIED can therefore have the header WWW-Authenticate: {challenge}"
    )
