"""Access rules: which identity is permitted to call which route."""

from collections.abc import Iterable
from functools import lru_cache, reduce
from operator import or_
from typing import TYPE_CHECKING, Final, NamedTuple

from authorizer.conditions import Conditions, lacking, networks
from authorizer.grant import Grant, Grants
from authorizer.identity import Identity
from authorizer.route import Route

if TYPE_CHECKING:
    from authorizer.networks import Networks

EVERY_ROUTE: Final = 'route = "* /*"'
"""The only member of the one rule that permits every route to every accepted credential."""
MAX_POLICY_BYTES: Final = 8192
"""The default. AWS documents no limit for REST and HTTP APIs. The limit for WebSocket APIs is 8 KB."""
_NO_SCOPES: Final = frozenset[str]()

KEPT_GRANTS: Final = 64
"""The maximum number of grants in memory. Clients can choose their scopes, and so how many grants are computed."""


class Rule(NamedTuple):
    """An access rule for a route.

    All `conditions` must hold and, if there are `alternatives`, all conditions of one of them. `where`: the rule's
    place in the file.
    """

    route: Route
    conditions: Conditions = ()
    alternatives: tuple[Conditions, ...] = ()
    where: str = ""

    def __eq__(self, other: object) -> bool:
        """Whether the rules mean the same, wherever they are."""
        return isinstance(other, Rule) and self[:-1] == other[:-1]

    def __hash__(self) -> int:
        return hash(self[:-1])

    def lacking(self, identity: Identity) -> frozenset[str] | None:
        """See `conditions.lacking`. If no alternative is satisfied, the missing scopes of all of them are returned."""
        missing = lacking(self.conditions, identity)
        if missing is None or not self.alternatives:
            return missing
        found = [other for each in self.alternatives if (other := lacking(each, identity)) is not None]
        if not found:
            return None
        return missing if not all(found) else missing.union(*found)

    def all_networks(self) -> tuple["Networks", ...]:
        """The lists of networks of the rule and of its alternatives."""
        return tuple(found for each in (self.conditions, *self.alternatives) if (found := networks(each)) is not None)

    def satisfied_in(self, identity: Identity) -> "Networks | bool":
        """Where a rule is satisfied that the identity lacks nothing for: the networks; True everywhere, False nowhere.

        Of the alternatives that hold, one must be satisfied.
        """
        limit = networks(self.conditions)
        others = [networks(each) for each in self.alternatives if lacking(each, identity) == _NO_SCOPES]
        if others and (within := [each for each in others if each is not None]) == others:
            union = reduce(or_, within)
            limit = union if limit is None else limit & union
        return True if limit is None else limit or False


class AccessRules:
    """A route is permitted if at least one rule matches it and every rule that matches it is satisfied."""

    def __init__(self, rules: Iterable[Rule], max_policy_bytes: int = MAX_POLICY_BYTES) -> None:
        self.rules: Final = tuple(rules)
        self.max_policy_bytes: Final = max_policy_bytes
        limits = [rule.all_networks() for rule in self.rules]
        self._limited = [number for number, limit in enumerate(limits) if limit]
        self._grants = Grants([rule.route for rule in self.rules], limits)
        self._grant = lru_cache(maxsize=KEPT_GRANTS)(self._grants.grant)

    @property
    def permit_every_route(self) -> bool:
        """Whether the only rule is `* /*` without a condition: every route for every accepted credential."""
        return self.rules == (Rule(Route("*", "*")),)

    def permissions(self, identity: Identity) -> tuple[Grant, frozenset[str]]:
        """The grant of an identity, and the scopes that would satisfy further rules.

        Grants are cached by the set of satisfied rules and their networks.
        """
        missing = [rule.lacking(identity) for rule in self.rules]
        verdicts: list[Networks | bool] = [each is not None and not each for each in missing]
        for number in self._limited:
            if verdicts[number]:
                verdicts[number] = self.rules[number].satisfied_in(identity)
        return self._grant(tuple(verdicts)), _NO_SCOPES.union(*filter(None, missing))

    def largest_policy_bytes(self) -> int:
        """See `Grants.largest_policy_bytes`."""
        return self._grants.largest_policy_bytes()
