"""The address that a request comes from, and the conditions of an authorizer's policy.

Sources: IAM user guide, "AWS global condition context keys" (`aws:SourceIp`) and "IAM JSON policy elements: Condition
operators"; API Gateway developer guide, "AWS condition keys that can be used in API Gateway resource policies" and
"Output from an API Gateway Lambda authorizer" (the output is an IAM policy). Here, the emulator's own evaluator of IAM
policies evaluates the whole policy, with the address of the connection. By itself, the emulator ignores conditions,
takes `sourceIp` from the header X-Forwarded-For, which any client can send, and has none in format 1.0 of HTTP APIs
("Control access to HTTP APIs with AWS Lambda authorizers").
"""

from typing import Any

from local.gateway.wrapping import Function, Wrapper

_REST = "ministack.services.apigateway_v1"
_HTTP = "ministack.services.apigateway"


def _address() -> str:
    from ministack.core import responses

    address: str = responses.get_request_client_ip()
    return address


def _with_conditions(_original: Function) -> Function:
    def evaluate(policy_doc: Any, resource_arn: str) -> str:
        from ministack.core import iam_evaluator

        context = iam_evaluator.EvalContext(
            principal_arn="*",
            principal_type="Anonymous",
            principal_account=resource_arn.split(":")[4],
            action="execute-api:Invoke",
            resource_arn=resource_arn,
            region=resource_arn.split(":")[3],
            source_ip=_address(),
        )
        decision = iam_evaluator.evaluate(context, [iam_evaluator.parse_policy_document(policy_doc)]).decision
        return "NoMatch" if decision == "ImplicitDeny" else str(decision)

    return evaluate


def _authorizer_with_source(original: Function) -> Function:
    async def invoke(authorizer: Any, event: dict[str, Any], account_id: str, region: str) -> Any:
        context = event.setdefault("requestContext", {})
        context.setdefault("http" if "http" in context else "identity", {})["sourceIp"] = _address()
        return await original(authorizer, event, account_id, region)

    return invoke


def _event_with_source(original: Function) -> Function:
    def _build_lambda_event_v1(*arguments: Any, **options: Any) -> Any:
        event = original(*arguments, **options)
        event["requestContext"]["identity"]["sourceIp"] = _address()
        return event

    return _build_lambda_event_v1


WRAPPERS = (
    Wrapper(
        _REST,
        "_evaluate_policy",
        "aa7e0fae74c3207c0c326c86d65d873e82731997d7456ab5cee64e90d673f8c5",
        _with_conditions,
    ),
    Wrapper(
        _HTTP,
        "_evaluate_authorizer_policy",
        "6a7c115e833eabd26e20ac70ef1bfbe2ca0108d0d25001df50db0e3ba87c5ec2",
        _with_conditions,
    ),
    Wrapper(
        _REST,
        "_invoke_authorizer_lambda",
        "f61b102f6bbafbad1b2530b9ec87891c9a7c66598fdcdf4f985f2a70b0bbd65d",
        _authorizer_with_source,
    ),
    Wrapper(
        _HTTP,
        "_invoke_request_authorizer_lambda",
        "0e29f2bcd37ea9476428e05dd427ab3806863a449cd0822b67419bc698ea4d02",
        _authorizer_with_source,
    ),
    Wrapper(
        _REST,
        "_build_lambda_event_v1",
        "ce25dc4258d92a496ed7ccd3de9d305dbd11a93845ae8f4948e41ca8599fe93c",
        _event_with_source,
    ),
)
