"""Access rules: an IAM policy that says exactly what the rules say, for every route at once.

The evaluator below follows IAM's documented logic on its own: an explicit Deny before every Allow, and no Allow is a
denial; `*` matches any text. The direct reading follows the rule's definition, route by route.
"""

import re
import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from authorizer.access import KINDS, AccessRules, Claim, Rule
from authorizer.identity import Identity
from authorizer.route import METHODS, Route

STAGE = "arn:aws:execute-api:eu-west-1:123456789012:abc/v1"
KEY = Identity("api_key", "acme", {"plan": "gold"}, frozenset({"a"}), "key_1")
USER = Identity("jwt", "user-1", {"groups": ["admins", "staff"], "org": {"level": 3}}, frozenset({"a", "b"}))

# Few names, so that rules meet each other and requests often.
SEGMENTS = ("a", "b", "ab", "me")
route_texts = st.builds(
    lambda method, segments: f"{method} /{'/'.join(segments)}",
    st.sampled_from(["GET", "POST", "*"]),
    st.lists(st.sampled_from([*SEGMENTS, "{id}", "*", "a*", "*b"]), max_size=3),
)
names = st.frozensets(st.sampled_from(["a", "b", "c"]), max_size=2)
claims = st.lists(
    st.sampled_from(
        [
            Claim(("plan",), "gold"),
            Claim(("plan",), True),
            Claim(("groups",), "admins"),
            Claim(("org", "level"), 3),
            Claim(("org", "level"), True),
        ]
    ),
    max_size=1,
).map(tuple)
rules = st.builds(
    Rule,
    route=route_texts.map(Route.parse),
    credentials=st.sampled_from([KINDS, frozenset({"api_key"}), frozenset({"jwt"})]),
    scopes=names,
    any_scopes=names,
    consumers=st.sampled_from([frozenset[str](), frozenset({"acme"}), frozenset({"acme", "other"})]),
    claims=claims,
)
rule_lists = st.lists(rules, min_size=1, max_size=6)
data = st.fixed_dictionaries(
    {},
    optional={
        "plan": st.sampled_from(["gold", True, 1, None]),
        "groups": st.sampled_from(["admins", ["admins"], ["staff"], []]),
        "org": st.sampled_from([{"level": 3}, {"level": 1}, {}, "x"]),
    },
)
identities = st.builds(
    Identity,
    kind=st.sampled_from(["api_key", "jwt"]),
    sub=st.sampled_from(["acme", "other", "third"]),
    data=data,
    scopes=names,
)
requests = st.builds(
    lambda method, segments, slash: f"{method}/{'/'.join(segments)}{slash if segments else ''}",
    st.sampled_from(["GET", "POST", "DELETE"]),
    st.lists(st.sampled_from([*SEGMENTS, "x", "GET"]), max_size=4),
    st.sampled_from(["", "/"]),
)


def iam_permits(policy: dict[str, Any], resource: str) -> bool:
    effects = {
        statement["Effect"]
        for statement in policy["Statement"]
        for pattern in statement["Resource"]
        if re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), resource, re.DOTALL)
    }
    return effects == {"Allow"}


def matches(rule: Rule, request: str) -> bool:
    method, _, path = request.partition("/")
    pattern = ".*".join(map(re.escape, rule.route.path.split("*")))
    return rule.route.method in ("*", method) and re.fullmatch(pattern, path, re.DOTALL) is not None


def rules_permit(rules: list[Rule], identity: Identity, request: str) -> bool:
    """The definition, word by word; a slash at the end leads to the same route and may not weaken a refusal."""
    permitted = [rule.is_satisfied(identity) for rule in rules if matches(rule, request)]
    if request.endswith("/"):
        permitted += [False for rule in rules if matches(rule, request.rstrip("/")) and not rule.is_satisfied(identity)]
    return bool(permitted) and all(permitted)


def policy(rules: list[Rule], identity: Identity) -> dict[str, Any]:
    document: dict[str, Any] = AccessRules(rules).answer(identity, f"{STAGE}/GET/me")["policyDocument"]
    return document


@settings(max_examples=1000)
@example([Rule(Route.parse("* /*")), Rule(Route.parse("GET /a"), scopes=frozenset({"z"}))], KEY, "GET/a/")
@given(rule_lists, identities, requests)
def test_the_policy_permits_what_the_rules_permit_and_nothing_else(
    rules: list[Rule], identity: Identity, request: str
) -> None:
    permitted = rules_permit(rules, identity, request)
    assert iam_permits(policy(rules, identity), f"{STAGE}/{request}") == permitted
    assert AccessRules(rules).compile(identity).permits(Route(*request.split("/", 1))) == permitted


@given(rule_lists, rules, identities, requests)
def test_one_more_rule_never_opens_a_route_that_some_rule_matched_already(
    before: list[Rule], added: Rule, identity: Identity, request: str
) -> None:
    assume(any(matches(rule, request) for rule in before))
    with_it = iam_permits(policy([*before, added], identity), f"{STAGE}/{request}")
    assert not with_it or iam_permits(policy(before, identity), f"{STAGE}/{request}")


@given(rule_lists, identities)
def test_the_order_of_the_rules_and_saying_one_twice_change_nothing(rules: list[Rule], identity: Identity) -> None:
    assert policy(rules, identity) == policy([*reversed(rules), rules[0]], identity)


@given(rule_lists, identities, requests, st.text(string.ascii_letters, min_size=1, max_size=20))
def test_a_stage_whose_name_begins_the_same_is_never_permitted(
    rules: list[Rule], identity: Identity, request: str, more: str
) -> None:
    assert not iam_permits(policy(rules, identity), f"{STAGE}{more}/{request}")


@given(rule_lists, identities, identities)
def test_rules_in_memory_for_one_identity_are_not_used_for_another(
    rules: list[Rule], one: Identity, other: Identity
) -> None:
    shared = AccessRules(rules)
    shared.compile(one)
    assert shared.compile(other) == AccessRules(rules).compile(other)


def test_a_route_covered_by_a_wider_one_is_left_out_of_the_policy() -> None:
    wide, narrow = Rule(Route.parse("* /*")), Rule(Route.parse("GET /me"))
    assert AccessRules([narrow, wide]).compile(KEY).patterns == {"Allow": ("*",)}


def test_an_allowed_route_that_a_denied_one_covers_is_left_out_of_the_policy() -> None:
    rules = AccessRules([Rule(Route.parse("GET /me")), Rule(Route.parse("GET /*"), credentials=frozenset({"jwt"}))])
    assert rules.compile(KEY).allowed == frozenset()


def test_one_policy_is_made_for_all_identities_that_satisfy_the_same_rules() -> None:
    rules = AccessRules([Rule(Route.parse("GET /me"), scopes=frozenset({"a"}))])
    assert rules.compile(KEY) is rules.compile(USER)


@pytest.mark.parametrize(
    ("asked", "satisfied_by"),
    [
        ({"credentials": frozenset({"api_key"})}, [KEY]),
        ({"credentials": frozenset({"jwt"})}, [USER]),
        ({"scopes": frozenset({"a", "b"})}, [USER]),
        ({"any_scopes": frozenset({"a", "z"})}, [KEY, USER]),
        ({"any_scopes": frozenset({"z"})}, []),
        ({"consumers": frozenset({"acme", "user-1"})}, [KEY]),
        ({"claims": (Claim(("plan",), "gold"),)}, [KEY]),
        ({"claims": (Claim(("groups",), "admins"),)}, [USER]),
        ({"claims": (Claim(("groups",), ["admins", "staff"]),)}, [USER]),
        ({"claims": (Claim(("groups",), ["admins"]),)}, []),
        ({"claims": (Claim(("groups",), "admin"),)}, []),
        ({"claims": (Claim(("org", "level"), 3),)}, [USER]),
        ({"claims": (Claim(("org", "level"), "3"),)}, []),
        ({"claims": (Claim(("org",), 3),)}, []),
        ({"claims": (Claim(("org", "level", "x"), 3),)}, []),
    ],
)
def test_each_thing_that_a_rule_asks_for_must_hold(asked: dict[str, Any], satisfied_by: list[Identity]) -> None:
    rule = replace(Rule(Route.parse("GET /me")), **asked)
    assert [identity for identity in (KEY, USER) if rule.is_satisfied(identity)] == satisfied_by


def test_every_method_of_api_gateway_is_meant_by_any() -> None:
    document = policy([Rule(Route.parse("* /me"))], KEY)
    assert all(iam_permits(document, f"{STAGE}/{method}/me") for method in METHODS)
    assert not iam_permits(document, f"{STAGE}/GET/other/me")
