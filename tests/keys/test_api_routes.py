"""Who can call each route of a template: what SAM's translator and CloudFormation make of it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from keys.core.errors import BadInput
from keys.deployment import api_routes
from keys.deployment.endpoint import ApiRoutes

FUNCTION = "{ Type: AWS::Serverless::Function, Properties: { Runtime: python3.13, Handler: a.b, Events: %s } }"
REQUEST = (
    "{ FunctionArn: !Ref AuthorizerFunctionArn, FunctionPayloadType: REQUEST, Identity: { Headers: [Authorization] } }"
)
HTTP = REQUEST.replace("FunctionPayloadType: REQUEST", "AuthorizerPayloadFormatVersion: '2.0'")
URI = "!Sub 'arn:${AWS::Partition}:apigateway:x:lambda:path/2015-03-31/functions/${AuthorizerFunctionArn}/invocations'"
HEAD = f"""
Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Parameters:
  AuthorizerFunctionArn: {{ Type: String }}
  Stage: {{ Type: String, Default: dev }}
  Names: {{ Type: CommaDelimitedList }}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  Never: !Equals [a, b]
Globals:
  Api: {{ Auth: {{ DefaultAuthorizer: M, Authorizers: {{ M: {REQUEST} }} }} }}
  HttpApi: {{ Auth: {{ DefaultAuthorizer: M, Authorizers: {{ M: {HTTP} }} }} }}
"""


def event(method: str, path: str, kind: str = "Api", more: str = "") -> str:
    return f"{{ Type: {kind}, Properties: {{ Method: {method}, Path: '{path}'{more} }} }}"


def read(folder: Path, resources: str, head: str = HEAD, names: tuple[str, ...] = (), **parameters: str) -> Any:
    path = folder / "api.yaml"
    lines = "".join(f"  {line}\n" for line in resources.strip("\n").splitlines())
    path.write_text(f"{head}Resources:\n{lines}", encoding="utf-8")
    return api_routes.read([path], parameters, names)


def guards(found: ApiRoutes) -> Mapping[str, str]:
    return {
        f"{endpoint}{endpoint.when and f' if {endpoint.when}'}": str(endpoint.guard) for endpoint in found.endpoints
    }


def one(found: ApiRoutes) -> str:
    """The guard that all routes have."""
    (guard,) = set(guards(found).values())
    return guard


class TestWhoCanCall:
    """One template for each way in which a route gets its authorizer, or gets none."""

    def test_a_default_authorizer_guards_each_event_that_does_not_opt_out(self, tmp_path: Path) -> None:
        events = f"{{ A: {event('get', '/a')}, B: {event('get', '/b', more=', Auth: { Authorizer: NONE }')} }}"
        assert guards(read(tmp_path, f"F: {FUNCTION % events}")) == {"GET /a": "this authorizer", "GET /b": "anyone"}

    def test_an_http_api_has_the_same_answers(self, tmp_path: Path) -> None:
        off = event("get", "/b", "HttpApi", ", Auth: { Authorizer: NONE }")
        events = f"{{ A: {{ Type: HttpApi }}, B: {off} }}"
        assert guards(read(tmp_path, f"F: {FUNCTION % events}")) == {"$default": "this authorizer", "GET /b": "anyone"}

    def test_without_an_authorizer_anyone_can_call_it(self, tmp_path: Path) -> None:
        head = "Transform: AWS::Serverless-2016-10-31\n"
        assert one(read(tmp_path, f"F: {FUNCTION % ('{ A: ' + event('get', '/a') + ' }')}", head)) == "anyone"

    def test_the_preflight_that_sam_adds_is_open_if_the_authorizer_is_not_added_to_it(self, tmp_path: Path) -> None:
        api = f"""
Api: {{ Type: AWS::Serverless::Api, Properties: {{ StageName: v1, Cors: "'*'", Auth: {{ DefaultAuthorizer: M,
  AddDefaultAuthorizerToCorsPreflight: false, Authorizers: {{ M: {REQUEST} }} }} }} }}
F: {FUNCTION % ("{ A: " + event("get", "/a", more=", RestApiId: !Ref Api") + " }")}"""
        assert guards(read(tmp_path, api)) == {"GET /a": "this authorizer", "OPTIONS /a": "anyone"}

    @pytest.mark.parametrize(
        ("auth", "guard"),
        [
            ("DefaultAuthorizer: AWS_IAM", "another authorizer: IAM"),
            (
                "DefaultAuthorizer: C, Authorizers: { C: { UserPoolArn: arn:aws:cognito-idp:eu-west-1:1:userpool/x } }",
                "another authorizer: the Cognito authorizer C",
            ),
            (
                (
                    "DefaultAuthorizer: O, Authorizers: { O: { FunctionPayloadType: REQUEST, Identity: { Headers: [X] }"
                    ", FunctionArn: !GetAtt F.Arn } }"
                ),
                "another authorizer: the Lambda function ${F.Arn}",
            ),
            (
                (
                    "DefaultAuthorizer: O, Authorizers: { O: { FunctionPayloadType: REQUEST, Identity: { Headers: [X] }"
                    ", FunctionArn: !Sub '${Unknown}' } }"
                ),
                "not known: the function of the authorizer O is ${Unknown}",
            ),
            ("ApiKeyRequired: true", "anyone: only an API key of a usage plan is asked for, which is no authorization"),
        ],
    )
    def test_another_authorizer_is_not_this_one(self, auth: str, guard: str, tmp_path: Path) -> None:
        resources = f"""
Api: {{ Type: AWS::Serverless::Api, Properties: {{ StageName: v1, Auth: {{ {auth} }} }} }}
F: {FUNCTION % ("{ A: " + event("get", "/a", more=", RestApiId: !Ref Api") + " }")}"""
        assert one(read(tmp_path, resources, "Transform: AWS::Serverless-2016-10-31\n")) == guard

    def test_a_jwt_authorizer_of_an_http_api_is_another(self, tmp_path: Path) -> None:
        resources = f"""
Api: {{ Type: AWS::Serverless::HttpApi, Properties: {{ Auth: {{ DefaultAuthorizer: J, Authorizers: {{ J: {{
  IdentitySource: $request.header.Authorization,
  JwtConfiguration: {{ issuer: https://x.example, audience: [a] }} }} }} }} }} }}
F: {FUNCTION % ("{ A: " + event("get", "/a", "HttpApi", ", ApiId: !Ref Api") + " }")}"""
        found = read(tmp_path, resources, "Transform: AWS::Serverless-2016-10-31\n")
        assert one(found) == "another authorizer: the JWT authorizer J"

    @pytest.mark.parametrize(
        ("security", "guard"),
        [
            ("", "anyone"),
            ("security: []", "anyone"),
            ("security: [{ M: [] }, {}]", "anyone"),
            ("security: [{ M: [] }], x-amazon-apigateway-auth: { type: NONE }", "anyone"),
            ("security: [{ M: [] }]", "this authorizer"),
            ("security: [{ M: [], key: [] }]", "this authorizer"),
            (
                "security: [{ key: [] }]",
                "anyone: only an API key of a usage plan is asked for, which is no authorization",
            ),
            ("security: [{ M: [] }, { C: [] }]", "not known: it has several authorizers"),
            ("security: [{ C: [] }]", "another authorizer: the Cognito authorizer C"),
            ("security: [{ Bearer: [] }]", "not known: the security scheme Bearer has no authorizer of API Gateway"),
            ("security: [{ Gone: [] }]", "not known: the security scheme Gone is not defined"),
            ("security: { M: [] }", "not known: its security is not a list of requirements"),
        ],
    )
    def test_an_operation_of_an_openapi_definition_has_the_authorizer_of_its_security(
        self, security: str, guard: str, tmp_path: Path
    ) -> None:
        resources = f"""
Api: {{ Type: AWS::ApiGateway::RestApi, Properties: {{ Body: {{ paths: {{ /a: {{ get: {{ {security} }} }} }},
  securityDefinitions: {{
    M: {{ type: apiKey, x-amazon-apigateway-authtype: custom, x-amazon-apigateway-authorizer: {{ type: request,
      authorizerUri: {URI}, identitySource: method.request.header.Authorization }} }},
    C: {{ type: apiKey, x-amazon-apigateway-authorizer: {{ type: cognito_user_pools }} }},
    Bearer: {{ type: http, scheme: bearer }}, key: {{ type: apiKey, name: x-api-key, in: header }} }} }} }} }}"""
        assert one(read(tmp_path, resources)) == guard

    def test_security_of_the_whole_definition_is_not_known_to_apply(self, tmp_path: Path) -> None:
        body = "{ security: [{ M: [] }], paths: { /a: { get: {} } } }"
        found = read(tmp_path, f"Api: {{ Type: AWS::ApiGateway::RestApi, Properties: {{ Body: {body} }} }}")
        assert one(found) == "not known: only the whole definition has security"

    REST = """
Api: { Type: AWS::ApiGateway::RestApi, Properties: { Name: x } }
Orders: { Type: AWS::ApiGateway::Resource, Properties: { ParentId: !GetAtt Api.RootResourceId, PathPart: orders } }
Order: { Type: AWS::ApiGateway::Resource, Properties: { ParentId: !Ref Orders, PathPart: "{id}" } }
M: { Type: AWS::ApiGateway::Authorizer, Properties: { Type: REQUEST,
  IdentitySource: method.request.header.Authorization, AuthorizerUri: %s } }
A: { Type: AWS::ApiGateway::Method, Properties: { RestApiId: !Ref Api, ResourceId: !Ref Order, HttpMethod: GET,
  AuthorizationType: CUSTOM, AuthorizerId: !Ref M } }
B: { Type: AWS::ApiGateway::Method, Properties: { RestApiId: !Ref Api, HttpMethod: POST, AuthorizationType: NONE,
  ResourceId: { Fn::GetAtt: Api.RootResourceId } } }
C: { Type: AWS::ApiGateway::Method, Properties: { RestApiId: !Ref Api, HttpMethod: PUT, AuthorizationType: CUSTOM,
  AuthorizerId: !ImportValue x, ResourceId: { Fn::GetAtt: Api.RootResourceId } } }
""".replace("%s", URI)

    def test_methods_have_the_paths_of_their_resources_and_their_authorizers(self, tmp_path: Path) -> None:
        assert guards(read(tmp_path, self.REST)) == {
            "GET /orders/{id}": "this authorizer",
            "POST /": "anyone",
            "PUT /": "not known: the authorization type is CUSTOM, and its authorizer is not known",
        }

    def test_a_circular_reference_of_resources_ends(self, tmp_path: Path) -> None:
        circle = self.REST.replace("ParentId: !GetAtt Api.RootResourceId", "ParentId: !Ref Order")
        assert read(tmp_path, circle).unread == {"A": "the resource that it refers to is not in the template"}

    def test_routes_of_an_http_api_without_sam(self, tmp_path: Path) -> None:
        resources = """
Api: { Type: AWS::ApiGatewayV2::Api, Properties: { ProtocolType: HTTP, Target: x } }
A: { Type: AWS::ApiGatewayV2::Route, Properties: { ApiId: !Ref Api, RouteKey: DELETE /a, AuthorizationType: AWS_IAM } }
B: { Type: AWS::ApiGatewayV2::Route, Properties: { ApiId: !Ref Api, RouteKey: GET /b } }"""
        assert guards(read(tmp_path, resources)) == {
            "$default": "anyone",
            "DELETE /a": "another authorizer: IAM",
            "GET /b": "anyone",
        }

    @pytest.mark.parametrize(
        "arn",
        [
            "!Ref AuthorizerFunctionArn",
            "!ImportValue multi-auth-AuthorizerFunctionArn",
            "!GetAtt Auth.Outputs.AuthorizerFunctionArn",
            "!GetAtt Own.Arn",
            "!Ref Alias",
            "!Ref MyName",
        ],
    )
    def test_this_authorizer_is_known_by_its_output_its_handler_or_the_name_that_is_given(
        self, arn: str, tmp_path: Path
    ) -> None:
        auth = f"DefaultAuthorizer: M, Authorizers: {{ M: {REQUEST.replace('!Ref AuthorizerFunctionArn', arn)} }}"
        resources = f"""
Api: {{ Type: AWS::Serverless::Api, Properties: {{ StageName: v1, Auth: {{ {auth} }} }} }}
Own: {{ Type: AWS::Lambda::Function, Properties: {{ Handler: authorizer.handler.lambda_handler }} }}
Alias: {{ Type: AWS::Lambda::Alias, Properties: {{ FunctionName: !Ref Own }} }}
F: {FUNCTION % ("{ A: " + event("get", "/a", more=", RestApiId: !Ref Api") + " }")}"""
        head = "Parameters: { AuthorizerFunctionArn: { Type: String, Default: 'arn:x' }, MyName: { Type: String } }\n"
        assert one(read(tmp_path, resources, head, names=("MyName",))) == "this authorizer"


class TestConditions:
    OPEN_UNLESS_PROD = """
Api: { Type: AWS::ApiGatewayV2::Api, Properties: { ProtocolType: HTTP } }
M: { Type: AWS::ApiGatewayV2::Authorizer, Properties: { AuthorizerType: REQUEST,
  IdentitySource: [$request.header.Authorization], AuthorizerUri: %s } }
A: { Type: AWS::ApiGatewayV2::Route, Properties: { ApiId: !Ref Api, RouteKey: GET /a, AuthorizerId: !Ref M,
  AuthorizationType: !If [IsProd, CUSTOM, NONE] } }""".replace("%s", URI)

    def test_each_answer_of_a_route_is_shown_with_its_condition(self, tmp_path: Path) -> None:
        found = read(tmp_path, self.OPEN_UNLESS_PROD)
        assert guards(found) == {"GET /a if IsProd true": "this authorizer", "GET /a if IsProd false": "anyone"}
        assert [str(endpoint.guard) for endpoint in found.endpoints if endpoint.is_usual] == ["anyone"]

    @pytest.mark.parametrize(("stage", "guard"), [("prod", "this authorizer"), ("test", "anyone")])
    def test_a_parameter_that_is_specified_decides(self, stage: str, guard: str, tmp_path: Path) -> None:
        assert one(read(tmp_path, self.OPEN_UNLESS_PROD, Stage=stage)) == guard

    def test_what_a_condition_excludes_does_not_exist(self, tmp_path: Path) -> None:
        function = FUNCTION.replace("Properties", "Condition: %s, Properties")
        resources = f"F: {function % ('Never', '{ A: ' + event('get', '/a') + ' }')}\n"
        resources += f"G: {function % ('IsProd', '{ A: ' + event('get', '/b') + ' }')}"
        assert guards(read(tmp_path, resources)) == {"GET /b": "this authorizer"}

    def test_too_many_combinations_ask_for_parameters(self, tmp_path: Path) -> None:
        head = "Parameters: { P: { Type: String } }\nConditions:\n"
        head += "".join(f"  C{n}: !Equals [!Ref P, '{n}']\n" for n in range(9))
        route = "{ Type: AWS::ApiGatewayV2::Route, Condition: C%d, Properties: { ApiId: x, RouteKey: GET /a } }"
        resources = "\n".join(f"R{n}: {route % n}" for n in range(9))
        with pytest.raises(BadInput, match="Specify the values that you deploy with"):
            read(tmp_path, resources, head)
        assert one(read(tmp_path, resources, head, P="1")) == "anyone"

    def test_an_unknown_parameter_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="has no parameter Stag"):
            read(tmp_path, f"F: {FUNCTION % '{}'}", Stag="prod")

    def test_a_value_that_the_parameter_does_not_accept_is_refused(self, tmp_path: Path) -> None:
        head = "Parameters: { Size: { Type: Number, MaxValue: 9, Default: 1 } }\n"
        with pytest.raises(BadInput, match="does not accept Size=10: it must be at most 9"):
            read(tmp_path, f"F: {FUNCTION % '{}'}", head, Size="10")


class TestAttachment:
    @pytest.mark.parametrize(
        ("authorizer", "fault"),
        [
            ("FunctionPayloadType: REQUEST, Identity: { Headers: [Authorization] }", None),
            ("FunctionPayloadType: REQUEST, Identity: { Headers: [X-Api-Key], ReauthorizeEvery: 0 }", None),
            ("FunctionPayloadType: REQUEST, Identity: { Headers: [X-Api-Key] }", "without the Authorization header"),
            (
                "FunctionPayloadType: REQUEST, Identity: { QueryStrings: [tenant], ReauthorizeEvery: 60 }",
                "without the Authorization header",
            ),
            ("FunctionPayloadType: TOKEN", "has the type TOKEN"),
        ],
    )
    def test_a_wrong_attachment_is_named(self, authorizer: str, fault: str | None, tmp_path: Path) -> None:
        auth = (
            f"DefaultAuthorizer: M, Authorizers: {{ M: {{ FunctionArn: !Ref AuthorizerFunctionArn, {authorizer} }} }}"
        )
        resources = f"""
Api: {{ Type: AWS::Serverless::Api, Properties: {{ StageName: v1, Auth: {{ {auth} }} }} }}
F: {FUNCTION % ("{ A: " + event("get", "/a", more=", RestApiId: !Ref Api") + " }")}"""
        head = re.sub(r"Globals:[\s\S]*", "", HEAD)
        (endpoint,) = read(tmp_path, resources, head).endpoints
        assert [fault in told for told in endpoint.guard.faults] == [True] * (fault is not None)


class TestReading:
    def test_fn_foreach_is_expanded(self, tmp_path: Path) -> None:
        each = FUNCTION % "{ A: { Type: Api, Properties: { Method: get, Path: !Sub '/${N}' } } }"
        resources = f"Fn::ForEach::Functions: [N, [orders, users], {{ 'F${{N}}': {each} }}]"
        assert list(guards(read(tmp_path, resources))) == ["GET /orders", "GET /users"]

    def test_fn_foreach_over_a_parameter_without_a_value_asks_for_it(self, tmp_path: Path) -> None:
        each = FUNCTION % "{ A: { Type: Api, Properties: { Method: get, Path: !Sub '/${N}' } } }"
        resources = f"Fn::ForEach::Functions: [N, !Ref Names, {{ 'F${{N}}': {each} }}]"
        with pytest.raises(BadInput, match="specify --parameter Names=VALUE"):
            read(tmp_path, resources)
        assert list(guards(read(tmp_path, resources, Names="a,b"))) == ["GET /a", "GET /b"]

    @pytest.mark.parametrize(
        ("resources", "why"),
        [
            ("S: { Type: AWS::CloudFormation::Stack, Properties: { TemplateURL: https://x.example } }", "its template"),
            ("S: { Type: AWS::Serverless::Application, Properties: { Location: x } }", "its template"),
            ("W: { Type: AWS::ApiGatewayV2::Api, Properties: { ProtocolType: WEBSOCKET } }", "not supported"),
            ("R: { Type: AWS::ApiGatewayV2::Route, Properties: { ApiId: x, RouteKey: $connect } }", "not supported"),
            (
                "Api: { Type: AWS::Serverless::Api, Properties: { StageName: v1, DefinitionUri: s3://x/y, Auth: {} } }",
                "nor in a file",
            ),
            ("Api: { Type: AWS::ApiGateway::RestApi, Properties: { BodyS3Location: { Bucket: x } } }", "nor in a file"),
            (
                (
                    "Api: { Type: AWS::ApiGateway::RestApi, Properties: { Body: { Fn::Transform: { Name: AWS::Include, "
                    "Parameters: { Location: s3://x/y } } } } }"
                ),
                "nor in a file",
            ),
            (
                "Api: { Type: AWS::ApiGateway::RestApi, Properties: { Body: { paths: { /a: { $ref: x } } } } }",
                "not in the template",
            ),
            ("Fn::Transform: { Name: AWS::Include }", "not in the template"),
            ("X: { Properties: {} }", "no type"),
            ("X: 7", "no type"),
        ],
    )
    def test_a_part_that_might_have_routes_and_cannot_be_read_is_named(
        self, resources: str, why: str, tmp_path: Path
    ) -> None:
        found = read(tmp_path, resources, re.sub(r"Globals:[\s\S]*", "", HEAD))
        assert (found.endpoints, [why in told for told in found.unread.values()]) == ((), [True])

    def test_a_macro_is_named(self, tmp_path: Path) -> None:
        found = read(tmp_path, f"F: {FUNCTION % '{}'}", "Transform: Mine\n")
        assert found.unread == {"Transform Mine": "this macro might add or change routes"}

    @pytest.mark.parametrize(
        "property_text",
        [
            "DefinitionUri: api.json",
            "DefinitionBody: { Fn::Transform: { Name: AWS::Include, Parameters: { Location: api.json } } }",
        ],
    )
    def test_an_openapi_file_next_to_the_template_is_read(self, property_text: str, tmp_path: Path) -> None:
        (tmp_path / "api.json").write_text('{"paths": {"/a": {"get": {}}}}', encoding="utf-8")
        resources = f"Api: {{ Type: AWS::Serverless::Api, Properties: {{ StageName: v1, {property_text} }} }}"
        assert guards(read(tmp_path, resources, "Transform: AWS::Serverless-2016-10-31\n")) == {"GET /a": "anyone"}

    def test_a_definition_that_is_no_file_is_not_opened(self, tmp_path: Path) -> None:
        api = "Api: { Type: AWS::Serverless::Api, Properties: { StageName: v1, DefinitionUri: /dev/zero } }"
        found = read(tmp_path, api, "Transform: AWS::Serverless-2016-10-31\n")
        assert "nor in a file" in found.unread["Api"]

    def test_a_template_is_read_up_to_its_limit(self) -> None:
        with pytest.raises(BadInput, match="more than 1,000,000 bytes"):
            api_routes.read([Path("/dev/zero")], {})

    def test_aliases_that_multiply_are_refused(self, tmp_path: Path) -> None:
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
        with pytest.raises(BadInput):
            read(tmp_path, f"F: {FUNCTION % '{}'}", "\n".join([*lines, ""]))

    @pytest.mark.parametrize(
        "text",
        ["", "a: [", "Resources: 7", "\x00", "[]", "text", "Resources: { A: {}, A: {} }", "v = 1\n[a.b]\nc = 1"],
    )
    def test_an_invalid_template_is_refused_with_its_name(self, text: str, tmp_path: Path) -> None:
        path = tmp_path / "broken.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(BadInput, match=r"broken\.yaml is not a (?:valid template in YAML or JSON|template): "):
            api_routes.read([path], {})

    @pytest.mark.parametrize(
        "resources",
        [
            "Fn::ForEach::X: [N]",
            "F: { Type: AWS::Serverless::Function, Properties: { Events: [] } }",
            f"F: {FUNCTION % '{ A: { Type: Api, Properties: { Method: get } } }'}",
        ],
    )
    def test_a_template_that_sam_refuses_is_refused(self, resources: str, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match=r"api\.yaml"):
            read(tmp_path, resources)


class TestAccessLogs:
    STAGE = "{{ Type: AWS::Serverless::Api, Properties: {{ StageName: v1, AccessLogSetting: {{ Format: '{}' }} }} }}"

    @pytest.mark.parametrize(
        "path", ["template.yaml", "examples/rest-api/template.yaml", "examples/http-api/template.yaml"]
    )
    def test_the_format_of_the_sample_api_and_of_the_examples_lacks_nothing(self, path: str) -> None:
        assert api_routes.read([Path(path)], {}).log_notes == {}

    def test_a_format_that_does_not_name_the_key_is_named(self, tmp_path: Path) -> None:
        form = '{"status":"$context.status","credential":"$context.authorizer.credential"}'
        found = read(
            tmp_path,
            f"""
Api: {self.STAGE.format(form)}
F: {FUNCTION % f"{{ A: {event('get', '/a', more=', RestApiId: !Ref Api')} }}"}
""",
        )
        lacks = '"keyId":"$context.authorizer.key_id", "issuer":"$context.authorizer.issuer"'
        assert list(found.log_notes.values()) == [f"the format of its access log lacks {lacks}"]
