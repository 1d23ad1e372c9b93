"""Condition keys of IAM for changes of roles, and what IAM checks of a function: its ARN, and the role it is given.

Sources: service authorization reference, IAM: `iam:PermissionsBoundary` of CreateRole and PutRolePermissionsBoundary is
the boundary of the request, and of other changes that of the role; AWS Lambda: CreateFunction is authorized on the
function. IAM user guide, "Grant a user permissions to pass a role to an AWS service": a request that gives a role to a
service needs `iam:PassRole` for the role, with `iam:PassedToService`. The emulator has none of these.
"""

import json
from typing import Any

from local.gateway.wrapping import Function, Wrapper

_NEW_BOUNDARY = frozenset({"iam:CreateRole", "iam:PutRolePermissionsBoundary"})
_OF_ROLE = frozenset(
    {"iam:AttachRolePolicy", "iam:DeleteRolePermissionsBoundary", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"}
    | {"iam:PutRolePolicy"}
)
_GIVES_ROLE = frozenset({"lambda:CreateFunction", "lambda:UpdateFunctionConfiguration"})
_PASSED = "local:passedrole"
_FUNCTION = "local:functionname"
"""Keys of the context that no policy names."""


def _with_keys(original: Function) -> Function:
    def context(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = original(service, iam_action, body, params)
        boundary = None
        if iam_action in _NEW_BOUNDARY:
            boundary = _first(params, "PermissionsBoundary")
        elif iam_action in _OF_ROLE:
            from ministack.services import iam

            boundary = (iam._roles.get(_first(params, "RoleName")) or {}).get("PermissionsBoundary")
        if boundary:
            found["iam:PermissionsBoundary"] = boundary
        if iam_action in _GIVES_ROLE:
            given = _members(body)
            found |= {
                key: given[name] for key, name in ((_PASSED, "Role"), (_FUNCTION, "FunctionName")) if name in given
            }
        return found

    return context


def _with_pass_role(original: Function) -> Function:
    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        from ministack.core.responses import get_account_id

        context = service_context or {}
        if iam_action == "lambda:CreateFunction" and _FUNCTION in context:
            resource_arn = f"arn:aws:lambda:{region}:{get_account_id()}:function:{context[_FUNCTION]}"
        refused = original(access_key_id, iam_action, service, region, resource_arn, service_context)
        role = context.get(_PASSED)
        if refused or not role:
            return refused
        to = {"iam:PassedToService": f"{service}.amazonaws.com"}
        return original(access_key_id, "iam:PassRole", "iam", region, role, to)

    return enforce


def _first(params: dict[str, Any], name: str) -> str:
    value = params.get(name, "")
    return str(value[0] if isinstance(value, list) else value)


def _members(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


WRAPPERS = (
    Wrapper(
        "ministack.core.iam_actions",
        "request_tag_context",
        "c373057a68f635609529285f0b1db5482dc38905bd76161d87d743701d2548e4",
        _with_keys,
    ),
    Wrapper(
        "ministack.core.iam_evaluator",
        "enforce",
        "fcf4e6146835b9b72c8cf21fed74d5684d575b502637d88087956f2b1a1fbae1",
        _with_pass_role,
    ),
)
