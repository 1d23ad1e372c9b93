"""Access rules: which identity may call which route."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from authorizer.identity import Identity

_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
# Neither "?" nor "$": in an IAM resource they would be a wildcard and a variable.
_ROUTE = re.compile(rf"(?P<method>{'|'.join(_METHODS)}|\*) /(?P<path>[A-Za-z0-9._~!&'()+,;=:@%/*{{}}-]*)")
_KINDS: Final = frozenset({"api_key", "jwt"})


class RulesError(Exception):
    """The access rules are wrong. The text says where, and what to write instead."""


@dataclass(frozen=True)
class Rule:
    """One rule: for which routes, and what it asks of an identity. Routes are as in an IAM resource: `GET/me`."""

    routes: tuple[str, ...]
    credentials: frozenset[str] = _KINDS
    scopes: frozenset[str] = frozenset()

    def is_satisfied(self, identity: Identity) -> bool:
        return identity.kind in self.credentials and self.scopes <= identity.scopes


class AccessRules:
    """A route is permitted when at least one rule matches it, and every rule that matches it is satisfied."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._compile = lru_cache(maxsize=256)(self._compile_satisfied)

    @classmethod
    def allow_all(cls) -> "AccessRules":
        """The rules without a rules file: every authenticated caller, every route."""
        return cls([Rule(("*",))])

    @classmethod
    def from_toml(cls, text: str) -> "AccessRules":
        """:raises RulesError: the text is not TOML, or holds something else than ``[[rule]]`` as documented."""
        import tomllib  # Most deployments have no rules file: they need not wait for this import.

        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise RulesError(f"not TOML: {error}") from None
        entries = document.get("rule")
        if document.keys() - {"rule"} or not isinstance(entries, list) or not entries:
            raise RulesError("the file must hold [[rule]] tables, at least one, and nothing else")
        return cls(_rule(number, entry) for number, entry in enumerate(entries, 1))

    def compile(self, identity: Identity) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The routes to allow and those to deny, as IAM patterns. They hold for every route of the stage.

        IAM puts an explicit Deny before every Allow, and denies what neither names: that is the rules' meaning.
        """
        return self._compile(tuple(rule.is_satisfied(identity) for rule in self._rules))

    def _compile_satisfied(self, satisfied: tuple[bool, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        allowed, denied = set[str](), set[str]()
        for rule, holds in zip(self._rules, satisfied, strict=True):
            (allowed if holds else denied).update(rule.routes)
        return tuple(sorted(allowed - denied)), tuple(sorted(denied))


def _rule(number: int, entry: object) -> Rule:
    where = f"rule {number}"
    if not isinstance(entry, Mapping):
        raise RulesError(f"{where}: must be a table, written [[rule]]")
    unknown = entry.keys() - {"route", "credentials", "scopes"}
    if unknown:
        raise RulesError(f"{where}: {', '.join(sorted(unknown))} is not known; a rule has route, credentials, scopes")
    route = entry.get("route")
    match = _ROUTE.fullmatch(route) if isinstance(route, str) else None
    if match is None:
        raise RulesError(f'{where}: route must be a method or * and a path, such as "GET /reports/*"; not {route!r}')
    credentials = frozenset(_texts(where, entry, "credentials", _KINDS))
    if not credentials or credentials - _KINDS:
        raise RulesError(f'{where}: credentials may hold "api_key" and "jwt", at least one of them')
    return Rule(_routes(match["method"], match["path"]), credentials, frozenset(_texts(where, entry, "scopes", ())))


def _routes(method: str, path: str) -> tuple[str, ...]:
    """The route as IAM patterns. Their one wildcard matches any text, slashes too.

    So a path parameter also matches what has more segments, and "any method" is written out: `*/me` would match
    `GET/other/me`.
    """
    if (method, path) == ("*", "*"):
        return ("*",)
    pattern = re.sub(r"\{[^/{}]+\}", "*", path)
    return tuple(f"{name}/{pattern}" for name in (_METHODS if method == "*" else (method,)))


def _texts(where: str, entry: Mapping[str, Any], name: str, default: Iterable[str]) -> Iterable[str]:
    values = entry.get(name, default)
    if name in entry and not (isinstance(values, list) and all(isinstance(item, str) and item for item in values)):
        raise RulesError(f'{where}: {name} must be a list of texts, such as ["a", "b"]')
    return values  # type: ignore[no-any-return]
