"""`keys doctor`: its findings from the function's answers to synthetic credentials, and from its log."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from authorizer import VERSION, api_key
from authorizer.claims import Claim
from authorizer.fetch import FetchError
from authorizer.jwt_bearer import JwtAuthenticator
from authorizer.provider import Provider
from keys.cli.app import App
from keys.cli.main import main
from keys.core.errors import BadInput, NotFound
from keys.core.table import Table
from keys.deployment import probe
from keys.deployment.doctor import Finding, State, examine
from keys.deployment.stack import Deployment, find
from keys.deployment.target import Resolved, Target, resolve
from tests.support.changed import Changed
from tests.support.deployed_function import (
    ARN,
    CHANGED,
    SETTINGS_ERROR,
    DeployedFunction,
    NotRun,
    Raised,
    refused,
    undecided,
)
from tests.support.keys_command import KeysCommand
from tests.support.logged_apis import Group, LoggedApis
from tests.support.rules_text import auth_toml
from tests.support.tokens import AUDIENCE, ISSUER, NOW, jwk, key_set

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

URL = "https://issuer.example/jwks.json"
ELSEWHERE = "https://keys.example/all"
DISCOVERY = f"{ISSUER.rstrip('/')}/.well-known/openid-configuration"
NO_MODULE = "Unable to import module 'authorizer.handler': No module named 'aws_lambda_powertools'"
# The error of glibc for a library that was built for another processor.
OTHER_PROCESSOR = (
    "Unable to import module 'authorizer.handler': /var/task/cryptography/hazmat/bindings/_rust.abi3.so: "
    "cannot open shared object file: No such file or directory"
)


def fetch_failed(cause: str) -> Mapping[str, Any]:
    return {"message": "jwks_fetch_failed", "detail": f"{ISSUER}: {cause}"}


@pytest.fixture
def examined(dynamodb: "DynamoDBClient", table_name: str) -> Any:
    """Examines a deployment with these documents, variables and parameters. A document of None cannot be fetched."""

    def examine_with(
        documents: Mapping[str, bytes | None] | None = None,
        variables: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
        stack: str = "s",
        **function: Any,
    ) -> list[Finding]:
        def fetch(url: str, _seconds: float) -> bytes:
            found = {URL: key_set(jwk()), DISCOVERY: discovery(), **(documents or {})}.get(url)
            if found is None:
                raise FetchError("status 404")
            return found

        settings = {"API_KEYS_TABLE": table_name, "JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": URL}
        deployed = DeployedFunction(**{"dynamodb": dynamodb, **function})
        deployment = deployed.deployment({**settings, **(variables or {})}, parameters)
        return examine(replace(deployment, stack=stack), lambda: NOW, fetch)

    return examine_with


def discovery(**members: object) -> bytes:
    return json.dumps({"issuer": ISSUER, "jwks_uri": URL, **members}).encode()


def one(findings: list[Finding], check: str) -> Finding:
    begins = [finding for finding in findings if finding.check.startswith(check)]
    (found,) = [finding for finding in begins if finding.check == check] or begins
    return found


def state_and(finding: Finding, *told: str) -> tuple[State, bool]:
    """The state, and whether the detail has these texts."""
    return finding.state, all(text in finding.detail for text in told)


def wrong(findings: list[Finding]) -> list[str]:
    return [finding.check for finding in findings if finding.state is State.WRONG]


class TestSyntheticCredentials:
    def test_a_function_that_refuses_them_has_no_fault(self, examined: Any) -> None:
        findings = examined()
        assert one(findings, "function").detail == "it refused a synthetic API key with 401, after it read the table"
        assert one(findings, f"signing keys of {ISSUER}").state is State.OK
        assert one(findings, "settings").detail == "1 identity provider, and API keys"
        assert wrong(findings) == []

    def test_a_key_is_sent_as_api_gateway_sends_it_and_a_jwt_for_each_provider(
        self, dynamodb: "DynamoDBClient", table_name: str, tmp_path: Path
    ) -> None:
        function = DeployedFunction(dynamodb)
        providers = [{"issuer": f"https://{name}.example", "audience": "a", "jwks_url": URL} for name in "ab"]
        file = auth_toml(tmp_path, *providers)
        variables = {"API_KEYS_TABLE": table_name, "API_KEY_PREFIX": "shop", "AUTH_CONFIG": file}
        examine(function.deployment(variables), lambda: NOW, lambda _url, _seconds: b"{}")
        key, *tokens = [event["headers"]["Authorization"].removeprefix("Bearer ") for event in function.sent]
        assert api_key.is_well_formed(key, "shop")
        assert len(tokens) == 2
        assert function.sent[0]["methodArn"] == "arn:aws:execute-api:eu-west-1:123456789012:doctor/doctor/GET/"

    @pytest.mark.parametrize(
        "provider",
        [
            Provider(ISSUER, frozenset({AUDIENCE})),
            Provider("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a", frozenset({"client"})),
            Provider(
                ISSUER,
                frozenset({"x", "y"}),
                algorithms=frozenset({"PS256"}),
                token_types=frozenset({"at+jwt"}),
                audience_claims=(("org", "aud"),),
                subject_claims=(("org", "user"),),
                authorized_parties=frozenset({"app"}),
                required_claims=(Claim(("org", "id"), [7]),),
            ),
        ],
        ids=["plain", "cognito", "all members"],
    )
    def test_a_synthetic_jwt_is_refused_only_for_its_signature(self, provider: Provider) -> None:
        asked: list[str | None] = []

        class Keys:
            def verify(self, kid: str | None, _algorithm: str, _message: bytes, _signature: bytes) -> None:
                asked.append(kid)

            def published_kid(self, _kid: object) -> None:
                return

        made = probe.synthetic_jwt(provider, NOW)
        JwtAuthenticator([(provider, Keys())], leeway_seconds=0, clock=lambda: NOW).authenticate(made)
        assert asked == [json.loads(base64.urlsafe_b64decode(made.split(".")[0] + "=="))["kid"]]

    @pytest.mark.parametrize(
        ("answer", "check", "told"),
        [
            (Raised("Runtime.ImportModuleError", NO_MODULE), "artifact", "run `sam build`"),
            (Raised("Runtime.ImportModuleError", OTHER_PROCESSOR), "processor", "not built for arm64"),
            (SETTINGS_ERROR, "settings", "API_KEYS_TABLE is missing"),
            (Raised("Sandbox.Timedout", "Task timed out after 10.00 seconds"), "function", "timed out"),
            (undecided("ClientError:ResourceNotFoundException"), "table", "docs/table.md"),
            (undecided("ClientError:AccessDeniedException"), "table", "its role lacks a permission"),
            (undecided("ConnectTimeoutError"), "table", "gateway endpoint"),
            (NotRun("TooManyRequestsException"), "function", "ReservedConcurrency"),
            (NotRun("InvalidRuntimeException"), "function", "InvalidRuntimeException"),
            ({"policyDocument": {}}, "function", "accepted a synthetic credential"),
        ],
    )
    def test_each_cause_of_a_503_is_named(self, answer: object, check: str, told: str, examined: Any) -> None:
        findings = examined(key=answer)
        (named,) = wrong(findings)
        assert named.split(",")[0] == check
        assert told in one(findings, named).detail

    @pytest.mark.parametrize(
        ("answer", "check", "told"),
        [
            (undecided("KeysUnavailable", fetch_failed("timeout")), "signing keys", "NAT"),
            # The result if the compiled modules of `cryptography` are for another Python.
            (undecided("KeysUnavailable", fetch_failed("no usable key")), "runtime", "another Python than python3.13"),
        ],
    )
    def test_each_cause_of_a_503_for_jwts_is_named(self, answer: Raised, check: str, told: str, examined: Any) -> None:
        findings = examined(jwt=answer)
        (named,) = wrong(findings)
        assert named.startswith(check)
        assert told in one(findings, named).detail

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            (refused("bad_signature", fetch_failed("status 500")), "could not fetch a newer one"),
            (refused("wrong_audience"), "before it needed them (wrong_audience)"),
        ],
    )
    def test_a_refusal_before_the_signature_check_is_a_note(self, answer: Raised, told: str, examined: Any) -> None:
        found = one(examined(jwt=answer), f"signing keys of {ISSUER}")
        assert found.state is State.NOTE
        assert told in found.detail

    def test_without_permission_to_invoke_the_function_it_is_not_checked(self, examined: Any) -> None:
        found = one(examined(key=NotRun("AccessDeniedException")), "function")
        assert state_and(found, "lambda:InvokeFunction") == (State.NOTE, True)


class TestSettingsOfThisCheckout:
    @pytest.mark.parametrize(
        ("variables", "told"),
        [({"JWT_AUDIENCE": ""}, "JWT_AUDIENCE"), ({"AUTH_CONFIG": "nowhere.toml"}, "nowhere.toml")],
    )
    def test_invalid_settings_are_named(self, variables: dict[str, str], told: str, examined: Any) -> None:
        found = one(examined(variables=variables, key=SETTINGS_ERROR), "settings")
        assert state_and(found, told) == (State.WRONG, True)

    def test_invalid_settings_are_a_note_if_the_function_works(self, examined: Any) -> None:
        findings = examined(variables={"AUTH_CONFIG": "nowhere.toml"})
        assert one(findings, "settings").state is State.NOTE
        assert "this checkout differs from the deployed code" in one(findings, "settings").detail
        assert wrong(findings) == []

    def test_invalid_settings_are_a_fault_if_the_function_has_them(self, examined: Any) -> None:
        findings = examined(variables={"AUTH_CONFIG": "nowhere.toml"}, key=SETTINGS_ERROR)
        assert wrong(findings) == ["settings", "settings, from the function"]

    def test_several_mistakes_are_sentences_of_one_line(self, examined: Any) -> None:
        findings = examined(variables={"API_KEY_PREFIX": "A", "JWT_LEEWAY_SECONDS": "x"})
        detail = one(findings, "settings").detail
        assert "API_KEY_PREFIX must be" in detail
        assert "JWT_LEEWAY_SECONDS must be" in detail
        assert "\n" not in detail
        assert ".." not in detail


class TestProviders:
    @pytest.mark.parametrize(
        ("at_the_announced_url", "at_the_configured_url", "state", "told"),
        [
            ([jwk()], [jwk()], State.NOTE, "the configured JWKS URL has all of its keys"),
            ([jwk(), jwk(kid="other")], [jwk()], State.WRONG, "the configured JWKS URL lacks 1 of its 2 keys"),
            ([jwk()], [jwk(), jwk(kid="other")], State.NOTE, "the configured JWKS URL has all of its keys"),
            (None, [jwk()], State.NOTE, "could not be compared"),
        ],
    )
    def test_the_keys_of_the_announced_url_are_compared_with_those_of_the_configured_one(
        self, at_the_announced_url: Any, at_the_configured_url: Any, state: State, told: str, examined: Any
    ) -> None:
        theirs = key_set(*at_the_announced_url) if at_the_announced_url else b"<html>"
        documents = {DISCOVERY: discovery(jwks_uri=ELSEWHERE), ELSEWHERE: theirs, URL: key_set(*at_the_configured_url)}
        found = one(examined(documents), "issuer")
        assert state_and(found, told) == (state, True)

    @pytest.mark.parametrize(
        ("document", "told"),
        [
            (discovery(jwks_uri=5), "no https jwks_uri"),
            (json.dumps({"issuer": ISSUER}).encode(), "no https jwks_uri"),
            (discovery(issuer=["x"]), "has the issuer"),
            (discovery(issuer=f"{ISSUER}/"), "its discovery document has the issuer"),
            (b"[]", "cannot read the discovery document"),
            (None, "set JwtJwksUrl"),
        ],
    )
    def test_any_discovery_document_gives_a_finding(self, document: bytes | None, told: str, examined: Any) -> None:
        found = one(examined({DISCOVERY: document}, {"JWT_JWKS_URL": ""}), "issuer")
        assert state_and(found, told) == (State.WRONG, True)

    def test_a_provider_with_a_jwks_url_needs_no_discovery_document(self, examined: Any) -> None:
        assert one(examined({DISCOVERY: None}), "issuer").state is State.NOTE

    @pytest.mark.parametrize(("document", "told"), [(None, "status 404"), (b'{"keys": []}', "no usable key")])
    def test_a_key_set_that_cannot_be_used_is_a_fault(self, document: bytes | None, told: str, examined: Any) -> None:
        found = one(examined({URL: document}), "signing keys")
        assert state_and(found, told) == (State.WRONG, True)


class TestVersions:
    LINE: Mapping[str, Any] = {
        "message": "started",
        "detail": "identity providers: 1, from JWT_ISSUER; 3 rules",
        "versions": {"apigateway-multi-auth": VERSION, "pyjwt": "9.9"},
    }

    def test_the_versions_of_the_newest_start_are_reported(self, examined: Any) -> None:
        found = one(examined(starts=((CHANGED + 5, self.LINE),)), "versions")
        assert found.state is State.OK
        assert found.detail == (
            f"apigateway-multi-auth {VERSION}, pyjwt 9.9; python3.13 on arm64, function version $LATEST of "
            "2026-01-01T00:00:00Z; started with identity providers: 1, from JWT_ISSUER; 3 rules"
        )

    def test_providers_of_the_function_that_this_checkout_does_not_have_are_a_note(self, examined: Any) -> None:
        line = {**self.LINE, "detail": "identity providers: 2, from auth.toml; access rules: 3"}
        found = one(examined(starts=((CHANGED, line),)), "identity providers")
        assert state_and(found, "started with identity providers: 2, from auth.toml") == (State.NOTE, True)
        assert "run doctor in the checkout that was deployed" in found.detail
        local = one(examined(starts=((CHANGED, line),), stack="multi-auth-local"), "identity providers")
        assert "make run added its user pool" in local.detail
        same = examined(starts=((CHANGED, self.LINE),))
        assert not [finding for finding in same if finding.check == "identity providers"]

    def test_a_start_before_the_last_change_is_ignored(self, examined: Any) -> None:
        found = one(examined(starts=((CHANGED - 5, self.LINE),)), "versions")
        assert state_and(found, "have no start line") == (State.NOTE, True)

    def test_a_version_other_than_that_of_the_command_is_a_note(self, examined: Any) -> None:
        line = {**self.LINE, "versions": {"apigateway-multi-auth": "0.1.9"}}
        found = one(examined(starts=((CHANGED, line),)), "versions")
        assert state_and(found, f"this command has version {VERSION}") == (State.NOTE, True)

    def test_a_log_that_cannot_be_read_is_a_note(self, examined: Any) -> None:
        found = one(examined(log_error="AccessDeniedException"), "versions")
        assert state_and(found, "log could not be read (AccessDeniedException)") == (State.NOTE, True)


class TestSettings:
    def test_a_version_that_was_not_released_is_reported(self, dynamodb: "DynamoDBClient", table_name: str) -> None:
        deployed = DeployedFunction(dynamodb).deployment({"API_KEYS_TABLE": table_name})
        found = one(examine(replace(deployed, is_released=False), lambda: NOW), "release")
        assert state_and(found, "another Release") == (State.WRONG, True)

    def test_a_parameter_beside_the_providers_of_the_file_is_a_fault_that_names_both(
        self, examined: Any, tmp_path: Path
    ) -> None:
        file = auth_toml(tmp_path, {"issuer": "https://other.example", "audience": "api"})
        found = one(examined(variables={"AUTH_CONFIG": file}, key=SETTINGS_ERROR), "settings")
        assert state_and(
            found,
            "JWT_ISSUER, JWT_AUDIENCE, JWT_JWKS_URL are set",
            "auth.toml has 1 [[provider]]",
            'set JwtIssuer, JwtAudience, JwtJwksUrl to ""',
        ) == (State.WRONG, True)

    def test_the_rules_are_reported_with_the_policy_size(self, examined: Any) -> None:
        assert "3 rules in auth.toml of this checkout, policies of at most" in one(examined(), "access rules").detail

    def test_a_rule_that_permits_every_route_is_a_warning(self, examined: Any, tmp_path: Path) -> None:
        found = one(examined(variables={"AUTH_CONFIG": auth_toml(tmp_path)}), "access rules")
        told = "Every accepted credential can call every route: the only rule is * /*"
        assert state_and(found, told) == (State.NOTE, True)

    def test_a_fault_has_its_own_exit_code(self, dynamodb: "DynamoDBClient") -> None:
        deployed = DeployedFunction(dynamodb, SETTINGS_ERROR).deployment({"API_KEYS_TABLE": ""})
        resolved = Resolved(Table(dynamodb, "t"), None, None)
        app = App(env={}, resolve=lambda _target, _env: resolved, find_deployment=lambda _resolved: deployed)
        answer = CliRunner().invoke(main, ["doctor"], obj=app, catch_exceptions=False)
        assert (answer.exit_code, "API_KEYS_TABLE" in answer.stdout) == (7, True)

    @pytest.mark.parametrize(
        ("parameters", "check", "told"),
        [
            (
                {"AuthorizerCacheSeconds": "30"},
                "revocation",
                "a revoked key is accepted for at most 40 s: 30 s in the authorizer cache, 10 s in the key cache",
            ),
            (
                {"AuthorizerCacheSeconds": "30"},
                "expiry",
                "a JWT is accepted for at most 50 s: 30 s in the authorizer cache, 20 s of leeway",
            ),
            ({}, "revocation", "at most 10 s"),
            ({}, "expiry", "after its exp, a JWT is accepted for at most 20 s"),
            (
                {"SampleApi": "None", "AuthorizerCacheSeconds": "30"},
                "revocation",
                "at most 10 s (in the key cache), plus the TTL of your API's authorizer cache",
            ),
        ],
    )
    def test_the_time_until_an_end_takes_effect_is_the_sum_of_the_caches(
        self, parameters: dict[str, str], check: str, told: str, examined: Any
    ) -> None:
        variables = {"API_KEY_CACHE_SECONDS": "10", "JWT_LEEWAY_SECONDS": "20"}
        assert told in one(examined(None, variables, parameters), check).detail

    def test_without_a_provider_the_expiry_of_jwts_is_not_reported(self, examined: Any) -> None:
        without = dict.fromkeys(("JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_URL"), "")
        assert not [found for found in examined(variables=without) if found.check == "expiry"]


class TestTable:
    def test_keys_that_can_never_be_accepted_are_counted(
        self, examined: Any, keys: KeysCommand, tmp_path: Path
    ) -> None:
        keys.create()
        every = "1 active key in the table, all in a format that the authorizer looks up"
        assert one(examined(), "keys").detail == every
        file = tmp_path / "legacy.csv"
        file.write_text("consumer,key\nacme,legacy-key-0123456789\n", encoding="utf-8")
        keys.run("import", str(file))
        told = "2 active keys in the table, 1 of them without the prefix mak_"
        assert state_and(one(examined(), "keys"), told, "set AcceptImportedKeys") == (State.WRONG, True)
        assert one(examined(variables={"ACCEPT_IMPORTED_KEYS": "true"}), "keys").state is State.OK
        assert "2 of them" in one(examined(variables={"API_KEY_PREFIX": "acme"}), "keys").detail

    @pytest.mark.parametrize(("change", "told"), [("disabled", "a disabled consumer"), ("deleted", "does not exist")])
    def test_active_keys_of_a_consumer_that_is_disabled_or_missing_are_a_fault(
        self, change: str, told: str, examined: Any, keys: KeysCommand
    ) -> None:
        created = keys.create()
        item: Any = {"TableName": keys.table, "Key": {"pk": {"S": "consumer#acme"}}}
        if change == "deleted":
            keys.client.delete_item(**item)
        else:
            no = {":no": {"BOOL": False}}
            keys.client.update_item(**item, UpdateExpression="SET enabled = :no", ExpressionAttributeValues=no)
        assert state_and(one(examined(), "consumers"), told, created["key_id"]) == (State.WRONG, True)

    def test_keys_without_end_day_are_counted(self, examined: Any, keys: KeysCommand) -> None:
        created = keys.create("--expires-in", "90d")
        assert not [found for found in examined() if found.check == "end_day"]
        pk = {"pk": {"S": api_key.digest(created["key"])}}
        keys.client.update_item(TableName=keys.table, Key=pk, UpdateExpression="REMOVE end_day")
        told = "1 key without the right end_day: run `keys table upgrade`"
        assert one(examined(), "end_day") == Finding("end_day", State.NOTE, told)

    def test_keys_that_cannot_be_read_are_a_note(self, examined: Any, dynamodb: "DynamoDBClient") -> None:
        refusal = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Scan")
        unreadable: Any = Changed(dynamodb, scan=Mock(side_effect=refusal))
        assert state_and(one(examined(dynamodb=unreadable), "keys"), "not checked") == (State.NOTE, True)

    def test_a_table_that_does_not_exist_is_a_fault(self, examined: Any) -> None:
        found = one(examined(variables={"API_KEYS_TABLE": "gone"}), "table")
        assert state_and(found, "does not exist") == (State.WRONG, True)


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


def test_a_table_does_not_identify_a_deployment(dynamodb: "DynamoDBClient") -> None:
    with pytest.raises(BadInput, match="A table does not identify a deployment"):
        find(Resolved(Table(dynamodb, "t"), None, None))


class TestAccessLogs:
    def test_each_stage_is_named_with_what_usage_needs(self, examined: Any) -> None:
        apis = LoggedApis(groups={"access": Group(0)}, function=ARN)
        apis.log("rest1", "v1", "access")
        apis.log("rest1", "v2", "access", '{"status": "$context.status"}')
        findings = examined(apis=apis)
        assert one(findings, "access log of API rest1, stage v1").state is State.OK
        lacks = one(findings, "access log of API rest1, stage v2")
        assert (lacks.state, '"keyId":"$context.authorizer.key_id"' in lacks.detail) == (State.NOTE, True)

    def test_without_permission_it_is_not_checked(self, examined: Any) -> None:
        assert "lambda:GetPolicy" in one(examined(), "access log").detail


class TestMetadataForAgents:
    IDENTIFIER = "https://api.example.com"
    PLACE = f"{IDENTIFIER}/.well-known/oauth-protected-resource"
    CHECK = "metadata for agents"

    def found(self, examined: Any, audience: str = IDENTIFIER, **changed: object) -> list[Finding]:
        variables = {"RESOURCE_IDENTIFIER": self.IDENTIFIER, "JWT_AUDIENCE": audience}
        members = {
            "resource": self.IDENTIFIER,
            "authorization_servers": [ISSUER],
            "bearer_methods_supported": ["header"],
        }
        documents = {self.PLACE: json.dumps({**members, **changed}).encode()}
        findings: list[Finding] = examined(documents=documents, variables=variables)
        return findings

    def test_metadata_with_the_settings_of_the_function_is_right(self, examined: Any) -> None:
        assert one(self.found(examined), self.CHECK).state is State.OK

    def test_without_a_resource_identifier_nothing_is_said(self, examined: Any) -> None:
        assert not [finding for finding in examined() if finding.check == self.CHECK or "MCP" in finding.detail]

    def test_metadata_of_other_settings_names_what_differs(self, examined: Any) -> None:
        findings = self.found(examined, authorization_servers=["https://other.example"], scopes_supported=["a"])
        told = "differs from the settings in authorization_servers, scopes_supported"
        assert state_and(one(findings, self.CHECK), told) == (State.WRONG, True)

    def test_metadata_that_cannot_be_read_is_a_fault_with_its_remedy(self, examined: Any) -> None:
        variables = {"RESOURCE_IDENTIFIER": self.IDENTIFIER, "JWT_AUDIENCE": self.IDENTIFIER}
        finding = one(examined(variables=variables), self.CHECK)
        assert state_and(finding, "status 404", "attach the output MetadataFunctionArn") == (State.WRONG, True)

    def test_an_identifier_that_is_no_audience_is_a_fault(self, examined: Any) -> None:
        findings = self.found(examined, audience="another")
        assert state_and(one(findings, self.CHECK), "add it to audience") == (State.WRONG, True)
        assert any("its audience does not have https://api.example.com" in finding.detail for finding in findings)

    def test_what_a_provider_lacks_for_mcp_clients_is_a_note(self, examined: Any) -> None:
        notes = [finding.detail for finding in self.found(examined) if finding.state is State.NOTE]
        assert any("no code_challenge_methods_supported" in note for note in notes)
        assert any("no registration of clients" in note for note in notes)
