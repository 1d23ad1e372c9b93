"""Who can call a route of an API: anyone, whom this authorizer permits, or whom another authorizer permits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

IsThis = Callable[[str], bool | None]
"""Whether a function, as the URI of an authorizer names it, is this authorizer; None if that is not known."""

_FUNCTION: Final = re.compile(r"/functions/(.+)/invocations\Z", re.DOTALL)


class Caller(StrEnum):
    ANYONE = "anyone"
    THIS = "this authorizer"
    OTHER = "another authorizer"
    UNKNOWN = "not known"


@dataclass(frozen=True, order=True, slots=True)
class Guard:
    """What API Gateway asks before it calls the backend of a route.

    `detail`: which other authorizer, or why it is not known. `faults`: how the authorizer is attached wrongly.
    `simple`: whether API Gateway expects simple responses of it.
    """

    caller: Caller
    detail: str = ""
    faults: tuple[str, ...] = ()
    simple: bool = False

    def __str__(self) -> str:
        return f"{self.caller}: {self.detail}" if self.detail else str(self.caller)


OPEN: Final = Guard(Caller.ANYONE)
THIS: Final = Guard(Caller.THIS)
USAGE_PLAN_KEY: Final = Guard(Caller.ANYONE, "only an API key of a usage plan is asked for, which is no authorization")
IAM: Final = Guard(Caller.OTHER, "IAM")


def unknown(why: str) -> Guard:
    return Guard(Caller.UNKNOWN, why)


@dataclass(frozen=True, slots=True)
class LambdaAuthorizer:
    """An authorizer as an API configures it. Texts can have `${...}` for what only AWS knows.

    `kind`: `REQUEST` or `TOKEN`, in any case. `ttl`: how many seconds API Gateway caches its answers, if given.
    """

    name: str
    kind: str
    uri: str
    sources: str = ""
    ttl: str | None = None
    simple: bool = False

    @property
    def function(self) -> str | None:
        """The function as the URI names it; None if the URI has another form."""
        found = _FUNCTION.search(self.uri)
        return found[1] if found else None

    def guard(self, is_this: IsThis) -> Guard:
        """The guard of the routes that have this authorizer."""
        known = is_this(self.function) if self.function else None
        if known is None:
            return unknown(f"the function of the authorizer {self.name} is {self.function or self.uri}")
        if not known:
            return Guard(Caller.OTHER, f"the Lambda function {self.function}")
        return Guard(Caller.THIS, faults=tuple(self._faults()), simple=self.simple)

    def _faults(self) -> Iterable[str]:
        if self.kind.upper() != "REQUEST":
            yield (
                f"the authorizer {self.name} has the type {self.kind.upper()}, so its events have no headers and each "
                "request is refused: set the type REQUEST (in SAM, FunctionPayloadType: REQUEST)"
            )
        elif self.sources and self.ttl != "0" and "header.authorization" not in self.sources.lower():
            # The identity sources are the cache key: callers that share their values share one policy.
            yield (
                f"the authorizer {self.name} has the identity source {self.sources} without the Authorization header, "
                "so API Gateway can use the cached policy of one caller for another: add Authorization, or set the "
                "cache time to 0"
            )


def attached(kind: str, name: str, authorizer: LambdaAuthorizer | None, is_this: IsThis) -> Guard:
    """The guard of a route with an authorization type of API Gateway, and an authorizer of this name.

    `authorizer`: None if there is none, or it is not known.
    """
    managed = {"COGNITO_USER_POOLS": "the Cognito authorizer", "JWT": "the JWT authorizer"}
    if kind == "NONE":
        return OPEN
    if kind == "AWS_IAM":
        return IAM
    if kind in managed:
        return Guard(Caller.OTHER, f"{managed[kind]} {name}".rstrip())
    if kind != "CUSTOM" or authorizer is None:
        return unknown(f"the authorization type is {kind or 'missing'}, and its authorizer is not known")
    return authorizer.guard(is_this)
