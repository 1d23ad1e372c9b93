"""Reads the `[[rule]]` tables of a file."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from authorizer.access import AccessRules, Rule
from authorizer.conditions import CONDITIONS, KINDS, Conditions, Consumers, Credentials, Issuers
from authorizer.entry import Entry
from authorizer.route import Route, RouteError

CONDITION: Final = tuple(condition.NAME for condition in CONDITIONS)
MEMBERS: Final = ("route", *CONDITION, "any")


def read(entries: Sequence[Entry], max_policy_bytes: int) -> AccessRules:
    """Read the access rules. Mistakes are reported to the entries."""
    rules = [_rule(entry) for entry in entries]
    first: dict[Rule, Entry] = {}
    for rule, entry in zip(rules, entries, strict=True):
        if rule in first:
            entry.wrong(None, f"The rule is the same as in {first[rule].place(None)}. Remove one of them.")
        first.setdefault(rule, entry)
    access_rules = AccessRules(rules, max_policy_bytes)
    if (size := access_rules.largest_policy_bytes()) > max_policy_bytes:
        entries[0].wrong(
            None,
            f"The rules can produce a policy of {size:,} bytes, which is more than {max_policy_bytes:,}. The first "
            f"{_fitting(rules, max_policy_bytes)} of the {len(rules)} rules fit. Combine routes under a path that ends "
            "in /*, name methods instead of *, or use one list of networks in several rules. You can also raise "
            "max_policy_bytes in [settings]; before you do, test on AWS that API Gateway accepts such a policy.",
        )
    return access_rules


def _fitting(rules: Sequence[Rule], max_policy_bytes: int) -> int:
    """How many of the rules, from the first one, fit into a policy of this size."""
    sizes = range(len(rules) + 1)
    return (
        bisect_right(sizes, max_policy_bytes, key=lambda count: AccessRules(rules[:count]).largest_policy_bytes()) - 1
    )


def _rule(entry: Entry) -> Rule:
    entry.check_names(MEMBERS, "A rule")
    return Rule(
        route=_route(entry),
        conditions=_conditions(entry),
        alternatives=tuple(_alternative(other) for other in entry.tables("any")),
        where=entry.place(None),
    )


def _alternative(entry: Entry) -> Conditions:
    entry.check_names(CONDITION, "An alternative")
    if not entry.members:
        entry.wrong(None, "An alternative without conditions is always satisfied. Add a condition, or remove any.")
    return _conditions(entry)


def _conditions(entry: Entry) -> Conditions:
    found = tuple(condition for kind in CONDITIONS if (condition := kind.read(entry)))
    named = {type(condition): condition for condition in found}
    kinds = named[Credentials].kinds if Credentials in named else KINDS
    if Consumers in named and "api_key" not in kinds:
        entry.wrong("consumers", 'Only API keys have a consumer. Add "api_key" to credentials, or use claims.')
    if Issuers in named and "jwt" not in kinds:
        entry.wrong("issuers", 'Only JWTs have an issuer. Add "jwt" to credentials, or use consumers.')
    if Issuers in named and Consumers in named:
        entry.wrong("issuers", "No credential has both an issuer and a consumer. Use any = [...] for alternatives.")
    return found


def _route(entry: Entry) -> Route:
    route = entry.members.get("route")
    try:
        if isinstance(route, str):
            return Route.parse(route)
        entry.wrong("route", 'A rule requires a route, such as route = "GET /me".')
    except RouteError as error:
        entry.wrong("route", f"The route {error}.")
    # Different from all other routes, so that no rule is reported as a duplicate.
    return Route("", entry.place(None))
