"""A route of an access rule, and the IAM resource patterns that stand for it."""

import re
from dataclasses import dataclass
from typing import Final

METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
MAX_LENGTH: Final = 400
"""API Gateway takes resources of up to 512 characters in an authorizer's policy. The rest is for the stage's ARN."""

# Neither "?" nor "$": in an IAM resource they would be a wildcard and a variable.
_SEGMENT = re.compile(r"\{[A-Za-z0-9._-]+\}|[A-Za-z0-9._~!&'()+,;=:@%*-]+")
_PROXY = re.compile(r"\{[A-Za-z0-9._-]+\+\}")


class RouteError(Exception):
    """This cannot be a route. The text says why, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Route:
    """`method` is one of `METHODS`, or `*` for each of them. `path` is an IAM pattern without the first slash.

    Such a pattern has one wildcard, `*`: any text, also none, and slashes too. IAM has no narrower one. So a path
    parameter, which becomes `*`, matches further segments as well.
    """

    method: str
    path: str

    @classmethod
    def parse(cls, text: str) -> "Route":
        """The route written as ``GET /orders/{id}``.

        :raises RouteError: it is written otherwise, or no route of API Gateway can be so.
        """
        method, space, path = text.partition(" ")
        if not space or not path.startswith("/") or " " in path:
            raise RouteError(f'must be a method and a path that starts with a slash, such as "GET /me"; not {text!r}')
        if method not in (*METHODS, "*"):
            remedy = "write * for any method" if method in ("ANY", "any") else f"write one of {' '.join(METHODS)}, or *"
            raise RouteError(f"has the method {method!r}: {remedy}")
        if len(path) > MAX_LENGTH:
            raise RouteError(f"is longer than {MAX_LENGTH} characters, which API Gateway does not take in a policy")
        if path == "/":
            return cls(method, "")
        segments = re.sub(r"\*+", "*", path[1:]).split("/")
        if not segments[-1]:
            raise RouteError(f"ends with a slash, and no route of API Gateway does: write {path[:-1]!r}")
        *outer, last = segments
        return cls(method, "/".join([*(_pattern(segment) for segment in outer), _pattern(last, last=True)]))

    @classmethod
    def of_request(cls, text: str) -> "Route":
        """The route that a request asks for, such as ``GET /orders/7``: one without placeholders.

        :raises RouteError: it is written otherwise.
        """
        if "*" in text or "{" in text:
            raise RouteError('must be one that a request can ask for, such as "GET /orders/7": no *, no {id}')
        return cls.parse(text)

    def __str__(self) -> str:
        return f"{self.method} /{self.path}"

    @property
    def patterns(self) -> tuple[str, ...]:
        """As in an IAM resource, after the stage: `GET/orders/*`.

        Any method is written out, because `*/me` would match `GET/other/me` too.
        """
        if (self.method, self.path) == ("*", "*"):
            return ("*",)
        return tuple(f"{method}/{self.path}" for method in (METHODS if self.method == "*" else (self.method,)))

    @property
    def slashed(self) -> "Route":
        """The same route as a client may ask for it, with a slash at the end; itself if that is matched already."""
        return self if self.path == "" or self.path.endswith("*") else Route(self.method, f"{self.path}/")

    def covers(self, other: "Route") -> bool:
        """Whether all that matches the other matches this one too. A request is a route without wildcards."""
        return self.method in ("*", other.method) and _matches(self.path, other.path)

    def overlaps(self, other: "Route") -> bool:
        """Whether some request matches both."""
        return (self.method == other.method or "*" in (self.method, other.method)) and _overlap(self.path, other.path)


def _pattern(segment: str, *, last: bool = False) -> str:
    if _PROXY.fullmatch(segment):
        if not last:
            raise RouteError(f"goes on after {segment}, which takes all that follows")
        return "*"
    if not _SEGMENT.fullmatch(segment):
        if not segment:
            raise RouteError("has two slashes after each other")
        if "{" in segment or "}" in segment:
            raise RouteError(f"has the segment {segment!r}: a parameter is a segment of its own, such as {{id}}")
        raise RouteError(f"has the segment {segment!r}: write only what a URL's path may hold, without query, ? and $")
    return "*" if segment.startswith("{") else segment


def _matches(pattern: str, text: str) -> bool:
    """A glob with `*` alone: each piece is searched for from where the one before ended."""
    if "*" not in pattern:
        return pattern == text
    first, *middle, last = pattern.split("*")
    position, end = len(first), len(text) - len(last)
    if position > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for piece in middle:
        found = text.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def _overlap(one: str, other: str) -> bool:
    """Whether some text matches both globs: by the pairs of positions that a common text can lead to."""
    seen, ahead = set[tuple[int, int]](), [(0, 0)]
    while ahead:
        position = i, j = ahead.pop()
        if position in seen:
            continue
        seen.add(position)
        if i == len(one) and j == len(other):
            return True
        if i < len(one) and one[i] == "*":
            ahead += [(i + 1, j), (i, j + 1)] if j < len(other) else [(i + 1, j)]
        if j < len(other) and other[j] == "*":
            ahead += [(i, j + 1), (i + 1, j)] if i < len(one) else [(i, j + 1)]
        elif i < len(one) and j < len(other) and one[i] == other[j]:
            ahead.append((i + 1, j + 1))
    return False
