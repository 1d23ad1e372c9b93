"""`keys check`: access rules compared with the template of an API."""

import builtins
import json
import re
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from authorizer.route import Route
from keys.cli.app import App
from keys.cli.main import main
from keys.core.errors import BadInput
from keys.deployment import requirement, template
from keys.deployment.endpoint import Endpoint
from tests.support.rules_text import rules_of

Check = Callable[..., Result]
FUNCTION = "{ Type: AWS::Serverless::Function, Properties: { Events: %s } }"
API = "Api: { Type: AWS::Serverless::Api, Properties: { StageName: v1 } }"


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Runs `keys check` on the text of a file and of a template's resources."""
    monkeypatch.chdir(tmp_path)

    def run(rules: str, resources: str | None = None, *options: str) -> Result:
        Path("auth.toml").write_text(rules, encoding="utf-8")
        if resources is not None:
            Path("api.yaml").write_text(written(resources), encoding="utf-8")
            options = ("--template", "api.yaml", *options)
        answer = CliRunner().invoke(main, ["check", "auth.toml", *options], obj=App(env={}), catch_exceptions=False)
        assert "Traceback" not in answer.output
        return answer

    return run


def written(resources: str) -> str:
    return "Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]\nResources:\n" + "".join(
        f"  {line}\n" for line in resources.strip("\n").splitlines()
    )


def routes_of(resources: str, folder: Path, head: str = "") -> tuple[list[str], Mapping[str, str]]:
    path = folder / "api.yaml"
    path.write_text(head + written(resources), encoding="utf-8")
    found = template.read(path)
    return [str(endpoint) for endpoint in found.endpoints], found.unread


def rule(route: str, members: str = "") -> str:
    return f"[[rule]]\nroute = '{route}'\n{members}\n"


def event(method: str, path: str, kind: str = "Api") -> str:
    return f"{{ Type: {kind}, Properties: {{ Method: {method}, Path: '{path}' }} }}"


ME = f"F: {FUNCTION % ('{ Me: ' + event('get', '/me') + ' }')}"


class TestTemplate:
    @pytest.mark.parametrize(
        ("resources", "routes"),
        [
            (f"F: {FUNCTION % ('{ A: ' + event('get', '/orders/{id}') + ' }')}", ["GET /orders/{id}"]),
            (f"F: {FUNCTION % '{ A: { Type: HttpApi } }'}", ["$default"]),
            (f"F: {FUNCTION % '{ A: { Type: Schedule, Properties: { Schedule: rate(1 day) } } }'}", []),
            (
                (
                    "Api: { Type: AWS::Serverless::Api, Properties: { DefinitionBody: { paths: { /a: "
                    "{ post: {}, parameters: [] }, '/b/{proxy+}': { x-amazon-apigateway-any-method: {} } } } } }"
                ),
                [
                    "POST /a",
                    *(f"{m} /b/{{proxy+}}" for m in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")),
                ],
            ),
            (
                (
                    "Api: { Type: AWS::ApiGatewayV2::Api, Properties: { Body: { paths: { /$default: "
                    "{ x-amazon-apigateway-any-method: { isDefaultRoute: true } } } } } }"
                ),
                ["$default"],
            ),
            (
                (
                    "Api: { Type: AWS::ApiGatewayV2::Api, Properties: { ProtocolType: HTTP } }\n"
                    "A: { Type: AWS::ApiGatewayV2::Route, Properties: { ApiId: !Ref Api, RouteKey: DELETE /a } }\n"
                    "B: { Type: AWS::ApiGatewayV2::Route, Properties: { ApiId: !Ref Api, RouteKey: $default } }"
                ),
                ["$default", "DELETE /a"],
            ),
        ],
    )
    def test_routes_are_found_in_each_kind_of_resource(self, resources: str, routes: list[str], tmp_path: Path) -> None:
        assert routes_of(resources, tmp_path) == (routes, {})

    def test_fn_foreach_is_expanded(self, tmp_path: Path) -> None:
        each = FUNCTION % "{ A: { Type: Api, Properties: { Method: get, Path: !Sub '/${N}' } } }"
        resources = f"Fn::ForEach::Functions: [N, [orders, users], {{ 'F${{N}}': {each} }}]"
        assert routes_of(resources, tmp_path) == (["GET /orders", "GET /users"], {})

    def test_fn_foreach_over_an_unknown_collection_adds_no_route(self, tmp_path: Path) -> None:
        each = FUNCTION % "{ A: { Type: Api, Properties: { Method: get, Path: !Sub '/${N}' } } }"
        head = "Parameters: { Names: { Type: CommaDelimitedList } }\n"
        resources = f"{ME}\nFn::ForEach::Functions: [N, !Ref Names, {{ 'F${{N}}': {each} }}]"
        routes, unread = routes_of(resources, tmp_path, head)
        assert routes == ["GET /me"]
        assert unread == {"Fn::ForEach::Functions": "its collection is not in the template"}

    HEAD = (
        "Parameters: { Version: { Type: String, Default: v1 }, Method: { Type: String, AllowedValues: [get, put] }, "
        "Free: { Type: String } }\nConditions: { New: !Equals [!Ref Free, x] }\n"
    )

    @pytest.mark.parametrize(
        ("events", "routes", "unread"),
        [
            ("{ A: { Type: Api, Properties: { Method: !Ref Method, Path: /a } } }", ["GET /a", "PUT /a"], []),
            ("{ A: { Type: Api, Properties: { Method: get, Path: !Sub '/${Version}/a' } } }", ["GET /v1/a"], []),
            ("{ A: { Type: Api, Properties: { Method: get, Path: !If [New, /a, /b] } } }", ["GET /a", "GET /b"], []),
            (f"!If [New, {{ A: {event('get', '/a')} }}, !Ref AWS::NoValue]", ["GET /a"], []),
            (f"{{ A: !If [New, {event('get', '/a')}, !Ref AWS::NoValue] }}", ["GET /a"], []),
            (
                "{ A: { Type: Api, Properties: { Method: get, Path: !Sub '/${Free}' } } }",
                [],
                ["F.Properties.Events.A.Properties.Path"],
            ),
            (
                "{ A: { Type: Api, Properties: { Method: get, Path: !If [New, /a, !ImportValue path] } } }",
                ["GET /a"],
                ["F.Properties.Events.A.Properties.Path"],
            ),
            (f"{{ A: {event('trace', '/a')} }}", [], ["F.Properties.Events.A.Properties: trace /a"]),
            ("{ A: [] }", [], ["F.Properties.Events.A"]),
            ("[]", [], ["F.Properties.Events"]),
        ],
    )
    def test_intrinsic_functions_are_resolved_or_named(
        self, events: str, routes: list[str], unread: list[str], tmp_path: Path
    ) -> None:
        found = routes_of(f"F: {FUNCTION % events}", tmp_path, self.HEAD)
        assert (found[0], list(found[1])) == (routes, unread)

    REST = """
Api: { Type: AWS::ApiGateway::RestApi, Properties: { Name: x } }
Orders: { Type: AWS::ApiGateway::Resource, Properties: { RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId,
  PathPart: orders } }
Order: { Type: AWS::ApiGateway::Resource, Properties: { RestApiId: !Ref Api, ParentId: !Ref Orders, PathPart: "{id}" } }
A: { Type: AWS::ApiGateway::Method, Properties: { RestApiId: !Ref Api, ResourceId: !Ref Order, HttpMethod: GET,
  AuthorizationType: CUSTOM } }
B: { Type: AWS::ApiGateway::Method, Properties: { RestApiId: !Ref Api, HttpMethod: POST, AuthorizationType: CUSTOM,
  ResourceId: { Fn::GetAtt: Api.RootResourceId } } }
C: { Type: AWS::ApiGateway::Method, Properties: { RestApiId: !Ref Api, HttpMethod: POST, AuthorizationType: CUSTOM,
  ResourceId: !ImportValue resource } }
"""

    def test_methods_have_the_paths_of_their_resources(self, tmp_path: Path) -> None:
        routes, unread = routes_of(self.REST, tmp_path)
        assert routes == ["POST /", "GET /orders/{id}"]
        assert list(unread) == ["C.Properties.ResourceId"]

    def test_a_circular_reference_of_resources_ends(self, tmp_path: Path) -> None:
        circle = self.REST.replace("ParentId: !GetAtt Api.RootResourceId", "ParentId: !Ref Order")
        routes, unread = routes_of(circle, tmp_path)
        assert routes == ["POST /"]
        assert "Orders.Properties.ParentId" in unread or "Order.Properties.ParentId" in unread

    @pytest.mark.parametrize(
        ("resources", "why"),
        [
            ("S: { Type: AWS::CloudFormation::Stack, Properties: { TemplateURL: https://x.example } }", "its template"),
            ("S: { Type: AWS::Serverless::Application, Properties: { Location: x } }", "its template"),
            ("W: { Type: AWS::Serverless::WebSocketApi, Properties: {} }", "not supported"),
            ("W: { Type: AWS::ApiGatewayV2::Api, Properties: { ProtocolType: WEBSOCKET } }", "not supported"),
            ("R: { Type: AWS::ApiGatewayV2::Route, Properties: { ApiId: x, RouteKey: $connect } }", "not supported"),
            ("Api: { Type: AWS::Serverless::Api, Properties: { DefinitionUri: s3://x/y } }", "nor in a file"),
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
        routes, unread = routes_of(resources, tmp_path)
        assert routes == []
        assert [told for told in unread.values() if why in told]

    def test_a_macro_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "api.yaml"
        path.write_text(f"Transform: Mine\nResources:\n  {ME}\n", encoding="utf-8")
        assert template.read(path).unread == {"Transform Mine": "this macro might add routes"}

    @pytest.mark.parametrize(
        "property_text",
        ["DefinitionUri: api.json", "DefinitionBody: { Fn::Transform: { Parameters: { Location: ./api.json } } }"],
    )
    def test_an_openapi_file_next_to_the_template_is_read(self, property_text: str, tmp_path: Path) -> None:
        (tmp_path / "api.json").write_text('{"paths": {"/a": {"get": {}}}}', encoding="utf-8")
        resources = f"Api: {{ Type: AWS::Serverless::Api, Properties: {{ {property_text} }} }}"
        assert routes_of(resources, tmp_path) == (["GET /a"], {})

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "a: [",
            "Resources: 7",
            "\x00",
            "[]",
            "text",
            "Resources: { A: {}, A: {} }",
            "version = 0.1\n[a.b]\nc = 1",
        ],
    )
    def test_an_invalid_template_is_refused_with_its_name(self, text: str, tmp_path: Path) -> None:
        path = tmp_path / "broken.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(BadInput, match=r"broken\.yaml is not a (?:valid template in YAML or JSON|template): "):
            template.read(path)

    def test_an_invalid_fn_foreach_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="Fn::ForEach values must be a list of 3"):
            routes_of("Fn::ForEach::X: [N]", tmp_path)

    def test_without_cfn_lint_the_error_names_the_remedy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        real = builtins.__import__

        def without(name: str, *rest: Any) -> Any:
            if name.startswith("cfnlint"):
                raise ImportError(name)
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(BadInput, match=r"pip install '\.\[templates\]'"):
            routes_of(ME, tmp_path)


class TestCheck:
    def test_each_route_is_listed_with_who_may_call_it(self, check: Check) -> None:
        rules = rule("* /*", "scopes = ['api']") + rule("GET /orders/{id}")
        events = f"{{ A: {event('get', '/orders/{id}')}, B: {event('any', '/me')} }}"
        answer = check(rules, f"F: {FUNCTION % events}")
        assert answer.exit_code == 0, answer.output
        assert answer.stdout.splitlines() == [
            "ANY /me                  any accepted credential with the scope api (line 1)",
            "GET /orders/{id}         any accepted credential with the scope api (line 1, line 4)",
        ]
        assert (
            "auth.toml: 0 settings, 0 identity providers, 2 rules, 8 routes of api.yaml: no mistakes found"
            in answer.stderr
        )

    def test_a_rule_for_a_part_of_a_route_is_listed_below_it(self, check: Check) -> None:
        rules = rule("* /*") + rule("GET /admin/x", "credentials = ['jwt']")
        answer = check(rules, f"F: {FUNCTION % ('{ A: ' + event('get', '/{proxy+}') + ' }')}")
        assert answer.stdout.splitlines() == [
            "GET /{proxy+}            any accepted credential (line 1)",
            "              GET /admin/x           a JWT (line 4)",
        ]

    def test_a_route_that_no_rule_matches_is_refused(self, check: Check) -> None:
        events = f"{{ A: {event('get', '/me')}, B: {event('get', '/b')} }}"
        assert (
            "GET /b                   no credential: no rule matches"
            in check(rule("GET /me"), f"F: {FUNCTION % events}").stdout
        )

    def test_a_route_without_an_authorizer_is_open_and_no_rule_matches_it(self, check: Check) -> None:
        method = "AWS::ApiGatewayV2::Route, Properties: { ApiId: x, RouteKey: GET /me, AuthorizationType: NONE }"
        answer = check(rule("GET /me"), f"R: {{ Type: {method} }}")
        assert answer.exit_code == 10
        assert "GET /me                  anyone: it has no Lambda authorizer in the template" in answer.stdout

    def test_a_template_in_place_of_the_file_names_the_option(self, check: Check) -> None:
        check("", f"F: {FUNCTION % '{}'}")
        answer = CliRunner().invoke(main, ["check", "api.yaml"], obj=App(env={}))
        assert answer.exit_code == 2
        assert "FILE is the auth.toml file. Specify the template with --template." in answer.stderr
        assert "FILE is" not in check("nonsense").stderr

    def test_a_template_that_does_not_exist_is_named(self, check: Check) -> None:
        answer = check(rule("GET /me"), None, "--template", "nope.yaml")
        assert answer.exit_code == 2
        assert "nope.yaml cannot be read: No such file or directory.\n" in answer.stderr

    def test_a_route_with_the_stage_is_corrected(self, check: Check) -> None:
        answer = check(
            rule("GET /v1/me") + rule("GET /v1/b"), f"F: {FUNCTION % ('{ A: ' + event('get', '/me') + ' }')}"
        )
        assert (
            "GET /v1/me matches no route with an authorizer in the template. A route does not include the stage. "
            "If v1 is the stage, write GET /me." in answer.stderr
        )
        assert "GET /v1/b matches no route with an authorizer in the template.\n" in answer.stderr

    def test_all_mistakes_are_reported_at_once(self, check: Check) -> None:
        rules = (
            rule("GET /me", "credentials = ['jwt']")
            + rule("GET /me", "consumers = ['acme']")
            + rule("GET /gone")
            + rule("GET /lost")
            + rule("* /me", "credentials = ['jwt']\nany = [{ consumers = ['acme'] }]")
        )
        answer = check(rules, ME)
        assert answer.exit_code == 2
        assert [line for line in answer.stderr.splitlines() if line.startswith("Error")] == [
            "Error: auth.toml, line 7: GET /gone matches no route with an authorizer in the template.",
            "Error: auth.toml, line 10: GET /lost matches no route with an authorizer in the template.",
            (
                "Error: auth.toml, line 13: * /me: no credential can satisfy it: a credential cannot be both an API "
                "key and a JWT."
            ),
            (
                "Error: auth.toml, line 1: GET /me and line 4: GET /me: no credential can satisfy both: a credential "
                "cannot be both an API key and a JWT. All rules that match a route must be satisfied: write one rule "
                "with any = [...], or change a route."
            ),
        ]
        assert "5 mistakes" not in answer.stderr
        assert "4 mistakes found" in answer.stderr

    def test_rules_that_match_no_common_route_do_not_conflict(self, check: Check) -> None:
        rules = rule("GET /a/{id}", "credentials = ['jwt']") + rule("GET /{id}/b", "credentials = ['api_key']")
        events = f"{{ A: {event('get', '/a/x')}, B: {event('get', '/c/b')} }}"
        assert check(rules, f"F: {FUNCTION % events}").exit_code == 0
        assert check(rules, f"F: {FUNCTION % ('{ A: ' + event('get', '/a/b') + ' }')}").exit_code == 2
        assert "no credential can satisfy both" in check(rules).stderr

    def test_two_values_of_a_claim_that_might_be_a_list_are_a_note(self, check: Check) -> None:
        answer = check(rule("GET /me", "claims = { g = 'a' }") + rule("GET /me", "claims = { g = ['b', 'c'] }"), ME)
        assert answer.exit_code == 0
        note = "Note: auth.toml, line 1: GET /me and line 4: GET /me are both satisfied only if g is a list"
        assert note in answer.stderr

    def test_a_check_without_routes_has_its_own_exit_code(self, check: Check) -> None:
        answer = check(rule("GET /me"), API)
        assert answer.exit_code == 10
        assert "0 routes of api.yaml: no mistakes found. Rules that were not checked: 1." in answer.stderr
        alone = check(rule("GET /me"))
        assert alone.exit_code == 10
        assert "The routes were not checked: specify --template" in alone.stderr

    def test_a_rule_that_might_match_an_unread_part_is_not_checked(self, check: Check) -> None:
        stack = "S: { Type: AWS::CloudFormation::Stack, Properties: { TemplateURL: x } }"
        answer = check(rule("GET /me") + rule("GET /else"), f"{ME}\n{stack}")
        assert answer.exit_code == 10
        assert "Not read: S: a nested stack: check its template separately" in answer.stderr
        assert "Not checked: auth.toml, line 4: GET /else matches no route that could be read." in answer.stderr
        assert (
            "1 route of api.yaml (1 part of it could not be read): no mistakes found. Rules that were not checked: 1."
            in answer.stderr
        )

    def test_a_file_without_rules_is_a_mistake(self, check: Check) -> None:
        answer = check("[settings]\ndata_encoding = 'base64url'", ME)
        assert answer.exit_code == 2
        assert "auth.toml, line 1: The file has no [[rule]], so it permits no route." in answer.stderr

    def test_a_rule_that_permits_every_route_is_a_warning(self, check: Check) -> None:
        answer = check(rule("* /*"), ME)
        assert answer.exit_code == 0
        assert "Warning: Every accepted credential can call every route: the only rule is * /*" in answer.stderr
        assert "Warning" not in check(rule("* /*", "credentials = ['jwt']"), ME).stderr

    @pytest.mark.parametrize(
        ("rules", "path", "told"),
        [
            (rule("* /*") + rule("GET /admin/x", "credentials = ['jwt']"), "/{proxy+}", True),
            (rule("* /*") + rule("GET /admin/x", "credentials = ['jwt']"), "/admin/x", False),
            (rule("GET /me") + rule("GET /admin/x", "credentials = ['jwt']"), "/{proxy+}", False),
        ],
    )
    def test_other_spellings_of_a_path_are_a_note_if_a_route_receives_them(
        self, rules: str, path: str, told: bool, check: Check
    ) -> None:
        answer = check(rules, f"F: {FUNCTION % ('{ A: ' + event('get', path) + ' }')}")
        note = "line 4: GET /admin/x: the route GET /{proxy+} also receives other spellings of this path, such as GET "
        case = "/%61dmin/x, other case, or a part after a semicolon. They match only line 1: * /*."
        assert (note + case in answer.stderr) == told

    @pytest.mark.parametrize(
        ("wide", "narrow", "path", "odd"),
        [
            ("/files/*", "/files/secret*", "/files/{proxy+}", "/files/%73ecret*"),
            ("/api/*", "/api/admin/*", "/api/{proxy+}", "/api/%61dmin/*"),
            ("/v1*", "/v1/admin", "/v1/{proxy+}", "/v1/%61dmin"),
            ("/*/users", "/admin/users", "/{proxy+}", "/%61dmin/users"),
        ],
    )
    def test_other_spellings_are_a_note_wherever_the_wider_rule_and_the_greedy_route_begin(
        self, wide: str, narrow: str, path: str, odd: str, check: Check
    ) -> None:
        rules = rule(f"GET {wide}") + rule(f"GET {narrow}", "credentials = ['jwt']")
        answer = check(rules, f"F: {FUNCTION % ('{ A: ' + event('get', path) + ' }')}")
        assert f"line 4: GET {narrow}: the route GET {path} also receives other spellings of this path" in answer.stderr
        assert f"such as GET {odd}, " in answer.stderr

    def test_the_default_route_of_an_http_api_receives_other_spellings(self, check: Check) -> None:
        rules = rule("$default") + rule("* /*") + rule("GET /admin/x", "credentials = ['jwt']")
        events = f"{{ A: {event('get', '/admin/x', 'HttpApi')}, B: {{ Type: HttpApi }} }}"
        note = "line 7: GET /admin/x: the route $default also receives other spellings"
        assert note in check(rules, f"F: {FUNCTION % events}").stderr

    def test_the_rules_of_one_authorizer_can_be_compared_with_several_apis(self, check: Check, tmp_path: Path) -> None:
        (tmp_path / "other.yaml").write_text(
            written(f"G: {FUNCTION % ('{ B: ' + event('get', '/orders', 'HttpApi') + ' }')}"), encoding="utf-8"
        )
        rules = rule("GET /me") + rule("GET /orders")
        assert "line 4: GET /orders matches no route" in check(rules, ME).stderr
        both = check(rules, ME, "--template", "other.yaml")
        assert (both.exit_code, "2 routes of api.yaml, other.yaml: no mistakes found" in both.stderr) == (0, True)

    def test_programs_get_the_same(self, check: Check) -> None:
        rules = rule("GET /me") + rule("GET /else")
        answer = check(rules, ME, "--output", "json")
        assert answer.exit_code == 2
        assert json.loads(answer.stdout) == {
            "rules": 2,
            "providers": 0,
            "routes": [{"route": "GET /me", "who": "any accepted credential", "rules": ["line 1"], "part": []}],
            "mistakes": ["line 4: GET /else matches no route with an authorizer in the template"],
            "notes": [],
            "unread": [],
            "unchecked": [],
        }

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (
                "[[rule]]\nroute = 'ANY /me'\nscope = 1",
                ["auth.toml, line 2: The route has", "auth.toml, line 3: 'scope'"],
            ),
            (
                "[settings]\nleeway = 1\n[[provider]]\nissuer = 7\n[[rule]]\nroute = 'GET /me'",
                ["auth.toml, line 2: 'leeway'", "auth.toml, line 3: audience is missing", "auth.toml, line 4: issuer"],
            ),
            ("[[rule", ["auth.toml, not TOML"]),
            ("", ["auth.toml, line 1: The file has no [[rule]]"]),
        ],
    )
    def test_every_mistake_is_reported_with_its_line(self, text: str, told: list[str], check: Check) -> None:
        answer = check(text)
        assert answer.exit_code == 2
        lines = answer.stderr.removeprefix("Error: ").splitlines()
        assert len(lines) == len(told)
        assert all(each in line for each, line in zip(told, lines, strict=True))

    def test_a_missing_file_is_named(self) -> None:
        answer = CliRunner().invoke(main, ["check", "nowhere.toml"], obj=App(env={}), catch_exceptions=False)
        assert answer.exit_code == 2
        assert "nowhere.toml" in answer.stderr


class TestRequirement:
    @pytest.mark.parametrize(
        ("members", "words"),
        [
            ("", "any accepted credential"),
            ("credentials = ['jwt']", "a JWT"),
            ("consumers = ['b', 'a']", "an API key of a or b"),
            (
                "scopes = ['x', 'y']\nany_scopes = ['p']",
                "any accepted credential with the scopes x and y and with the scope p",
            ),
            (
                "credentials = ['jwt']\nclaims = { org.plan = ['gold', 3], beta = true }",
                'a JWT with org.plan "gold" or 3 and with beta true',
            ),
            (
                "any = [{ consumers = ['acme'], scopes = ['w'] }, { credentials = ['jwt'], claims = { g = 'a' } }]",
                'an API key of acme with the scope w; or a JWT with g "a"',
            ),
            ("credentials = ['jwt']\nany = [{ consumers = ['acme'] }, { scopes = ['w'] }]", "a JWT with the scope w"),
            (
                "credentials = ['jwt']\nany = [{ consumers = ['acme'] }]",
                "no credential: a credential cannot be both an API key and a JWT",
            ),
        ],
    )
    def test_who_satisfies_a_rule_is_described_in_words(self, members: str, words: str) -> None:
        assert requirement.who(rules_of(rule("GET /me", members)).rules) == words

    @pytest.mark.parametrize(
        ("one", "other", "reason"),
        [
            ("credentials = ['jwt']", "credentials = ['api_key']", "a credential cannot be both an API key and a JWT"),
            ("credentials = ['jwt']", "consumers = ['a']", "a credential cannot be both an API key and a JWT"),
            ("consumers = ['a']", "consumers = ['b', 'c']", "a key has only one consumer"),
            ("claims = { iss = 'a' }", "claims = { iss = ['b', 'c'] }", "the claim iss has only one value"),
            (
                "claims = { org = 'a' }",
                "claims = { org.plan = 'b' }",
                "the claim org cannot be both a value and the parent of org.plan",
            ),
            ("any = [{ scopes = ['x'] }, { credentials = ['jwt'] }]", "consumers = ['a']", None),
            ("claims = { iss = ['a', 'b'] }", "claims = { iss = 'b' }", None),
            ("claims = { g = 'a' }", "claims = { g = 'b' }", None),
            ("scopes = ['x']", "any_scopes = ['y']", None),
        ],
    )
    def test_rules_that_no_identity_can_satisfy_together_are_detected(
        self, one: str, other: str, reason: str | None
    ) -> None:
        rules = rules_of(rule("GET /a", one) + rule("GET /b", other)).rules
        assert requirement.conflict(rules) == reason
        assert requirement.conflict(rules[::-1]) == reason

    def test_too_many_combinations_are_not_analyzed(self) -> None:
        many = "any = [" + ", ".join(f"{{ scopes = ['{{0}}{number}'] }}" for number in range(9)) + "]"
        rules = rules_of("".join(rule(f"GET /{name}", many.replace("{0}", name)) for name in "ab")).rules
        assert requirement.who(rules) == "a credential that satisfies line 1, line 4"
        assert requirement.conflict(rules) is None


TEXTS = ["".join(letters) for length in range(6) for letters in product("ab/", repeat=length)]


@given(
    st.lists(st.sampled_from(["a", "b", "ab", "{id}"]), max_size=3),
    st.booleans(),
    st.text("ab/*", max_size=5).map(lambda text: re.sub(r"\*+", "*", text)),
)
def test_an_endpoint_matches_a_rule_as_its_requests_do(segments: list[str], greedy: bool, pattern: str) -> None:
    path = "/" + "/".join([*segments, *(["{proxy+}"] if greedy else [])])
    expression = re.sub(r"\{[a-z]+\}", "[^/]+", path.replace("{proxy+}", ".+"))
    requests = [text for text in TEXTS if re.fullmatch(expression, f"/{text}")]
    matched = re.compile(".*".join(map(re.escape, pattern.split("*"))))
    met = [text for text in requests if matched.fullmatch(text)]
    endpoint, route = Endpoint(path, "GET"), Route("GET", pattern)
    # The generated requests have a limited length: a longer one might match, or might not be covered.
    assert endpoint.is_met(route) >= bool(met)
    assert not endpoint.is_covered(route) or met == requests
    if not endpoint.is_met(route):
        assert not endpoint.is_covered(route)


@pytest.mark.parametrize(
    ("path", "route", "met", "covered"),
    [
        ("/orders/{id}", "GET /orders/{id}", True, True),
        ("/orders/{id}", "GET /orders/{id}/items", False, False),
        ("/orders/{id}", "GET /orders/7", True, False),
        ("/orders/{id}/items", "GET /orders/{id}", True, True),
        ("/{proxy+}", "GET /a/b/c", True, False),
        ("/{proxy+}", "GET /*", True, True),
        ("/orders", "GET /orders/*", False, False),
        ("/a", "$default", False, False),
        ("/a", "HEAD /a", False, False),
    ],
)
def test_a_parameter_of_an_api_is_one_segment(path: str, route: str, met: bool, covered: bool) -> None:
    endpoint = Endpoint(path, "GET")
    assert (endpoint.is_met(Route.parse(route)), endpoint.is_covered(Route.parse(route))) == (met, covered)
