"""The template's parameters and variables agree with the settings of the function."""

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authorizer import configuration
from authorizer.entry import SettingsError
from authorizer.settings import DEFAULT_FILE, MOST_WAITING_SECONDS, PARAMETERS, TUNING
from local.template_file import load

TEMPLATE: dict[str, Any] = load(Path("template.yaml"))
AUTHORIZER: dict[str, Any] = TEMPLATE["Resources"]["Authorizer"]["Properties"]
VARIABLES: dict[str, Any] = AUTHORIZER["Environment"]["Variables"]


def pattern(parameter: str) -> str:
    allowed: str = TEMPLATE["Parameters"][parameter]["AllowedPattern"]
    return allowed


def starts(**variables: str) -> bool:
    with contextlib.suppress(SettingsError):
        return bool(configuration.read({"API_KEYS_TABLE": "keys", **variables}, Path("src/authorizer")))
    return False


def test_there_are_no_more_parameters_than_a_newcomer_can_read_and_the_provider_comes_first() -> None:
    assert list(TEMPLATE["Parameters"])[:3] == ["JwtIssuer", "JwtAudience", "JwtJwksUrl"]
    assert len(TEMPLATE["Parameters"]) <= 32


def test_every_parameter_is_in_one_group_of_the_console_and_of_the_documentation() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(TEMPLATE["Parameters"])


def test_the_parameters_that_only_the_sample_api_uses_are_named_in_the_template_and_in_operations() -> None:
    resources, conditions = TEMPLATE["Resources"], TEMPLATE["Conditions"]

    def using(name: str, parts: dict[str, Any]) -> set[str]:
        return {
            part for part, body in parts.items() if f'"{name}"' in (text := json.dumps(body)) or f"${{{name}}}" in text
        }

    of_the_sample = {"HasSampleApi", *using("HasSampleApi", conditions)}
    always = {name for name, body in resources.items() if body.get("Condition") not in of_the_sample}

    def is_used_always(parameter: str) -> bool:
        return any(using(name, resources) & always for name in (parameter, *using(parameter, conditions)))

    without_effect = {name for name in TEMPLATE["Parameters"] if not is_used_always(name)} - {"SampleApi"}
    described = re.findall(r"\w+", TEMPLATE["Parameters"]["SampleApi"]["Description"])
    assert set(described) & TEMPLATE["Parameters"].keys() == without_effect
    page = Path("docs/operations.md").read_text(encoding="utf-8")
    section = page.partition("## The stage of your API\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    assert set(re.findall(r"\w+", " ".join(rows))) == without_effect


def test_the_file_of_rules_cannot_be_left_out() -> None:
    assert TEMPLATE["Parameters"]["AuthConfig"]["Default"] == "auth.toml" == DEFAULT_FILE
    assert not re.fullmatch(pattern("AuthConfig"), "")
    assert "cannot be empty" in TEMPLATE["Parameters"]["AuthConfig"]["ConstraintDescription"]


def test_every_setting_has_a_variable_and_one_that_the_file_may_have_is_empty_there() -> None:
    assert VARIABLES.keys() >= {name.upper() for name in (*PARAMETERS, *TUNING)}
    assert {VARIABLES[name.upper()] for name in TUNING} == {""}
    assert VARIABLES["AWS_ENDPOINT_URL_DYNAMODB"] == ""  # sam local invoke passes on what is declared, nothing else.


def test_the_longest_wait_that_settings_allow_is_below_the_functions_timeout() -> None:
    assert AUTHORIZER["Timeout"] >= MOST_WAITING_SECONDS + 2


def test_with_subnets_the_function_is_in_their_vpc_and_may_have_its_interfaces_there() -> None:
    condition, inside, _outside = AUTHORIZER["VpcConfig"]["Fn::If"]
    assert condition == "InVpc"
    lists = {name: value["Fn::Split"] for name, value in inside.items()}
    assert lists.keys() == {"SubnetIds", "SecurityGroupIds"}
    assert all((separator, *reference.values()) == (",", name) for name, (separator, reference) in lists.items())
    (policy,) = TEMPLATE["Resources"]["AuthorizerRole"]["Properties"]["Policies"]
    conditional = [each["Fn::If"] for each in policy["PolicyDocument"]["Statement"] if "Fn::If" in each]
    allowed, denied = [then for condition, then, _otherwise in conditional if condition == "InVpc"]
    assert {"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"} <= set(allowed["Action"])
    # Only Lambda's service can use these permissions, and not the code of the function.
    assert (denied["Effect"], denied["Action"], denied["Resource"]) == ("Deny", "ec2:*", "*")
    assert denied["Condition"] == {"Null": {"lambda:SourceFunctionArn": "false"}}


def test_every_role_has_the_permissions_boundary() -> None:
    roles = [resource for resource in TEMPLATE["Resources"].values() if resource["Type"] == "AWS::IAM::Role"]
    assert roles
    assert all("PermissionsBoundary" in role["Properties"] for role in roles)


@given(st.from_regex(pattern("JwtJwksUrl"), fullmatch=True, alphabet=st.characters(codec="ascii")))
def test_a_key_set_url_that_the_template_takes_is_one_for_the_function(url: str) -> None:
    assert starts(JWT_ISSUER="urn:x", JWT_AUDIENCE="a", JWT_JWKS_URL=url) == bool(url.strip())


@given(st.from_regex(pattern("JwtIssuer"), fullmatch=True), st.from_regex(pattern("JwtAudience"), fullmatch=True))
def test_an_issuer_and_audience_that_the_template_takes_are_for_the_function(issuer: str, audience: str) -> None:
    if issuer and audience:
        assert starts(JWT_ISSUER=issuer, JWT_AUDIENCE=audience, JWT_JWKS_URL="https://issuer.example/jwks")


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *(
            ("JwtJwksUrl", url)
            for url in (
                "http://issuer.example/jwks",
                "https://issuer.example/#jwks",
                "https://user@issuer.example/jwks",
                "https://issuer.example\\jwks",
                "https:///jwks",
                "ftp://issuer.example/jwks",
                "https://issuer.example:0/jwks",
                "issuer.example",
            )
        ),
        *(("JwtIssuer", issuer) for issuer in ("a:b c", " a", "a ", "1:2")),
        *(("JwtAudience", audience) for audience in (",", "a b")),
    ],
)
def test_what_the_function_refuses_the_template_refuses(parameter: str, value: str) -> None:
    assert not re.fullmatch(pattern(parameter), value)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *(
            ("JwtIssuer", issuer)
            for issuer in (
                "",
                "accounts.google.com",
                "urn:example:idp",
                "http://localhost.localstack.cloud:4566/pool",
                "http://sts.example.com/adfs/services/trust",
                "https://tenant.eu.auth0.com/",
            )
        ),
        ("JwtJwksUrl", "https://issuer.example:8443/realms/a/certs?x=1@2"),
        ("JwtJwksUrl", "http://127.0.0.1:4566/pool/jwks.json"),
        ("JwtAudience", "api://default,other"),
    ],
)
def test_what_providers_have_the_template_takes(parameter: str, value: str) -> None:
    assert re.fullmatch(pattern(parameter), value)
