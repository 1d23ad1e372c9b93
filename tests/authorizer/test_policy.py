"""The response to API Gateway: the context, and a policy for the whole stage that does not depend on the route."""

import base64

import pytest

from authorizer.access import AccessRules
from authorizer.identity import MAX_CONTEXT_BYTES, Identity
from authorizer.policy import KEPT_DOCUMENTS, MAX_MISSING_SCOPES, MalformedArn, Responder, stage_arn
from authorizer.refusal import Reason, Refusal
from authorizer.route import METHODS
from tests.support.rules_text import EVERY_ROUTE, rules_of

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
    policy = Responder(rules).respond(identity, ARN)["policyDocument"]
    assert policy["Version"] == "2012-10-17"
    assert {statement["Action"] for statement in policy["Statement"]} == {"execute-api:Invoke"}
    return {
        statement["Effect"]: [resource.removeprefix(f"{STAGE}/") for resource in statement["Resource"]]
        for statement in policy["Statement"]
    }


def test_one_rule_for_every_route_allows_the_whole_stage() -> None:
    assert statements(KEY, EVERY_ROUTE) == {"Allow": ["*"]}


def test_satisfied_rules_allow_and_the_others_are_left_out_where_they_take_nothing_away() -> None:
    outward = ["*%*..*", "*%2E*", "*%2e*", "*/..*", "*\\*"]
    assert statements(KEY, RULES) == {
        "Allow": ["GET/me", "GET/reports/*", "HEAD/me", "HEAD/reports/*"],
        "Deny": outward,
    }
    assert statements(USER, RULES) == {"Allow": ["GET/me", "HEAD/me", "POST/admin"]}


def test_an_unsatisfied_rule_under_a_satisfied_one_denies_its_route_and_every_other_spelling_of_paths() -> None:
    rules = rules_of("[[rule]]\nroute = '* /*'\n[[rule]]\nroute = 'GET /admin/whoami'\ncredentials = ['jwt']")
    assert statements(KEY, rules) == {
        "Allow": ["$default", *(f"{method}/*" for method in METHODS)],
        "Deny": [
            *("*%*..*", "*%2E*", "*%2e*", "*/*/", "*/.", "*/..*", "*/./*", "*//*", "*\\*"),
            *("GET/admin/whoami", "HEAD/admin/whoami"),
        ],
    }


def test_any_method_is_written_out_so_that_it_cannot_match_into_the_path() -> None:
    rules = rules_of("[[rule]]\nroute = '* /me'")
    methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    assert statements(KEY, rules) == {"Allow": [f"{method}/me" for method in methods]}


def test_the_answer_does_not_depend_on_the_route_that_was_asked_for() -> None:
    assert Responder(RULES).respond(USER, ARN) == Responder(RULES).respond(USER, f"{STAGE}/POST/other/route")


def test_the_same_rules_make_a_policy_for_whatever_stage_was_asked() -> None:
    other = Responder(RULES).respond(USER, "arn:aws-cn:execute-api:cn-north-1:1:xyz/beta/GET/me")["policyDocument"][
        "Statement"
    ]
    assert other[0]["Resource"][0] == "arn:aws-cn:execute-api:cn-north-1:1:xyz/beta/GET/me"


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
    "arn",
    [
        None,
        7,
        "",
        "*",
        "arn:aws:execute-api:r:1:abc",
        "arn:aws:execute-api:r:1:*/*/GET/",
        "arn:aws:execute-api:r:1:a/?/GET/",
        "arn:aws:s3:r:1:a/b/c",
    ],
)
def test_an_arn_of_another_form_makes_no_policy(arn: object) -> None:
    with pytest.raises(MalformedArn):
        stage_arn(arn)


def test_the_context_of_an_api_key_tells_kind_key_and_scopes() -> None:
    key = Identity("api_key", "acme", {"plan": "gold"}, frozenset({"b", "a"}), "key_1")
    assert Responder(EVERY_ROUTE).respond(key, ARN)["context"] == {
        "sub": "acme",
        "data": '{"plan":"gold"}',
        "credential": "api_key",
        "key_id": "key_1",
        "scope": "a b",
    }


def test_the_context_of_a_jwt_tells_kind_and_issuer_so_that_a_sub_is_no_consumers_name() -> None:
    user = Identity("jwt", "acme", {"email": "ü@example.com"}, issuer="https://i.example/")
    assert Responder(EVERY_ROUTE).respond(user, ARN)["context"] == {
        "sub": "acme",
        "data": '{"email":"ü@example.com"}',
        "credential": "jwt",
        "issuer": "https://i.example/",
    }


def test_data_can_be_base64url_of_the_same_text() -> None:
    context = Responder(EVERY_ROUTE, encoding="base64url").respond(USER, ARN)["context"]
    padded = context["data"] + "=" * (-len(context["data"]) % 4)
    assert base64.urlsafe_b64decode(padded) == '{"email":"ü@example.com"}'.encode()
    assert Responder(EVERY_ROUTE, simple=True, encoding="base64url").respond(USER, ARN)["context"] == context


def test_a_simple_response_has_the_same_context() -> None:
    assert Responder(EVERY_ROUTE, simple=True).respond(KEY, ARN) == {"isAuthorized": True, "context": KEY.context()}


def test_an_identity_that_does_not_fit_is_not_cut_short() -> None:
    large = Identity("jwt", "u", {"x": "y" * 8192})
    with pytest.raises(Refusal, match=Reason.IDENTITY_TOO_LARGE):
        Responder(EVERY_ROUTE).respond(large, ARN)
    with pytest.raises(Refusal, match=Reason.IDENTITY_TOO_LARGE):
        Responder(EVERY_ROUTE, simple=True).respond(large, ARN)


def test_all_values_of_the_context_fit_together() -> None:
    rules = rules_of("[[rule]]\nroute = 'GET /'\nscopes = ['abc', 'def']")
    fixed = len("u") + len("jwt") + len('{"x":""}')
    context = Responder(rules).respond(Identity("jwt", "u", {"x": "y" * (MAX_CONTEXT_BYTES - fixed - 5)}), ARN)[
        "context"
    ]
    assert context["missing_scopes"] == "abc"
    assert sum(map(len, context.values())) <= MAX_CONTEXT_BYTES
    full = Responder(rules).respond(Identity("jwt", "u", {"x": "y" * (MAX_CONTEXT_BYTES - fixed)}), ARN)["context"]
    assert "missing_scopes" not in full
    with pytest.raises(Refusal, match=Reason.IDENTITY_TOO_LARGE):
        Responder(rules).respond(Identity("jwt", "u", {"x": "y" * (MAX_CONTEXT_BYTES - fixed)}, issuer="i"), ARN)


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
    assert Responder(SCOPED).respond(KEY, ARN)["context"]["missing_scopes"] == "a b reports:write"
    assert Responder(SCOPED).respond(USER, ARN)["context"]["missing_scopes"] == "a b"


def test_an_identity_that_lacks_no_scope_gets_no_hint() -> None:
    full = Identity("api_key", "acme", {}, frozenset({"reports:read", "reports:write", "b"}), "key_1")
    assert "missing_scopes" not in Responder(SCOPED).respond(full, ARN)["context"]
    assert "missing_scopes" not in Responder(RULES).respond(USER, ARN)["context"]


def test_a_long_list_of_missing_scopes_ends_at_a_whole_one() -> None:
    many = "\n".join(f"[[rule]]\nroute = 'GET /r{number}'\nscopes = ['scope:{number:04}']" for number in range(200))
    large = rules_of("[settings]\nmax_policy_bytes = 100_000\n" + many)
    hint = Responder(large).respond(USER, ARN)["context"]["missing_scopes"]
    assert MAX_MISSING_SCOPES - 11 < len(hint) <= MAX_MISSING_SCOPES
    assert hint.split(" ")[-1] == f"scope:{len(hint.split(' ')) - 1:04}"


def test_one_responder_gives_each_identity_and_each_stage_its_own_policy() -> None:
    responder = Responder(RULES)
    arns = [ARN, "arn:aws-cn:execute-api:cn-north-1:1:xyz/beta/GET/me"]
    for _ in range(2):
        for arn in arns:
            for identity in (KEY, USER):
                assert responder.respond(identity, arn) == Responder(RULES).respond(identity, arn)


def test_the_context_that_is_kept_does_not_get_the_missing_scopes() -> None:
    responder = Responder(SCOPED)
    assert "missing_scopes" in responder.respond(USER, ARN)["context"]
    assert "missing_scopes" not in USER.context()


def test_policies_for_many_stages_do_not_fill_the_memory() -> None:
    responder = Responder(RULES)
    for number in range(KEPT_DOCUMENTS + 10):
        responder.respond(KEY, f"{STAGE}{number}/GET/me")
    assert responder._document.cache_info().currsize == KEPT_DOCUMENTS
