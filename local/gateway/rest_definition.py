"""What the emulator does not import of a REST API's OpenAPI definition.

These are gateway responses, the responses of integrations, and routes for any method. Sources: API Gateway developer
guide, "x-amazon-apigateway-gateway-responses object", "x-amazon-apigateway-integration.responses object" and
"x-amazon-apigateway-any-method object". SAM writes `GatewayResponses`, `Cors` and `Method: ANY` as these extensions.
"""

from collections.abc import Mapping
from typing import Any

from local.gateway.wrapping import Function, Wrapper

_MODULE = "ministack.services.apigateway_v1"
_ANY = "x-amazon-apigateway-any-method"


def _with_gateway_responses(original: Function) -> Function:
    def _import_rest_api(spec: Mapping[str, Any], base_data: Any = None) -> str:
        from ministack.services import apigateway_v1

        api_id: str = original(spec, base_data)
        for kind, response in (spec.get("x-amazon-apigateway-gateway-responses") or {}).items():
            apigateway_v1._put_gateway_response(api_id, kind, response)
        return api_id

    return _import_rest_api


def _with_any_method(original: Function) -> Function:
    def _import_path_item(api_id: str, path: str, path_item: Mapping[str, Any], *security: Any) -> None:
        from ministack.services import apigateway_v1

        apigateway_v1._OPENAPI_HTTP_METHODS.add("any")
        original(api_id, path, {"any" if name == _ANY else name: item for name, item in path_item.items()}, *security)

    return _import_path_item


def _with_integration_responses(original: Function) -> Function:
    def _import_operation(api_id: str, resource_id: str, http_method: str, operation: Any, *security: Any) -> None:
        from ministack.services import apigateway_v1

        original(api_id, resource_id, http_method, operation, *security)
        integration = (operation or {}).get("x-amazon-apigateway-integration") or {}
        where = (api_id, resource_id, http_method)
        for member in ("requestTemplates", "requestParameters", "passthroughBehavior"):
            if integration.get(member) is not None:
                change = {"op": "replace", "path": f"/{member}", "value": integration[member]}
                apigateway_v1._update_integration(*where, {"patchOperations": [change]})
        for pattern, response in (integration.get("responses") or {}).items():
            selection = {} if pattern == "default" else {"selectionPattern": pattern}
            data = {name: response[name] for name in ("responseParameters", "responseTemplates") if name in response}
            apigateway_v1._put_integration_response(*where, str(response.get("statusCode", "200")), data | selection)

    return _import_operation


WRAPPERS = (
    Wrapper(
        _MODULE,
        "_import_path_item",
        "24de179a04888386b41f5395cdc1a0d7b099acfa02697d636c672643cd5a9745",
        _with_any_method,
    ),
    Wrapper(
        _MODULE,
        "_import_rest_api",
        "bdf127b9ada543ff5a5412e5e7938c3eb59d3e17069f430a2a54dcf8ec5c4d59",
        _with_gateway_responses,
    ),
    Wrapper(
        _MODULE,
        "_import_operation",
        "d945826883bd417c6935a912f2b5ba2228715fa23ed7018e3992e64011900ceb",
        _with_integration_responses,
    ),
)
