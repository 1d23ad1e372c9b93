"""`keys check`: access rules compared with the template of an API."""

import json
import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from authorizer import auth_file
from authorizer.route import Route
from keys.cli.app import App
from keys.cli.main import main
from keys.deployment import requirement
from keys.deployment.endpoint import Endpoint
from keys.deployment.file_notes import claim_notes
from keys.deployment.stack import Deployment
from keys.deployment.words import plural
from local import toml
from tests.support import rules_text
from tests.support.rules_text import PERMIT_ALL, auth_toml, rules_of

Check = Callable[..., Result]
AUTHORIZER = "FunctionArn: !Ref AuthorizerFunctionArn, Identity: { Headers: [Authorization] }"
HEAD = f"""
Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Parameters: {{ AuthorizerFunctionArn: {{ Type: String }} }}
Globals:
  Api: {{ Auth: {{ DefaultAuthorizer: M, Authorizers: {{ M: {{ {AUTHORIZER}, FunctionPayloadType: REQUEST }} }} }} }}
  HttpApi:
    Auth: {{ DefaultAuthorizer: M, Authorizers: {{ M: {{ {AUTHORIZER}, AuthorizerPayloadFormatVersion: "2.0" }} }} }}
Resources:
"""
FUNCTION = "{ Type: AWS::Serverless::Function, Properties: { Runtime: python3.13, Handler: a.b, Events: %s } }"
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
    return HEAD + "".join(f"  {line}\n" for line in resources.strip("\n").splitlines())


def rule(route: str, members: str = "") -> str:
    return f"[[rule]]\nroute = '{route}'\n{members}\n"


def event(method: str, path: str, kind: str = "Api", auth: str | None = None) -> str:
    member = f", Auth: {{ Authorizer: {auth} }}" if auth else ""
    return f"{{ Type: {kind}, Properties: {{ Method: {method}, Path: '{path}'{member} }} }}"


def function(*events: str) -> str:
    """A function with these events."""
    return f"F: {FUNCTION % ('{ ' + ', '.join(f'E{n}: {each}' for n, each in enumerate(events)) + ' }')}"


ME = function(event("get", "/me"))
ADMIN = rule("GET /admin/x", "credentials = ['jwt']")


class TestCheck:
    def test_each_route_is_listed_with_who_may_call_it(self, check: Check) -> None:
        rules = rule("* /*", "scopes = ['api']") + rule("GET /orders/{id}")
        resources = function(event("get", "/orders/{id}"), event("any", "/me"))
        answer = check(rules, resources)
        assert answer.exit_code == 0, answer.output
        assert answer.stdout.splitlines() == [
            "ANY /me                  any accepted credential with the scope api (line 1)",
            "GET /orders/{id}         any accepted credential with the scope api (line 1, line 4)",
        ]
        looked_at = "0 settings, 0 identity providers, 2 rules, 8 routes of api.yaml (8 behind this authorizer)"
        assert f"auth.toml: {looked_at}: no mistakes found" in answer.stderr

    def test_a_rule_for_a_part_of_a_route_is_listed_below_it(self, check: Check) -> None:
        rules = rule("* /*") + ADMIN
        answer = check(rules, f"F: {FUNCTION % ('{ A: ' + event('get', '/{proxy+}') + ' }')}")
        assert answer.stdout.splitlines() == [
            "GET /{proxy+}            any accepted credential (line 1)",
            "              GET /admin/x           a JWT (line 4)",
        ]

    def test_a_route_that_no_rule_matches_is_refused(self, check: Check) -> None:
        resources = function(event("get", "/me"), event("get", "/b"))
        assert "GET /b                   no credential: no rule matches" in check(rule("GET /me"), resources).stdout

    def test_a_route_without_an_authorizer_is_open_and_no_rule_matches_it(self, check: Check) -> None:
        method = "AWS::ApiGatewayV2::Route, Properties: { ApiId: x, RouteKey: GET /me, AuthorizationType: NONE }"
        answer = check(rule("GET /me"), f"R: {{ Type: {method} }}")
        assert answer.exit_code == 10
        assert "GET /me                  anyone: it has no authorizer" in answer.stdout

    def test_a_rule_for_a_route_that_another_authorizer_guards_is_a_mistake(self, check: Check) -> None:
        resources = function(event("get", "/a"), event("get", "/b", auth="NONE"), event("get", "/c", auth="AWS_IAM"))
        answer = check(rule("GET /a") + rule("GET /b") + rule("GET /c"), resources)
        assert answer.exit_code == 2
        assert "GET /b                   anyone: it has no authorizer" in answer.stdout
        assert "GET /c                   another authorizer: IAM" in answer.stdout
        assert "line 4: GET /b matches no route with this authorizer: anyone can call GET /b." in answer.stderr
        assert (
            "line 7: GET /c matches no route with this authorizer: GET /c has another authorizer: IAM" in answer.stderr
        )
        assert "3 routes of api.yaml (1 anyone, 1 behind this authorizer, 1 behind another authorizer)" in answer.stderr

    API_WITH = """
Api: { Type: AWS::ApiGatewayV2::Api, Properties: { ProtocolType: HTTP } }
M: { Type: AWS::ApiGatewayV2::Authorizer, Properties: { AuthorizerUri: !Sub
  "arn:aws:apigateway:x:lambda:path/2015-03-31/functions/${AuthorizerFunctionArn}/invocations", %s } }
A: { Type: AWS::ApiGatewayV2::Route, Properties: { ApiId: !Ref Api, RouteKey: GET /a, AuthorizationType: CUSTOM,
  AuthorizerId: !Ref M } }"""
    SOURCE = "AuthorizerType: REQUEST, IdentitySource: [$request.header.%s]"

    @pytest.mark.parametrize(
        ("authorizer", "told"),
        [
            ("AuthorizerType: TOKEN", "the authorizer M has the type TOKEN"),
            (SOURCE % "X-Tenant", "the authorizer M has the identity source $request.header.X-Tenant without"),
            (f"{SOURCE % 'Authorization'}, EnableSimpleResponses: true", "API Gateway expects simple responses of the"),
            (SOURCE % "Authorization", None),
        ],
    )
    def test_an_authorizer_that_is_attached_wrongly_is_a_mistake(
        self, authorizer: str, told: str | None, check: Check
    ) -> None:
        answer = check(rule("GET /a", "credentials = ['jwt']"), self.API_WITH % authorizer)
        assert answer.exit_code == (2 if told else 0)
        assert (f"Error: GET /a: {told}" in answer.stderr) == bool(told)

    def test_simple_responses_belong_in_the_file_and_in_the_api(self, check: Check) -> None:
        file = "[settings]\nsimple_responses = true\n" + rule("* /*")
        source = self.SOURCE % "Authorization"
        assert check(file, self.API_WITH % f"{source}, EnableSimpleResponses: true").exit_code == 0
        answer = check(file, self.API_WITH % source)
        assert (answer.exit_code, "API Gateway expects policies" in answer.stderr) == (2, True)

    def test_a_greedy_route_is_named(self, check: Check) -> None:
        answer = check(rule("* /*"), f"F: {FUNCTION % ('{ A: ' + event('get', '/{proxy+}') + ' }')}")
        assert (
            "Note: the route /{proxy+} is greedy: it also receives each path that no other route has" in answer.stderr
        )

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
        answer = check(rule("GET /v1/me") + rule("GET /v1/b"), function(event("get", "/me")))
        assert (
            "GET /v1/me matches no route with this authorizer. A route does not include the stage. "
            "If v1 is the stage, write GET /me." in answer.stderr
        )
        assert "GET /v1/b matches no route with this authorizer.\n" in answer.stderr

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
            "Error: auth.toml, line 7: GET /gone matches no route with this authorizer.",
            "Error: auth.toml, line 10: GET /lost matches no route with this authorizer.",
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
        resources = function(event("get", "/a/x"), event("get", "/c/b"))
        assert check(rules, resources).exit_code == 0
        assert check(rules, function(event("get", "/a/b"))).exit_code == 2
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
        assert "The routes were not checked: specify --template or --api" in alone.stderr

    def test_a_rule_that_might_match_an_unread_part_is_not_checked(self, check: Check) -> None:
        stack = "S: { Type: AWS::CloudFormation::Stack, Properties: { TemplateURL: x } }"
        answer = check(rule("GET /me") + rule("GET /else"), f"{ME}\n{stack}")
        assert answer.exit_code == 10
        assert "Not read: S: a nested stack: check its template separately" in answer.stderr
        unchecked = "line 4: GET /else matches no route with this authorizer that could be read."
        assert f"Not checked: auth.toml, {unchecked}" in answer.stderr
        assert (
            "1 route of api.yaml (1 behind this authorizer), 1 part that could not be read: no mistakes found. "
            "Rules that were not checked: 1." in answer.stderr
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
            (rule("* /*") + ADMIN, "/{proxy+}", True),
            (rule("* /*") + ADMIN, "/admin/x", False),
            (rule("GET /me") + ADMIN, "/{proxy+}", False),
        ],
    )
    def test_other_spellings_of_a_path_are_a_note_if_a_route_receives_them(
        self, rules: str, path: str, told: bool, check: Check
    ) -> None:
        answer = check(rules, function(event("get", path)))
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
        answer = check(rules, function(event("get", path)))
        assert f"line 4: GET {narrow}: the route GET {path} also receives other spellings of this path" in answer.stderr
        assert f"such as GET {odd}, " in answer.stderr

    def test_the_default_route_of_an_http_api_receives_other_spellings(self, check: Check) -> None:
        rules = rule("$default") + rule("* /*") + ADMIN
        resources = function(event("get", "/admin/x", "HttpApi"), "{ Type: HttpApi }")
        note = "line 7: GET /admin/x: the route $default also receives other spellings"
        assert note in check(rules, resources).stderr

    def test_the_rules_of_one_authorizer_can_be_compared_with_several_apis(self, check: Check, tmp_path: Path) -> None:
        (tmp_path / "other.yaml").write_text(written(function(event("get", "/orders", "HttpApi"))), encoding="utf-8")
        rules = rule("GET /me") + rule("GET /orders")
        assert "line 4: GET /orders matches no route" in check(rules, ME).stderr
        both = check(rules, ME, "--template", "other.yaml")
        assert both.exit_code == 0
        assert "2 routes of api.yaml, other.yaml (2 behind this authorizer): no mistakes found" in both.stderr

    def test_programs_get_the_same(self, check: Check) -> None:
        rules = rule("GET /me") + rule("GET /else")
        answer = check(rules, ME, "--output", "json")
        assert answer.exit_code == 2
        assert json.loads(answer.stdout) == {
            "rules": 2,
            "providers": 0,
            "routes": [
                {
                    "api": "ServerlessRestApi",
                    "route": "GET /me",
                    "caller": "this authorizer",
                    "who": "any accepted credential",
                    "rules": ["line 1"],
                    "part": [],
                }
            ],
            "mistakes": ["line 4: GET /else matches no route with this authorizer"],
            "notes": [],
            "unread": [],
            "access_logs": [],
            "usage_plans": [],
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

    def test_a_parameter_that_is_given_twice_is_refused(self, check: Check) -> None:
        answer = check('[[rule]]\nroute = "GET /a"\n', API, "--parameter", "Stage=a", "--parameter", "Stage=b")
        assert (answer.exit_code, answer.stderr) == (2, "Error: --parameter Stage is given twice.\n")


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


PROVIDER = {"issuer": "https://issuer.example/", "audience": "api"}


def check_with_stack(file: str, **parameters: str) -> Result:
    nothing: Any = None
    deployed = Deployment("s", "arn", {}, parameters, nothing)
    app = App(env={}, resolve=lambda _target, _env: nothing, find_deployment=lambda _resolved: deployed)
    return CliRunner().invoke(main, ["check", file, "--stack", "s"], obj=app, catch_exceptions=False)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"JwtIssuer": "https://old.example", "JwtAudience": "a"}, 'Write JwtIssuer = "", JwtAudience = "" into the'),
        ({"JwtJwksUrl": "https://old.example/jwks"}, 'Write JwtJwksUrl = "" into the settings file'),
        ({"AuthConfig": ""}, 'AuthConfig = "auth.toml"'),
    ],
)
def test_a_parameter_that_the_stack_keeps_and_that_clashes_is_a_mistake_with_its_remedy(
    parameters: dict[str, str], told: str, tmp_path: Path
) -> None:
    answer = check_with_stack(auth_toml(tmp_path, PROVIDER), **parameters)
    assert answer.exit_code == 2
    assert told in answer.stderr


def test_a_provider_in_parameters_is_none_beside_a_file_without_providers(tmp_path: Path) -> None:
    parameters = {"JwtIssuer": "https://issuer.example/", "JwtAudience": "api"}
    answer = check_with_stack(rules_text.written(tmp_path), **parameters)
    assert "Error" not in answer.stderr


def test_a_removed_parameter_whose_providers_the_file_does_not_have_is_a_mistake(tmp_path: Path) -> None:
    answer = check_with_stack(rules_text.written(tmp_path), JwtProviders="[{}]")
    assert answer.exit_code == 2
    assert "write its providers as [[provider]] into the file" in answer.stderr
    assert check_with_stack(auth_toml(tmp_path, PROVIDER), JwtProviders="[{}]").exit_code == 0


PLANS = """
[[plan]]
name = "gold"
usage_key = "0123456789abcdefghij"
issuers = ["https://other.example"]
claims = { "org.plan" = "gold" }
"""


def test_plans_of_the_file_are_counted_and_the_default_usage_key_that_they_need_is_a_note(tmp_path: Path) -> None:
    file = rules_text.written(tmp_path, toml.array_of_tables("provider", [PROVIDER]), PLANS)
    without = check_with_stack(file, DefaultUsageKey="")
    assert "1 rule, 1 plan" in without.stderr
    assert "DefaultUsageKey of the stack is empty, and the file has 1 plan" in without.stderr
    assert 'the claim path org.plan is read as "org", then "plan"' in without.stderr
    assert "the plan gold: no [[provider]] of this file has the issuer https://other.example" in without.stderr
    given = check_with_stack(file, DefaultUsageKey="0123456789abcdefghij")
    assert "DefaultUsageKey" not in given.stderr


def test_another_file_than_the_deployed_one_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(PERMIT_ALL, encoding="utf-8")
    answer = check_with_stack(str(tmp_path / "mine.toml"), AuthConfig="auth.toml")
    assert "AuthConfig of the stack is auth.toml." in answer.stderr
    assert "AuthConfig of" not in check_with_stack("src/authorizer/auth.toml", AuthConfig="auth.toml").stderr


FILE = """
[[provider]]
issuer = "https://a.example"
audience = "api"
scope_claims = ["scope", "https://a.example/roles"]
required_claims = { hd = ["a.example", "b.example"], "kubernetes.io".namespace = "prod", typ = "Bearer" }

[[rule]]
route = "GET /me"
claims = { "org.plan" = "gold", "cognito:groups" = "admins" }
any = [{ issuers = ["https://a.example", "https://b.example"] }]
"""


def test_each_path_is_reported_that_is_not_a_plain_name_and_each_required_claim() -> None:
    widely = ", or a list that contains"
    assert list(claim_notes(auth_file.parse(FILE))) == [
        'the claim path https://a.example/roles is read as "https://a.example/roles"',
        'the claim path "kubernetes.io".namespace is read as "kubernetes.io", then "namespace"',
        'the claim path org.plan is read as "org", then "plan"',
        f'tokens of https://a.example are accepted only if hd is one of "a.example", "b.example"{widely} one of them',
        f'tokens of https://a.example are accepted only if "kubernetes.io".namespace is "prod"{widely} it',
        f'tokens of https://a.example are accepted only if typ is "Bearer"{widely} it',
        "line 8: no [[provider]] of this file has the issuer https://b.example, so its tokens are refused",
    ]


@pytest.mark.parametrize(("count", "text"), [(0, "0 keys"), (1, "1 key"), (2, "2 keys"), (1_000, "1,000 keys")])
def test_a_noun_is_in_the_singular_only_for_one(count: int, text: str) -> None:
    assert plural(count, "key") == text


TWO_ROUTES = """
A: { Type: AWS::Serverless::Function, Properties: { Runtime: python3.13, Handler: a.b, Events: {
  R: { Type: Api, Properties: { Path: /reports, Method: GET } },
  W: { Type: Api, Properties: { Path: /reports, Method: POST } } } } }
"""
READ, WRITE = rule("GET /reports", "scopes = ['reports:read']"), rule("POST /reports", "any_scopes = ['w', 'x']")


def test_the_challenge_of_a_403_is_told_where_only_a_missing_scope_can_refuse(check: Check) -> None:
    answer = " ".join(check(READ + WRITE, TWO_ROUTES).stderr.split())
    assert 'WWW-Authenticate: Bearer error="insufficient_scope", scope="reports:read w x"' in answer


@pytest.mark.parametrize(
    "rules",
    [
        READ,
        rule("GET /reports") + rule("POST /reports"),
        READ + rule("POST /reports", "credentials = ['jwt']\nscopes = ['w']"),
        READ + rule("POST /reports", "scopes = ['w']\nnetworks = ['203.0.113.0/24']"),
        READ + rule("POST /reports", "any = [{ scopes = ['w'] }, { claims = { plan = 'gold' } }]"),
    ],
)
def test_no_challenge_is_told_where_something_else_can_refuse(check: Check, rules: str) -> None:
    assert "insufficient_scope" not in check(rules, TWO_ROUTES).output


def test_no_challenge_is_told_for_a_route_that_accepts_any_spelling(check: Check) -> None:
    greedy = TWO_ROUTES.replace("Path: /reports, Method: POST", "Path: '/{proxy+}', Method: POST")
    assert "insufficient_scope" not in check(READ + rule("POST /*", "scopes = ['w']"), greedy).output


def test_networks_are_told_and_two_rules_without_a_common_one_are_a_mistake(check: Check) -> None:
    office, home = "networks = ['203.0.113.0/24']", "networks = ['198.51.100.0/24']"
    told = check(rule("GET /reports", office) + rule("POST /reports", office), TWO_ROUTES)
    assert "any accepted credential from 203.0.113.0/24" in told.stdout
    both = rule("* /reports", office)
    answer = check(both + rule("POST /reports", home), TWO_ROUTES)
    assert answer.exit_code == 2
    assert "no credential can satisfy both: a request comes from only one network" in answer.stderr
    assert check(both + rule("POST /reports", "networks = ['203.0.113.0/25']"), TWO_ROUTES).exit_code == 0


METADATA = """
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: v1
      Auth:
        DefaultAuthorizer: MultiAuth
        Authorizers:
          MultiAuth:
            FunctionArn: !Ref AuthorizerFunctionArn
            FunctionPayloadType: REQUEST
            Identity: {Headers: [Authorization]}
  Backend:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: a.b
      InlineCode: x
      Events:
        Metadata:
          Type: Api
          Properties:
            {RestApiId: !Ref Api, Method: GET, Path: /.well-known/oauth-protected-resource, Auth: {Authorizer: HERE}}
        Me:
          Type: Api
          Properties: {RestApiId: !Ref Api, Method: GET, Path: /me}
Parameters: {AuthorizerFunctionArn: {Type: String}}
Transform: AWS::Serverless-2016-10-31
"""


def test_the_metadata_for_agents_is_public_and_a_fault_if_it_is_not(tmp_path: Path) -> None:
    def check(authorizer: str) -> Result:
        (tmp_path / "api.yaml").write_text(METADATA.replace("HERE", authorizer), encoding="utf-8")
        words = ["check", rules_text.written(tmp_path), "--template", str(tmp_path / "api.yaml")]
        return CliRunner().invoke(main, words, catch_exceptions=False)

    assert "anyone: it is the metadata for agents" in check("NONE").stdout
    guarded = check("MultiAuth")
    assert guarded.exit_code == 2
    assert "attach the route without an authorizer" in guarded.stderr
