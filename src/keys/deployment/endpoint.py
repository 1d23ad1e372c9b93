"""Routes of an API, and which of their requests match an access rule."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from authorizer import glob
from authorizer.route import DEFAULT, METHODS, Route
from keys.deployment.guard import THIS, Caller, Guard

_PARAMETER: Final = re.compile(r"(\{[^{}]+\})")
_SEGMENT: Final = "\0"
_REST: Final = "\1"
"""Placeholders for the value of a path parameter. No pattern has these characters, so only `*` matches them."""


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

    @classmethod
    def parse(cls, method: str, path: str, *, guard: Guard = THIS, api: str = "") -> Iterator[Endpoint]:
        """One endpoint per method. `method` is a method name of API Gateway, in any case; `ANY` means all methods.

        :raises RouteError: this is not a valid route of API Gateway.
        """
        if path.removeprefix("/") == DEFAULT:
            yield cls("", DEFAULT, guard=guard, api=api)
            return
        anything = method.upper() in ("ANY", "X-AMAZON-APIGATEWAY-ANY-METHOD")
        Route.parse(f"{'*' if anything else method.upper()} {path}")
        for each in METHODS if anything else (method.upper(),):
            yield cls(path, each, guard=guard, api=api)

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
        text = "".join(_REST if "+}" in part else _SEGMENT if part.startswith("{") else part for part in self._parts())
        return self.method in route.methods and glob.matches(route.path, text)

    def is_met(self, route: Route) -> bool:
        """Whether a rule with this route matches at least one of its requests."""
        if self.method not in route.methods:
            return False
        return self.method == DEFAULT or _share_a_text(_pattern_symbols(route.path), list(self._symbols()))

    def _parts(self) -> list[str]:
        return _PARAMETER.split(self.path.removeprefix("/"))

    def _symbols(self) -> Iterator[_Symbol]:
        for part in self._parts():
            if part.startswith("{"):
                taken = "" if "+}" in part else "/"
                yield from (_Symbol(None, False, taken), _Symbol(None, True, taken))
            else:
                yield from (_Symbol(letter) for letter in part)


class _Symbol(NamedTuple):
    """One character, or with None any character except `but`. `repeats`: zero or more of them."""

    letter: str | None
    repeats: bool = False
    but: str = ""

    def takes(self, other: _Symbol) -> bool:
        if self.letter is not None and other.letter is not None:
            return self.letter == other.letter
        return (other.letter or "x") != self.but and (self.letter or "x") != other.but


def _pattern_symbols(pattern: str) -> list[_Symbol]:
    return [_Symbol(None, repeats=True) if letter == "*" else _Symbol(letter) for letter in pattern]


def _share_a_text(one: list[_Symbol], other: list[_Symbol]) -> bool:
    """Whether both patterns match a common text: a search over pairs of positions in them."""
    seen = {(0, 0)}
    waiting = [(0, 0)]
    while waiting:
        i, j = waiting.pop()
        if i == len(one) and j == len(other):
            return True
        mine = one[i] if i < len(one) else None
        yours = other[j] if j < len(other) else None
        steps = []
        if mine and mine.repeats:
            steps.append((i + 1, j))
        if yours and yours.repeats:
            steps.append((i, j + 1))
        if mine and yours and mine.takes(yours):
            steps.append((i if mine.repeats else i + 1, j if yours.repeats else j + 1))
        for step in steps:
            if step not in seen:
                seen.add(step)
                waiting.append(step)
    return False
