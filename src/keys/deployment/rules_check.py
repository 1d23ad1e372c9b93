"""Whether access rules say what an API needs: every mistake at once, and who may call each route."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from authorizer.access import AccessRules, Rule
from authorizer.route import DEFAULT, Route
from keys.deployment import requirement
from keys.deployment.endpoint import Endpoint
from keys.deployment.template import ApiRoutes

REMEDY: Final = "Rules on one route all have to hold: write one rule with any = [...], or change a route"


@dataclass(frozen=True)
class RouteAnswer:
    """Endpoints of one path that the same rules are for. `part`: the rules that are for some of their requests only."""

    endpoints: tuple[Endpoint, ...]
    rules: tuple[Rule, ...]
    part: tuple[Rule, ...]

    @property
    def name(self) -> str:
        first = self.endpoints[0]
        if len(self.endpoints) == 1:
            return str(first)
        methods = "ANY" if len(self.endpoints) == 7 else ",".join(endpoint.method for endpoint in self.endpoints)
        return f"{methods} {first.path}"

    @property
    def who(self) -> str:
        """Who may call it, in words."""
        if not self.endpoints[0].guarded:
            return "anyone: the template gives it no Lambda authorizer"
        if self.part and not self.rules:
            return "nobody, but for a part of it"
        return requirement.who(self.rules)

    def who_of(self, rule: Rule) -> str:
        """Who may call the part that a rule is for. Of other parts that lie within it nothing is said."""
        return requirement.who((*self.rules, rule))


@dataclass(frozen=True)
class RulesCheck:
    """What was found. `unchecked`: the rules that match no route that could be read, while some could not be."""

    routes: tuple[RouteAnswer, ...] = ()
    mistakes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)
    unchecked: tuple[Rule, ...] = ()

    @property
    def endpoints(self) -> int:
        """How many methods of routes were read."""
        return sum(len(answer.endpoints) for answer in self.routes)


def examine(rules: AccessRules, api: ApiRoutes | None) -> RulesCheck:
    """`api`: None when there is no template; then nothing is said of routes."""
    endpoints = [endpoint for endpoint in api.endpoints if endpoint.guarded] if api else []
    unread = api.unread if api else {}
    idle = [rule for rule in rules.rules if not any(endpoint.is_met(rule.route) for endpoint in endpoints)]
    unchecked = idle if unread or not endpoints else []
    mistakes = [f"{_place(rule)} can match no route that the template has behind an authorizer" for rule in idle]
    conflicts, notes = _conflicts(rules.rules, endpoints)
    return RulesCheck(
        tuple(_answers(rules.rules, api.endpoints if api else ())),
        (*([] if unchecked else mistakes), *conflicts),
        (*notes, *_spellings(rules.rules, endpoints)),
        unread,
        tuple(unchecked),
    )


def _answers(rules: Sequence[Rule], endpoints: Iterable[Endpoint]) -> Iterator[RouteAnswer]:
    groups: dict[tuple[object, ...], RouteAnswer] = {}
    for endpoint in endpoints:
        met = [rule for rule in rules if endpoint.is_met(rule.route)] if endpoint.guarded else []
        whole = tuple(rule for rule in met if endpoint.is_covered(rule.route))
        part = tuple(rule for rule in met if rule not in whole)
        key = endpoint.path, endpoint.guarded, whole, part
        before = groups[key].endpoints if key in groups else ()
        groups[key] = RouteAnswer((*before, endpoint), whole, part)
    yield from groups.values()


def _conflicts(rules: Sequence[Rule], endpoints: Sequence[Endpoint]) -> tuple[list[str], list[str]]:
    """Mistakes and notes about rules that hold together for nobody, or only where a claim is a list."""
    mistakes, notes = list[str](), list[str]()
    alone = [rule for rule in rules if (reason := requirement.conflict([rule]))]
    for rule in alone:
        mistakes.append(f"{_place(rule)} can hold for nobody: {requirement.conflict([rule])}")
    for one, other in _meeting(rules, endpoints):
        if one in alone or other in alone:
            continue
        pair = f"{_place(one)} and {_place(other)}"
        if reason := requirement.conflict([one, other]):
            mistakes.append(f"{pair} can hold together for nobody: {reason}. {REMEDY}")
        elif paths := requirement.lists([one, other]):
            named = ", ".join(sorted(".".join(path) for path in paths))
            notes.append(f"{pair} hold together only where {named} is a list with both values. {REMEDY}")
    return mistakes, notes


def _meeting(rules: Sequence[Rule], endpoints: Sequence[Endpoint]) -> list[tuple[Rule, Rule]]:
    """The pairs of rules that some request matches both of: one that a route of the template has, if there are any."""
    met: list[Sequence[int]] = [range(len(rules))]
    if endpoints:
        met = [[n for n, rule in enumerate(rules) if endpoint.is_met(rule.route)] for endpoint in endpoints]
    pairs = {(one, other) for numbers in met for place, one in enumerate(numbers) for other in numbers[place + 1 :]}
    return [(rules[a], rules[b]) for a, b in sorted(pairs) if rules[a].route.overlaps(rules[b].route)]


def _spellings(rules: Sequence[Rule], endpoints: Sequence[Endpoint]) -> Iterator[str]:
    """Rules that another spelling of a path gets round, where a route takes whatever is asked for.

    An IAM pattern compares letter by letter, so what a server takes for the same path may match another rule only.
    """
    greedy = [endpoint for endpoint in endpoints if endpoint.is_greedy]
    for rule in rules:
        odd = _encoded(rule.route)
        if odd is None:
            continue
        wider = [other for other in rules if other is not rule and other.route.overlaps(odd)]
        through = [endpoint for endpoint in greedy if endpoint.method == DEFAULT or endpoint.is_met(odd)]
        if not wider or not through or all(_asks_no_less(other, rule) for other in wider):
            continue
        yield (
            f"{_place(rule)}: {through[0]} also takes spellings of it that only {_place(wider[0])} matches, such as "
            f"{odd}, other case, or a part after ;. If your backend takes them for the same path, ask the same of all "
            f"of {wider[0].route}, or have the backend refuse them: IAM's patterns cannot express them"
        )


def _encoded(route: Route) -> Route | None:
    """The route with its first letter percent-encoded; None if it has none."""
    letter = re.search(r"[A-Za-z0-9]", route.path)
    if letter is None:
        return None
    return Route(route.method, f"{route.path[: letter.start()]}%{ord(letter[0]):02X}{route.path[letter.end() :]}")


def _asks_no_less(other: Rule, rule: Rule) -> bool:
    return (other.condition, other.alternatives) == (rule.condition, rule.alternatives)


def _place(rule: Rule) -> str:
    return f"{rule.where}: {rule.route}"
