"""The answer to API Gateway: a policy over the whole stage, the same whatever was asked for, and the context."""

import json

import pytest

from authorizer.access import AccessRules
from authorizer.identity import Identity, IdentityTooLarge
from authorizer.policy import MAX_MISSING_SCOPES, MalformedArn, every_route, simple_answer, stage_arn
from tests.unit.rules_text import rules_of

ARN = "arn:aws:execute-api:eu-west-1:123456789012:abc/v1/GET/me"
STAGE = "arn:aws:execute-api:eu-west-1:123456789012:abc/v1"
KEY = Identity("api_key", "acme", {"plan": "gold"}, frozenset({"reports:read"}), "key_1")
USER = Identity("jwt", "user-1", {"email": "ü@example.com"})
RULES = rules_of(
    """
    [[rule]]
    route = "GET /me"

    [[rule]]
    route = "GET /reports/{id}"
    credentials = ["api_key"]
    scopes = ["reports:read"]

    [[rule]]
    route = "POST /admin"
    credentials = ["jwt"]
    """
)


def statements(identity: Identity, rules: AccessRules) -> dict[str, list[str]]:
    policy = rules.answer(identity, ARN)["policyDocument"]
    assert policy["Version"] == "2012-10-17"
    assert {statement["Action"] for statement in policy["Statement"]} == {"execute-api:Invoke"}
    return {
        statement["Effect"]: [resource.removeprefix(f"{STAGE}/") for resource in statement["Resource"]]
        for statement in policy["Statement"]
    }


def test_without_rules_every_route_of_the_stage_is_allowed() -> None:
    assert statements(KEY, AccessRules.allow_all()) == {"Allow": ["*"]}
    assert every_route(KEY, ARN) == AccessRules.allow_all().answer(KEY, ARN)


def test_satisfied_rules_allow_and_the_others_deny_also_with_a_slash_at_the_end() -> None:
    assert statements(KEY, RULES) == {"Allow": ["GET/me", "GET/reports/*"], "Deny": ["POST/admin", "POST/admin/"]}
    assert statements(USER, RULES) == {"Allow": ["GET/me", "POST/admin"], "Deny": ["GET/reports/*"]}


def test_any_method_is_written_out_so_that_it_cannot_match_into_the_path() -> None:
    rules = rules_of("[[rule]]\nroute = '* /me'")
    methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    assert statements(KEY, rules) == {"Allow": [f"{method}/me" for method in methods]}


def test_the_answer_does_not_depend_on_the_route_that_was_asked_for() -> None:
    assert RULES.answer(USER, ARN) == RULES.answer(USER, f"{STAGE}/POST/other/route")


def test_the_same_rules_make_a_policy_for_whatever_stage_was_asked() -> None:
    other = RULES.answer(USER, "arn:aws-cn:execute-api:cn-north-1:1:xyz/beta/GET/me")["policyDocument"]["Statement"]
    assert other[1]["Resource"] == ["arn:aws-cn:execute-api:cn-north-1:1:xyz/beta/GET/reports/*"]


def test_an_identity_that_satisfies_no_rule_is_denied_everything() -> None:
    assert statements(KEY, rules_of("[[rule]]\nroute = '* /*'\ncredentials = ['jwt']")) == {"Deny": ["*"]}


@pytest.mark.parametrize(
    ("arn", "stage"),
    [
        ("arn:aws-cn:execute-api:cn-north-1:1:abc/prod/GET/a:b/c", "arn:aws-cn:execute-api:cn-north-1:1:abc/prod"),
        ("arn:aws-us-gov:execute-api:us-gov-west-1:1:abc/p/GET/", "arn:aws-us-gov:execute-api:us-gov-west-1:1:abc/p"),
        ("arn:aws:execute-api:r:1:abc/$default/GET/me", "arn:aws:execute-api:r:1:abc/$default"),
    ],
)
def test_partition_and_stage_come_from_the_arn(arn: str, stage: str) -> None:
    assert stage_arn(arn) == stage


@pytest.mark.parametrize(
    "arn", [None, 7, "", "*", "arn:aws:execute-api:r:1:abc", "arn:aws:execute-api:r:1:*/*/GET/", "arn:aws:s3:r:1:a/b/c"]
)
def test_an_arn_of_another_form_makes_no_policy(arn: object) -> None:
    with pytest.raises(MalformedArn):
        stage_arn(arn)


def test_the_context_is_sub_and_data_as_texts() -> None:
    context = AccessRules.allow_all().answer(USER, ARN)["context"]
    assert context.keys() == {"sub", "data"}
    assert context["sub"] == "user-1"
    assert json.loads(context["data"]) == {"email": "ü@example.com"}


def test_a_simple_response_has_the_same_context() -> None:
    assert simple_answer(KEY, ARN) == {"isAuthorized": True, "context": KEY.context()}


def test_an_identity_that_does_not_fit_is_not_cut_short() -> None:
    large = Identity("jwt", "u", {"x": "y" * 8192})
    with pytest.raises(IdentityTooLarge):
        AccessRules.allow_all().answer(large, ARN)
    with pytest.raises(IdentityTooLarge):
        simple_answer(large, ARN)


SCOPED = rules_of(
    """
    [[rule]]
    route = "POST /reports"
    credentials = ["api_key"]
    scopes = ["reports:read", "reports:write"]

    [[rule]]
    route = "GET /secret"
    scopes = ["secret"]
    claims = { plan = "platinum" }

    [[rule]]
    route = "GET /either"
    any_scopes = ["b", "a"]
    """
)


def test_the_context_names_the_scopes_that_would_open_more_routes_and_only_those() -> None:
    assert SCOPED.answer(KEY, ARN)["context"]["missing_scopes"] == "a b reports:write"
    assert SCOPED.answer(USER, ARN)["context"]["missing_scopes"] == "a b"


def test_an_identity_that_lacks_no_scope_gets_no_hint() -> None:
    full = Identity("api_key", "acme", {}, frozenset({"reports:read", "reports:write", "b"}), "key_1")
    assert "missing_scopes" not in SCOPED.answer(full, ARN)["context"]
    assert "missing_scopes" not in RULES.answer(USER, ARN)["context"]


def test_a_long_list_of_missing_scopes_ends_at_a_whole_one() -> None:
    many = "\n".join(f"[[rule]]\nroute = 'GET /r{number}'\nscopes = ['scope:{number:04}']" for number in range(200))
    hint = rules_of(many).answer(USER, ARN)["context"]["missing_scopes"]
    assert MAX_MISSING_SCOPES - 11 < len(hint) <= MAX_MISSING_SCOPES
    assert hint.split(" ")[-1] == f"scope:{len(hint.split(' ')) - 1:04}"
