"""The OpenAPI definition of an HTTP API: routes, integrations and authorizers.

Sources: AWS CloudFormation template reference, "AWS::ApiGatewayV2::Api" (`Body`), and API Gateway developer guide,
"Working with OpenAPI definitions for HTTP APIs", "x-amazon-apigateway-authorizer object" and "x-amazon-apigateway-cors
object". SAM writes the routes of an `AWS::Serverless::HttpApi` into `Body`, which the emulator ignores.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from local.gateway.wrapping import Function, Wrapper

_MODULE = "ministack.services.cloudformation.provisioners"
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_ANY: Final = "x-amazon-apigateway-any-method"


def _created(original: Function) -> Function:
    def _apigw_v2_api_create(logical_id: str, props: Mapping[str, Any], stack_name: str) -> Any:
        api_id, attributes = original(logical_id, props, stack_name)
        _import(api_id, props)
        return api_id, attributes

    return _apigw_v2_api_create


def _updated(original: Function) -> Function:
    def _apigw_v2_api_update(
        physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack_name: str, logical_id: Any = None
    ) -> Any:
        from ministack.services import apigateway

        api_id, attributes = original(physical_id, old, new, stack_name, logical_id)
        if new.get("Body") != old.get("Body"):
            for store in (apigateway._routes, apigateway._integrations, apigateway._authorizers):
                store[api_id] = {}
            _import(api_id, new)
        return api_id, attributes

    return _apigw_v2_api_update


def _import(api_id: str, props: Mapping[str, Any]) -> None:
    from ministack.services import apigateway

    body = props.get("Body")
    if not isinstance(body, dict):
        return
    api = apigateway._apis[api_id]
    title = (body.get("info") or {}).get("title")
    if title and not props.get("Name"):
        api["name"] = title
    if isinstance(body.get("x-amazon-apigateway-cors"), dict):
        api["corsConfiguration"] = body["x-amazon-apigateway-cors"]
    schemes = (body.get("components") or {}).get("securitySchemes") or body.get("securityDefinitions") or {}
    authorizers = {name: _authorizer(api_id, name, scheme) for name, scheme in schemes.items()}
    for key, operation in _operations(body):
        route = {"routeKey": key} | _authorization(operation, body, authorizers)
        integration = operation.get("x-amazon-apigateway-integration")
        if integration:
            made = apigateway._create_integration(api_id, _integration(integration))
            route["target"] = f"integrations/{json.loads(made[2])['integrationId']}"
        apigateway._create_route(api_id, route)


def _operations(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return the key of each route, and its definition."""
    for path, item in (body.get("paths") or {}).items():
        for method, operation in item.items():
            if method.lower() not in (*_METHODS, _ANY):
                continue
            name = "ANY" if method.lower() == _ANY else method.upper()
            yield "$default" if path == "/$default" else f"{name} {path}", operation or {}


def _integration(extension: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "integrationType": str(extension.get("type", "aws_proxy")).upper(),
        "integrationUri": extension.get("uri", ""),
        "integrationMethod": extension.get("httpMethod", "POST"),
        "payloadFormatVersion": str(extension.get("payloadFormatVersion", "1.0")),
        "requestParameters": extension.get("requestParameters"),
    }


def _authorizer(api_id: str, name: str, scheme: Mapping[str, Any]) -> dict[str, str] | None:
    """Create the authorizer of a security scheme. Return what a route says of it, or None if it has none."""
    from ministack.services import apigateway

    extension = scheme.get("x-amazon-apigateway-authorizer")
    if not isinstance(extension, dict):
        return None
    kind = str(extension.get("type", "")).upper()
    source = extension.get("identitySource") or []
    data = {
        "name": name,
        "authorizerType": kind,
        "identitySource": source.replace(" ", "").split(",") if isinstance(source, str) else source,
    }
    members = ("authorizerUri", "authorizerPayloadFormatVersion", "authorizerResultTtlInSeconds")
    data |= {member: extension[member] for member in (*members, "jwtConfiguration") if member in extension}
    if kind == "REQUEST":
        # "The default value" of AuthorizerResultTtlInSeconds is 0 without an identity source.
        data.setdefault("authorizerResultTtlInSeconds", 300 if data["identitySource"] else 0)
    data["enableSimpleResponses"] = str(extension.get("enableSimpleResponses", False)).lower() == "true"
    made = apigateway._create_authorizer(api_id, data)
    return {
        "authorizationType": "JWT" if kind == "JWT" else "CUSTOM",
        "authorizerId": json.loads(made[2])["authorizerId"],
    }


def _authorization(
    operation: Mapping[str, Any], body: Mapping[str, Any], authorizers: Mapping[str, dict[str, str] | None]
) -> dict[str, Any]:
    security = operation.get("security", body.get("security")) or []
    for requirement in security:
        for name, scopes in requirement.items():
            authorizer = authorizers.get(name)
            if authorizer:
                return authorizer | ({"authorizationScopes": scopes} if scopes else {})
    return {}


WRAPPERS = (
    Wrapper(
        _MODULE, "_apigw_v2_api_create", "cad67ffcc0e7d53dd7b370f331f192bab0abc9714fa80c0bf0ccc5c50f1da069", _created
    ),
    Wrapper(
        _MODULE, "_apigw_v2_api_update", "fa9bc6e99d71938dba5b9811d9891c8fdd6eca8e1e532251be4863e6f27887de", _updated
    ),
)
