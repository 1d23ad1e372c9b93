"""Turns satisfied and unsatisfied rules into the shortest exact list of IAM resource patterns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from authorizer import glob
from authorizer.route import DEFAULT, METHODS, Route, resource

if TYPE_CHECKING:
    from authorizer.networks import Networks

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

Effect = Literal["Allow", "Deny"]

_EVERY_METHOD = (*METHODS, DEFAULT)
_EVERYTHING = {resource(method, "*") for method in _EVERY_METHOD}
"""Allowed instead of `*` if there is a Deny: a Deny names its methods, and `*` would allow all other ones."""
_DOCUMENT_BYTES = 42
_STATEMENT_BYTES = 67
_CONDITION_BYTES: Final[Mapping[Effect, int]] = {"Allow": 48, "Deny": 51}
"""The sizes of the policy's parts without resources and networks, with the spaces that `json.dumps` writes. Each
resource and block counts with a comma and a space, which the last one of a list does not have."""


class Statement(NamedTuple):
    """A statement of a policy. `resources`: patterns of what follows the stage. `networks`: its condition.

    With networks, an Allow applies to requests from these networks, and a Deny to requests from anywhere else.
    """

    effect: Effect
    resources: tuple[str, ...]
    networks: Networks | None = None

    def applies(self, asked: str, source: str | None) -> bool:
        """Whether it applies to a request for this resource from this address."""
        if self.networks is not None and (source is not None and source in self.networks) != (self.effect == "Allow"):
            return False
        return any(glob.matches(pattern, asked) for pattern in self.resources)


class Grant:
    """The permissions of an identity for a whole stage.

    In IAM, an explicit Deny overrides every Allow, and anything without an Allow is denied. Rules mean the same.
    """

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.statements: Final = tuple(statements)

    def permits(self, request: Route, source: str | None = None) -> bool:
        """Whether IAM permits the request from this address; None for an address that is not known."""
        asked = resource(request.method, request.path)
        return {each.effect for each in self.statements if each.applies(asked, source)} == {"Allow"}

    @property
    def limits(self) -> bool:
        """Whether a statement depends on the network of the request."""
        return any(each.networks is not None for each in self.statements)

    def within(self, networks: Networks) -> Grant:
        """The grant for requests from these networks only: each Allow gets the condition."""
        limited = (
            each._replace(networks=networks if each.networks is None else each.networks & networks)
            if each.effect == "Allow"
            else each
            for each in self.statements
        )
        # A condition without a network is not valid in IAM, and never true.
        kept = [each for each in limited if each.networks is None or each.networks]
        return Grant(kept) if any(each.effect == "Allow" for each in kept) else NOTHING

    def policy_bytes(self, stage_arn_bytes: int) -> int:
        """An upper bound for the size of the policy as JSON."""
        limited = [each for each in self.statements if each.networks is not None]
        conditions = sum(_condition_bytes(each.effect, [each.networks]) for each in limited if each.networks)
        resources = [resource for each in self.statements for resource in each.resources]
        return _policy_bytes(resources, stage_arn_bytes, len(self.statements)) + conditions

    def resource_bytes(self, stage_arn_bytes: int) -> int:
        """The length of the longest resource."""
        return stage_arn_bytes + 1 + max(len(resource) for each in self.statements for resource in each.resources)


NOTHING: Final = Grant([Statement("Deny", ("*",))])


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

    >>> allow, deny = grant.statements
    >>> allow.resources
    ('GET/*', 'HEAD/*')
    >>> sorted(set(deny.resources) - set(SPELLINGS))
    ['GET/admin*', 'HEAD/admin*']

    A rule can also be satisfied for requests from some networks only. If no other allowed path overlaps its path, the
    networks are the condition of its Allow. Otherwise, its path is denied for all other networks, and paths that are
    spelled like it are denied as for a rule that is not satisfied.
    """

    def __init__(self, routes: Sequence[Route], networks: Sequence[tuple[Networks, ...]] = ()) -> None:
        """`routes`: one for each rule. `networks`: the lists that limit each rule or an alternative of it."""
        numbers: dict[str, int] = {}
        for route in routes:
            numbers.setdefault(route.path, len(numbers))
        self._routes = [(route.methods, 1 << numbers[route.path]) for route in routes]
        self._networks = networks
        self._paths = list(numbers)
        self._relations = glob.Relations(self._paths)
        self._wild = sum(1 << number for number, path in enumerate(self._paths) if "*" in path)
        self._inner = sum(1 << number for number, path in enumerate(self._paths) if "*" in path[:-1])

    def largest_policy_bytes(self) -> int:
        """An upper bound for the policy of any identity: the size with every route of every rule."""
        places = {(method, bit) for methods, bit in self._routes for method in methods}
        resources = [self._resource(method, bit) for method, bit in places]
        size = _policy_bytes([*resources, *(SPELLINGS if self._wild else ())], STAGE_ARN_BYTES, 2)
        return size + (self._network_bytes(places) if any(self._networks) else 0)

    def _network_bytes(self, places: set[tuple[str, int]]) -> int:
        """An upper bound for what networks add: statements, their conditions, and resources that are in two of them."""
        limits: dict[tuple[str, int], list[tuple[Networks, ...]]] = {}
        for (methods, bit), networks in zip(self._routes, self._networks, strict=True):
            for method in methods if networks else ():
                limits.setdefault((method, bit), []).append(networks)
        # Places with the same single list are in the same statement. Others can each get a list of their own.
        groups: dict[object, list[tuple[str, int]]] = {}
        for place, lists in limits.items():
            groups.setdefault(lists[0][0] if len(lists) == len(lists[0]) == 1 else place, []).append(place)
        size = 0
        for members in groups.values():
            met = [place for place in members if self._is_among(self._relations.overlaps, place, places)]
            # Where a rule has a wider path, this one is in no Allow: the wider one is allowed or denied.
            outer = [place for place in members if not self._is_among(self._relations.covers, place, places)]
            effects: list[Effect] = ["Deny"] if met else []
            if outer and (len(members) > 1 or not met):
                effects.append("Allow")
            blocks = list(chain.from_iterable(limits[members[0]]))
            size += sum(_STATEMENT_BYTES + _condition_bytes(effect, blocks) for effect in effects)
            both = [self._resource(*place) for place in outer if place in met]
            size += _resources_bytes(both, STAGE_ARN_BYTES)
        return size

    @staticmethod
    def _is_among(related: Sequence[int], place: tuple[str, int], places: set[tuple[str, int]]) -> bool:
        """Whether another path with the same method is related to this one."""
        method, bit = place
        others = related[bit.bit_length() - 1] & ~bit
        return any((method, 1 << number) in places for number in glob.members(others))

    def _resource(self, method: str, bit: int) -> str:
        return resource(method, self._paths[bit.bit_length() - 1])

    def grant(self, verdicts: Sequence[Networks | bool]) -> Grant:
        """`verdicts`: for each rule, in the order of the routes: whether the identity satisfies it. Networks: it does
        for requests from them.
        """
        known: dict[_Paths, _Reduced] = {}
        allow: dict[Networks | None, set[str]] = {}
        deny: dict[Networks | None, set[str]] = {}
        spellings = set[str]()
        for method, paths in self._by_method(verdicts):
            if paths not in known:
                known[paths] = self._reduce(paths)
            reduced = known[paths]
            for sets, found in ((allow, reduced.allow), (deny, reduced.deny)):
                for networks, bits in found.items():
                    named = sets.setdefault(networks, set())
                    named.update(resource(method, self._paths[number]) for number in glob.members(bits))
            spellings.update(SPELLINGS if reduced.spelled else ())
            spellings.update(INNER if reduced.allowed & self._inner else ())
            spellings.update(OUTWARD if reduced.allowed & self._wild else ())
        if not any(allow.values()):
            return NOTHING
        statements = [*_statements("Allow", allow), *_statements("Deny", deny)]
        if len(statements) == 1 and set(statements[0].resources) == _EVERYTHING:
            return Grant([statements[0]._replace(resources=("*",))])
        deny.setdefault(None, set()).update(spellings)
        return Grant([*_statements("Allow", allow), *_statements("Deny", deny)])

    def _by_method(self, verdicts: Sequence[Networks | bool]) -> Iterator[tuple[str, _Paths]]:
        """The paths of the rules for each method. A path that two rules limit is limited to the networks of both."""
        allowed, denied = dict.fromkeys(_EVERY_METHOD, 0), dict.fromkeys(_EVERY_METHOD, 0)
        limits: dict[tuple[str, int], Networks] = {}
        for (methods, bit), verdict in zip(self._routes, verdicts, strict=True):
            for method in methods:
                (allowed if verdict else denied)[method] |= bit
                if not isinstance(verdict, bool):
                    before = limits.get((method, bit))
                    limits[method, bit] = verdict if before is None else before & verdict
        limited: dict[str, dict[Networks, int]] = {}
        for (method, bit), networks in limits.items():
            if networks:
                found = limited.setdefault(method, {})
                found[networks] = found.get(networks, 0) | bit
            else:
                denied[method] |= bit
        for method in _EVERY_METHOD:
            yield method, _Paths(allowed[method], denied[method], tuple(limited.get(method, {}).items()))

    def _reduce(self, paths: _Paths) -> _Reduced:
        denied = paths.denied
        allowed = self._outermost(paths.allowed & ~denied, paths.allowed | denied)
        outer = self._outermost(denied, denied)
        reach = self._relations.reach
        spelled = any(reach[number] & allowed for number in glob.members(outer))
        # A path that overlaps no allowed path is denied without a Deny.
        deny: dict[Networks | None, int] = {None: self._meeting(outer, allowed)}
        allow: dict[Networks | None, int] = {None: allowed}
        for networks, given in paths.limited:
            others = allowed & ~given
            limited = self._outermost(given & ~denied, given | denied)
            deny[networks] = self._meeting(limited, others)
            allow[networks] = allowed & limited & ~deny[networks]
            allow[None] &= ~allow[networks]
            spelled |= any(reach[number] & others for number in glob.members(limited))
        return _Reduced(allow, deny, allowed, spelled)

    def _meeting(self, paths: int, others: int) -> int:
        """Those of the paths that overlap one of the others."""
        overlaps = self._relations.overlaps
        return sum(1 << number for number in glob.members(paths) if overlaps[number] & others)

    def _outermost(self, paths: int, among: int) -> int:
        """The paths that no other one of `among` covers. The others are redundant."""
        return sum(1 << number for number in glob.members(paths) if not self._relations.covers[number] & among)


class _Paths(NamedTuple):
    """The paths of one method that rules allow and deny, and those of them that networks limit."""

    allowed: int
    denied: int
    limited: tuple[tuple[Networks, int], ...]


class _Reduced(NamedTuple):
    """The paths of one method to allow and to deny, by the networks of the condition. `allowed`: all that are allowed.

    `spelled`: whether an allowed path matches another spelling of a denied one.
    """

    allow: dict[Networks | None, int]
    deny: dict[Networks | None, int]
    allowed: int
    spelled: bool


def _statements(effect: Effect, found: dict[Networks | None, set[str]]) -> list[Statement]:
    """In a fixed order: the statement without a condition is first."""
    ordered = sorted(found.items(), key=lambda item: item[0].blocks if item[0] else ())
    return [Statement(effect, tuple(sorted(named)), networks) for networks, named in ordered if named]


def _policy_bytes(resources: Sequence[str], stage_arn_bytes: int, statements: int) -> int:
    return _DOCUMENT_BYTES + statements * _STATEMENT_BYTES + _resources_bytes(resources, stage_arn_bytes)


def _resources_bytes(resources: Sequence[str], stage_arn_bytes: int) -> int:
    # 5: the slash after the stage, two quotes, comma and space.
    return sum(stage_arn_bytes + len(pattern) + 5 for pattern in resources)


def _condition_bytes(effect: Effect, lists: Iterable[Networks]) -> int:
    # 4: two quotes, comma and space.
    return _CONDITION_BYTES[effect] + sum(len(block) + 4 for networks in lists for block in networks.blocks)
