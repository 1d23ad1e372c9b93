"""`keys verify --route` and `keys explain`."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from keys.cli.app import App
from keys.cli.main import main
from keys.core.table import Table
from keys.deployment.stack import Deployment
from keys.deployment.target import Resolved
from tests.support.apigateway import FakeApiGateway
from tests.support.keys_command import Clock, KeysCommand
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


def with_subjects(keys: KeysCommand) -> KeysCommand:
    """The command on a stack that reads the subjects of JWTs."""
    settings = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_SUBJECTS": "true"}
    return replace(keys, gateway=FakeApiGateway(), environment=settings, clock=Clock(NOW))


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

    @pytest.mark.parametrize(
        ("change", "reason"), [("end", "ended_token"), ("disable", "disabled_subject")], ids=["ended", "disabled"]
    )
    def test_a_token_that_the_table_refuses_is_shown_with_the_reason(
        self, keys: KeysCommand, change: str, reason: str
    ) -> None:
        stack, text = with_subjects(keys), token(claims(sub="u", iat=NOW - 60))
        before = stack.run("explain", "--jwt", "-", "--stack", "prod", stdin=text)
        assert before.exit_code == 0, before.stderr
        done = stack.run("subject", change, "--issuer", ISSUER, "--subject", "u", "--yes", "--stack", "prod")
        assert done.exit_code == 0, done.stderr
        after = stack.run("explain", "--jwt", "-", "--stack", "prod", stdin=text)
        assert after.exit_code == 5
        assert reason in after.stdout
        assert "keys subject enable" in after.stdout or "new sign-in" in after.stdout

    def test_the_plan_of_the_subject_is_shown(self, keys: KeysCommand) -> None:
        stack, text = with_subjects(keys), token(claims(sub="u"))
        stack.app().store.subjects.update(ISSUER, "u", {"plan": "gold", "usage_key": "G" * 20})
        told = stack.run("explain", "--jwt", "-", "--stack", "prod", stdin=text)
        assert re.search(r"Plan +gold\n", told.stdout)
        assert "G" * 20 not in told.output
        assert stack.json("explain", "--jwt", "-", "--stack", "prod", stdin=text)["plan"] == "gold"

    def test_without_a_table_the_subject_is_said_not_to_be_looked_up(self) -> None:
        app = App(clock=lambda: NOW, env={**self.ENV, "JWT_SUBJECTS": "true"})
        # With a profile, the local system is not used.
        arguments = ["explain", "--jwt", "-", "--profile", "other"]
        answer = CliRunner().invoke(main, arguments, input=token(), obj=app, catch_exceptions=False)
        assert answer.exit_code == 0
        assert "the subject of the token is not looked up" in answer.stderr

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


def test_an_explanation_with_the_local_system_uses_its_deployed_file(
    dynamodb: "DynamoDBClient", table_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of `make run RULES=mine.toml`, with the user pool, and not the sample file of the checkout."""
    monkeypatch.chdir(tmp_path)
    code = tmp_path / ".local/deployed/Authorizer/authorizer"
    code.mkdir(parents=True)
    (tmp_path / ".local/outputs.json").write_text("{}", encoding="utf-8")
    (code / "auth.toml").write_text('[[rule]]\nroute = "GET /mine"\n', encoding="utf-8")
    deployed = Deployment("multi-auth-local", "arn", {"AUTH_CONFIG": "auth.toml"}, {}, lambda _service: None)
    app = App(
        clock=lambda: NOW,
        env={},
        resolve=lambda _target, _env: Resolved(Table(dynamodb, table_name), "mak", False),
        find_deployment=lambda _resolved: deployed,
    )
    command = ["explain", "--jwt", "-", "--route", "GET /mine"]
    answer = CliRunner().invoke(main, command, input=token(claims()), obj=app, catch_exceptions=False)
    assert "Using the access rules of auth.toml in the local system." in answer.stderr
    assert ": GET /mine: satisfied\n" in answer.stdout


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
