"""The access rules of a file: one `[[rule]]` each."""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

from authorizer.access import KINDS, AccessRules, Claim, Rule
from authorizer.entry import Entry
from authorizer.route import Route, RouteError

MEMBERS: Final = ("route", "credentials", "scopes", "any_scopes", "consumers", "claims")
MAX_POLICY_BYTES: Final = 1_000_000
"""API Gateway documents no limit for the policy. A function's answer may be 6 MB; this keeps clear of it."""

# RFC 6749, section 3.3. Such a scope can stand in a JSON text as it is, which the 403 answer relies on.
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


def read(entries: Sequence[Entry]) -> AccessRules:
    """The rules in the `[[rule]]` tables of a file. What is wrong with them is told to the entries."""
    rules = [_rule(entry) for entry in entries]
    for number, rule in enumerate(rules):
        first = rules.index(rule)
        if first < number:
            entries[number].wrong(None, f"the same rule as in {entries[first].place(None)}: remove one of them")
    access_rules = AccessRules(rules)
    if (size := access_rules.largest_policy_bytes()) > MAX_POLICY_BYTES:
        entries[0].wrong(
            None,
            f"the rules can make a policy of {size:,} bytes, more than {MAX_POLICY_BYTES:,}: "
            "name methods instead of *, or put routes together under a path that ends in /*",
        )
    return access_rules


def _rule(entry: Entry) -> Rule:
    entry.check_names(MEMBERS, "a rule")
    credentials = frozenset(entry.texts("credentials")) or KINDS
    if credentials - KINDS:
        entry.wrong("credentials", 'credentials may hold "api_key" and "jwt"')
    consumers = frozenset(entry.texts("consumers"))
    if consumers and "api_key" not in credentials:
        entry.wrong("consumers", 'only API keys have a consumer: add "api_key" to credentials, or use claims')
    return Rule(
        route=_route(entry),
        credentials=credentials,
        scopes=_scopes(entry, "scopes"),
        any_scopes=_scopes(entry, "any_scopes"),
        consumers=consumers,
        claims=tuple(_claims(entry)),
        where=entry.place(None),
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
        if not _SCOPE.fullmatch(scope):
            entry.wrong(name, f"{scope!r} cannot be a scope: visible ASCII, without space, quote and backslash")
    return scopes


def _claims(entry: Entry) -> Iterator[Claim]:
    for path, value in entry.claims("claims").items():
        if not _is_json(value):
            name = ".".join(path)
            entry.wrong("claims", f"the claim {name!r} must be a text, a number, true or false, or a list of them")
        yield Claim(path, value)


def _is_json(value: object) -> bool:
    if isinstance(value, list):
        return all(_is_json(item) for item in value)
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
