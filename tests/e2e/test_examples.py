"""The examples: APIs in stacks of their own behind the authorizer of another stack."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from local.build import FOLDER
from local.deployment import (
    STACK,
    deploy_template,
    local_parameters,
    rest_api_url,
)
from local.session import client
from local.system import System, create_key
from tests.e2e.conftest import DIRECTORY, Caller, Keys
from tests.support.issuer import Issuer

REST = Path("examples/rest-api/template.yaml")
HTTP = Path("examples/http-api/template.yaml")
ALONE = "authorizer-only"
RESOURCE = "https://api.example.com"
METADATA = "/.well-known/oauth-protected-resource"


def outputs_of(system: System, stack: str) -> dict[str, str]:
    (described,) = client(system.emulator, "cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def authorizer_of(system: System, stack: str) -> str:
    return outputs_of(system, stack)["AuthorizerFunctionArn"]


def http_api(system: System, stack: str, **parameters: str) -> Caller:
    log = DIRECTORY / f"{stack}.log"
    api_id = deploy_template(system.emulator, HTTP, stack, parameters, log)["Api"]
    return Caller(f"{system.emulator.endpoint_url}/_aws/execute-api/{api_id}/$default")


@pytest.fixture(scope="module")
def rest(system: System) -> Caller:
    """The REST API, behind the authorizer with the sample rules."""
    given = {"AuthorizerFunctionArn": authorizer_of(system, STACK)}
    api_id = deploy_template(system.emulator, REST, "reports", given, DIRECTORY / "reports.log")["Api"]
    return Caller(rest_api_url(system.emulator, api_id, "v1"))


@pytest.fixture(scope="module", params=["2.0", "1.0"])
def http(request: pytest.FixtureRequest, system: System) -> Caller:
    """The HTTP API, behind the authorizer with the sample rules."""
    stack = f"reports-http-{request.param[0]}"
    return http_api(system, stack, AuthorizerFunctionArn=authorizer_of(system, STACK), PayloadFormat=request.param)


@dataclass
class AuthorizerOnly:
    """A stack without the sample API, and an HTTP API that uses it."""

    resources: dict[str, str]
    http: Caller
    api_key: str


@pytest.fixture(scope="module")
def alone(system: System, issuer: Issuer) -> AuthorizerOnly:
    given = local_parameters() | {
        "SampleApi": "None",
        "AuthConfig": "http-api.toml",
        "AttachedApiId": "a1b2c3d4e5",
        "ProvisionedConcurrency": "1",
        "Release": "r1",
        "JwtIssuer": issuer.url,
        "JwtAudience": issuer.provider()["audience"],
        "JwtJwksUrl": issuer.jwks_url,
        "ResourceIdentifier": RESOURCE,
    }
    log = DIRECTORY / f"{ALONE}.log"
    resources = deploy_template(system.emulator, FOLDER / "template.yaml", ALONE, given, log)
    key = create_key(system.emulator, resources["ApiKeysTable"], "--consumer", "globex")["key"]
    names = ("AuthorizerFunctionArn", "MetadataFunctionArn")
    attached = {name: outputs_of(system, ALONE)[name] for name in names} | {"ResourceIdentifier": RESOURCE}
    return AuthorizerOnly(resources, http_api(system, "reports-simple", SimpleResponses="true", **attached), key)


def report(api: Caller, *credential: str, path: str = "/reports") -> tuple[int, object]:
    answer = api.send(*(f"Bearer {text}" for text in credential), method="POST", path=path)
    return answer.status, answer.body.get("report_of")


def test_another_rest_api_uses_the_authorizer_and_its_rules(rest: Caller, system: System, keys: Keys) -> None:
    assert report(rest, system.api_key) == (201, "acme")
    assert report(rest, keys.create()["key"])[0] == 403
    assert report(rest, system.jwt)[0] == 403
    assert report(rest, "nonsense")[0] == 401
    assert report(rest)[0] == 401


def test_an_http_api_uses_the_authorizer_and_its_rules(http: Caller, system: System, keys: Keys) -> None:
    assert report(http, system.api_key) == (201, "acme")
    assert report(http, keys.create()["key"])[0] == 403
    assert report(http, system.jwt)[0] == 403
    assert report(http)[0] == 401


def test_a_refused_credential_does_not_pass_an_http_api(http: Caller) -> None:
    # The emulator answers 500 to whatever an authorizer raises. Other gateways may answer 401: both keep it out.
    assert report(http, "nonsense")[0] in (401, 500)


def test_simple_responses_let_both_kinds_of_credential_through(alone: AuthorizerOnly, issuer: Issuer) -> None:
    assert report(alone.http, alone.api_key) == (201, "globex")
    assert report(alone.http, issuer.token(sub="ada")) == (201, "ada")
    assert report(alone.http, "nonsense")[0] in (401, 500)
    assert report(alone.http)[0] == 401


def test_an_http_api_with_a_slash_at_the_end_reaches_no_backend_without_an_identity(
    alone: AuthorizerOnly, http: Caller
) -> None:
    for api in (alone.http, http):
        assert report(api, path="/reports/")[0] in (401, 404)
        assert report(api, "nonsense", path="/reports/")[0] in (401, 404, 500)


def test_a_stack_without_the_sample_api_has_the_authorizer_and_its_table_alone(alone: AuthorizerOnly) -> None:
    assert alone.resources.keys() == {
        "Authorizer",
        "AuthorizerVersion",
        "AuthorizerAlias",
        "AuthorizerRole",
        "AuthorizerLogs",
        "ApiKeysTable",
        "AttachedApiPermission",
        "Metadata",
        "MetadataRole",
        "MetadataLogs",
    }


def test_an_http_api_answers_the_metadata_for_agents_to_anyone(alone: AuthorizerOnly, issuer: Issuer) -> None:
    answer = alone.http.send(path=METADATA)
    assert answer.status == 200
    assert answer.body == {
        "resource": RESOURCE,
        "authorization_servers": [issuer.url],
        "bearer_methods_supported": ["header"],
    }
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_rest_api_names_the_metadata_in_its_401_and_answers_it_to_anyone(
    alone: AuthorizerOnly, system: System
) -> None:
    names = ("AuthorizerFunctionArn", "MetadataFunctionArn")
    given = {name: outputs_of(system, ALONE)[name] for name in names}
    given |= {"ResourceIdentifier": RESOURCE, "ResourceScopes": "reports:read"}
    api_id = deploy_template(system.emulator, REST, "reports-agents", given, DIRECTORY / "reports-agents.log")["Api"]
    api = Caller(rest_api_url(system.emulator, api_id, "v1"))
    challenge = f'Bearer realm="api", scope="reports:read", resource_metadata="{RESOURCE}{METADATA}"'
    assert api.send(method="POST", path="/reports").headers["WWW-Authenticate"] == challenge
    assert api.send("Bearer nonsense", method="POST", path="/reports").headers["WWW-Authenticate"] == challenge
    assert api.send(path=METADATA).body == alone.http.send(path=METADATA).body


def test_the_permission_for_another_api_is_for_its_authorizers_only(alone: AuthorizerOnly, system: System) -> None:
    functions = client(system.emulator, "lambda")
    policy = functions.get_policy(FunctionName=alone.resources["Authorizer"], Qualifier="live")["Policy"]
    assert ":a1b2c3d4e5/authorizers/*" in policy


def test_provisioned_concurrency_is_on_the_alias_that_apis_invoke(alone: AuthorizerOnly, system: System) -> None:
    assert authorizer_of(system, ALONE).endswith(f":function:{alone.resources['Authorizer']}:live")
