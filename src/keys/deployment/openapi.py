"""The operations of an OpenAPI definition, and what API Gateway makes of their security."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from authorizer.route import METHODS
from keys.deployment.guard import IAM, OPEN, USAGE_PLAN_KEY, Guard, IsThis, attached, unknown
from keys.deployment.template import mapping

ANY: Final = "X-AMAZON-APIGATEWAY-ANY-METHOD"


def operations(body: Mapping[str, Any], is_this: IsThis) -> Iterator[tuple[str, str, Guard | None]]:
    """Method, path and guard of each operation of a definition whose intrinsic functions are resolved.

    The method is `ANY` for all methods. The guard is None if the operation is not in the definition (`$ref`).

    Only the security of an operation counts. AWS does not document what API Gateway makes of the security of the whole
    definition, so a route that has only that is not known.
    """
    for path, item in mapping(body.get("paths")).items():
        if not isinstance(item, Mapping) or "$ref" in item:
            yield "ANY", path, None
            continue
        for name, operation in item.items():
            if name.upper() == "ANY":
                # SAM writes it for `Method: ANY` with MergeDefinitions.
                yield name, path, unknown("an OpenAPI definition has no method any, so name each method")
            if name.upper() in (*METHODS, ANY):
                method = "ANY" if name.upper() == ANY else name.upper()
                yield method, path, _guard(mapping(operation), body, is_this)


def keyed(body: Mapping[str, Any], is_this: IsThis) -> Iterator[tuple[str, Guard, bool]]:
    """Name and guard of each operation that is in the definition, and whether it requires a key of a usage plan."""
    for method, path, guard in operations(body, is_this):
        if guard is not None:
            item = {name.upper(): each for name, each in mapping(mapping(body["paths"])[path]).items()}
            operation = mapping(item.get(ANY if method == "ANY" else method))
            listed = operation.get("security")
            names = {name for each in listed if isinstance(each, Mapping) for name in each} if listed else set()
            yield f"{method} {path}", guard, any(_scheme(name, body, is_this) == USAGE_PLAN_KEY for name in names)


def _guard(operation: Mapping[str, Any], body: Mapping[str, Any], is_this: IsThis) -> Guard:
    auth = str(mapping(operation.get("x-amazon-apigateway-auth")).get("type", "")).upper()
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
    found = {_scheme(name, body, is_this) for each in requirements for name in each}
    authorizers = found - {USAGE_PLAN_KEY, OPEN}
    if not authorizers:
        return USAGE_PLAN_KEY if USAGE_PLAN_KEY in found else OPEN
    if OPEN in found or len(authorizers) > 1:
        return unknown("it has several authorizers")
    return authorizers.pop()


def _scheme(name: str, body: Mapping[str, Any], is_this: IsThis) -> Guard:
    in_openapi_3 = mapping(mapping(body.get("components")).get("securitySchemes"))
    schemes = {**mapping(body.get("securityDefinitions")), **in_openapi_3}
    if name not in schemes:
        # SAM writes NONE for `Authorizer: NONE`.
        return OPEN if name == "NONE" else unknown(f"the security scheme {name} is not defined")
    scheme = mapping(schemes[name])
    authorizer = scheme.get("x-amazon-apigateway-authorizer")
    if isinstance(authorizer, Mapping):
        kind = str(authorizer.get("type", "")).upper()
        return attached("CUSTOM" if kind in ("REQUEST", "TOKEN") else kind, name, authorizer, is_this)
    if str(scheme.get("x-amazon-apigateway-authtype", "")).lower() == "awssigv4":
        return IAM
    if scheme.get("type") == "apiKey" and "x-amazon-apigateway-authtype" not in scheme:
        return USAGE_PLAN_KEY
    return unknown(f"the security scheme {name} has no authorizer of API Gateway")
