"""Routes of an API, and which of their requests match an access rule."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from authorizer import glob
from authorizer.route import DEFAULT, METHODS, Route, RouteError
from keys.deployment.guard import THIS, Caller, Guard

WEBSOCKET: Final = "WebSocket APIs are not supported"

_PARAMETER: Final = re.compile(r"(\{[^{}]+\})")
_SEGMENT: Final = "\0"
_REST: Final = "\1"
"""Characters of the value of a path parameter: any but a slash, and any. No pattern has them, so only `*` matches."""
_ANY: Final = "\2"
"""What a wildcard matches: any characters, or none."""


@dataclass(frozen=True, order=True, slots=True)
class Endpoint:
    """One method of a route of an API. Here `{id}` is exactly one segment, unlike in a rule.

    `path`: as in the API, with its leading slash; empty for the `$default` of an HTTP API, whose method is `DEFAULT`.
    `api`: the name of the API. `when`: the conditions of the template with which this guard holds, if it is not the
    only one. `is_usual`: whether it holds with the default values of parameters.
    """

    api: str = field(default="", kw_only=True)
    path: str
    method: str
    guard: Guard = field(default=THIS, kw_only=True)
    when: str = field(default="", kw_only=True)
    is_usual: bool = field(default=True, kw_only=True)

    def __str__(self) -> str:
        return DEFAULT if self.method == DEFAULT else f"{self.method} {self.path}"

    @property
    def is_guarded(self) -> bool:
        """Whether this authorizer decides about its requests, so that the access rules apply."""
        return self.guard.caller is Caller.THIS

    @property
    def is_greedy(self) -> bool:
        """Whether it receives all requests that no other route matches, whatever the spelling of their path."""
        return self.method == DEFAULT or "+}" in self.path

    def is_covered(self, route: Route) -> bool:
        """Whether a rule with this route matches all of its requests."""
        return self.method in route.methods and glob.matches(route.path, "".join(self._parts()))

    def is_met(self, route: Route) -> bool:
        """Whether a rule with this route matches at least one of its requests."""
        if self.method == DEFAULT or self.method not in route.methods:
            return self.method in route.methods
        return _meets(route.path, self._parts())

    def _parts(self) -> Iterator[str]:
        for part in _PARAMETER.split(self.path.removeprefix("/")):
            yield (_REST if "+}" in part else _SEGMENT) if part.startswith("{") else part


def overlap(one: Route, other: Route) -> bool:
    """Whether some request matches both routes."""
    parts = re.split(f"({_ANY})", other.path.replace("*", _ANY))
    return not set(one.methods).isdisjoint(other.methods) and _meets(one.path, parts)


def _meets(pattern: str, parts: Iterable[str]) -> bool:
    """Whether a pattern matches some text of these parts, each of which is a text or stands for some characters.

    It keeps the set of positions in the pattern that the parts so far can reach.
    """
    places = _past_wildcards(pattern, {0})
    for part in parts:
        if part in (_SEGMENT, _REST, _ANY):
            more, places = _after(pattern, places, part), places if part == _ANY else set()
            while more - places:
                places = places | more
                more = _after(pattern, more, part)
        else:
            for letter in part:
                if not places:
                    return False
                places = _after(pattern, places, letter)
    return len(pattern) in places


def _after(pattern: str, places: set[int], letter: str) -> set[int]:
    """The positions in a pattern after one more character of a text: this one, or any that it stands for."""
    after = set[int]()
    for place in places - {len(pattern)}:
        if pattern[place] == "*":
            after.add(place)
        elif letter in (pattern[place], _REST, _ANY) or (letter == _SEGMENT and pattern[place] != "/"):
            after.add(place + 1)
    return _past_wildcards(pattern, after)


def _past_wildcards(pattern: str, places: set[int]) -> set[int]:
    """The positions, and those after a wildcard that matches nothing. No wildcard follows another one."""
    return places | {place + 1 for place in places if pattern[place : place + 1] == "*"}


class ApiRoutes:
    """The routes of APIs. `unread`: places that might have routes but cannot be read, and why.

    `plan_notes`: APIs, usage plans and keys in which something about usage plans is forgotten, and what.
    `log_notes`: stages whose access log does not say who used which key, and what its format lacks.
    """

    def __init__(self) -> None:
        self._endpoints = set[Endpoint]()
        self.unread: dict[str, str] = {}
        self.log_notes: dict[str, str] = {}
        self.plan_notes: dict[str, str] = {}

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(sorted(self._endpoints))

    def add(self, place: str, api: str, method: str, path: str, guard: Guard) -> None:
        """Add a route of API Gateway: one endpoint per method. `method` is in any case; `ANY` means all methods.

        What is not a valid route of API Gateway is added to `unread` with the name `place`.
        """
        anything = method.upper() in ("ANY", "X-AMAZON-APIGATEWAY-ANY-METHOD")
        if path.removeprefix("/") == DEFAULT:
            self._endpoints.add(Endpoint("", DEFAULT, guard=guard, api=api))
            return
        try:
            Route.parse(f"{'*' if anything else method.upper()} {path}")
        except RouteError as error:
            self.unread[f"{place}: {method} {path}"] = f"the route {error}"
            return
        methods = METHODS if anything else (method.upper(),)
        self._endpoints |= {Endpoint(path, each, guard=guard, api=api) for each in methods}

    def include(self, endpoints: Iterable[Endpoint], unread: dict[str, str]) -> None:
        """Add the endpoints and the unread places of other routes."""
        self._endpoints.update(endpoints)
        self.unread |= unread
