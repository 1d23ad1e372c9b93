"""Access rules: which identity may call which route."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from authorizer import policy
from authorizer.claims import Path, find
from authorizer.grant import Grant, Grants
from authorizer.identity import DataEncoding, Identity
from authorizer.route import Route

KINDS: Final = frozenset({"api_key", "jwt"})
MAX_POLICY_BYTES: Final = 8192
"""The default. AWS documents no figure for REST and HTTP APIs; 8 KB is its figure for WebSocket APIs."""
MAX_RESOURCE_BYTES: Final = 512
"""What API Gateway takes. Left out or cut short, a resource to be denied would be open."""
KEPT_GRANTS: Final = 64
"""A client that may choose its scopes chooses which rules it satisfies: it must not fill the memory."""

_SCALARS = (str, bool, int, float)


class PolicyTooLarge(Exception):
    """The policy, or a resource in it, is larger than allowed, for a stage whose ARN is longer than was allowed for."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Values of which one must be in `data`. `path`: the names that lead there."""

    path: Path
    values: tuple[Any, ...]

    def is_in(self, data: Mapping[str, Any]) -> bool:
        """Whether one is there: the same value of the same JSON type, or a list with it among its members."""
        found = find(data, self.path)
        return any(self._is_value(member) for member in (found if isinstance(found, list) else [found]))

    def _is_value(self, found: object) -> bool:
        # Python takes true for 1, and 1 for 1.0.
        return type(found) in _SCALARS and any(type(value) is type(found) and value == found for value in self.values)


@dataclass(frozen=True)
class Condition:
    """What is asked of an identity; all of it must hold. Empty asks for nothing.

    `credentials`: the kind is one of them. `scopes`: the credential has all of them. `any_scopes`: it has one of
    them. `consumers`: it is an API key of one of them. `claims`: each has one of its values in `data`.
    """

    credentials: frozenset[str] = KINDS
    scopes: frozenset[str] = frozenset()
    any_scopes: frozenset[str] = frozenset()
    consumers: frozenset[str] = frozenset()
    claims: tuple[Claim, ...] = ()

    def lacking(self, identity: Identity) -> frozenset[str] | None:
        """The scopes with which it would hold, empty when it does; None when it would not with any.

        Of `any_scopes` all are told, when the identity has none of them.
        """
        if next(self.refusals(identity), None) is not None:
            return None
        missing = self.scopes - identity.scopes
        return missing if not self.any_scopes or self.any_scopes & identity.scopes else missing | self.any_scopes

    def refusals(self, identity: Identity) -> Iterator[str]:
        """The parts of it, other than scopes, that refuse the identity: by their names in the file."""
        if identity.kind not in self.credentials:
            yield "credentials"
        if self.consumers and not (identity.kind == "api_key" and identity.sub in self.consumers):
            yield "consumers"
        if not all(claim.is_in(identity.data) for claim in self.claims):
            yield "claims"


@dataclass(frozen=True)
class Rule:
    """One rule: for which routes, and what it asks of an identity.

    `condition` must hold and, if there are any, one of `alternatives`. `where`: its place in the file, for people.
    """

    route: Route
    condition: Condition = Condition()
    alternatives: tuple[Condition, ...] = ()
    where: str = field(default="", compare=False)

    def is_satisfied(self, identity: Identity) -> bool:
        return self.lacking(identity) == frozenset()

    def lacking(self, identity: Identity) -> frozenset[str] | None:
        """As of a `Condition`. Of alternatives that scopes would satisfy all are told, when none is satisfied."""
        missing = self.condition.lacking(identity)
        if missing is None or not self.alternatives:
            return missing
        found = [lacking for other in self.alternatives if (lacking := other.lacking(identity)) is not None]
        if not found:
            return None
        return missing if not all(found) else missing.union(*found)


class AccessRules:
    """A route is permitted when at least one rule matches it, and every rule that matches it is satisfied."""

    def __init__(self, rules: Iterable[Rule], max_policy_bytes: int = MAX_POLICY_BYTES) -> None:
        self.rules: Final = tuple(rules)
        self.max_policy_bytes: Final = max_policy_bytes
        self._grants = Grants([rule.route for rule in self.rules])
        self._grant = lru_cache(maxsize=KEPT_GRANTS)(self._grants.grant)

    @classmethod
    def allow_all(cls) -> "AccessRules":
        """The rules of a file without any: every authenticated caller, every route."""
        return cls([Rule(Route("*", "*"))])

    def answer(self, identity: Identity, arn: object, encoding: DataEncoding = "json") -> dict[str, Any]:
        """See `policy.answer`, for what this identity is granted.

        :raises PolicyTooLarge: see there. A part of a policy would be another policy.
        """
        lacking = [rule.lacking(identity) for rule in self.rules]
        grant = self._grant(tuple(missing == frozenset() for missing in lacking))
        stage = policy.stage_arn(arn)
        if (
            grant.policy_bytes(len(stage)) > self.max_policy_bytes
            or grant.resource_bytes(len(stage)) > MAX_RESOURCE_BYTES
        ):
            raise PolicyTooLarge
        hints = {scope for missing in lacking if missing for scope in missing}
        return policy.answer(identity, stage, grant.patterns, sorted(hints), encoding)

    def compile(self, identity: Identity) -> Grant:
        """What this identity is granted. Kept in memory for each set of rules that identities satisfy."""
        return self._grant(tuple(rule.is_satisfied(identity) for rule in self.rules))

    def largest_policy_bytes(self) -> int:
        """See `Grants.largest_policy_bytes`."""
        return self._grants.largest_policy_bytes()
