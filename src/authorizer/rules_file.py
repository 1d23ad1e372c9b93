"""The access rules of a file: one `[[rule]]` each."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from authorizer.access import KINDS, MAX_POLICY_BYTES, AccessRules, Claim, Condition, Rule
from authorizer.entry import Entry
from authorizer.identity import SCOPE_PATTERN
from authorizer.route import Route, RouteError

CONDITION: Final = ("credentials", "scopes", "any_scopes", "consumers", "claims")
MEMBERS: Final = ("route", *CONDITION, "any")


def read(entries: Sequence[Entry], max_policy_bytes: int = MAX_POLICY_BYTES) -> AccessRules:
    """The rules in the `[[rule]]` tables of a file. What is wrong with them is told to the entries."""
    rules = [_rule(entry) for entry in entries]
    first: dict[Rule, Entry] = {}
    for rule, entry in zip(rules, entries, strict=True):
        if rule in first:
            entry.wrong(None, f"the same rule as in {first[rule].place(None)}: remove one of them")
        first.setdefault(rule, entry)
    access_rules = AccessRules(rules, max_policy_bytes)
    if (size := access_rules.largest_policy_bytes()) > max_policy_bytes:
        entries[0].wrong(
            None,
            f"the rules can make a policy of {size:,} bytes, more than {max_policy_bytes:,}. Put routes together under "
            "a path that ends in /*, or name methods instead of *; or set max_policy_bytes in [settings], after trying "
            "on AWS that a policy of this size is taken",
        )
    return access_rules


def _rule(entry: Entry) -> Rule:
    entry.check_names(MEMBERS, "a rule")
    condition = _condition(entry)
    return Rule(
        route=_route(entry),
        condition=condition,
        alternatives=tuple(_alternative(other) for other in entry.tables("any")),
        where=entry.place(None),
    )


def _alternative(entry: Entry) -> Condition:
    entry.check_names(CONDITION, "an alternative")
    if not entry.members:
        entry.wrong(None, "an alternative that asks for nothing always holds: write what it asks, or leave any out")
    return _condition(entry)


def _condition(entry: Entry) -> Condition:
    credentials = frozenset(entry.texts("credentials")) or KINDS
    if credentials - KINDS:
        entry.wrong("credentials", 'credentials may hold "api_key" and "jwt"')
    consumers = frozenset(entry.texts("consumers"))
    if consumers and "api_key" not in credentials:
        entry.wrong("consumers", 'only API keys have a consumer: add "api_key" to credentials, or use claims')
    return Condition(
        credentials=credentials,
        scopes=_scopes(entry, "scopes"),
        any_scopes=_scopes(entry, "any_scopes"),
        consumers=consumers,
        claims=tuple(_claims(entry)),
    )


def _route(entry: Entry) -> Route:
    route = entry.members.get("route")
    try:
        if isinstance(route, str):
            return Route.parse(route)
        entry.wrong("route", 'a rule needs a route, such as route = "GET /me"')
    except RouteError as error:
        entry.wrong("route", f"the route {error}")
    return Route("", entry.place(None))  # Unlike any other, so that it is the same as none.


def _scopes(entry: Entry, name: str) -> frozenset[str]:
    scopes = frozenset(entry.texts(name))
    for scope in sorted(scopes):
        if not SCOPE_PATTERN.fullmatch(scope):
            entry.wrong(name, f"{scope!r} cannot be a scope: visible ASCII, without space, quote and backslash")
    return scopes


def _claims(entry: Entry) -> Iterator[Claim]:
    for path, value in entry.claims("claims").items():
        values = value if isinstance(value, list) else [value]
        if values and all(map(_is_scalar, values)):
            yield Claim(path, tuple(values))
        else:
            name = ".".join(path)
            entry.wrong("claims", f"the claim {name!r} must be a text, a number, true or false, or a list of them")


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
