"""The access rules file: TOML with one `[[rule]]` a rule. All that is wrong with it is told with its line."""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

from authorizer.access import KINDS, AccessRules, Claim, Rule, RulesError
from authorizer.route import Route, RouteError

MEMBERS: Final = ("route", "credentials", "scopes", "any_scopes", "consumers", "claims")
MAX_POLICY_BYTES: Final = 1_000_000
"""API Gateway documents no limit for the policy. A function's answer may be 6 MB; this keeps clear of it."""

# RFC 6749, section 3.3. Such a scope can stand in a JSON text as it is, which the 403 answer relies on.
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


def parse(text: str) -> AccessRules:
    """The rules in the text of a file.

    :raises RulesError: the text is not TOML, or does not hold rules as documented.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RulesError(f"not TOML: {error}") from None
    entries = document.get("rule")
    if document.keys() - {"rule"} or not isinstance(entries, list) or not entries:
        raise RulesError("the file must hold [[rule]] tables, at least one, and nothing else")
    lines = _Lines(text, len(entries))
    rules = [_Entry(entry, number, lines).rule() for number, entry in enumerate(entries)]
    _check_duplicates(rules, lines)
    access_rules = AccessRules(rules)
    if (size := access_rules.largest_policy_bytes()) > MAX_POLICY_BYTES:
        raise RulesError(
            f"the rules can make a policy of {size:,} bytes, more than {MAX_POLICY_BYTES:,}: "
            "name methods instead of *, or put routes together under a path that ends in /*"
        )
    return access_rules


class _Lines:
    """Where in the text a rule and its members stand; tomllib does not tell."""

    _HEADER = re.compile(r"\s*\[\[\s*[\"']?rule[\"']?\s*\]\]")

    def __init__(self, text: str, count: int) -> None:
        self._lines = text.splitlines()
        starts = [index for index, line in enumerate(self._lines) if self._HEADER.match(line)]
        # Rules may also be written as one array, or a text may look like a header: then only their number is told.
        self._starts = [*starts, len(self._lines)] if len(starts) == count else None

    def where(self, number: int, member: str | None = None) -> str:
        """``line 7``: that of the member, if it can be found, or of the rule. Rules count from 0."""
        if self._starts is None:
            return f"rule {number + 1}"
        start, end = self._starts[number : number + 2]
        if member:
            named = re.compile(rf"\s*(?:\[\s*rule\s*\.\s*)?[\"']?{re.escape(member)}[\"']?\s*[.=\]]")
            start = next((index for index in range(start + 1, end) if named.match(self._lines[index])), start)
        return f"line {start + 1}"


class _Entry:
    """One `[[rule]]` as TOML has it."""

    def __init__(self, entry: object, number: int, lines: _Lines) -> None:
        self._number = number
        self._lines = lines
        if not isinstance(entry, Mapping):
            self._fail(None, "a rule must be a table, written [[rule]]")
        self._entry: Mapping[str, Any] = entry

    def rule(self) -> Rule:
        for name in self._entry.keys() - set(MEMBERS):
            self._fail(name, f"{name!r} is not known; a rule has {', '.join(MEMBERS)}")
        credentials = self._texts("credentials") or KINDS
        if credentials - KINDS:
            self._fail("credentials", 'credentials may hold "api_key" and "jwt"')
        consumers = self._texts("consumers")
        if consumers and "api_key" not in credentials:
            self._fail("consumers", 'only API keys have a consumer: add "api_key" to credentials, or use claims')
        return Rule(
            route=self._route(),
            credentials=credentials,
            scopes=self._scopes("scopes"),
            any_scopes=self._scopes("any_scopes"),
            consumers=consumers,
            claims=tuple(self._claims((), self._table("claims"))),
            where=self._lines.where(self._number),
        )

    def _route(self) -> Route:
        route = self._entry.get("route")
        if not isinstance(route, str):
            self._fail("route", 'a rule needs a route, such as route = "GET /me"')
        try:
            return Route.parse(route)
        except RouteError as error:
            self._fail("route", f"the route {error}")

    def _texts(self, name: str) -> frozenset[str]:
        """Empty only when the member is not there: an empty list could mean all, or none."""
        values = self._entry.get(name)
        if name not in self._entry:
            return frozenset()
        if not isinstance(values, list) or not values or not all(isinstance(item, str) and item for item in values):
            self._fail(name, f'{name} must be a list of texts, such as ["a", "b"]; leave it out instead of empty')
        return frozenset(values)

    def _scopes(self, name: str) -> frozenset[str]:
        scopes = self._texts(name)
        for scope in sorted(scopes):
            if not _SCOPE.fullmatch(scope):
                self._fail(name, f"{scope!r} cannot be a scope: visible ASCII, without space, quote and backslash")
        return scopes

    def _table(self, name: str) -> Mapping[str, Any]:
        table = self._entry.get(name, {})
        if not isinstance(table, Mapping) or (name in self._entry and not table):
            self._fail(name, f'{name} must be a table of names and values, such as {{ "org.plan" = "gold" }}')
        return table

    def _claims(self, prefix: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[Claim]:
        for name, value in table.items():
            # A name that is a URL, as providers give to claims of one's own, is no path.
            path = (*prefix, *((name,) if "://" in name else name.split(".")))
            if not all(path):
                self._fail("claims", f"the claim {name!r} has an empty part in its path")
            if isinstance(value, Mapping):
                yield from self._claims(path, value)
            elif _is_json(value):
                yield Claim(path, value)
            else:
                self._fail("claims", f"the claim {name!r} must be a text, a number, true or false, or a list of them")

    def _fail(self, member: str | None, problem: str) -> NoReturn:
        raise RulesError(f"{self._lines.where(self._number, member)}: {problem}")


def _is_json(value: object) -> bool:
    if isinstance(value, list):
        return all(_is_json(item) for item in value)
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))


def _check_duplicates(rules: list[Rule], lines: _Lines) -> None:
    for number, rule in enumerate(rules):
        first = rules.index(rule)
        if first < number:
            raise RulesError(f"{lines.where(number)}: the same rule as in {lines.where(first)}: remove one of them")
