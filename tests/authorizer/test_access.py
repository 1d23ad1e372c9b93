"""Access rules: the IAM policy permits exactly what the rules permit, for all routes.

The evaluator below follows IAM's documented logic on its own: an explicit Deny before every Allow, and no Allow is a
denial; `*` matches any text. The direct reading follows the rule's definition, route by route. Paths in another
spelling are tidied up as a server might (RFC 3986, 5.2.4): what they then name must not be opened by the spelling.
"""

import json
import re
import socket
import string
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from authorizer.access import KEPT_GRANTS, AccessRules, Rule
from authorizer.claims import Claim
from authorizer.conditions import KINDS, Conditions
from authorizer.grant import STAGE_ARN_BYTES, Grant
from authorizer.identity import Identity
from authorizer.networks import Networks
from authorizer.policy import PolicyTooLarge, Responder
from authorizer.route import DEFAULT, METHODS, Route
from tests.support.rules_text import conditions

STAGE = "arn:aws:execute-api:eu-west-1:123456789012:abc/v1"
KEY = Identity("api_key", "acme", {"plan": "gold"}, frozenset({"a"}), "key_1")
USER = Identity(
    "jwt",
    "user-1",
    {"groups": ["admins", "staff"], "org": {"level": 3}},
    frozenset({"a", "b"}),
    issuer="https://a.example/",
)

# Few names, so that rules often match each other's routes and the requests.
SEGMENTS = ("a", "b", "ab", "me")
route_texts = st.builds(
    lambda method, segments: f"{method} /{'/'.join(segments)}",
    st.sampled_from(["GET", "HEAD", "POST", "*"]),
    st.lists(st.sampled_from([*SEGMENTS, "{id}", "*", "a*", "*b"]), max_size=3),
) | st.just(DEFAULT)
names = st.frozensets(st.sampled_from(["a", "b", "c"]), max_size=2)
claims = st.lists(
    st.sampled_from(
        [
            Claim(("plan",), ("gold", 1)),
            Claim(("plan",), (True,)),
            Claim(("groups",), ("admins", "staff")),
            Claim(("groups",), ("admins",)),
            Claim(("org", "level"), (3, "3")),
            Claim(("org", "level"), (1.0,)),
            Claim(("org", "level"), (True,)),
        ]
    ),
    max_size=1,
).map(tuple)
block_lists = st.sampled_from(
    [
        Networks.parse(texts)
        for texts in (
            ["203.0.113.0/24"],
            ["203.0.113.7"],
            ["203.0.113.0/25", "198.51.100.0/24"],
            ["2001:db8::/32"],
            ["198.51.100.0/24", "2001:db8:1::/48"],
            ["0.0.0.0/0"],
        )
    ]
)
networks = st.none() | block_lists
sources = st.sampled_from(
    [
        *("203.0.113.7", "203.0.113.200", "198.51.100.1", "192.0.2.1", "2001:db8::1", "2001:db8:1::1", "2001:db9::1"),
        *("::ffff:203.0.113.7", "::ffff:cb00:7107", None),
    ]
)
member_conditions = st.builds(
    conditions,
    credentials=st.sampled_from([frozenset[str](), frozenset({"api_key"}), frozenset({"jwt"})]),
    scopes=names,
    any_scopes=names,
    consumers=st.sampled_from([frozenset[str](), frozenset({"acme"}), frozenset({"acme", "other"})]),
    issuers=st.sampled_from([frozenset[str](), frozenset[str](), frozenset({"https://a.example/"})]),
    claims=claims,
    networks=networks,
)
rules = st.builds(
    Rule,
    route=route_texts.map(Route.parse),
    conditions=st.just(()) | member_conditions | st.builds(conditions, networks=networks),
    alternatives=st.lists(member_conditions, max_size=3).map(tuple),
)
rule_lists = st.lists(rules, min_size=1, max_size=6)
data = st.fixed_dictionaries(
    {},
    optional={
        "plan": st.sampled_from(["gold", True, 1, None]),
        "groups": st.sampled_from(["admins", ["admins"], ["staff"], []]),
        "org": st.sampled_from([{"level": 3}, {"level": 3.0}, {"level": 1}, {"level": True}, {}, "x"]),
    },
)
identities = st.builds(
    Identity,
    kind=st.sampled_from(["api_key", "jwt"]),
    sub=st.sampled_from(["acme", "other", "third"]),
    data=data,
    scopes=names,
    issuer=st.sampled_from([None, "https://a.example/", "https://b.example/"]),
    networks=networks,
)
methods = st.sampled_from(["GET", "HEAD", "POST", "DELETE"])
requests = st.builds(
    lambda method, segments: f"{method}/{'/'.join(segments)}",
    methods,
    st.lists(st.sampled_from([*SEGMENTS, "x", "GET"]), max_size=4),
) | st.just(DEFAULT)
odd_requests = st.builds(
    lambda method, segments, end: f"{method}/{'/'.join(segments)}{end}",
    methods,
    st.lists(st.sampled_from([*SEGMENTS, "x", "", ".", ".."]), max_size=5),
    st.sampled_from(["", "/", "/.", "/.."]),
).filter(lambda request: tidied(request) != request)

backslashes = st.builds(
    lambda method, segments: f"{method}/{'/'.join(segments)}",
    methods,
    st.lists(st.sampled_from([*SEGMENTS, "\\", "\\..", "..\\a", "a\\b"]), min_size=1, max_size=4),
)


def tidied(request: str) -> str:
    """The requests that a server can interpret this request as."""
    method, _, path = request.partition("/")
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    return f"{method}/{'/'.join(segments)}"


def iam_permits(policy: dict[str, Any], resource: str, source: str | None = "192.0.2.1") -> bool:
    """IAM's decision about a request from this address. None: the request context has no address."""
    effects = {
        statement["Effect"]
        for statement in policy["Statement"]
        for pattern in statement["Resource"]
        if re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), resource, re.DOTALL)
        and all(condition_is_met(name, keys, source) for name, keys in statement.get("Condition", {}).items())
    }
    return effects == {"Allow"}


def condition_is_met(operator: str, keys: dict[str, list[str]], source: str | None) -> bool:
    """One operator of a condition. All its keys must match; for each, one value is enough. A negated operator is met
    where the other one is not, and so for a key that the request context does not have.

    IAM user guide: "Conditions with multiple context keys or values", "IP address condition operators".
    """
    assert operator in ("IpAddress", "NotIpAddress")
    assert all(name == "aws:SourceIp" and blocks for name, blocks in keys.items())
    inside = source is not None and all(any(is_in(source, block) for block in blocks) for blocks in keys.values())
    return inside is (operator == "IpAddress")


def is_in(source: str, block: str) -> bool:
    """Whether the address begins with the bits of the block, compared as bits."""
    start, length = block.split("/")
    family = socket.AF_INET6 if ":" in start else socket.AF_INET
    if (":" in source) != (":" in start):
        return False
    bits = [
        f"{int.from_bytes(socket.inet_pton(family, text)):0{128 if ':' in text else 32}b}" for text in (source, start)
    ]
    return bits[0][: int(length)] == bits[1][: int(length)]


def matches(rule: Rule, request: str) -> bool:
    method, _, path = request.partition("/")
    pattern = ".*".join(map(re.escape, rule.route.path.split("*")))
    if method == DEFAULT:
        return (rule.route.method, rule.route.path) in [(DEFAULT, ""), ("*", "*")]
    named = {"*": METHODS, "GET": ("GET", "HEAD")}.get(rule.route.method, (rule.route.method,))
    return method in named and re.fullmatch(pattern, path, re.DOTALL) is not None


def holds(conditions: Conditions, identity: Identity, source: str | None) -> bool:
    """Whether the conditions hold, written after the documentation."""
    asked = {condition.NAME: condition.values for condition in conditions}
    for claim in asked.get("claims", ()):
        found: Any = identity.data
        for name in claim.path:
            found = found.get(name) if isinstance(found, dict) else None
        listed = found if isinstance(found, list) else [found]
        if not any(is_same(value, member) for value in claim.values for member in listed):
            return False
    return (
        identity.kind in asked.get("credentials", KINDS)
        and asked.get("scopes", frozenset()) <= identity.scopes
        and ("any_scopes" not in asked or bool(asked["any_scopes"] & identity.scopes))
        and ("consumers" not in asked or (identity.kind == "api_key" and identity.sub in asked["consumers"]))
        and ("issuers" not in asked or identity.issuer in asked["issuers"])
        and comes_from(asked.get("networks"), source)
    )


def comes_from(networks: Networks | None, source: str | None) -> bool:
    return networks is None or (source is not None and any(is_in(source, block) for block in networks.blocks))


def is_same(one: object, other: object) -> bool:
    """Whether JSON considers the values equal: numbers by value, and other types only within a type."""
    numbers = {int, float}
    return one == other and (type(one) is type(other) or {type(one), type(other)} <= numbers)


def is_satisfied(rule: Rule, identity: Identity, source: str | None = "192.0.2.1") -> bool:
    return holds(rule.conditions, identity, source) and (
        not rule.alternatives or any(holds(other, identity, source) for other in rule.alternatives)
    )


def rules_permit(rules: list[Rule], identity: Identity, request: str, source: str | None = "192.0.2.1") -> bool:
    """Whether the rules and the networks of the credential permit the request, written after the definition."""
    satisfied = [is_satisfied(rule, identity, source) for rule in rules if matches(rule, request)]
    return bool(satisfied) and all(satisfied) and comes_from(identity.networks, source)


def policy(rules: list[Rule], identity: Identity) -> dict[str, Any]:
    responder = Responder(AccessRules(rules, 100_000))
    document: dict[str, Any] = responder.respond(identity, f"{STAGE}/GET/me", "192.0.2.1")["policyDocument"]
    return document


def statements(grant: Grant) -> dict[str, tuple[str, ...]]:
    """The resources by effect, of a grant without networks."""
    assert not grant.limits
    return {each.effect: each.resources for each in grant.statements}


def rule(route: str, **asked: Any) -> Rule:
    return Rule(Route.parse(route), conditions(**asked))


ADMIN = frozenset({"admin"})
OFFICE = Networks.parse(["203.0.113.0/24", "2001:db8::/32"])
HOME = Networks.parse(["198.51.100.0/24"])
HALF = Networks.parse(["203.0.113.0/25"])
OUTWARD = ("*%*..*", "*%2E*", "*%2e*", "*/..*", "*\\*")
SPELLINGS = ("*%*..*", "*%2E*", "*%2e*", "*/*/", "*/.", "*/..*", "*/./*", "*//*", "*\\*")
INNER = ("*%*..*", "*%2E*", "*%2e*", "*/..*", "*/./*", "*//*", "*\\*")
EVERYTHING = ("$default", *(f"{method}/*" for method in METHODS))


@example([rule("* /*"), rule("GET /a", scopes=ADMIN)], KEY, "HEAD/a", "192.0.2.1")
@example([rule("GET /*"), rule("GET /a", networks=OFFICE)], KEY, "GET/a", "192.0.2.1")
@example([rule("GET /a", networks=OFFICE), rule("* /a", networks=HALF)], KEY, "GET/a", "203.0.113.200")
@example([rule("GET /a", networks=OFFICE), rule("* /a", networks=HOME)], KEY, "GET/a", "203.0.113.7")
@example(
    [Rule(Route("GET", "a"), conditions(networks=HALF), (conditions(networks=OFFICE),))], KEY, "GET/a", "203.0.113.200"
)
@example([rule("* /*"), rule("GET /a", networks=OFFICE)], KEY, "HEAD/a", "203.0.113.7")
@example([rule("GET /a", networks=OFFICE), rule("GET /*", networks=HOME)], KEY, "GET/a", "203.0.113.7")
@given(rule_lists, identities, requests, sources)
def test_the_policy_permits_what_the_rules_and_networks_permit_and_nothing_else(
    rules: list[Rule], identity: Identity, request: str, source: str | None
) -> None:
    permitted = rules_permit(rules, identity, request, source)
    assert iam_permits(policy(rules, identity), f"{STAGE}/{request}", source) == permitted
    grant = AccessRules(rules).permissions(identity)[0]
    within = grant if identity.networks is None else grant.within(identity.networks)
    method, _, path = request.partition("/")
    assert within.permits(Route(method, path), source) == permitted


@example([rule("* /*"), rule("GET /a/b", scopes=ADMIN)], KEY, "GET/a//b", "192.0.2.1")
@example([rule("* /*"), rule("GET /a/b", scopes=ADMIN)], KEY, "GET/a/b//", "192.0.2.1")
@example([rule("GET /a/*"), rule("GET /a", scopes=ADMIN)], KEY, "GET/a/", "192.0.2.1")
@example([rule("GET /a/*/b"), rule("GET /a/b", scopes=ADMIN)], KEY, "GET/a/./b", "192.0.2.1")
@example([rule("GET /a/*"), rule("GET /b", scopes=ADMIN)], KEY, "GET/a/../b", "192.0.2.1")
@example([rule("GET /a*"), rule("GET /a/b/c", scopes=ADMIN)], KEY, "GET/a/x/../b/c/.", "192.0.2.1")
@example([rule("GET /a/*"), rule("GET /a", networks=OFFICE)], KEY, "GET/a/", "192.0.2.1")
@example([rule("GET /a/*", networks=HOME), rule("GET /a", networks=OFFICE)], KEY, "GET/a/", "198.51.100.1")
@given(rule_lists, identities, odd_requests, sources)
def test_no_other_spelling_of_a_path_gets_round_a_rule_that_is_not_satisfied(
    rules: list[Rule], identity: Identity, request: str, source: str | None
) -> None:
    if iam_permits(policy(rules, identity), f"{STAGE}/{request}", source):
        assert rules_permit(rules, identity, request, source)
        for rule in rules:
            assert is_satisfied(rule, identity, source) or not matches(rule, tidied(request))


@given(rule_lists, odd_requests)
def test_where_every_rule_is_satisfied_only_what_could_lead_elsewhere_is_refused_for_its_spelling(
    rules: list[Rule], request: str
) -> None:
    satisfied = [Rule(rule.route) for rule in rules]
    document = policy(satisfied, KEY)
    permitted = iam_permits(document, f"{STAGE}/{request}")
    everything = any(rule.route == Route("*", "*") for rule in satisfied)
    allowed = [
        pattern.removeprefix(f"{STAGE}/")
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for pattern in statement["Resource"]
    ]
    inner = any("*" in pattern[:-1] for pattern in allowed)
    if (".." in request.split("/") and not everything) or (("//" in request or "/./" in request) and inner):
        assert not permitted
    else:
        assert permitted == rules_permit(satisfied, KEY, request)


@example([rule("GET /users/{id}/photos")], KEY, "GET/users//photos")
@example([rule("GET /users/{id}/photos")], KEY, "GET/users/./photos")
@example([rule("GET /users/{id}/photos")], KEY, "GET/users/\\photos")
@example([rule("GET /users/{id}/photos")], KEY, "GET/users/x\\..\\photos")
@example([rule("GET /*b")], KEY, "GET/.\\a/b")
@given(rule_lists, identities, odd_requests | backslashes)
def test_another_spelling_reaches_no_route_that_no_rule_permits_except_by_a_slash_at_its_end(
    rules: list[Rule], identity: Identity, request: str
) -> None:
    if iam_permits(policy(rules, identity), f"{STAGE}/{request}"):
        normal = tidied(request.replace("\\", "/"))
        assert any(rules_permit(rules, identity, f"{normal}{end}") for end in ("", "/"))


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
    shared.permissions(one)
    assert shared.permissions(other)[0].statements == AccessRules(rules).permissions(other)[0].statements


@pytest.mark.parametrize(
    ("given_rules", "patterns"),
    [
        ([rule("GET /me"), rule("* /*")], {"Allow": ("*",)}),
        ([rule("* /me"), rule("POST /me", scopes=ADMIN)], {"Allow": tuple(f"{m}/me" for m in METHODS if m != "POST")}),
        ([rule("GET /me"), rule("GET /*", scopes=ADMIN)], {"Deny": ("*",)}),
        ([rule("GET /me"), rule("GET /admin", scopes=ADMIN)], {"Allow": ("GET/me", "HEAD/me")}),
        ([rule("POST /a/*"), rule("POST /a/b*")], {"Allow": ("POST/a/*",), "Deny": OUTWARD}),
        (
            [rule("* /*"), rule("PUT /a/*", scopes=ADMIN), rule("PUT /a/b", scopes=ADMIN)],
            {"Allow": EVERYTHING, "Deny": (*SPELLINGS, "PUT/a/*")},
        ),
        ([rule("* /*"), rule("* /*", scopes=ADMIN)], {"Deny": ("*",)}),
        ([rule("$default"), rule("POST /a")], {"Allow": ("$default", "POST/a")}),
        ([rule("$default"), rule("* /*")], {"Allow": ("*",)}),
        (
            [rule("$default", scopes=ADMIN), rule("* /*")],
            {"Allow": EVERYTHING, "Deny": ("$default", *SPELLINGS)},
        ),
    ],
)
def test_the_policy_has_nothing_in_it_that_says_no_more(
    given_rules: list[Rule], patterns: dict[str, tuple[str, ...]]
) -> None:
    assert statements(AccessRules(given_rules).permissions(KEY)[0]) == patterns


def test_one_policy_is_made_for_all_identities_that_satisfy_the_same_rules() -> None:
    rules = AccessRules([rule("GET /me", scopes=frozenset({"a"}))])
    assert rules.permissions(KEY)[0] is rules.permissions(USER)[0]


def test_a_client_that_chooses_its_scopes_does_not_fill_the_memory() -> None:
    rules = AccessRules(rule(f"GET /{number}", scopes=frozenset({str(number)})) for number in range(KEPT_GRANTS + 10))
    for number in range(KEPT_GRANTS + 10):
        rules.permissions(Identity("jwt", "u", scopes=frozenset({str(number)})))
    assert rules._grant.cache_info().currsize == KEPT_GRANTS


def test_a_policy_for_a_longer_stage_than_was_allowed_for_is_not_sent() -> None:
    rules = AccessRules(rule(f"POST /{number}") for number in range(60))
    assert rules.largest_policy_bytes() <= rules.max_policy_bytes
    long_stage = f"{STAGE}{'x' * 100}"
    with pytest.raises(PolicyTooLarge):
        Responder(rules).respond(KEY, f"{long_stage}/GET/me")


def test_a_resource_that_api_gateway_would_not_take_is_not_sent() -> None:
    rules = AccessRules([rule("* /*"), rule(f"DELETE /{'x' * 399}", scopes=ADMIN)])
    Responder(rules).respond(KEY, f"{STAGE}/GET/me")
    with pytest.raises(PolicyTooLarge):
        Responder(rules).respond(KEY, f"{STAGE}{'x' * 100}/GET/me")


@example([rule("POST /a", networks=OFFICE), rule("POST /b", networks=OFFICE), rule("POST /a*")], KEY)
@example([rule("POST /a/*", networks=OFFICE), rule("POST /*/b"), rule("POST /c", networks=OFFICE)], KEY)
@example([rule("POST /a", networks=OFFICE), rule("POST /*", networks=HOME), rule("GET /a", networks=HALF)], KEY)
@given(rule_lists, identities)
def test_no_policy_is_larger_than_the_bound(rules: list[Rule], identity: Identity) -> None:
    access_rules = AccessRules(rules, 100_000)
    document = Responder(access_rules).respond(identity, f"{STAGE}/GET/me", "192.0.2.1")["policyDocument"]
    grant = access_rules.permissions(identity)[0]
    assert grant.policy_bytes(STAGE_ARN_BYTES) <= access_rules.largest_policy_bytes()
    within = grant if identity.networks is None else grant.within(identity.networks)
    assert len(json.dumps(document)) <= within.policy_bytes(len(STAGE))


@pytest.mark.parametrize(
    ("asked", "satisfied_by"),
    [
        ({"credentials": frozenset({"api_key"})}, [KEY]),
        ({"credentials": frozenset({"jwt"})}, [USER]),
        ({"scopes": frozenset({"a", "b"})}, [USER]),
        ({"any_scopes": frozenset({"a", "z"})}, [KEY, USER]),
        ({"any_scopes": frozenset({"z"})}, []),
        ({"consumers": frozenset({"acme", "user-1"})}, [KEY]),
        ({"claims": (Claim(("plan",), ("gold",)),)}, [KEY]),
        ({"claims": (Claim(("plan",), ("silver", "gold")),)}, [KEY]),
        ({"claims": (Claim(("groups",), ("admins",)),)}, [USER]),
        ({"claims": (Claim(("groups",), ("editors", "staff")),)}, [USER]),
        ({"claims": (Claim(("groups",), ("admin",)),)}, []),
        ({"claims": (Claim(("org", "level"), (3,)),)}, [USER]),
        ({"claims": (Claim(("org", "level"), ("3",)),)}, []),
        ({"claims": (Claim(("org", "level"), (3.0,)),)}, [USER]),
        ({"claims": (Claim(("org", "level"), (True,)),)}, []),
        ({"issuers": frozenset({"https://a.example/"})}, [USER]),
        ({"issuers": frozenset({"https://b.example/"})}, []),
        ({"claims": (Claim(("org",), (3,)),)}, []),
        ({"claims": (Claim(("org", "level", "x"), (3,)),)}, []),
    ],
)
def test_each_thing_that_a_rule_asks_for_must_hold(asked: dict[str, Any], satisfied_by: list[Identity]) -> None:
    made = rule("GET /me", **asked)
    assert [identity for identity in (KEY, USER) if made.lacking(identity) == frozenset()] == satisfied_by
    alone = Rule(Route.parse("GET /me"), alternatives=(conditions(**asked),))
    assert [identity for identity in (KEY, USER) if alone.lacking(identity) == frozenset()] == satisfied_by


EITHER = Rule(
    Route.parse("POST /reports"),
    alternatives=(
        conditions(credentials=frozenset({"api_key"}), scopes=frozenset({"reports:write"})),
        conditions(credentials=frozenset({"jwt"}), claims=(Claim(("groups",), ("admins", "editors")),)),
    ),
)


@pytest.mark.parametrize(
    ("identity", "lacking"),
    [
        (Identity("api_key", "acme", {}, frozenset({"reports:write"})), frozenset()),
        (Identity("jwt", "u", {"groups": ["editors"]}), frozenset()),
        (Identity("api_key", "acme", {"groups": ["editors"]}), frozenset({"reports:write"})),
        (Identity("jwt", "u", {"groups": ["staff"]}, frozenset({"reports:write"})), None),
    ],
)
def test_one_of_the_alternatives_is_enough(identity: Identity, lacking: frozenset[str] | None) -> None:
    assert EITHER.lacking(identity) == lacking


def test_what_the_rule_itself_asks_for_must_hold_beside_an_alternative() -> None:
    both = Rule(EITHER.route, conditions(scopes=frozenset({"api"})), EITHER.alternatives)
    assert both.lacking(Identity("jwt", "u", {"groups": ["admins"]})) == frozenset({"api"})
    assert both.lacking(Identity("jwt", "u", {"groups": ["admins"]}, frozenset({"api"}))) == frozenset()
    assert both.lacking(Identity("api_key", "acme")) == frozenset({"api", "reports:write"})


@pytest.mark.parametrize(
    "path",
    [
        *("public/../admin", "public/..;/admin", "public/..;x=1/admin", "public/..", "public/..%2fadmin"),
        *("public/%2e%2e/admin", "public/.%2E/admin", "public/x%2f..%2fadmin", "public/x%5c..%5cadmin"),
        *("public/%2e%2e%2fadmin", "public/..%5cadmin"),
    ],
)
def test_no_spelling_of_two_dots_leads_out_of_what_is_permitted(path: str) -> None:
    allowed = policy([rule("GET /public/*"), rule("GET /admin", scopes=ADMIN)], KEY)
    assert iam_permits(allowed, f"{STAGE}/GET/public/x.y/a..b/%20/.well-known")
    assert not iam_permits(allowed, f"{STAGE}/GET/{path}")


def test_a_method_that_no_rule_is_for_is_not_permitted_where_something_is_refused() -> None:
    assert not iam_permits(policy([rule("* /*"), rule("* /admin", scopes=ADMIN)], KEY), f"{STAGE}/TRACE/admin")


def test_every_method_of_api_gateway_is_meant_by_any() -> None:
    document = policy([rule("* /me")], KEY)
    assert all(iam_permits(document, f"{STAGE}/{method}/me") for method in METHODS)
    assert not iam_permits(document, f"{STAGE}/GET/other/me")
