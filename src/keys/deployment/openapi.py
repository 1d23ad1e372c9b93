"""The operations of an OpenAPI definition, and what API Gateway makes of their security."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from authorizer.route import METHODS
from keys.deployment.guard import IAM, OPEN, USAGE_PLAN_KEY, Guard, IsThis, LambdaAuthorizer, attached, unknown

ANY: Final = "X-AMAZON-APIGATEWAY-ANY-METHOD"


@dataclass(frozen=True, slots=True)
class Operation:
    """`method`: `ANY` for all methods. `guard`: None if the operation is not in the definition (`$ref`)."""

    method: str
    path: str
    guard: Guard | None


def operations(body: Mapping[str, Any], is_this: IsThis) -> Iterator[Operation]:
    """The operations of a definition whose intrinsic functions are resolved.

    Only the security of an operation counts. AWS does not document what API Gateway makes of the security of the whole
    definition, so a route that has only that is not known.
    """
    schemes = {
        **_mapping(body.get("securityDefinitions")),
        **_mapping(_mapping(body.get("components")).get("securitySchemes")),
    }
    for path, item in _mapping(body.get("paths")).items():
        if not isinstance(item, Mapping) or "$ref" in item:
            yield Operation("ANY", path, None)
            continue
        for name, operation in item.items():
            if name.upper() in (*METHODS, ANY):
                method = "ANY" if name.upper() == ANY else name.upper()
                yield Operation(method, path, _guard(_mapping(operation), schemes, body, is_this))


def _guard(
    operation: Mapping[str, Any],
    schemes: Mapping[str, Any],
    body: Mapping[str, Any],
    is_this: IsThis,
) -> Guard:
    auth = str(_mapping(operation.get("x-amazon-apigateway-auth")).get("type", "")).upper()
    if auth == "NONE":
        return OPEN
    if "security" not in operation:
        if auth == "AWS_IAM":
            return IAM
        return unknown("only the whole definition has security") if body.get("security") else OPEN
    requirements = operation["security"]
    if not isinstance(requirements, list) or not all(isinstance(each, Mapping) for each in requirements):
        return unknown("its security is not a list of requirements")
    if not all(requirements):
        # An empty requirement makes the others optional (OpenAPI Specification, Operation Object).
        return OPEN
    found = {_scheme(name, schemes, is_this) for each in requirements for name in each}
    authorizers = found - {USAGE_PLAN_KEY, OPEN}
    if not authorizers:
        return USAGE_PLAN_KEY if USAGE_PLAN_KEY in found else OPEN
    if OPEN in found or len(authorizers) > 1:
        return unknown("it has several authorizers")
    return authorizers.pop()


def _scheme(name: str, schemes: Mapping[str, Any], is_this: IsThis) -> Guard:
    if name not in schemes:
        # SAM writes NONE for `Authorizer: NONE`.
        return OPEN if name == "NONE" else unknown(f"the security scheme {name} is not defined")
    scheme = _mapping(schemes[name])
    authorizer = scheme.get("x-amazon-apigateway-authorizer")
    if isinstance(authorizer, Mapping):
        kind = str(authorizer.get("type", "")).upper()
        known = LambdaAuthorizer(
            name,
            kind,
            str(authorizer.get("authorizerUri", "")),
            _identity_source(authorizer.get("identitySource")),
            _text(authorizer.get("authorizerResultTtlInSeconds")),
            _text(authorizer.get("enableSimpleResponses")) == "true",
        )
        return attached("CUSTOM" if kind in ("REQUEST", "TOKEN") else kind, name, known, is_this)
    if str(scheme.get("x-amazon-apigateway-authtype", "")).lower() == "awssigv4":
        return IAM
    if scheme.get("type") == "apiKey" and "x-amazon-apigateway-authtype" not in scheme:
        return USAGE_PLAN_KEY
    return unknown(f"the security scheme {name} has no authorizer of API Gateway")


def _identity_source(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _text(value: object) -> str | None:
    return None if value is None else str(value).lower()


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
