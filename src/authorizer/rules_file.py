"""Reads the `[[rule]]` tables of a file."""

from collections.abc import Sequence
from typing import Final

from authorizer.access import KINDS, AccessRules, Condition, Rule
from authorizer.entry import Entry
from authorizer.identity import SCOPE_PATTERN
from authorizer.route import Route, RouteError

CONDITION: Final = ("credentials", "scopes", "any_scopes", "consumers", "issuers", "claims")
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
            f"The rules can produce a policy of {size:,} bytes, which is more than {max_policy_bytes:,}. Combine "
            "routes under a path that ends in /*, or name methods instead of *. You can also raise max_policy_bytes in "
            "[settings]; before you do, test on AWS that API Gateway accepts a policy of this size.",
        )
    return access_rules


def _rule(entry: Entry) -> Rule:
    entry.check_names(MEMBERS, "A rule")
    return Rule(
        route=_route(entry),
        condition=_condition(entry),
        alternatives=tuple(_alternative(other) for other in entry.tables("any")),
        where=entry.place(None),
    )


def _alternative(entry: Entry) -> Condition:
    entry.check_names(CONDITION, "An alternative")
    if not entry.members:
        entry.wrong(None, "An alternative without conditions is always satisfied. Add a condition, or remove any.")
    return _condition(entry)


def _condition(entry: Entry) -> Condition:
    credentials = frozenset(entry.texts("credentials")) or KINDS
    if credentials - KINDS:
        entry.wrong("credentials", 'credentials accepts only "api_key" and "jwt".')
    consumers = frozenset(entry.texts("consumers"))
    if consumers and "api_key" not in credentials:
        entry.wrong("consumers", 'Only API keys have a consumer. Add "api_key" to credentials, or use claims.')
    issuers = frozenset(entry.texts("issuers"))
    if issuers and "jwt" not in credentials:
        entry.wrong("issuers", 'Only JWTs have an issuer. Add "jwt" to credentials, or use consumers.')
    if issuers and consumers:
        entry.wrong("issuers", "No credential has both an issuer and a consumer. Use any = [...] for alternatives.")
    return Condition(
        credentials=credentials,
        scopes=_scopes(entry, "scopes"),
        any_scopes=_scopes(entry, "any_scopes"),
        consumers=consumers,
        issuers=issuers,
        claims=entry.claims("claims"),
    )


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


def _scopes(entry: Entry, name: str) -> frozenset[str]:
    scopes = frozenset(entry.texts(name))
    for scope in sorted(scopes):
        if not SCOPE_PATTERN.fullmatch(scope):
            entry.wrong(name, f"{scope!r} is not a scope. Use visible ASCII without spaces, quotes and backslashes.")
    return scopes
