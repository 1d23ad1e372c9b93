"""`keys verify --route`, `keys explain` and `keys doctor`."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from authorizer import api_key
from authorizer.fetch import FetchError
from keys.cli.app import App
from keys.cli.main import main
from keys.core.errors import BadInput, NotFound
from keys.core.table import Table
from keys.deployment.doctor import Finding, State, examine
from keys.deployment.stack import Deployment, find
from keys.deployment.target import Resolved, Target, resolve
from tests.support.deployed_function import REFUSED, SETTINGS_ERROR, DeployedFunction
from tests.support.keys_command import KeysCommand
from tests.support.rules_text import auth_toml
from tests.support.tokens import AUDIENCE, ISSUER, NOW, claims, jwk, key_set, token

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RULES = """
[[rule]]
route = "GET /me"

[[rule]]
route = "POST /reports"
credentials = ["api_key"]
scopes = ["reports:write"]

[[rule]]
route = "GET /admin/{page}"
claims = { "org.role" = "secret-role" }
any_scopes = ["admin"]
"""


@pytest.fixture
def keys(dynamodb: "DynamoDBClient", table_name: str) -> KeysCommand:
    return KeysCommand(dynamodb, table_name)


@pytest.fixture
def rules_path(tmp_path: Path) -> str:
    path = tmp_path / "auth.toml"
    path.write_text(RULES, encoding="utf-8")
    return str(path)


def run(*arguments: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Result:
    """Run a command that needs no table, with these environment variables."""
    app = App(clock=lambda: NOW, env={"API_KEYS_TABLE": "-", **(env or {})})
    result = CliRunner().invoke(main, arguments, input=stdin, obj=app, catch_exceptions=False)
    assert "Traceback" not in result.stderr
    return result


class TestVerify:
    def test_a_key_with_the_scope_may_call_the_route(self, keys: KeysCommand, rules_path: str) -> None:
        key = keys.create("--scopes", "reports:write")["key"]
        answer = keys.run("verify", "--route", "POST /reports", "--rules", rules_path, stdin=key)
        assert answer.exit_code == 0
        assert "Permitted     yes" in answer.stdout
        assert "line 5: POST /reports: satisfied" in answer.stdout

    def test_a_refused_route_names_the_rule_and_its_parts(self, keys: KeysCommand, rules_path: str) -> None:
        key = keys.create()["key"]
        answer = keys.run("verify", "--route", "GET /admin/7", "--rules", rules_path, stdin=key)
        assert answer.exit_code == 5
        assert "line 10: GET /admin/*: refused by any_scopes (admin); claims (org.role)" in answer.stdout
        assert "secret-role" not in answer.output
        assert key not in answer.output

    def test_programs_get_the_same(self, keys: KeysCommand, rules_path: str) -> None:
        key = keys.create()["key"]
        arguments = ("verify", "--route", "POST /reports", "--rules", rules_path, "--output", "json")
        answer = json.loads(keys.run(*arguments, stdin=key).stdout)
        assert (answer["accepted"], answer["permitted"]) == (True, False)
        assert answer["rules"] == [
            {
                "where": "line 5",
                "route": "POST /reports",
                "satisfied": False,
                "refused_by": ["scopes (reports:write)"],
            }
        ]
        assert [statement["Effect"] for statement in answer["policy"]["Statement"]] == ["Allow"]
        assert answer["policy_bytes"] == len(json.dumps(answer["policy"], separators=(",", ":")))

    def test_a_route_that_no_rule_matches_is_refused(self, keys: KeysCommand, rules_path: str) -> None:
        answer = keys.run("verify", "--route", "GET /else", "--rules", rules_path, stdin=keys.create()["key"])
        assert answer.exit_code == 5
        assert "no rule matches this route" in answer.stdout

    @pytest.mark.parametrize("route", ["GET /admin/{page}", "* /me", "/me"])
    def test_a_route_that_no_request_asks_for_is_refused(self, route: str, keys: KeysCommand) -> None:
        answer = keys.run("verify", "--route", route, stdin="x")
        assert answer.exit_code == 2
        assert "such as" in answer.stderr


class TestExplain:
    ENV: Mapping[str, str] = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE}

    def test_an_accepted_token_is_shown_with_its_rules(self, rules_path: str) -> None:
        text = token(claims(scope="admin", org={"role": "secret-role"}))
        answer = run(
            "explain", "--jwt", "-", "--route", "GET /admin/x", "--rules", rules_path, stdin=text, env=self.ENV
        )
        assert answer.exit_code == 0, answer.stderr
        assert (
            "the signature was not checked, so the token might be forged. To check it, specify --jwks FILE"
            in answer.stdout
        )
        assert "line 10: GET /admin/*: satisfied" in answer.stdout
        assert "secret-role" not in answer.output
        assert text not in answer.output

    def test_without_input_there_is_nothing_to_explain(self, tmp_path: Path) -> None:
        empty = tmp_path / "token.txt"
        empty.write_text("\n", encoding="utf-8")
        for file in ("-", str(empty)):
            answer = run("explain", "--jwt", file, stdin="", env=self.ENV)
            assert (answer.exit_code, answer.stdout) == (2, "")
            assert "--jwt: no token was read." in answer.stderr

    def test_the_source_of_the_providers_is_named(self, rules_path: str) -> None:
        arguments = ("explain", "--jwt", "-", "--rules", rules_path)
        answer = run(*arguments, stdin=token(), env=self.ENV)
        assert f"Using 1 identity provider of the environment variables: {ISSUER}" in answer.stderr
        assert "identity providers are not used" in " ".join(run("explain", "--help").stdout.split())

    def test_the_signature_is_checked_with_a_key_set(self, tmp_path: Path, rules_path: str) -> None:
        jwks = tmp_path / "jwks.json"
        jwks.write_bytes(key_set(jwk()))
        arguments = ("explain", "--jwt", "-", "--jwks", str(jwks), "--rules", rules_path, "--output", "json")
        good = run(*arguments, stdin=token() + "\n", env=self.ENV)
        bad = run(*arguments, stdin=token()[:-8] + "AAAAAAAA", env=self.ENV)
        assert (good.exit_code, json.loads(good.stdout)["signature_checked"]) == (0, True)
        assert (bad.exit_code, json.loads(bad.stdout)["reason"]) == (5, "bad_signature")

    @pytest.mark.parametrize(
        ("text", "reason", "told"),
        [
            (token(claims(exp=NOW - 3600)), "expired_token", "Expires"),
            (token(claims(iss="https://other.example/")), "wrong_issuer", "https://other.example/"),
            (token(claims(aud="other")), "wrong_audience", "other"),
            ("a.b.c", "malformed_token", "truncated"),
            ("nonsense", "unrecognised", "no dot"),
            ("ü.ü.ü", "malformed_authorization", "not ASCII. Pass the credential alone."),
        ],
        ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "token",
    )
    def test_a_refused_token_is_shown_with_the_reason(self, text: str, reason: str, told: str) -> None:
        answer = run("explain", "--jwt", "-", stdin=text, env=self.ENV)
        assert answer.exit_code == 5
        assert reason in answer.stdout
        assert told in answer.stdout

    def test_without_settings_issuer_and_audience_are_those_of_the_token(self) -> None:
        answer = run("explain", "--jwt", "-", stdin=token(claims(iss="https://other.example/")))
        assert answer.exit_code == 0
        assert "Using the issuer and the audience of the token" in answer.stderr
        assert "Using the access rules of auth.toml in this checkout" in answer.stderr

    def test_data_claims_that_the_token_does_not_have_are_named(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.toml"
        file.write_text(
            f"[[provider]]\nissuer = '{ISSUER}'\naudience = '{AUDIENCE}'\njwks_url = 'https://i.example/jwks'\n"
            "data_claims = ['email', 'org.plan']\n[[rule]]\nroute = '* /*'\n",
            encoding="utf-8",
        )
        some = run("explain", "--jwt", "-", stdin=token(claims(email="e")), env={"AUTH_CONFIG": str(file)})
        assert re.search(r"Not in data +org\.plan: not in the token", some.output)
        every = token(claims(email="e", org={"plan": "gold"}))
        assert "Not in data" not in run("explain", "--jwt", "-", stdin=every, env={"AUTH_CONFIG": str(file)}).output

    def test_an_invalid_variable_is_named(self) -> None:
        answer = run("explain", "--jwt", "-", stdin=token(), env={"JWT_ISSUER": ISSUER})
        assert answer.exit_code == 2
        assert "JWT_AUDIENCE" in answer.stderr

    def test_an_invalid_key_set_is_refused(self, tmp_path: Path) -> None:
        jwks = tmp_path / "jwks.json"
        jwks.write_text("[]", encoding="utf-8")
        answer = run("explain", "--jwt", "-", "--jwks", str(jwks), stdin=token(), env=self.ENV)
        assert answer.exit_code == 2
        assert "key set is invalid" in answer.stderr


class Unreadable:
    """A client with the permission to describe the table, but not to read it."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        if name == "scan":
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Scan")
        return getattr(self._client, name)


class TestDoctor:
    ENVIRONMENT: Mapping[str, str] = {
        "API_KEYS_TABLE": "keys",
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        "JWT_JWKS_URL": "https://issuer.example/jwks.json",
        "API_KEY_CACHE_SECONDS": "10",
    }
    DISCOVERY: Mapping[str, str] = {"issuer": ISSUER, "jwks_uri": "https://issuer.example/jwks.json"}

    @pytest.fixture
    def examined(self, dynamodb: "DynamoDBClient", table_name: str) -> Any:
        def examine_with(
            discovery: object = self.DISCOVERY,
            keys: bytes | None = key_set(jwk()),
            **environment: str,
        ) -> dict[str, Finding]:
            def fetch(url: str, _seconds: float) -> bytes:
                if url.endswith("jwks.json"):
                    if keys is None:
                        raise FetchError("status 404")
                    return keys
                if discovery is None:
                    raise FetchError("timeout")
                return json.dumps(discovery).encode()

            variables = {**self.ENVIRONMENT, "API_KEYS_TABLE": table_name, **environment}
            answer = SETTINGS_ERROR if {"JWT_AUDIENCE", "AUTH_CONFIG"} & environment.keys() else REFUSED
            deployed = DeployedFunction(dynamodb, answer).deployment(variables, {"AuthorizerCacheSeconds": "30"})
            findings = examine(deployed, lambda: NOW, fetch)
            return {
                found.check.split(" ")[0] if "clock" not in found.check else found.check: found for found in findings
            }

        return examine_with

    def test_a_working_deployment_has_no_fault(self, examined: Any) -> None:
        found = examined()
        assert State.WRONG not in {finding.state for finding in found.values()}
        assert found["signing"].detail == "1 usable"

    def test_the_revocation_time_is_the_sum_of_both_caches(self, examined: Any) -> None:
        assert examined()["revocation"].detail.startswith(
            "a revoked key is accepted for at most 40 s: 30 s in the authorizer cache, 10 s"
        )

    def test_the_expiry_time_is_the_sum_of_cache_and_leeway(self, examined: Any) -> None:
        assert examined()["expiry"].detail == (
            "after its exp, a JWT is accepted for at most 60 s: 30 s in the authorizer cache, 30 s of leeway"
        )
        assert "expiry" not in examined(JWT_ISSUER="", JWT_AUDIENCE="", JWT_JWKS_URL="")

    @pytest.mark.parametrize(
        ("changes", "check", "told"),
        [
            ({"JWT_AUDIENCE": ""}, "settings", "JWT_AUDIENCE"),
            (
                {"discovery": {"issuer": f"{ISSUER}/", "jwks_uri": "x"}},
                "issuer",
                "its discovery document has the issuer",
            ),
            ({"discovery": None, "JWT_JWKS_URL": ""}, "issuer", "set JwtJwksUrl"),
            ({"keys": None}, "signing", "status 404"),
            ({"keys": b'{"keys": []}'}, "signing", "no usable key"),
            ({"API_KEYS_TABLE": "gone"}, "table", "does not exist"),
            ({"AUTH_CONFIG": "nowhere.toml"}, "settings", "nowhere.toml"),
        ],
    )
    def test_each_fault_is_reported_with_its_remedy(
        self, changes: dict[str, Any], check: str, told: str, examined: Any
    ) -> None:
        found = examined(**changes)[check]
        assert found.state is State.WRONG
        assert told in found.detail

    def test_keys_that_can_never_be_accepted_are_counted(
        self, examined: Any, keys: KeysCommand, tmp_path: Path
    ) -> None:
        keys.create()
        assert examined()["keys"].detail == "1 active key in the table, all in a format that the authorizer looks up"
        file = tmp_path / "legacy.csv"
        file.write_text("consumer,key\nacme,legacy-key-0123456789\n", encoding="utf-8")
        keys.run("import", str(file))
        found = examined()["keys"]
        assert found.state is State.WRONG
        assert "2 active keys in the table, 1 of them without the prefix mak_" in found.detail
        assert "set AcceptImportedKeys" in found.detail
        assert examined(ACCEPT_IMPORTED_KEYS="true")["keys"].state is State.OK
        assert "2 of them" in examined(API_KEY_PREFIX="acme")["keys"].detail

    @pytest.mark.parametrize(
        ("discovery", "told"),
        [
            ({"issuer": ISSUER, "jwks_uri": 5}, "no https jwks_uri"),
            ({"issuer": ISSUER}, "no https jwks_uri"),
            ({"issuer": ["x"], "jwks_uri": "x"}, "has the issuer"),
            ([], "cannot read the discovery document"),
        ],
    )
    def test_any_discovery_document_gives_a_finding(self, discovery: object, told: str, examined: Any) -> None:
        found = examined(discovery=discovery, JWT_JWKS_URL="")["issuer"]
        assert (found.state, told in found.detail) == (State.WRONG, True)

    @pytest.mark.parametrize(("change", "told"), [("disabled", "a disabled consumer"), ("deleted", "does not exist")])
    def test_active_keys_of_a_consumer_that_is_disabled_or_missing_are_a_fault(
        self, change: str, told: str, examined: Any, keys: KeysCommand
    ) -> None:
        created = keys.create()
        table: Any = {"TableName": keys.table, "Key": {"pk": {"S": "consumer#acme"}}}
        if change == "deleted":
            keys.client.delete_item(**table)
        else:
            no = {":no": {"BOOL": False}}
            keys.client.update_item(**table, UpdateExpression="SET enabled = :no", ExpressionAttributeValues=no)
        found = examined()["consumers"]
        assert (found.state, told in found.detail, created["key_id"] in found.detail) == (State.WRONG, True, True)

    def test_keys_without_end_day_are_counted(self, examined: Any, keys: KeysCommand) -> None:
        created = keys.create("--expires-in", "90d")
        assert "end_day" not in examined()
        pk = {"pk": {"S": api_key.digest(created["key"])}}
        keys.client.update_item(TableName=keys.table, Key=pk, UpdateExpression="REMOVE end_day")
        found = examined()["end_day"]
        assert (found.state, found.detail) == (
            State.NOTE,
            "1 key without the right end_day: run `keys table upgrade`",
        )

    def test_keys_that_cannot_be_read_are_a_note(self, dynamodb: "DynamoDBClient") -> None:
        client: Any = Unreadable(dynamodb)
        deployed = DeployedFunction(client).deployment({"API_KEYS_TABLE": "ApiKeys"})
        found = {finding.check: finding for finding in examine(deployed, lambda: NOW)}
        assert (found["keys"].state, "not checked" in found["keys"].detail) == (State.NOTE, True)

    def test_a_version_that_was_not_released_is_reported(self, dynamodb: "DynamoDBClient", table_name: str) -> None:
        variables = {"API_KEYS_TABLE": table_name}
        deployed = replace(DeployedFunction(dynamodb).deployment(variables), is_released=False)
        found = {finding.check: finding for finding in examine(deployed, lambda: NOW)}
        assert found["release"].state is State.WRONG
        assert "another Release" in found["release"].detail

    def test_a_provider_with_a_jwks_url_needs_no_discovery_document(self, examined: Any) -> None:
        assert examined(discovery=None)["issuer"].state is State.NOTE

    def test_the_rules_are_reported_with_the_policy_size(self, examined: Any) -> None:
        detail = examined()["access"].detail
        assert "3 rules in auth.toml of this checkout, policies of at most" in detail

    def test_a_parameter_beside_the_providers_of_the_file_is_a_fault_that_names_both(
        self, examined: Any, tmp_path: Path
    ) -> None:
        file = auth_toml(tmp_path, {"issuer": "https://other.example", "audience": "api"})
        found = examined(AUTH_CONFIG=file)["settings"]
        assert found.state is State.WRONG
        assert "JWT_ISSUER, JWT_AUDIENCE, JWT_JWKS_URL are set" in found.detail
        assert "auth.toml has 1 [[provider]]" in found.detail
        assert 'set JwtIssuer, JwtAudience, JwtJwksUrl to ""' in found.detail

    def test_a_rule_that_permits_every_route_is_a_warning(self, examined: Any, tmp_path: Path) -> None:
        found = examined(AUTH_CONFIG=auth_toml(tmp_path))["access"]
        assert found.state is State.NOTE
        assert "Every accepted credential can call every route: the only rule is * /*" in found.detail

    def test_a_fault_has_its_own_exit_code(self, dynamodb: "DynamoDBClient") -> None:
        deployed = DeployedFunction(dynamodb, SETTINGS_ERROR).deployment({"API_KEYS_TABLE": ""})
        resolved = Resolved(Table(dynamodb, "t"), None, None)
        app = App(env={}, resolve=lambda _target, _env: resolved, find_deployment=lambda _resolved: deployed)
        answer = CliRunner().invoke(main, ["doctor"], obj=app, catch_exceptions=False)
        assert answer.exit_code == 7
        assert "API_KEYS_TABLE" in answer.stdout


FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:authorizer"


class TestFind:
    class Session:
        def __init__(self, outputs: dict[str, str]) -> None:
            self.outputs = outputs

        def client(self, _service: str, **_more: object) -> "TestFind.Session":
            return self

        def describe_stacks(self, StackName: str) -> Any:  # noqa: N803 - boto3's spelling
            outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()]
            parameters = [{"ParameterKey": "AuthorizerCacheSeconds", "ParameterValue": "5"}]
            return {"Stacks": [{"StackName": StackName, "Outputs": outputs, "Parameters": parameters}]}

        def get_function_configuration(self, FunctionName: str) -> Any:  # noqa: N803 - boto3's spelling
            return {"Environment": {"Variables": {"API_KEYS_TABLE": "t" if FunctionName == FUNCTION else "old"}}}

    def find(self, outputs: dict[str, str], directory: Path) -> Deployment:
        session: Any = self.Session({"ApiKeysTableName": "t", **outputs})
        target = Target(stack="prod")
        return find(resolve(target, {}, directory, list[str]().append, lambda _target, _env: session))

    def test_a_stack_gives_its_functions_variables_and_its_parameters(self, tmp_path: Path) -> None:
        found = self.find({"AuthorizerFunctionArn": FUNCTION}, tmp_path)
        assert (found.environment, found.parameters) == ({"API_KEYS_TABLE": "t"}, {"AuthorizerCacheSeconds": "5"})

    def test_a_version_with_older_settings_than_the_function_is_detected(self, tmp_path: Path) -> None:
        assert self.find({"AuthorizerFunctionArn": FUNCTION}, tmp_path).is_released
        behind = self.find({"AuthorizerFunctionArn": f"{FUNCTION}:live"}, tmp_path)
        assert (behind.environment, behind.is_released) == ({"API_KEYS_TABLE": "old"}, False)

    def test_another_projects_stack_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match="a stack of this product"):
            self.find({}, tmp_path)


def test_an_explanation_without_a_stack_uses_the_file_of_this_checkout() -> None:
    answer = run("explain", "--jwt", "-", "--route", "GET /me", stdin=token(claims()))
    assert answer.exit_code == 0
    assert "Using the access rules of auth.toml in this checkout." in answer.stderr
    assert ": GET /me: satisfied\n" in answer.stdout
    assert "kid           " in answer.stdout
    assert "Key ID" not in answer.stdout
    assert "Exit code 0 then does not mean that the token is genuine." in " ".join(
        run("explain", "--help").stdout.split()
    )


def test_a_table_does_not_identify_a_deployment(dynamodb: "DynamoDBClient") -> None:
    with pytest.raises(BadInput, match="A table does not identify a deployment"):
        find(Resolved(Table(dynamodb, "t"), None, None))
