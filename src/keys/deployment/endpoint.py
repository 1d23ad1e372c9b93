"""Routes of an API as its template has them, and which of their requests an access rule is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from authorizer import glob
from authorizer.route import DEFAULT, METHODS, Route

_PARAMETER: Final = re.compile(r"(\{[^{}]+\})")
_SEGMENT: Final = "\0"
_REST: Final = "\1"
"""Stand in a path for the text of a parameter. No pattern has them, so only a wildcard takes them."""


@dataclass(frozen=True, order=True, slots=True)
class Endpoint:
    """One method of an API's route. Unlike in a rule, `{id}` is one segment here: API Gateway chooses the route.

    `path` as in the template, with its first slash; empty for an HTTP API's `$default`, whose method is `DEFAULT`.
    `guarded`: the template does not say that it is without a Lambda authorizer.
    """

    path: str
    method: str
    guarded: bool = True

    @classmethod
    def parse(cls, method: str, path: str, *, guarded: bool = True) -> Iterator[Endpoint]:
        """One for each method. `method` is one of API Gateway's names, in any case; `ANY` is all of them.

        :raises RouteError: no route of API Gateway can be so.
        """
        if path.removeprefix("/") == DEFAULT:
            yield cls("", DEFAULT, guarded)
            return
        anything = method.upper() in ("ANY", "X-AMAZON-APIGATEWAY-ANY-METHOD")
        Route.parse(f"{'*' if anything else method.upper()} {path}")
        for each in METHODS if anything else (method.upper(),):
            yield cls(path, each, guarded)

    def __str__(self) -> str:
        return DEFAULT if self.method == DEFAULT else f"{self.method} {self.path}"

    @property
    def is_greedy(self) -> bool:
        """Whether it takes whatever other routes leave, in any spelling."""
        return self.method == DEFAULT or "+}" in self.path

    def is_covered(self, route: Route) -> bool:
        """Whether a rule with this route is for all of its requests."""
        text = "".join(_REST if "+}" in part else _SEGMENT if part.startswith("{") else part for part in self._parts())
        return self.method in route.methods and glob.matches(route.path, text)

    def is_met(self, route: Route) -> bool:
        """Whether a rule with this route is for some request of it."""
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
    """A letter; or, with None, any but the one that it does not take. If it repeats: none, or several."""

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
    """Whether some text is made by both: a walk over the pairs of places in them."""
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
