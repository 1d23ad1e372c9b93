"""What several access rules require together: in words, and whether an identity can satisfy it."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from authorizer.access import Rule
from authorizer.claims import Claim, Path, write_path
from authorizer.conditions import (
    KINDS,
    AnyScopes,
    Claims,
    Condition,
    Conditions,
    Consumers,
    FromNetworks,
    Issuers,
    Scopes,
)

SCALARS: Final = frozenset({("iss",), ("sub",), ("azp",), ("client_id",), ("jti",), ("token_use",)})
"""Claims that are never a list (RFC 7519, 4.1; RFC 8693, 4.3; OpenID Connect Core, 2; Cognito)."""
_ONLY_ONE: Final[dict[type[Condition], str]] = {
    Consumers: "a key has only one consumer",
    Issuers: "a token has only one issuer",
    FromNetworks: "a request comes from only one network",
}
"""Why two conditions of a class cannot both be satisfied if they accept nothing in common."""
MOST: Final = 64
"""The largest number of combinations of alternatives that is analyzed."""


@dataclass(frozen=True)
class Requirement:
    """Conditions that must all be satisfied."""

    conditions: tuple[Condition, ...]

    def of(self, kind: type[Condition]) -> list[Any]:
        """The values of all conditions of a class, not of its subclasses."""
        return [condition.values for condition in self.conditions if type(condition) is kind]

    @property
    def kinds(self) -> frozenset[str]:
        return KINDS.intersection(*(condition.kinds for condition in self.conditions))

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset().union(*self.of(Scopes))

    @property
    def claims(self) -> list[Claim]:
        return list(dict.fromkeys(claim for claims in self.of(Claims) for claim in claims))

    def both(self, kind: type[Condition]) -> Any:
        """What all conditions of a class accept; None if there is none."""
        found = self.of(kind)
        return functools.reduce(operator.and_, found) if found else None

    def conflict(self) -> str | None:
        """Why no identity can satisfy it; None if one might."""
        if not self.kinds:
            return "a credential cannot be both an API key and a JWT"
        for kind, reason in _ONLY_ONE.items():
            if (common := self.both(kind)) is not None and not common:
                return reason
        for one, other in self._pairs():
            if one.path == other.path and one.path in SCALARS and _are_disjoint(one, other):
                return f"the claim {write_path(one.path)} has only one value"
            shorter, longer = sorted((one.path, other.path), key=len)
            if len(shorter) < len(longer) and longer[: len(shorter)] == shorter:
                return f"the claim {write_path(shorter)} cannot be both a value and the parent of {write_path(longer)}"
        return None

    def lists(self) -> frozenset[Path]:
        """The claims that must be lists, because two rules require different values of them."""
        return frozenset(
            one.path for one, other in self._pairs() if one.path == other.path and _are_disjoint(one, other)
        )

    def words(self) -> str:
        """Who satisfies it, such as `an API key of acme with the scope a`."""
        who = {frozenset({"api_key"}): "an API key", frozenset({"jwt"}): "a JWT"}.get(
            self.kinds, "any accepted credential"
        )
        of = [f"of {_either(sorted(common))}" for kind in (Consumers, Issuers) if (common := self.both(kind))]
        scopes = sorted(self.scopes)
        asked = [f"with the scope{'s' if len(scopes) > 1 else ''} {' and '.join(scopes)}"] if scopes else []
        choices = dict.fromkeys(self.of(AnyScopes))
        asked += [f"with the scope {_either(sorted(each))}" for each in choices if not each & self.scopes]
        asked += [f"with {write_path(claim.path)} {_either(map(_written, claim.values))}" for claim in self.claims]
        networks = self.both(FromNetworks)
        origin = [f"from {_either(networks.blocks)}"] if networks else []
        return " ".join([who, *of, *([" and ".join(asked)] if asked else []), *origin])

    def _pairs(self) -> Iterator[tuple[Claim, Claim]]:
        claims = self.claims
        return ((one, other) for number, one in enumerate(claims) for other in claims[number + 1 :])


def ways(rules: Iterable[Rule]) -> list[Requirement] | None:
    """The combinations of alternatives that satisfy all rules; one unsatisfiable combination if there are no others.

    None if there are more than `MOST`.
    """
    found = [Requirement(())]
    for rule in rules:
        chosen: list[Conditions] = list(rule.alternatives) or [()]
        more = [Requirement((*way.conditions, *rule.conditions, *other)) for way in found for other in chosen]
        found = [way for way in more if not way.conflict()] or more[-1:]
        if len(found) > MOST or found[0].conflict():
            break
    return found if len(found) <= MOST else None


def conflict(rules: Iterable[Rule]) -> str | None:
    """Why no identity can satisfy all rules; None if one might, or if there are too many combinations."""
    found = ways(rules)
    return found[0].conflict() if found else None


def lists(rules: Iterable[Rule]) -> frozenset[Path]:
    """The claims that must be lists to satisfy all rules, in every combination of alternatives."""
    found = [way.lists() for way in ways(rules) or ()]
    return frozenset.union(*found) if found and all(found) else frozenset()


def who(rules: Sequence[Rule]) -> str:
    """Who satisfies all of these rules, in words."""
    if not rules:
        return "no credential: no rule matches"
    found = ways(rules)
    if found is None:
        return f"a credential that satisfies {', '.join(rule.where for rule in rules)}"
    reason = found[0].conflict()
    return f"no credential: {reason}" if reason else "; or ".join(dict.fromkeys(way.words() for way in found))


def _are_disjoint(one: Claim, other: Claim) -> bool:
    return one.accepted.isdisjoint(other.accepted)


def _either(texts: Iterable[str]) -> str:
    return " or ".join(texts)


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
