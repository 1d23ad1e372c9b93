"""The response to API Gateway: an IAM policy or a simple response, and the context."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from authorizer.identity import MAX_CONTEXT_BYTES, DataEncoding, Identity

MAX_MISSING_SCOPES: Final = 1024
"""The maximum length of `missing_scopes`, so that this hint cannot make the context too large."""


class MalformedArn(Exception):
    """The event's ARN is not an ARN of API Gateway."""


def answer(
    identity: Identity,
    stage: str,
    patterns: Mapping[str, tuple[str, ...]],
    missing_scopes: Iterable[str] = (),
    encoding: DataEncoding = "json",
) -> dict[str, Any]:
    """The policy and context for an identity. `patterns`: for each effect, the resources after the stage's ARN.

    The policy covers the whole stage and does not depend on the requested route, because API Gateway caches it for all
    routes. For the same reason, `missing_scopes` has the scopes that would permit further routes, not those of one
    route. The 403 response shows them. They are shortened if the context has no room for all of them.

    :raises Refusal: see `Identity.context`.
    """
    context = identity.context(encoding)
    room = MAX_CONTEXT_BYTES - sum(len(value.encode()) for value in context.values())
    if missing := _shortened(" ".join(missing_scopes), min(MAX_MISSING_SCOPES, room)):
        context["missing_scopes"] = missing
    return {
        "principalId": identity.sub,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [_statement(effect, stage, resources) for effect, resources in patterns.items()],
        },
        "context": context,
    }


def simple_answer(identity: Identity, _arn: object, encoding: DataEncoding = "json") -> dict[str, Any]:
    """The simple response of HTTP APIs. It always allows every route.

    :raises Refusal: see `Identity.context`.
    """
    return {"isAuthorized": True, "context": identity.context(encoding)}


def stage_arn(arn: object) -> str:
    """The part ``arn:<partition>:execute-api:<region>:<account>:<api>/<stage>`` of a method's or route's ARN.

    :raises MalformedArn: the ARN has another form.
    """
    parts = arn.split(":", 5) if isinstance(arn, str) else []
    resource = parts[5].split("/", 2) if len(parts) == 6 else []
    if (
        len(resource) < 3
        or not all(resource[:2])
        or parts[2] != "execute-api"
        or not set("*?").isdisjoint("".join(parts[:5] + resource[:2]))
    ):
        raise MalformedArn
    return ":".join([*parts[:5], "/".join(resource[:2])])


def _statement(effect: str, stage: str, resources: tuple[str, ...]) -> dict[str, Any]:
    return {
        "Action": "execute-api:Invoke",
        "Effect": effect,
        "Resource": [f"{stage}/{resource}" for resource in resources],
    }


def _shortened(scopes: str, length: int) -> str:
    return scopes if len(scopes) <= length else scopes[: max(length, 0)].rpartition(" ")[0]
