"""Check access rules against the routes of an API: all mistakes, and who can call each route."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from authorizer.access import AccessRules, Rule
from authorizer.claims import write_path
from authorizer.protected_resource import PATH
from authorizer.route import DEFAULT, Route
from keys.deployment import requirement
from keys.deployment.challenge import insufficient_scope
from keys.deployment.endpoint import ApiRoutes, Endpoint, overlap
from keys.deployment.guard import OPEN, Caller, Guard

FEW: Final = 5
"""How many routes a mistake names."""
REMEDY: Final = "All rules that match a route must be satisfied: write one rule with any = [...], or change a route"


@dataclass(frozen=True)
class RouteAnswer:
    """Endpoints with the same path, guard and rules. `part`: the rules that match only some of their requests."""

    endpoints: tuple[Endpoint, ...]
    rules: tuple[Rule, ...]
    part: tuple[Rule, ...]

    @property
    def api(self) -> str:
        return self.endpoints[0].api

    @property
    def guard(self) -> Guard:
        return self.endpoints[0].guard

    @property
    def name(self) -> str:
        first = self.endpoints[0]
        if len(self.endpoints) == 1:
            return str(first)
        methods = "ANY" if len(self.endpoints) == 7 else ",".join(endpoint.method for endpoint in self.endpoints)
        return f"{methods} {first.path}"

    @property
    def who(self) -> str:
        """Who can call it, in words."""
        first = self.endpoints[0]
        if first.guard == OPEN and first.path == PATH:
            who = "anyone: it is the metadata for agents"
        elif not first.is_guarded:
            who = "anyone: it has no authorizer" if first.guard == OPEN else str(first.guard)
        elif self.part and not self.rules:
            who = "no credential, except for a part of it"
        else:
            who = requirement.who(self.rules)
        return f"{who} (with {first.when})" if first.when else who

    def who_of(self, rule: Rule) -> str:
        """Who can call the part of the route that the rule matches. Other rules for a part of it are ignored."""
        return requirement.who((*self.rules, rule))


@dataclass(frozen=True)
class RulesCheck:
    """The result. `unchecked`: the rules that match no known route, if a part of the template could not be read."""

    routes: Sequence[RouteAnswer]
    mistakes: Sequence[str]
    notes: Sequence[str]
    unread: Mapping[str, str]
    unchecked: Sequence[Rule]

    def count(self, caller: Caller) -> int:
        """The number of endpoints that are guarded in this way: each method of a route counts."""
        return sum(len(answer.endpoints) for answer in self.routes if answer.guard.caller is caller)


def examine(rules: AccessRules, api: ApiRoutes, *, simple_responses: bool = False) -> RulesCheck:
    """Check the rules. `api`: empty if there is no API. `simple_responses`: the setting of the file."""
    everything = api.endpoints
    endpoints = [endpoint for endpoint in everything if endpoint.is_guarded]
    unknown = [endpoint for endpoint in everything if endpoint.guard.caller is Caller.UNKNOWN]
    mistakes, unchecked = list[str](), list[Rule]()
    for rule in rules.rules:
        if any(endpoint.is_met(rule.route) for endpoint in endpoints):
            continue
        if api.unread or not endpoints or any(endpoint.is_met(rule.route) for endpoint in unknown):
            unchecked.append(rule)
        else:
            instead = f"{_instead(rule.route, everything)}{_stage(rule.route, endpoints)}"
            mistakes.append(f"{_place(rule)} matches no route with this authorizer{instead}")
    conflicts, notes = _conflicts(rules.rules, endpoints)
    usual = [endpoint for endpoint in endpoints if endpoint.is_usual]
    others = [endpoint for endpoint in endpoints if not endpoint.is_usual]
    return RulesCheck(
        _answers(rules.rules, everything),
        [*mistakes, *conflicts, *_attached_wrongly(usual, simple_responses)],
        [
            *notes,
            *_attached_wrongly(others, simple_responses),
            *_greedy(endpoints),
            *_spellings(rules.rules, endpoints),
            *insufficient_scope(rules.rules, api),
        ],
        api.unread,
        unchecked,
    )


def _instead(route: Route, endpoints: Iterable[Endpoint]) -> str:
    """What guards the routes that a rule matches, if it is not this authorizer."""
    met = next((endpoint for endpoint in endpoints if endpoint.is_met(route)), None)
    if met is None:
        return ""
    return f": anyone can call {met}" if met.guard.caller is Caller.ANYONE else f": {met} has {met.guard}"


def _attached_wrongly(endpoints: Sequence[Endpoint], simple_responses: bool) -> Iterator[str]:
    """Authorizers that refuse each request, or mix the policies of callers up."""
    found: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        faults = list(endpoint.guard.faults)
        if endpoint.guard.simple != simple_responses:
            expected = "simple responses" if endpoint.guard.simple else "policies"
            sent = "simple_responses = true" if simple_responses else "no simple_responses = true"
            faults.append(
                f"API Gateway expects {expected} of the authorizer, and the file has {sent}, so each request gets 500: "
                "make both the same. Access rules need policies"
            )
        if endpoint.path == PATH:
            faults.append(
                "clients without a credential cannot read the metadata that says where to get one: attach the route "
                "without an authorizer (docs/agents.md)"
            )
        for fault in faults:
            found.setdefault(f"{fault}{endpoint.when and f' (with {endpoint.when})'}", []).append(endpoint)
    for fault, where in found.items():
        named = ", ".join(dict.fromkeys(str(endpoint) for endpoint in where[:FEW]))
        yield f"{named}{' ...' if len(where) > FEW else ''}: {fault}"


def _greedy(endpoints: Iterable[Endpoint]) -> Iterator[str]:
    for path in dict.fromkeys(str(each.path or each) for each in endpoints if each.is_greedy):
        yield f"the route {path} is greedy: it also receives each path that no other route has"


def _stage(route: Route, endpoints: Sequence[Endpoint]) -> str:
    """The remedy for a route that begins with the stage."""
    stage, slash, rest = route.path.partition("/")
    without = Route(route.method, rest)
    if not slash or not any(endpoint.is_met(without) for endpoint in endpoints):
        return ""
    return f". A route does not include the stage. If {stage} is the stage, write {without}"


def _answers(rules: Sequence[Rule], endpoints: Iterable[Endpoint]) -> list[RouteAnswer]:
    groups: dict[Any, list[Endpoint]] = {}
    for endpoint in endpoints:
        met = [rule for rule in rules if endpoint.is_met(rule.route)] if endpoint.is_guarded else []
        whole = tuple(rule for rule in met if endpoint.is_covered(rule.route))
        part = tuple(rule for rule in met if rule not in whole)
        key = endpoint.api, endpoint.path, endpoint.guard, endpoint.when, whole, part
        groups.setdefault(key, []).append(endpoint)
    return [RouteAnswer(tuple(found), whole, part) for (*_, whole, part), found in groups.items()]


def _conflicts(rules: Sequence[Rule], endpoints: Sequence[Endpoint]) -> tuple[list[str], list[str]]:
    """Mistakes: rules that no credential can satisfy. Notes: rules that need a claim to be a list."""
    mistakes, notes = list[str](), list[str]()
    alone = [rule for rule in rules if requirement.conflict([rule])]
    for rule in alone:
        mistakes.append(f"{_place(rule)}: no credential can satisfy it: {requirement.conflict([rule])}")
    for one, other in _meeting(rules, endpoints):
        if one in alone or other in alone:
            continue
        pair = f"{_place(one)} and {_place(other)}"
        if reason := requirement.conflict([one, other]):
            mistakes.append(f"{pair}: no credential can satisfy both: {reason}. {REMEDY}")
        elif paths := requirement.lists([one, other]):
            named = ", ".join(sorted(write_path(path) for path in paths))
            notes.append(f"{pair} are both satisfied only if {named} is a list with both values. {REMEDY}")
    return mistakes, notes


def _meeting(rules: Sequence[Rule], endpoints: Sequence[Endpoint]) -> list[tuple[Rule, Rule]]:
    """The pairs of rules that match a common request; if there are endpoints, a request of one of them."""
    met: list[Sequence[int]] = [range(len(rules))]
    if endpoints:
        met = [[n for n, rule in enumerate(rules) if endpoint.is_met(rule.route)] for endpoint in endpoints]
    pairs = {(one, other) for numbers in met for place, one in enumerate(numbers) for other in numbers[place + 1 :]}
    return [(rules[a], rules[b]) for a, b in sorted(pairs) if overlap(rules[a].route, rules[b].route)]


def _spellings(rules: Sequence[Rule], endpoints: Sequence[Endpoint]) -> Iterator[str]:
    """Notes about rules that another spelling of a path bypasses, on routes that receive any path.

    IAM patterns compare character by character. A backend can treat two spellings as the same path although the rule
    matches only one of them.
    """
    greedy = [endpoint for endpoint in endpoints if endpoint.is_greedy]
    for rule in rules if greedy else ():
        asked = (rule.conditions, rule.alternatives)
        wider = [each for each in rules if (each.conditions, each.alternatives) != asked]
        wider = [each for each in wider if overlap(each.route, rule.route)]
        bypasses = (
            (odd, other, through)
            for odd in _encoded(rule.route)
            for other in wider
            if overlap(other.route, odd)
            for through in greedy
            if through.method == DEFAULT or through.is_met(odd)
        )
        for odd, other, through in itertools.islice(bypasses, 1):
            yield (
                f"{_place(rule)}: the route {through} also receives other spellings of this path, such as {odd}, other "
                f"case, or a part after a semicolon. They match only {_place(other)}. If your backend treats them as "
                f"the same path, require the same for all of {other.route}, or refuse them in the backend. IAM "
                "policies cannot match them"
            )


def _encoded(route: Route) -> Iterator[Route]:
    """The route with one of its letters or digits percent-encoded, for each of them.

    Which of them a wider rule still matches depends on where its pattern has a wildcard.
    """
    for letter in re.finditer(r"[A-Za-z0-9]", route.path):
        yield Route(route.method, f"{route.path[: letter.start()]}%{ord(letter[0]):02X}{route.path[letter.end() :]}")


def _place(rule: Rule) -> str:
    return f"{rule.where}: {rule.route}"
