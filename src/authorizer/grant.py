"""What an identity may call, as IAM patterns: as few of them as say exactly what the rules say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from authorizer import glob
from authorizer.route import DEFAULT, METHODS, Route, resource

OUTWARD: Final = ("*/..*", "*%*..*", "*%2e*", "*%2E*")
"""Paths that lead out of where they begin. What permits `/public/*` must not permit `/public/../admin`, nor what some
servers take for it: `..;`, two dots beside an encoded slash or backslash, and encoded dots, which no client needs."""
SPELLINGS: Final = ("*/*/", "*//*", "*/.", "*/./*", *OUTWARD)
"""Paths that name what a shorter one names (RFC 3986, 6.2.2.3), for servers that tidy them up. The first is a slash
at the end of any path but the root's."""
STAGE_ARN_BYTES: Final = 96
"""For a bound before the stage is known: enough for each region and partition, and a stage name of 30 characters."""

_EVERY_METHOD = (*METHODS, DEFAULT)
_EVERYTHING = {resource(method, "*") for method in _EVERY_METHOD}
"""Where something is denied, this is allowed and not `*`: what is denied names its methods, and there may be others."""
_DOCUMENT_BYTES = 200
"""More than what stands around the resources: version, and two statements with effect and action."""


@dataclass(frozen=True)
class Grant:
    """What an identity may call, for every route of a stage. `patterns`: for each effect, resources after the stage.

    IAM puts an explicit Deny before every Allow, and denies what neither names: that is the rules' meaning.
    """

    patterns: Mapping[str, tuple[str, ...]]

    def permits(self, request: Route) -> bool:
        """Whether a request passes, as IAM decides it."""
        asked = resource(request.method, request.path)
        return self._names("Allow", asked) and not self._names("Deny", asked)

    def policy_bytes(self, stage_arn_bytes: int) -> int:
        """A bound for the size of the policy as JSON."""
        return _policy_bytes(self._resources(), stage_arn_bytes)

    def resource_bytes(self, stage_arn_bytes: int) -> int:
        """The length of the longest resource."""
        return stage_arn_bytes + 1 + max(map(len, self._resources()))

    def _resources(self) -> list[str]:
        return [pattern for patterns in self.patterns.values() for pattern in patterns]

    def _names(self, effect: str, asked: str) -> bool:
        return any(glob.matches(pattern, asked) for pattern in self.patterns.get(effect, ()))


class Grants:
    """Makes the grant for any set of satisfied rules.

    How the routes lie to each other is found out once, when it is made; a grant then takes time in proportion to
    the number of rules, whichever of them are satisfied.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        """`routes`: one a rule."""
        numbers: dict[str, int] = {}
        for route in routes:
            numbers.setdefault(route.path, len(numbers))
        self._routes = [(route.methods, 1 << numbers[route.path]) for route in routes]
        self._paths = list(numbers)
        self._relations = glob.Relations(self._paths)
        self._wild = sum(1 << number for number, path in enumerate(self._paths) if "*" in path)

    def largest_policy_bytes(self) -> int:
        """A bound for the policy of whichever identity: with every route of every rule in it."""
        resources = {
            resource(method, self._paths[bit.bit_length() - 1]) for methods, bit in self._routes for method in methods
        }
        return _policy_bytes([*resources, *(SPELLINGS if self._wild else ())], STAGE_ARN_BYTES)

    def grant(self, satisfied: Sequence[bool]) -> Grant:
        """`satisfied`: for each rule, in the routes' order, whether it holds for the identity."""
        allowed, denied = dict.fromkeys(_EVERY_METHOD, 0), dict.fromkeys(_EVERY_METHOD, 0)
        for (methods, bit), holds in zip(self._routes, satisfied, strict=True):
            for method in methods:
                (allowed if holds else denied)[method] |= bit
        known: dict[tuple[int, int], tuple[int, int, bool]] = {}
        allow, deny = set[str](), set[str]()
        spelled = outward = False
        for method in _EVERY_METHOD:
            pair = allowed[method], denied[method]
            if pair not in known:
                known[pair] = self._reduce(*pair)
            allowed_here, denied_here, spelled_here = known[pair]
            allow.update(resource(method, self._paths[number]) for number in glob.members(allowed_here))
            deny.update(resource(method, self._paths[number]) for number in glob.members(denied_here))
            spelled |= spelled_here
            outward |= bool(allowed_here & self._wild)
        if not allow:
            return Grant({"Deny": ("*",)})
        if allow == _EVERYTHING and not deny:
            return Grant({"Allow": ("*",)})
        deny.update(SPELLINGS if spelled else OUTWARD if outward else ())
        return Grant({"Allow": tuple(sorted(allow)), **({"Deny": tuple(sorted(deny))} if deny else {})})

    def _reduce(self, allowed: int, denied: int) -> tuple[int, int, bool]:
        """For one method: the paths to allow, those to deny, and whether another spelling of a path that is not to
        be called is within one that is."""
        allowed = self._outermost(allowed & ~denied, allowed | denied)
        denied = self._outermost(denied, denied)
        spelled = any(self._relations.reach[number] & allowed for number in glob.members(denied))
        # What overlaps nothing that is allowed is denied anyway.
        overlaps = self._relations.overlaps
        return allowed, sum(1 << number for number in glob.members(denied) if overlaps[number] & allowed), spelled

    def _outermost(self, paths: int, among: int) -> int:
        """Those of the paths that no other one of `among` covers: the rest would only make the policy longer."""
        return sum(1 << number for number in glob.members(paths) if not self._relations.covers[number] & among)


def _policy_bytes(resources: Sequence[str], stage_arn_bytes: int) -> int:
    # Beside the resource itself: the slash after the stage, quotes, comma and space.
    return _DOCUMENT_BYTES + sum(stage_arn_bytes + len(pattern) + 5 for pattern in resources)
