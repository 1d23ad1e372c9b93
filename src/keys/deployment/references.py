"""What still refers to a deployed authorizer: APIs of its account and Region, other accounts, the optional stacks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from keys.core.errors import NotFound
from keys.deployment.guard import Caller, attached
from keys.deployment.optional import FROM_OUTPUTS
from keys.deployment.stack import Deployment
from keys.deployment.target import describe_stack

REST: Final = "REST API"
STACK: Final = "stack"
PERMISSION: Final = "permission"


@dataclass(frozen=True, order=True, slots=True)
class Reference:
    """`kind`: `REST API`, `HTTP API`, `WEBSOCKET API`, `permission` or `stack`. `id`: of the API, or the stack's name.

    `name`: of the API. `detail`: what refers to the authorizer, or why that is not known.
    """

    kind: str
    id: str
    name: str
    detail: str


def find(deployment: Deployment, own_api: str | None = None) -> Iterator[Reference]:
    """Everything that refers to the authorizer. `own_api`: the API in the authorizer's stack, which is left out.

    An API of another account is known by its permission to invoke the function, which is in the function's policy.

    :raises botocore.exceptions.ClientError: AWS refused a request.
    """
    own = _unqualified(deployment.function)

    def is_this(named: str) -> bool | None:
        return None if "${" in named else _unqualified(named) == own

    for kind, api, name, authorizers in _apis(deployment.client):
        if api != own_api:
            for each in authorizers:
                if detail := _reference(each, is_this):
                    yield Reference(kind, api, name, detail)
    yield from _permissions(deployment.client("lambda"), deployment.function)
    for optional in sorted(FROM_OUTPUTS):
        try:
            describe_stack(f"{deployment.stack}-{optional}", deployment.client("cloudformation"))
        except NotFound:
            continue
        yield Reference(STACK, f"{deployment.stack}-{optional}", "", f"stacks/{optional} of this authorizer")


def _apis(client: Callable[[str], Any]) -> Iterator[tuple[str, str, str, Iterator[Mapping[str, Any]]]]:
    """Kind, ID, name and authorizers of each API."""
    rest, http = client("apigateway"), client("apigatewayv2")
    for api in _pages(rest, "get_rest_apis", "items"):
        yield REST, api["id"], api.get("name", ""), _pages(rest, "get_authorizers", "items", restApiId=api["id"])
    for api in _pages(http, "get_apis", "Items"):
        kind = f"{api.get('ProtocolType', 'HTTP')} API"
        yield kind, api["ApiId"], api.get("Name", ""), _pages(http, "get_authorizers", "Items", ApiId=api["ApiId"])


def _reference(authorizer: Mapping[str, Any], is_this: Callable[[str], bool | None]) -> str | None:
    """How an authorizer of API Gateway refers to the function; None if it does not."""
    name = authorizer.get("name", authorizer.get("Name", ""))
    if not authorizer.get("authorizerUri", authorizer.get("AuthorizerUri")):
        return None
    guard = attached("CUSTOM", name, authorizer, is_this)
    if guard.caller is Caller.UNKNOWN:
        return f"not known: {guard.detail}"
    return f"the authorizer {name}" if guard.caller is Caller.THIS else None


def _permissions(functions: Any, function: str) -> Iterator[Reference]:
    """The permissions for APIs of other accounts or Regions."""
    region, account = function.split(":")[3:5]
    for name in sorted({function, _unqualified(function)}):
        try:
            policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            continue
        for statement in policy["Statement"]:
            source = _source(statement).split(":")
            if len(source) > 5 and source[2] == "execute-api" and (source[3], source[4]) != (region, account):
                where = f"account {source[4]}, Region {source[3]}"
                yield Reference(PERMISSION, source[5].split("/")[0], "", f"an API of {where}: {statement.get('Sid')}")


def _source(statement: Mapping[str, Any]) -> str:
    conditions: Mapping[str, Mapping[str, Any]] = statement.get("Condition", {})
    values = (value for keys in conditions.values() for key, value in keys.items() if key.lower() == "aws:sourcearn")
    return str(next(values, ""))


def _pages(client: Any, operation: str, member: str, **arguments: str) -> Iterator[Mapping[str, Any]]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page.get(member, [])


def _unqualified(function: str) -> str:
    """The ARN of a function without a version or alias."""
    return ":".join(function.split(":")[:7])
