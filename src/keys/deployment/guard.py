"""Who can call a route of an API: anyone, whom this authorizer permits, or whom another authorizer permits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from keys.deployment.intrinsics import as_text

IsThis = Callable[[str], bool | None]
"""Whether a function, as the URI of an authorizer names it, is this authorizer; None if that is not known."""

_FUNCTION: Final = re.compile(r"/functions/(.+)/invocations\Z", re.DOTALL)
_MANAGED: Final = {"COGNITO_USER_POOLS": "the Cognito authorizer", "JWT": "the JWT authorizer"}


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


def attached(kind: str, name: str, authorizer: Mapping[str, Any], is_this: IsThis) -> Guard:
    """The guard of a route with an authorization type of API Gateway, and an authorizer of this name.

    `authorizer`: its properties, empty if they are not known. CloudFormation, OpenAPI definitions and API Gateway give
    them the same names, apart from capital letters.
    """
    if kind == "NONE":
        return OPEN
    if kind == "AWS_IAM":
        return IAM
    if kind in _MANAGED:
        return Guard(Caller.OTHER, f"{_MANAGED[kind]} {name}".rstrip())
    if kind != "CUSTOM" or not authorizer:
        return unknown(f"the authorization type is {kind or 'missing'}, and its authorizer is not known")
    properties = {member.lower(): value for member, value in authorizer.items()}
    uri = as_text(properties.get("authorizeruri", ""))
    found = _FUNCTION.search(uri)
    known = is_this(found[1]) if found else None
    if known is None:
        return unknown(f"the function of the authorizer {name} is {found[1] if found else uri}")
    if found and not known:
        return Guard(Caller.OTHER, f"the Lambda function {found[1]}")
    simple = as_text(properties.get("enablesimpleresponses")).lower() == "true"
    return Guard(Caller.THIS, faults=tuple(_faults(name, properties)), simple=simple)


def _faults(name: str, properties: Mapping[str, Any]) -> Iterator[str]:
    kind = as_text(properties.get("type") or properties.get("authorizertype", "")).upper()
    sources = properties.get("identitysource") or []
    source = ", ".join(map(as_text, sources if isinstance(sources, list) else [sources]))
    if kind != "REQUEST":
        yield (
            f"the authorizer {name} has the type {kind}, so its events have no headers and each request is refused: "
            "set the type REQUEST (in SAM, FunctionPayloadType: REQUEST)"
        )
    elif (
        source
        and "header.authorization" not in source.lower()
        and as_text(properties.get("authorizerresultttlinseconds")) != "0"
    ):
        # The identity sources are the cache key: callers that share their values share one policy.
        yield (
            f"the authorizer {name} has the identity source {source} without the Authorization header, so API Gateway "
            "can use the cached policy of one caller for another: add Authorization, or set the cache time to 0"
        )
