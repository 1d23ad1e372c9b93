"""Turns satisfied and unsatisfied rules into the shortest exact list of IAM resource patterns."""

from collections.abc import Mapping, Sequence
from typing import Final

from authorizer import glob
from authorizer.route import DEFAULT, METHODS, Route, resource

OUTWARD: Final = ("*/..*", "*\\*", "*%*..*", "*%2e*", "*%2E*")
"""Paths with a parent segment. A rule for `/public/*` must not permit `/public/../admin`, nor the spellings that some
servers treat like it: `..;`, two dots next to an encoded slash or backslash, and encoded dots. A backslash is not
permitted in a URL (RFC 3986), and some servers treat it as a slash."""
INNER: Final = ("*//*", "*/./*")
"""Paths with an empty segment or a single dot. A rule for `/users/{id}/photos` must not permit `/users//photos`."""
SPELLINGS: Final = ("*/*/", "*/.", *INNER, *OUTWARD)
"""Paths that servers can normalize to a shorter path (RFC 3986, section 6.2.2.3). The first pattern matches a slash at
the end of any path except the root."""
STAGE_ARN_BYTES: Final = 96
"""The assumed length of a stage's ARN: enough for every Region and partition, and a stage name of 30 characters."""

_EVERY_METHOD = (*METHODS, DEFAULT)
_EVERYTHING = {resource(method, "*") for method in _EVERY_METHOD}
"""Allowed instead of `*` if there is a Deny: a Deny names its methods, and `*` would allow all other ones."""
_DOCUMENT_BYTES = 200
"""More than the size of the policy without resources: version, and two statements with effect and action."""


class Grant:
    """The permissions of an identity for a whole stage. `patterns`: for each effect, the resources after the stage.

    In IAM, an explicit Deny overrides every Allow, and anything without an Allow is denied. Rules mean the same.
    """

    def __init__(self, patterns: Mapping[str, tuple[str, ...]]) -> None:
        self.patterns: Final = patterns

    def permits(self, request: Route) -> bool:
        """Whether IAM permits the request."""
        asked = resource(request.method, request.path)
        return self._names("Allow", asked) and not self._names("Deny", asked)

    def policy_bytes(self, stage_arn_bytes: int) -> int:
        """An upper bound for the size of the policy as JSON."""
        return _policy_bytes(self._resources(), stage_arn_bytes)

    def resource_bytes(self, stage_arn_bytes: int) -> int:
        """The length of the longest resource."""
        return stage_arn_bytes + 1 + max(map(len, self._resources()))

    def _resources(self) -> list[str]:
        return [pattern for patterns in self.patterns.values() for pattern in patterns]

    def _names(self, effect: str, asked: str) -> bool:
        return any(glob.matches(pattern, asked) for pattern in self.patterns.get(effect, ()))


class Grants:
    """Computes the grant for a set of satisfied rules.

    The relations between the routes are computed once, in the constructor. A grant then takes time proportional to the
    number of rules.

    Example: the identity satisfies the first and the third of four rules.

    >>> grants = Grants([Route.parse(text) for text in ("GET /*", "GET /admin*", "GET /admin/me", "POST /a")])
    >>> grant = grants.grant([True, False, True, False])

    For GET, the allowed paths are 0b0101 (`*` and `admin/me`) and the denied ones 0b0010 (`admin*`). `*` covers
    `admin/me`, so only `*` is allowed. `admin*` overlaps it, so it must be denied, and because `*` also matches
    `x/../admin` and `//admin`, other spellings are denied too. POST has no allowed path, so it needs no Deny.

    >>> grant.patterns["Allow"]
    ('GET/*', 'HEAD/*')
    >>> sorted(set(grant.patterns["Deny"]) - set(SPELLINGS))
    ['GET/admin*', 'HEAD/admin*']
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        """`routes`: one for each rule."""
        numbers: dict[str, int] = {}
        for route in routes:
            numbers.setdefault(route.path, len(numbers))
        self._routes = [(route.methods, 1 << numbers[route.path]) for route in routes]
        self._paths = list(numbers)
        self._relations = glob.Relations(self._paths)
        self._wild = sum(1 << number for number, path in enumerate(self._paths) if "*" in path)
        self._inner = sum(1 << number for number, path in enumerate(self._paths) if "*" in path[:-1])

    def largest_policy_bytes(self) -> int:
        """An upper bound for the policy of any identity: the size with every route of every rule."""
        resources = {
            resource(method, self._paths[bit.bit_length() - 1]) for methods, bit in self._routes for method in methods
        }
        return _policy_bytes([*resources, *(SPELLINGS if self._wild else ())], STAGE_ARN_BYTES)

    def grant(self, satisfied: Sequence[bool]) -> Grant:
        """`satisfied`: whether the identity satisfies each rule, in the order of the routes."""
        allowed, denied = dict.fromkeys(_EVERY_METHOD, 0), dict.fromkeys(_EVERY_METHOD, 0)
        for (methods, bit), holds in zip(self._routes, satisfied, strict=True):
            for method in methods:
                (allowed if holds else denied)[method] |= bit
        known: dict[tuple[int, int], tuple[int, int, bool]] = {}
        allow, deny = set[str](), set[str]()
        spelled = inner = outward = False
        for method in _EVERY_METHOD:
            pair = allowed[method], denied[method]
            if pair not in known:
                known[pair] = self._reduce(*pair)
            allowed_here, denied_here, spelled_here = known[pair]
            allow.update(resource(method, self._paths[number]) for number in glob.members(allowed_here))
            deny.update(resource(method, self._paths[number]) for number in glob.members(denied_here))
            spelled |= spelled_here
            inner |= bool(allowed_here & self._inner)
            outward |= bool(allowed_here & self._wild)
        if not allow:
            return Grant({"Deny": ("*",)})
        if allow == _EVERYTHING and not deny:
            return Grant({"Allow": ("*",)})
        deny.update(SPELLINGS if spelled else ())
        deny.update(INNER if inner else ())
        deny.update(OUTWARD if outward else ())
        return Grant({"Allow": tuple(sorted(allow)), **({"Deny": tuple(sorted(deny))} if deny else {})})

    def _reduce(self, allowed: int, denied: int) -> tuple[int, int, bool]:
        """For one method: the paths to allow, the paths to deny, and whether an allowed path matches another spelling
        of a denied one."""
        allowed = self._outermost(allowed & ~denied, allowed | denied)
        denied = self._outermost(denied, denied)
        spelled = any(self._relations.reach[number] & allowed for number in glob.members(denied))
        # A path that overlaps no allowed path is denied without a Deny.
        overlaps = self._relations.overlaps
        return allowed, sum(1 << number for number in glob.members(denied) if overlaps[number] & allowed), spelled

    def _outermost(self, paths: int, among: int) -> int:
        """The paths that no other one of `among` covers. The others are redundant."""
        return sum(1 << number for number in glob.members(paths) if not self._relations.covers[number] & among)


def _policy_bytes(resources: Sequence[str], stage_arn_bytes: int) -> int:
    # 5: the slash after the stage, two quotes, comma and space.
    return _DOCUMENT_BYTES + sum(stage_arn_bytes + len(pattern) + 5 for pattern in resources)
