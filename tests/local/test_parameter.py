"""What CloudFormation would refuse of a template's parameters."""

from pathlib import Path

import pytest

from local.parameter import mistakes
from local.template_file import load

TEMPLATE = load(Path("template.yaml"))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"LogLevel": "NOISY"}, "LogLevel='NOISY': it must be one of 'DEBUG', "),
        ({"AuthorizerMemory": ""}, "AuthorizerMemory='': it must be a number"),
        ({"AuthorizerMemory": "64"}, "it must be at least 128."),
        ({"ApiKeyCacheSeconds": "3601"}, "it must be at most 3600."),
        ({"Release": "x" * 101}, "it must be at most 100 characters."),
        ({"AuthConfig": ""}, "AuthConfig must name the file with the access rules"),
        ({"ProvisionedConcurrency": "1"}, "set Release"),
        ({"SubnetIds": "subnet-0123456789abcdef0"}, "Set both SubnetIds and SecurityGroupIds"),
        ({"JwtJwksUrl": "https://idp.example/keys", "JwtIssuer": "https://idp.example/"}, "JwtAudience is missing"),
    ],
)
def test_a_value_that_cloudformation_refuses_is_named_with_what_is_accepted(
    given: dict[str, str], problem: str
) -> None:
    (found,) = mistakes(TEMPLATE, given)
    assert problem in found
    assert not found.endswith("..")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"JwtIssuer": "", "Release": ""},
        {"ProvisionedConcurrency": "1", "Release": "4711"},
        {"SubnetIds": "subnet-0123456789abcdef0", "SecurityGroupIds": "sg-0123456789abcdef0"},
        {"Other": "is no parameter of the template"},
    ],
)
def test_what_cloudformation_accepts_is_accepted(given: dict[str, str]) -> None:
    assert list(mistakes(TEMPLATE, given)) == []


def test_a_rule_that_only_aws_can_decide_is_left_to_aws() -> None:
    rule = {"Assertions": [{"Assert": {"Fn::Contains": [["a"], {"Ref": "Subnet"}]}}]}
    assert list(mistakes({"Parameters": {}, "Rules": {"Rule": rule}}, {})) == []
