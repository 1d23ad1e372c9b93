"""`keys doctor`: its findings from the function's answers to synthetic credentials, and from its log."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from authorizer import VERSION, api_key
from authorizer.claims import Claim
from authorizer.jwt_bearer import JwtAuthenticator
from authorizer.provider import Provider
from keys.deployment import probe
from keys.deployment.doctor import Finding, State, examine
from tests.support.deployed_function import (
    CHANGED,
    SETTINGS_ERROR,
    DeployedFunction,
    NotRun,
    Raised,
    refused,
    undecided,
)
from tests.support.rules_text import auth_toml
from tests.support.tokens import AUDIENCE, ISSUER, NOW, jwk, key_set

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

URL = "https://issuer.example/jwks.json"
ELSEWHERE = "https://keys.example/all"
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
    def examine_with(
        documents: Mapping[str, bytes] | None = None, variables: Mapping[str, str] | None = None, **function: Any
    ) -> list[Finding]:
        def fetch(url: str, _seconds: float) -> bytes:
            discovery = json.dumps({"issuer": ISSUER, "jwks_uri": URL}).encode()
            return {URL: key_set(jwk()), **(documents or {})}.get(url, discovery)

        settings = {"API_KEYS_TABLE": table_name, "JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": URL}
        deployed = DeployedFunction(dynamodb, **function).deployment({**settings, **(variables or {})})
        return examine(deployed, lambda: NOW, fetch)

    return examine_with


def one(findings: list[Finding], check: str) -> Finding:
    (found,) = [finding for finding in findings if finding.check.startswith(check)]
    return found


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
        assert (found.state, "lambda:InvokeFunction" in found.detail) == (State.NOTE, True)


class TestSettingsOfThisCheckout:
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


class TestAnnouncedElsewhere:
    ANNOUNCED = f"{ISSUER.rstrip('/')}/.well-known/openid-configuration"

    def found(self, examined: Any, **documents: bytes) -> Finding:
        discovery = json.dumps({"issuer": ISSUER, "jwks_uri": ELSEWHERE}).encode()
        return one(examined({self.ANNOUNCED: discovery, **documents}), "issuer")

    def test_the_same_keys_are_a_note(self, examined: Any) -> None:
        found = self.found(examined, **{ELSEWHERE: key_set(jwk())})
        assert (found.state, "the configured JWKS URL has all of its keys" in found.detail) == (State.NOTE, True)

    def test_a_key_that_is_only_at_the_announced_url_is_a_fault(self, examined: Any) -> None:
        found = self.found(examined, **{ELSEWHERE: key_set(jwk(), jwk(kid="other"))})
        assert (found.state, "the configured JWKS URL lacks 1 of its 2 keys" in found.detail) == (State.WRONG, True)

    def test_more_keys_than_are_announced_are_a_note(self, examined: Any) -> None:
        found = self.found(examined, **{ELSEWHERE: key_set(jwk()), URL: key_set(jwk(), jwk(kid="other"))})
        assert found.state is State.NOTE

    def test_keys_that_cannot_be_compared_are_a_note(self, examined: Any) -> None:
        found = self.found(examined, **{ELSEWHERE: b"<html>"})
        assert (found.state, "could not be compared" in found.detail) == (State.NOTE, True)


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
        assert (found.state, "started with identity providers: 2, from auth.toml" in found.detail) == (State.NOTE, True)
        same = examined(starts=((CHANGED, self.LINE),))
        assert not [finding for finding in same if finding.check == "identity providers"]

    def test_a_start_before_the_last_change_is_ignored(self, examined: Any) -> None:
        found = one(examined(starts=((CHANGED - 5, self.LINE),)), "versions")
        assert (found.state, "have no start line" in found.detail) == (State.NOTE, True)

    def test_a_version_other_than_that_of_the_command_is_a_note(self, examined: Any) -> None:
        line = {**self.LINE, "versions": {"apigateway-multi-auth": "0.1.9"}}
        found = one(examined(starts=((CHANGED, line),)), "versions")
        assert (found.state, f"this command has version {VERSION}" in found.detail) == (State.NOTE, True)

    def test_a_log_that_cannot_be_read_is_a_note(self, examined: Any) -> None:
        found = one(examined(log_error="AccessDeniedException"), "versions")
        assert (found.state, "log could not be read (AccessDeniedException)" in found.detail) == (State.NOTE, True)


class TestCacheBounds:
    def test_bounds_are_reported_for_keys_and_jwts(self, examined: Any) -> None:
        findings = examined(variables={"API_KEY_CACHE_SECONDS": "10", "JWT_LEEWAY_SECONDS": "20"})
        assert "at most 10 s" in one(findings, "revocation").detail
        assert "after its exp, a JWT is accepted for at most 20 s" in one(findings, "expiry").detail

    def test_without_the_sample_api_the_ttl_of_its_cache_is_not_counted(
        self, dynamodb: "DynamoDBClient", table_name: str
    ) -> None:
        parameters = {"SampleApi": "None", "AuthorizerCacheSeconds": "30"}
        deployed = DeployedFunction(dynamodb).deployment({"API_KEYS_TABLE": table_name}, parameters)
        found = one(examine(deployed, lambda: NOW), "revocation")
        assert "at most 30 s (in the key cache), plus the TTL of your API's authorizer cache" in found.detail
