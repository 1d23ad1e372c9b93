"""What several access rules require together: in words, and whether an identity can satisfy it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from authorizer.access import KINDS, Condition, Rule
from authorizer.claims import Claim, Path, write_path

SCALARS: Final = frozenset({("iss",), ("sub",), ("azp",), ("client_id",), ("jti",), ("token_use",)})
"""Claims that are never a list (RFC 7519, 4.1; RFC 8693, 4.3; OpenID Connect Core, 2; Cognito)."""
MOST: Final = 64
"""The largest number of combinations of alternatives that is analyzed."""


@dataclass(frozen=True)
class Requirement:
    """Conditions that must all be satisfied."""

    conditions: tuple[Condition, ...]

    @property
    def kinds(self) -> frozenset[str]:
        kinds = KINDS.intersection(*(condition.credentials for condition in self.conditions))
        kinds &= KINDS if self.consumers is None else {"api_key"}
        return kinds & (KINDS if self.issuers is None else {"jwt"})

    @property
    def consumers(self) -> frozenset[str] | None:
        """The permitted consumers; None for any consumer."""
        return _common(condition.consumers for condition in self.conditions)

    @property
    def issuers(self) -> frozenset[str] | None:
        """The permitted issuers; None for any issuer."""
        return _common(condition.issuers for condition in self.conditions)

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset().union(*(condition.scopes for condition in self.conditions))

    @property
    def claims(self) -> list[Claim]:
        return list(dict.fromkeys(claim for condition in self.conditions for claim in condition.claims))

    def conflict(self) -> str | None:
        """Why no identity can satisfy it; None if one might."""
        if not self.kinds:
            return "a credential cannot be both an API key and a JWT"
        if self.consumers is not None and not self.consumers:
            return "a key has only one consumer"
        if self.issuers is not None and not self.issuers:
            return "a token has only one issuer"
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
        if self.consumers:
            who = f"an API key of {_either(sorted(self.consumers))}"
        elif self.issuers:
            who = f"a JWT of {_either(sorted(self.issuers))}"
        else:
            who = (
                "any accepted credential"
                if len(self.kinds) > 1
                else "an API key"
                if "api_key" in self.kinds
                else "a JWT"
            )
        asked = list[str]()
        if self.scopes:
            asked.append(f"with the scope{'s' if len(self.scopes) > 1 else ''} {' and '.join(sorted(self.scopes))}")
        for any_scopes in dict.fromkeys(condition.any_scopes for condition in self.conditions):
            if any_scopes and not any_scopes & self.scopes:
                asked.append(f"with the scope {_either(sorted(any_scopes))}")
        asked += [f"with {write_path(claim.path)} {_either(map(_written, claim.values))}" for claim in self.claims]
        return f"{who} {' and '.join(asked)}".rstrip()

    def _pairs(self) -> Iterator[tuple[Claim, Claim]]:
        claims = self.claims
        return ((one, other) for number, one in enumerate(claims) for other in claims[number + 1 :])


def ways(rules: Iterable[Rule]) -> list[Requirement] | None:
    """The combinations of alternatives that satisfy all rules; one unsatisfiable combination if there are no others.

    None if there are more than `MOST`.
    """
    found = [Requirement(())]
    for rule in rules:
        chosen: list[tuple[Condition, ...]] = [(other,) for other in rule.alternatives] or [()]
        more = [Requirement((*way.conditions, rule.condition, *other)) for way in found for other in chosen]
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


def _common(members: Iterable[frozenset[str]]) -> frozenset[str] | None:
    asked = [each for each in members if each]
    return frozenset.intersection(*asked) if asked else None


def _are_disjoint(one: Claim, other: Claim) -> bool:
    return one.accepted.isdisjoint(other.accepted)


def _either(texts: Iterable[str]) -> str:
    return " or ".join(texts)


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
