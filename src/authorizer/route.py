"""The route of an access rule, and its syntax."""

import re
from typing import Final, NamedTuple

METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
DEFAULT: Final = "$default"
"""The route of an HTTP API for requests that match no other route. Its resource has neither method nor path."""
MAX_LENGTH: Final = 400
"""API Gateway accepts resources of up to 512 characters in a policy. The remainder is for the stage's ARN."""

# Without "?" and "$", which are a wildcard and a variable in an IAM resource.
_SEGMENT = re.compile(r"\{[A-Za-z0-9._-]+\}|[A-Za-z0-9._~!&'()+,;=:@%*-]+")
_PROXY = re.compile(r"\{[A-Za-z0-9._-]+\+\}")


class RouteError(Exception):
    """The text is not a route. The message completes the sentence "The route ..." and has the remedy."""


class Route(NamedTuple):
    """A method and a path.

    `method`: one of `METHODS`, `*` for all of them, or `DEFAULT`. `path`: an IAM pattern without its first slash.
    The wildcard `*` matches any text, including slashes and the empty text. IAM has no narrower one, so a path
    parameter, which becomes `*`, matches further segments as well. `* /*` is every route, including `DEFAULT`.
    """

    method: str
    path: str

    @classmethod
    def parse(cls, text: str) -> "Route":
        """Parse ``GET /orders/{id}`` or ``$default``.

        :raises RouteError: the syntax is wrong, or API Gateway has no such route.
        """
        if text == DEFAULT:
            return cls(DEFAULT, "")
        method, space, path = text.partition(" ")
        if not space or not path.startswith("/") or " " in path:
            raise RouteError(f'must be a method and a path that starts with a slash, such as "GET /me", not {text!r}')
        if method not in (*METHODS, "*"):
            remedy = "write * for any method" if method.upper() == "ANY" else f"write one of {' '.join(METHODS)}, or *"
            raise RouteError(f"has the method {method!r}: {remedy}")
        if len(path) > MAX_LENGTH:
            raise RouteError(f"has more than {MAX_LENGTH} characters, which API Gateway does not accept in a policy")
        if path == "/":
            return cls(method, "")
        segments = re.sub(r"\*+", "*", path[1:]).split("/")
        if not segments[-1]:
            raise RouteError(f"ends with a slash, but no route of API Gateway does: write {path[:-1]!r}")
        *outer, last = segments
        return cls(method, "/".join([*(_pattern(segment) for segment in outer), _pattern(last, last=True)]))

    def __str__(self) -> str:
        return DEFAULT if self.method == DEFAULT else f"{self.method} /{self.path}"

    @property
    def methods(self) -> tuple[str, ...]:
        """The request methods that match. A rule for GET also applies to HEAD (RFC 9110, section 9.3.2)."""
        if self.method == "*":
            return (*METHODS, DEFAULT) if self.path == "*" else METHODS
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)


def resource(method: str, path: str) -> str:
    """The part of an IAM resource after the stage, such as `GET/orders/*`."""
    return DEFAULT if method == DEFAULT else f"{method}/{path}"


def _pattern(segment: str, *, last: bool = False) -> str:
    if _PROXY.fullmatch(segment):
        if not last:
            raise RouteError(f"continues after {segment}, which matches all further segments: remove them")
        return "*"
    if not _SEGMENT.fullmatch(segment):
        if not segment:
            raise RouteError("has an empty segment: remove one of the two slashes")
        if "{" in segment or "}" in segment:
            raise RouteError(f"has the segment {segment!r}: a parameter must be a whole segment, such as {{id}}")
        raise RouteError(f"has the segment {segment!r}: use only characters of a URL path, without query, ? and $")
    if segment in (".", ".."):
        raise RouteError(
            f"has the segment {segment!r}, which clients remove from a URL (RFC 3986, section 5.2.4): leave it out"
        )
    return "*" if segment.startswith("{") else segment
