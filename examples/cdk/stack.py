"""A REST API with the authorizer of another stack: `cdk deploy -c authorizer=ARN`.

For its metadata, add `-c resource_identifier=URL -c metadata=ARN`.
"""

import json

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

# The authorizer raises an error for 401 and 503. The gateway responses of the API define what the client gets.
# The bodies have a fixed text, because API Gateway's own can contain the Authorization header.
COMMON_HEADERS = {
    "Content-Type": "'application/problem+json'",
    "Cache-Control": "'no-store'",
    "Access-Control-Allow-Origin": "'*'",
}
REQUEST_ID = {"requestId": "$context.extendedRequestId"}
GATEWAY_RESPONSES = {
    "UNAUTHORIZED": (
        "401",
        {"Access-Control-Expose-Headers": "'WWW-Authenticate'"},
        {
            "title": "Unauthorized",
            "status": 401,
            "detail": "A valid API key or JWT is required, as Authorization: Bearer <credential>.",
        },
    ),
    "ACCESS_DENIED": (
        "403",
        {},
        {
            "title": "Forbidden",
            "status": 403,
            "detail": "This credential does not permit this route.",
            "missing_scopes": "$context.authorizer.missing_scopes",
        },
    ),
    "AUTHORIZER_FAILURE": (
        "503",
        {"Access-Control-Expose-Headers": "'Retry-After'", "Retry-After": "'5'"},
        {
            "title": "Service Unavailable",
            "status": 503,
            "detail": "The credential could not be checked just now. Please try again.",
        },
    ),
    "AUTHORIZER_CONFIGURATION_ERROR": (
        "503",
        {"Access-Control-Expose-Headers": "'Retry-After'", "Retry-After": "'5'"},
        {
            "title": "Service Unavailable",
            "status": 503,
            "detail": "The credential could not be checked just now. Please try again.",
        },
    ),
    "MISSING_AUTHENTICATION_TOKEN": (
        "404",
        {},
        {"title": "Not Found", "status": 404, "detail": "There is no such route."},
    ),
    "DEFAULT_4XX": (None, {}, {"title": "The request was refused", "detail": "API Gateway refused the request."}),
    "DEFAULT_5XX": (None, {}, {"title": "The request failed", "detail": "API Gateway could not answer the request."}),
}
# No header, query string or subject, so that no part of a credential is logged.
ACCESS_LOG = {
    "requestId": "$context.extendedRequestId",
    "time": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "method": "$context.httpMethod",
    "resource": "$context.resourcePath",
    "status": "$context.status",
    "credential": "$context.authorizer.credential",
    "keyId": "$context.authorizer.key_id",
    "issuer": "$context.authorizer.issuer",
    "subjectHash": "$context.authorizer.subject_hash",
    "authorizerStatus": "$context.authorizer.status",
    "authorizerLatency": "$context.authorizer.latency",
    "responseLatency": "$context.responseLatency",
    "error": "$context.error.responseType",
}


def challenge(resource_identifier: str, resource_scopes: str) -> str:
    """The header of the 401. It has no error code, because it is the same for requests without a credential."""
    scope = f', scope="{resource_scopes}"' if resource_scopes else ""
    if not resource_identifier:
        return f'Bearer realm="api"{scope}'
    return f'Bearer realm="api"{scope}, resource_metadata="{resource_identifier}/.well-known/oauth-protected-resource"'


class ReportsApi(Stack):
    """An API with one route, `POST /reports`, and the authorizer.

    `resource_identifier`: the value of the authorizer's stack. `metadata_function_arn`: its output, required with it.
    `resource_scopes`: those of the authorizer's file, separated by spaces, for the 401.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        authorizer_function_arn: str,
        resource_identifier: str = "",
        resource_scopes: str = "",
        metadata_function_arn: str = "",
    ) -> None:
        super().__init__(scope, construct_id)
        function = lambda_.Function.from_function_attributes(
            self, "AuthorizerFunction", function_arn=authorizer_function_arn, same_environment=True
        )
        authorizer = apigateway.RequestAuthorizer(
            self,
            "MultiAuth",
            handler=function,
            identity_sources=[apigateway.IdentitySource.header("Authorization")],
            results_cache_ttl=Duration.seconds(30),
        )
        api = apigateway.RestApi(
            self,
            "Api",
            # The account has one such role for each Region, which this stack must not replace.
            cloud_watch_role=False,
            # One sender cannot cause more invocations of the authorizer than this limit, in requests per second. For an
            # access log, add access_log_destination and `AccessLogFormat.custom(json.dumps(ACCESS_LOG))` here.
            deploy_options=apigateway.StageOptions(throttling_rate_limit=100, throttling_burst_limit=100),
            default_cors_preflight_options=apigateway.CorsOptions(
                allow_origins=apigateway.Cors.ALL_ORIGINS, allow_headers=["Authorization", "Content-Type"]
            ),
            default_method_options=apigateway.MethodOptions(
                authorizer=authorizer, authorization_type=apigateway.AuthorizationType.CUSTOM
            ),
        )
        if resource_identifier:
            # Public: without the default authorizer.
            public = apigateway.MethodOptions(authorization_type=apigateway.AuthorizationType.NONE)
            metadata = lambda_.Function.from_function_attributes(
                self, "MetadataFunction", function_arn=metadata_function_arn, same_environment=True
            )
            well_known = api.root.add_resource(".well-known", default_method_options=public)
            well_known.add_resource("oauth-protected-resource").add_method(
                "GET", apigateway.LambdaIntegration(metadata)
            )
        header = challenge(resource_identifier, resource_scopes)
        for name, (status, headers, body) in GATEWAY_RESPONSES.items():
            api.add_gateway_response(
                name,
                type=apigateway.ResponseType.of(name),
                status_code=status,
                response_headers={
                    **COMMON_HEADERS,
                    **headers,
                    **({"WWW-Authenticate": f"'{header}'"} if name == "UNAUTHORIZED" else {}),
                },
                templates={"application/json": json.dumps({"type": "about:blank", **body, **REQUEST_ID})},
            )
        api.root.add_resource("reports").add_method(
            "POST",
            apigateway.LambdaIntegration(
                lambda_.Function(
                    self,
                    "Reports",
                    runtime=lambda_.Runtime.PYTHON_3_13,
                    handler="index.handler",
                    code=lambda_.Code.from_inline(
                        # It refuses requests without an authorizer context, in case the route loses its authorizer.
                        "import json\n\n"
                        "def handler(event, context):\n"
                        "    caller = event['requestContext'].get('authorizer') or {}\n"
                        "    if not caller.get('sub'):\n"
                        "        return {'statusCode': 401, 'body': json.dumps({'title': 'Unauthorized'})}\n"
                        "    return {'statusCode': 201, 'body': json.dumps({'report_of': caller['sub']})}\n"
                    ),
                )
            ),
        )


if __name__ == "__main__":
    app = App()
    given = {name: app.node.try_get_context(name) or "" for name in ("resource_identifier", "resource_scopes")}
    ReportsApi(
        app,
        "reports",
        authorizer_function_arn=app.node.get_context("authorizer"),
        metadata_function_arn=app.node.try_get_context("metadata") or "",
        **given,
    )
    app.synth()
