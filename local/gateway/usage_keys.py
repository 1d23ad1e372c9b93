"""The key that usage plans count, where the authorizer returns it.

Sources, in the API Gateway developer guide: "Choose an API key source in API Gateway" (with AUTHORIZER, only the
`usageIdentifierKey` of the authorizer counts, and the header X-API-Key does not), "Output from an API Gateway Lambda
authorizer" (`usageIdentifierKey`), "x-amazon-apigateway-api-key-source property"; and AWS CloudFormation template
reference, AWS::ApiGateway::RestApi, "ApiKeySourceType". The key is part of what the authorizer cache keeps.

By itself, the emulator reads the header for every API, and ignores the setting of a new API.
"""

from typing import Any

from local.gateway import rest_request
from local.gateway.wrapping import Function, Wrapper

_MODULE = "ministack.services.apigateway_v1"


class _Policy(dict[str, Any]):
    """A policy, and the key that the authorizer returned with it. The emulator's cache keeps this object."""

    usage_key: str | None = None


def _invoked(original: Function) -> Function:
    async def _invoke_authorizer_lambda(*arguments: Any) -> Any:
        result = await original(*arguments)
        answer = (result or {}).get("body")
        if isinstance(answer, dict) and isinstance(answer.get("policyDocument"), dict):
            policy = _Policy(answer["policyDocument"])
            policy.usage_key = answer.get("usageIdentifierKey")
            answer["policyDocument"] = policy
        return result

    return _invoke_authorizer_lambda


def _evaluated(original: Function) -> Function:
    def _evaluate_policy(policy_doc: Any, method_arn: str) -> Any:
        rest_request.current()["usage_key"] = getattr(policy_doc, "usage_key", None)
        return original(policy_doc, method_arn)

    return _evaluate_policy


def _from_authorizer(original: Function) -> Function:
    def _api_key_from_request(headers: Any) -> Any:
        from ministack.services import apigateway_v1

        request = rest_request.current()
        api = apigateway_v1._rest_apis.get(request["api_id"], {})
        return request.get("usage_key") if api.get("apiKeySource") == "AUTHORIZER" else original(headers)

    return _api_key_from_request


def _created(original: Function) -> Function:
    def _apigw_rest_api_create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        from ministack.services import apigateway_v1

        api_id, attributes = original(logical_id, props, stack_name)
        body = props.get("Body")
        in_body = body.get("x-amazon-apigateway-api-key-source") if isinstance(body, dict) else None
        apigateway_v1._rest_apis[api_id]["apiKeySource"] = props.get("ApiKeySourceType") or in_body or "HEADER"
        return api_id, attributes

    return _apigw_rest_api_create


WRAPPERS = (
    Wrapper(
        _MODULE,
        "_invoke_authorizer_lambda",
        "f61b102f6bbafbad1b2530b9ec87891c9a7c66598fdcdf4f985f2a70b0bbd65d",
        _invoked,
    ),
    Wrapper(
        _MODULE, "_evaluate_policy", "aa7e0fae74c3207c0c326c86d65d873e82731997d7456ab5cee64e90d673f8c5", _evaluated
    ),
    Wrapper(
        _MODULE,
        "_api_key_from_request",
        "86cea03a68e5d72ea7ea7d3f6a45c19b4367d15d5ad30e3de5498a23e0db611f",
        _from_authorizer,
    ),
    Wrapper(
        "ministack.services.cloudformation.provisioners",
        "_apigw_rest_api_create",
        "2e7da1b947e95b860cdb79f2bfbe6f7d16762d1e76d89691b9c8508a135ed993",
        _created,
    ),
)
