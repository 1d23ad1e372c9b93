"""Access rules: which identity is permitted to call which route."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from authorizer.claims import Claim
from authorizer.grant import Grant, Grants
from authorizer.identity import Identity
from authorizer.route import Route

EVERY_ROUTE: Final = 'route = "* /*"'
"""The only member of the one rule that permits every route to every accepted credential."""
KINDS: Final = frozenset({"api_key", "jwt"})
MAX_POLICY_BYTES: Final = 8192
"""The default. AWS documents no limit for REST and HTTP APIs. The limit for WebSocket APIs is 8 KB."""
_NO_SCOPES: Final = frozenset[str]()

KEPT_GRANTS: Final = 64
"""The maximum number of grants in memory. Clients can choose their scopes, and so how many grants are computed."""


class Condition(NamedTuple):
    """The conditions on an identity. All of them must be satisfied. An empty one is always satisfied.

    `credentials`: the kind is one of these. `scopes`: the credential has all of these. `any_scopes`: it has one of
    these. `consumers`: it is an API key of one of these. `issuers`: it is a JWT of one of these. `claims`: `data`
    satisfies each of these.
    """

    credentials: frozenset[str] = KINDS
    scopes: frozenset[str] = frozenset()
    any_scopes: frozenset[str] = frozenset()
    consumers: frozenset[str] = frozenset()
    issuers: frozenset[str] = frozenset()
    claims: tuple[Claim, ...] = ()

    def lacking(self, identity: Identity) -> frozenset[str] | None:
        """The scopes that are missing, empty if the condition is satisfied. None if no scope would satisfy it.

        If the identity has none of `any_scopes`, all of them are returned.
        """
        if next(self.refusals(identity), None) is not None:
            return None
        if not self.scopes and not self.any_scopes:
            return _NO_SCOPES
        missing = self.scopes - identity.scopes
        return missing if not self.any_scopes or self.any_scopes & identity.scopes else missing | self.any_scopes

    def refusals(self, identity: Identity) -> Iterator[str]:
        """The names of the conditions, other than scopes, that the identity does not satisfy."""
        if identity.kind not in self.credentials:
            yield "credentials"
        if self.consumers and not (identity.kind == "api_key" and identity.sub in self.consumers):
            yield "consumers"
        if self.issuers and identity.issuer not in self.issuers:
            yield "issuers"
        if not all(claim.is_in(identity.data) for claim in self.claims):
            yield "claims"


class Rule(NamedTuple):
    """An access rule for a route.

    `condition` must be satisfied and, if there are `alternatives`, one of them. `where`: the rule's place in the file.
    """

    route: Route
    condition: Condition = Condition()
    alternatives: tuple[Condition, ...] = ()
    where: str = ""

    def __eq__(self, other: object) -> bool:
        """Whether the rules mean the same, wherever they are."""
        return isinstance(other, Rule) and self[:-1] == other[:-1]

    def __hash__(self) -> int:
        return hash(self[:-1])

    def lacking(self, identity: Identity) -> frozenset[str] | None:
        """See `Condition.lacking`. If no alternative is satisfied, the missing scopes of all of them are returned."""
        missing = self.condition.lacking(identity)
        if missing is None or not self.alternatives:
            return missing
        found = [lacking for other in self.alternatives if (lacking := other.lacking(identity)) is not None]
        if not found:
            return None
        return missing if not all(found) else missing.union(*found)


class AccessRules:
    """A route is permitted if at least one rule matches it and every rule that matches it is satisfied."""

    def __init__(self, rules: Iterable[Rule], max_policy_bytes: int = MAX_POLICY_BYTES) -> None:
        self.rules: Final = tuple(rules)
        self.max_policy_bytes: Final = max_policy_bytes
        self._grants = Grants([rule.route for rule in self.rules])
        self._grant = lru_cache(maxsize=KEPT_GRANTS)(self._grants.grant)

    @property
    def permit_every_route(self) -> bool:
        """Whether the only rule is `* /*` without a condition: every route for every accepted credential."""
        return self.rules == (Rule(Route("*", "*")),)

    def permissions(self, identity: Identity) -> tuple[Grant, frozenset[str]]:
        """The grant of an identity, and the scopes that would satisfy further rules.

        Grants are cached by the set of satisfied rules.
        """
        lacking = [rule.lacking(identity) for rule in self.rules]
        grant = self._grant(tuple(missing is not None and not missing for missing in lacking))
        return grant, _NO_SCOPES.union(*filter(None, lacking))

    def largest_policy_bytes(self) -> int:
        """See `Grants.largest_policy_bytes`."""
        return self._grants.largest_policy_bytes()
