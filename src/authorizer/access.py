"""Access rules: which identity may call which route."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Final

from authorizer import policy
from authorizer.claims import MISSING, Path, find
from authorizer.identity import Identity
from authorizer.json_value import is_same
from authorizer.route import Route

KINDS: Final = frozenset({"api_key", "jwt"})
MAX_STAGE_ARN: Final = 112


@dataclass(frozen=True)
class Claim:
    """A value that must be in `data`. `path`: the names that lead to it."""

    path: Path
    value: Any

    def is_in(self, data: Mapping[str, Any]) -> bool:
        """Whether it is there: the same value of the same JSON type, or a list with it among its members."""
        found = find(data, self.path)
        if found is MISSING:
            return False
        return is_same(found, self.value) or (
            isinstance(found, list) and any(is_same(member, self.value) for member in found)
        )


@dataclass(frozen=True)
class Rule:
    """One rule: for which routes, and what it asks of an identity. All that is asked must hold.

    `credentials`: the kind is one of them. `scopes`: the credential has all of them. `any_scopes`: it has one of
    them. `consumers`: it is an API key of one of them. `claims`: all of them are in `data`. Empty asks for nothing.
    `where`: its place in the file, for people.
    """

    route: Route
    credentials: frozenset[str] = KINDS
    scopes: frozenset[str] = frozenset()
    any_scopes: frozenset[str] = frozenset()
    consumers: frozenset[str] = frozenset()
    claims: tuple[Claim, ...] = ()
    where: str = field(default="", compare=False)

    def is_satisfied(self, identity: Identity) -> bool:
        return self.lacking(identity) == frozenset()

    def lacking(self, identity: Identity) -> frozenset[str] | None:
        """The scopes with which the rule would be satisfied, empty when it is; None when it would not be by any.

        Of `any_scopes` all are told, when the identity has none of them.
        """
        if next(self.refusals(identity), None) is not None:
            return None
        missing = self.scopes - identity.scopes
        return missing if not self.any_scopes or self.any_scopes & identity.scopes else missing | self.any_scopes

    def refusals(self, identity: Identity) -> Iterator[str]:
        """The parts of the rule, other than its scopes, that refuse the identity: by their names in the file."""
        if identity.kind not in self.credentials:
            yield "credentials"
        if self.consumers and not (identity.kind == "api_key" and identity.sub in self.consumers):
            yield "consumers"
        if not all(claim.is_in(identity.data) for claim in self.claims):
            yield "claims"


@dataclass(frozen=True)
class Grant:
    """What an identity may call: the routes to allow and those to deny. It holds for every route.

    IAM puts an explicit Deny before every Allow, and denies what neither names: that is the rules' meaning.
    """

    allowed: frozenset[Route]
    denied: frozenset[Route]

    @cached_property
    def patterns(self) -> Mapping[str, tuple[str, ...]]:
        """The IAM patterns for each effect that has any, sorted."""
        effects = {"Allow": self.allowed, "Deny": self.denied}
        return {effect: _patterns(routes) for effect, routes in effects.items() if routes}

    def permits(self, request: Route) -> bool:
        """Whether a request for a route without placeholders passes."""
        return _any_covers(self.allowed, request) and not _any_covers(self.denied, request)


class AccessRules:
    """A route is permitted when at least one rule matches it, and every rule that matches it is satisfied."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: Final = tuple(rules)
        self._compile = lru_cache(maxsize=256)(self._compile_satisfied)

    @classmethod
    def allow_all(cls) -> "AccessRules":
        """The rules without a rules file: every authenticated caller, every route."""
        return cls([Rule(Route("*", "*"))])

    def answer(self, identity: Identity, arn: object) -> dict[str, Any]:
        """See `policy.answer`, for what this identity is granted."""
        lacking = [rule.lacking(identity) for rule in self.rules]
        grant = self._compile(tuple(missing == frozenset() for missing in lacking))
        hints = frozenset(scope for missing in lacking if missing for scope in missing)
        return policy.answer(identity, arn, grant.patterns, sorted(hints))

    def compile(self, identity: Identity) -> Grant:
        """What this identity is granted. Kept in memory for each set of rules that identities satisfy."""
        return self._compile(tuple(rule.is_satisfied(identity) for rule in self.rules))

    def largest_policy_bytes(self) -> int:
        """A bound for what the rules are compiled to, for whichever identity: with every route in it, and as long a
        stage ARN as there can be."""
        routes = {route for rule in self.rules for route in (rule.route, rule.route.slashed)}
        return sum(MAX_STAGE_ARN + len(pattern) + 4 for route in routes for pattern in route.patterns)

    def _compile_satisfied(self, satisfied: tuple[bool, ...]) -> Grant:
        allowed, denied = set[Route](), set[Route]()
        for rule, holds in zip(self.rules, satisfied, strict=True):
            (allowed if holds else denied).add(rule.route)
        denied = set(_outermost(denied))
        allowed = {route for route in _outermost(allowed) if not _any_covers(denied, route)}
        # A slash at the end leads to the same route. A rule that is not satisfied must not be got around with one.
        denied |= {route.slashed for route in denied}
        return Grant(frozenset(allowed), frozenset(denied))


def _outermost(routes: set[Route]) -> Iterator[Route]:
    """The routes that no other one covers: the rest would only make the policy longer."""
    for route in routes:
        if not any(other is not route and other.covers(route) for other in routes):
            yield route


def _any_covers(routes: Iterable[Route], route: Route) -> bool:
    return any(other.covers(route) for other in routes)


def _patterns(routes: Iterable[Route]) -> tuple[str, ...]:
    return tuple(sorted(pattern for route in routes for pattern in route.patterns))
