"""The conditions of access rules: one class for each member of a rule that limits it.

A class knows how its condition is read, whether an identity satisfies it, and what refuses an identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from authorizer.claims import write_path
from authorizer.identity import SCOPE_PATTERN, Identity

if TYPE_CHECKING:
    from authorizer.entry import Entry
    from authorizer.networks import Networks

KINDS: Final = frozenset({"api_key", "jwt"})

_NO_SCOPES: Final = frozenset[str]()


class Condition:
    """A condition on an identity. `NAME`: the member of the rule. `values`: what is accepted, never empty.

    `kinds`: the kinds of credential that can satisfy it.
    """

    __slots__ = ("values",)
    NAME: ClassVar[str]

    def __init__(self, values: Any) -> None:
        self.values = values

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Condition) and self.values == other.values

    def __hash__(self) -> int:
        return hash((self.NAME, self.values))

    @classmethod
    def read(cls, entry: Entry) -> Self | None:
        """The condition of a table, or None if the member is absent. Mistakes are reported to the table."""
        values = entry.texts(cls.NAME)
        return cls(frozenset(values)) if values else None

    @property
    def kinds(self) -> frozenset[str]:
        return KINDS

    def holds(self, identity: Identity) -> bool:
        """Whether the identity satisfies the condition, apart from what only the request decides."""
        raise NotImplementedError

    def missing(self, _identity: Identity) -> frozenset[str] | None:
        """The scopes that an identity lacks that does not satisfy it. None if no scope would satisfy it."""
        return None

    def refusal(self, _identity: Identity) -> str:
        """What refuses an identity that does not satisfy it, for an operator. It has no value of a claim."""
        return self.NAME


class Credentials(Condition):
    """The credential is of one of these kinds."""

    __slots__ = ()
    NAME = "credentials"

    @classmethod
    def read(cls, entry: Entry) -> Self | None:
        found = super().read(entry)
        if found and found.values - KINDS:
            entry.wrong(cls.NAME, 'credentials accepts only "api_key" and "jwt".')
        return found if found and found.values != KINDS else None

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(self.values)

    def holds(self, identity: Identity) -> bool:
        return identity.kind in self.values

    def refusal(self, identity: Identity) -> str:
        return f"credentials ({', '.join(sorted(self.values))}; this is {identity.kind})"


class Scopes(Condition):
    """The credential has all of these scopes."""

    __slots__ = ()
    NAME = "scopes"

    @classmethod
    def read(cls, entry: Entry) -> Self | None:
        found = super().read(entry)
        for scope in sorted(found.values if found else ()):
            if not SCOPE_PATTERN.fullmatch(scope):
                problem = f"{scope!r} is not a scope. Use visible ASCII without spaces, quotes and backslashes."
                entry.wrong(cls.NAME, problem)
        return found

    def holds(self, identity: Identity) -> bool:
        return bool(self.values <= identity.scopes)

    def missing(self, identity: Identity) -> frozenset[str]:
        return frozenset(self.values - identity.scopes)

    def refusal(self, identity: Identity) -> str:
        return f"{self.NAME} ({', '.join(sorted(self.missing(identity)))})"


class AnyScopes(Scopes):
    """The credential has at least one of these scopes."""

    __slots__ = ()
    NAME = "any_scopes"

    def holds(self, identity: Identity) -> bool:
        return not self.values.isdisjoint(identity.scopes)

    def missing(self, _identity: Identity) -> frozenset[str]:
        return frozenset(self.values)


class Consumers(Condition):
    """The credential is an API key of one of these consumers. That of a signed-in user, which has an issuer, never is:
    users could have the name of a consumer."""

    __slots__ = ()
    NAME = "consumers"

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset({"api_key"})

    def holds(self, identity: Identity) -> bool:
        return identity.kind == "api_key" and identity.issuer is None and identity.sub in self.values


class Issuers(Condition):
    """The credential is a JWT of one of these issuers."""

    __slots__ = ()
    NAME = "issuers"

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset({"jwt"})

    def holds(self, identity: Identity) -> bool:
        return identity.kind == "jwt" and identity.issuer in self.values


class Claims(Condition):
    """`data` satisfies each of these claims."""

    __slots__ = ()
    NAME = "claims"

    @classmethod
    def read(cls, entry: Entry) -> Self | None:
        values = entry.claims(cls.NAME)
        return cls(values) if values else None

    def holds(self, identity: Identity) -> bool:
        return all(claim.is_in(identity.data) for claim in self.values)

    def refusal(self, identity: Identity) -> str:
        lacking = (write_path(claim.path) for claim in self.values if not claim.is_in(identity.data))
        return f"claims ({', '.join(lacking)})"


class FromNetworks(Condition):
    """The request comes from one of these networks. The policy decides it for each request; see `grant`."""

    __slots__ = ()
    NAME = "networks"

    @classmethod
    def read(cls, entry: Entry) -> Self | None:
        texts = entry.texts(cls.NAME)
        if not texts:
            return None
        from authorizer.networks import NetworkError, Networks

        try:
            return cls(Networks.parse(texts))
        except NetworkError as error:
            entry.wrong(cls.NAME, str(error))
            return None

    def holds(self, _identity: Identity) -> bool:
        return True


CONDITIONS: Final[tuple[type[Condition], ...]] = (
    Credentials,
    Scopes,
    AnyScopes,
    Consumers,
    Issuers,
    Claims,
    FromNetworks,
)
"""In the order in which they are told."""

Conditions = tuple[Condition, ...]
"""They must all hold. It has at most one of each class."""


def lacking(conditions: Conditions, identity: Identity) -> frozenset[str] | None:
    """The scopes that the identity lacks, empty if it satisfies the conditions. None if no scope would be enough."""
    missing = _NO_SCOPES
    for condition in conditions:
        if not condition.holds(identity):
            scopes = condition.missing(identity)
            if scopes is None:
                return None
            missing |= scopes
    return missing


def networks(conditions: Conditions) -> Networks | None:
    """The networks that requests must come from, or None if they can come from anywhere."""
    return next((condition.values for condition in conditions if isinstance(condition, FromNetworks)), None)
