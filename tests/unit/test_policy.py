"""Access rules and the policy made of them: over the whole stage, and the same whatever was asked for."""

import json

import pytest

from authorizer.access import AccessRules, RulesError
from authorizer.identity import Identity, IdentityTooLarge
from authorizer.policy import MalformedArn, answer, stage_arn

ARN = "arn:aws:execute-api:eu-west-1:123456789012:abc/v1/GET/me"
STAGE = "arn:aws:execute-api:eu-west-1:123456789012:abc/v1"
KEY = Identity("api_key", "acme", {"plan": "gold"}, frozenset({"reports:read"}), "key_1")
USER = Identity("jwt", "user-1", {"email": "ü@example.com"})
RULES = """
[[rule]]
route = "GET /me"

[[rule]]
route = "GET /reports/{id}"
credentials = ["api_key"]
scopes = ["reports:read"]

[[rule]]
route = "* /admin"
credentials = ["jwt"]
"""


def statements(identity: Identity, rules: AccessRules, arn: str = ARN) -> dict[str, list[str]]:
    policy = answer(identity, rules, arn)["policyDocument"]
    return {statement["Effect"]: statement["Resource"] for statement in policy["Statement"]}


def test_without_rules_every_route_of_the_stage_is_allowed() -> None:
    assert statements(KEY, AccessRules.allow_all()) == {"Allow": [f"{STAGE}/*"]}


def test_satisfied_rules_allow_and_the_others_deny() -> None:
    rules = AccessRules.from_toml(RULES)
    methods = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
    admin = [f"{STAGE}/{method}/admin" for method in methods]
    assert statements(KEY, rules) == {"Allow": [f"{STAGE}/GET/me", f"{STAGE}/GET/reports/*"], "Deny": admin}
    assert statements(USER, rules) == {"Allow": sorted([*admin, f"{STAGE}/GET/me"]), "Deny": [f"{STAGE}/GET/reports/*"]}


def test_the_policy_does_not_depend_on_the_route_that_was_asked_for() -> None:
    rules = AccessRules.from_toml(RULES)
    assert answer(KEY, rules, ARN) == answer(KEY, rules, f"{STAGE}/POST/other/route")


def test_an_identity_that_satisfies_no_rule_is_denied_everything() -> None:
    rules = AccessRules.from_toml('[[rule]]\nroute = "* /*"\ncredentials = ["jwt"]')
    assert statements(KEY, rules) == {"Deny": [f"{STAGE}/*"]}


@pytest.mark.parametrize(
    ("arn", "stage"),
    [
        ("arn:aws-cn:execute-api:cn-north-1:1:abc/prod/GET/a:b/c", "arn:aws-cn:execute-api:cn-north-1:1:abc/prod"),
        ("arn:aws-us-gov:execute-api:us-gov-west-1:1:abc/p/GET/", "arn:aws-us-gov:execute-api:us-gov-west-1:1:abc/p"),
    ],
)
def test_partition_and_stage_come_from_the_method_arn(arn: str, stage: str) -> None:
    assert stage_arn(arn) == stage


@pytest.mark.parametrize(
    "arn", [None, 7, "", "*", "arn:aws:execute-api:r:1:abc", "arn:aws:execute-api:r:1:*/*/GET/", "arn:aws:s3:r:1:a/b/c"]
)
def test_an_arn_of_another_form_makes_no_policy(arn: object) -> None:
    with pytest.raises(MalformedArn):
        stage_arn(arn)


def test_the_context_is_sub_and_data_as_texts() -> None:
    context = answer(USER, AccessRules.allow_all(), ARN)["context"]
    assert context["sub"] == "user-1"
    assert json.loads(context["data"]) == {"email": "ü@example.com"}


def test_an_identity_that_does_not_fit_is_not_cut_short() -> None:
    with pytest.raises(IdentityTooLarge):
        Identity("jwt", "u", {"x": "y" * 8192}).context()


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("", r"\[\[rule\]\]"),
        ("rule = 1", r"\[\[rule\]\]"),
        ("[[rule]", "not TOML"),
        ("[[rule]]\nroutes = 'GET /'", "routes"),
        ("[[rule]]\nroute = '/me'", "route"),
        ("[[rule]]\nroute = 'get /me'", "route"),
        ("[[rule]]\nroute = 'GET me'", "route"),
        ("[[rule]]\nroute = 'GET /a?b'", "route"),
        ("[[rule]]\nroute = 'GET /me'\ncredentials = []", "credentials"),
        ("[[rule]]\nroute = 'GET /me'\ncredentials = ['password']", "credentials"),
        ("[[rule]]\nroute = 'GET /me'\nscopes = 'a'", "scopes"),
        ("[[rule]]\nroute = 'GET /me'\n[other]\na = 1", r"\[\[rule\]\]"),
    ],
)
def test_a_broken_rules_file_says_what_is_wrong(toml: str, named: str) -> None:
    with pytest.raises(RulesError, match=named):
        AccessRules.from_toml(toml)
