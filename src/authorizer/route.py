"""A route of an access rule, and what may be written for it."""

import re
from dataclasses import dataclass
from typing import Final

from authorizer import glob

METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
DEFAULT: Final = "$default"
"""The route of an HTTP API that takes what no other takes. Its resource has neither method nor path."""
MAX_LENGTH: Final = 400
"""API Gateway takes resources of up to 512 characters in an authorizer's policy. The rest is for the stage's ARN."""

# Neither "?" nor "$": in an IAM resource they would be a wildcard and a variable.
_SEGMENT = re.compile(r"\{[A-Za-z0-9._-]+\}|[A-Za-z0-9._~!&'()+,;=:@%*-]+")
_PROXY = re.compile(r"\{[A-Za-z0-9._-]+\+\}")
_REQUEST_PATH = re.compile(r"/[\x21-\x7e]*")


class RouteError(Exception):
    """This cannot be a route. The text says why, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Route:
    """`method` is one of `METHODS`, `*` for each of them, or `DEFAULT`. `path` is an IAM pattern without the first
    slash.

    Such a pattern has one wildcard, `*`: any text, also none, and slashes too. IAM has no narrower one. So a path
    parameter, which becomes `*`, matches further segments as well. `* /*` is every route, `DEFAULT` too.
    """

    method: str
    path: str

    @classmethod
    def parse(cls, text: str) -> "Route":
        """The route written as ``GET /orders/{id}``, or ``$default``.

        :raises RouteError: it is written otherwise, or no route of API Gateway can be so.
        """
        if text == DEFAULT:
            return cls(DEFAULT, "")
        method, space, path = text.partition(" ")
        if not space or not path.startswith("/") or " " in path:
            raise RouteError(f'must be a method and a path that starts with a slash, such as "GET /me"; not {text!r}')
        _check_method(method)
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
        """What a request asks for, such as ``GET /orders/7``: any path that a client can send, without placeholders.

        :raises RouteError: it is written otherwise.
        """
        method, _, path = text.partition(" ")
        if "*" in text or "{" in text:
            raise RouteError('must be one that a request can ask for, such as "GET /orders/7": no *, no {id}')
        if not _REQUEST_PATH.fullmatch(path):
            raise RouteError(f'must be a method and a path that starts with a slash, such as "GET /me"; not {text!r}')
        _check_method(method)
        return cls(method, path[1:])

    def __str__(self) -> str:
        return DEFAULT if self.method == DEFAULT else f"{self.method} /{self.path}"

    @property
    def methods(self) -> tuple[str, ...]:
        """Those of the requests that a rule with this route is for. One for GET is one for HEAD (RFC 9110, 9.3.2)."""
        if self.method == "*":
            return (*METHODS, DEFAULT) if self.path == "*" else METHODS
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)

    def matches(self, request: "Route") -> bool:
        """Whether a rule with this route is one for the request."""
        return request.method in self.methods and glob.matches(self.path, request.path)

    def covers(self, other: "Route") -> bool:
        """Whether all that matches the other matches this one too."""
        return set(other.methods) <= set(self.methods) and glob.matches(self.path, other.path)

    def overlaps(self, other: "Route") -> bool:
        """Whether some request matches both."""
        return not set(self.methods).isdisjoint(other.methods) and glob.overlap(self.path, other.path)


def resource(method: str, path: str) -> str:
    """As in an IAM resource, after the stage: `GET/orders/*`."""
    return DEFAULT if method == DEFAULT else f"{method}/{path}"


def _check_method(method: str) -> None:
    if method not in (*METHODS, "*"):
        remedy = "write * for any method" if method.upper() == "ANY" else f"write one of {' '.join(METHODS)}, or *"
        raise RouteError(f"has the method {method!r}: {remedy}")


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
    if segment in (".", ".."):
        raise RouteError(f"has the segment {segment!r}, which clients take out of a URL (RFC 3986, 5.2.4)")
    return "*" if segment.startswith("{") else segment
