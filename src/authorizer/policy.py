"""The IAM policy that API Gateway is answered with."""

from typing import Any

from authorizer.access import AccessRules
from authorizer.identity import Identity


class MalformedArn(Exception):
    """The event's method ARN is not one of API Gateway's."""


def answer(identity: Identity, rules: AccessRules, method_arn: object) -> dict[str, Any]:
    """What the authorizer returns for an identity: policy and context.

    The policy covers the whole stage and does not depend on the route that was asked for: API Gateway keeps it and
    applies it to every route that the same credential asks for next.

    :raises IdentityTooLarge: see `Identity.context`.
    :raises MalformedArn: `method_arn` is of another form.
    """
    stage = stage_arn(method_arn)
    allowed, denied = rules.compile(identity)
    statements = [
        _statement(effect, stage, routes) for effect, routes in (("Allow", allowed), ("Deny", denied)) if routes
    ]
    return {
        "principalId": identity.sub,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": statements or [_statement("Deny", stage, ("*",))],
        },
        "context": identity.context(),
    }


def stage_arn(method_arn: object) -> str:
    """``arn:<partition>:execute-api:<region>:<account>:<api>/<stage>`` of a method's ARN, whose path may hold colons.

    :raises MalformedArn: it is of another form.
    """
    parts = method_arn.split(":", 5) if isinstance(method_arn, str) else []
    resource = parts[5].split("/", 2) if len(parts) == 6 else []
    if (
        len(resource) < 3
        or not all(resource[:2])
        or parts[2] != "execute-api"
        or "*" in "".join(parts[:5] + resource[:2])
    ):
        raise MalformedArn
    return ":".join([*parts[:5], "/".join(resource[:2])])


def _statement(effect: str, stage: str, routes: tuple[str, ...]) -> dict[str, Any]:
    return {"Action": "execute-api:Invoke", "Effect": effect, "Resource": [f"{stage}/{route}" for route in routes]}
