"""A REST API with the authorizer of another stack: `cdk deploy -c authorizer=ARN`."""

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from constructs import Construct


class ReportsApi(Stack):
    """An API with one route, `POST /reports`, and the authorizer."""

    def __init__(self, scope: Construct, construct_id: str, *, authorizer_function_arn: str) -> None:
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
            default_method_options=apigateway.MethodOptions(
                authorizer=authorizer, authorization_type=apigateway.AuthorizationType.CUSTOM
            ),
        )
        for name in ("AUTHORIZER_FAILURE", "AUTHORIZER_CONFIGURATION_ERROR"):
            # If a credential cannot be checked, the authorizer raises an error. Without this response, clients get 500.
            api.add_gateway_response(
                name,
                type=apigateway.ResponseType.of(name),
                status_code="503",
                response_headers={"Content-Type": "'application/problem+json'", "Retry-After": "'5'"},
                templates={"application/json": '{"type":"about:blank","title":"Service Unavailable","status":503}'},
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
    ReportsApi(app, "reports", authorizer_function_arn=app.node.get_context("authorizer"))
    app.synth()
