"""The access rules of a file: their meaning, and the mistakes that are reported."""

import pytest

from authorizer.access import Rule
from authorizer.claims import Claim
from authorizer.entry import SettingsError
from authorizer.networks import Networks
from authorizer.route import Route
from tests.support.rules_text import conditions, rules_of


def test_every_member_is_read() -> None:
    (rule,) = rules_of(
        """
        [[rule]]
        route = "PUT /orders/{id}"
        credentials = ["api_key"]
        scopes = ["a", "b"]
        any_scopes = ["c"]
        consumers = ["acme"]
        networks = ["203.0.113.0/24", "2001:db8::/32"]
        claims = { plan = "gold", "org.level" = 3, roles = ["x", "y"] }
        any = [{ credentials = ["jwt"], claims = { hd = "example.com" } }, { any_scopes = ["d"] }]
        """
    ).rules
    assert rule == Rule(
        Route("PUT", "orders/*"),
        conditions(
            credentials=frozenset({"api_key"}),
            scopes=frozenset({"a", "b"}),
            any_scopes=frozenset({"c"}),
            consumers=frozenset({"acme"}),
            claims=(Claim(("plan",), ("gold",)), Claim(("org", "level"), (3,)), Claim(("roles",), ("x", "y"))),
            networks=Networks.parse(["203.0.113.0/24", "2001:db8::/32"]),
        ),
        (
            conditions(credentials=frozenset({"jwt"}), claims=(Claim(("hd",), ("example.com",)),)),
            conditions(any_scopes=frozenset({"d"})),
        ),
    )


def test_alternatives_may_be_tables_of_their_own() -> None:
    text = "[[rule]]\nroute = 'GET /'\n[[rule.any]]\nscopes = ['a']\n[[rule.any]]\nscopes = ['b']\n"
    assert rules_of(text).rules[0].alternatives == tuple(conditions(scopes=frozenset(name)) for name in "ab")


def test_what_a_rule_leaves_out_it_does_not_ask_for() -> None:
    assert rules_of("[[rule]]\nroute = 'GET /me'").rules == (Rule(Route("GET", "me")),)


@pytest.mark.parametrize(
    "claims",
    ["claims = { org.plan = 'gold' }", "claims.org.plan = 'gold'", "[rule.claims]\norg.plan = 'gold'"],
)
def test_a_claim_within_an_object_can_be_written_in_each_way_of_toml(claims: str) -> None:
    assert rules_of(f"[[rule]]\nroute = 'GET /me'\n{claims}").rules[0].conditions == conditions(
        claims=(Claim(("org", "plan"), ("gold",)),)
    )


def test_a_claim_named_by_a_url_is_one_name() -> None:
    rules = rules_of("[[rule]]\nroute = 'GET /me'\nclaims = { 'https://acme.example/role' = 'x' }").rules
    assert rules[0].conditions == conditions(claims=(Claim(("https://acme.example/role",), ("x",)),))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("scope = ['a']", "'scope' is unknown. A rule accepts route, credentials"),
        ("credentials = []", "Remove credentials instead"),
        ("credentials = ['password']", '"api_key" and "jwt"'),
        ("credentials = 1", "must be a list"),
        ("scopes = ['']", "must be a list"),
        ("scopes = ['a b']", "is not a scope"),
        ("any_scopes = ['say \"x\"']", "is not a scope"),
        ("any_scopes = [1]", "must be a list"),
        ("networks = ['203.0.113.7/24']", 'bits after its prefix length. For the network, write "203.0.113.0/24"'),
        ("networks = ['203.0.113.7/24']", 'For this address alone, write "203.0.113.7/32"'),
        ("networks = ['2001:db8::1/32']", 'write "2001:db8::/32"'),
        ("networks = ['::ffff:203.0.113.0/120']", 'IPv4-mapped addresses. .*write "203.0.113.0/24"'),
        ("networks = ['203.0.113.0/33']", "is not a network. Write a CIDR block"),
        ("networks = ['203.0.113.0/0.0.0.255']", "is not a network"),
        ("networks = ['office']", "is not a network"),
        ("networks = []", "must be a list of non-empty strings"),
        ("consumers = []", "Remove consumers instead"),
        ("claims = {}", "must be a non-empty table"),
        ("claims = 'a'", "must be a non-empty table"),
        ("claims = { 'a..b' = 1 }", "empty part"),
        ("claims = { since = 2026-01-01 }", "since must be a string"),
        ("claims = { n = nan }", "n must be a string"),
        ("claims = { n = [] }", "n must be a string"),
        ("claims = { n = [['a']] }", "n must be a string"),
        ("any = []", "any must be a list of tables"),
        ("any = { scopes = ['a'] }", "any must be a list of tables"),
        ("any = [{}]", "An alternative without conditions"),
        ("any = [{ route = 'GET /' }]", "'route' is unknown. An alternative accepts credentials"),
        ("issuers = []", "Remove issuers instead"),
        ("any = [{ credentials = ['api_key'], issuers = ['https://a.example/'] }]", "Only JWTs have an issuer"),
        ("issuers = ['https://a.example/']\nconsumers = ['acme']", "both an issuer and a consumer"),
        ("any = [{ credentials = ['jwt'], consumers = ['acme'] }]", "Only API keys have a consumer"),
    ],
)
def test_a_wrong_member_is_told_with_its_line(line: str, problem: str) -> None:
    text = f"# rules\n[[rule]]\nroute = 'GET /'\n\n[[rule]]\nroute = 'GET /me'\n{line}\n"
    with pytest.raises(SettingsError, match=rf"\Aline 7: .*{problem}"):
        rules_of(text)


def test_a_wrong_route_is_told_with_its_line_and_the_remedy() -> None:
    with pytest.raises(SettingsError, match=r"\Aline 3: The route has the method 'ANY': write \* for any method"):
        rules_of("[[rule]]\ncredentials = ['jwt']\nroute = 'ANY /me'")


def test_a_rule_without_a_route_is_told_with_the_rules_line() -> None:
    with pytest.raises(SettingsError, match=r'\Aline 2: A rule requires a route, such as route = "GET /me"'):
        rules_of("\n[[rule]]\ncredentials = ['jwt']")


def test_consumers_of_a_rule_for_jwts_could_never_be_satisfied() -> None:
    with pytest.raises(SettingsError, match=r"\Aline 4: Only API keys have a consumer"):
        rules_of("[[rule]]\nroute = 'GET /me'\ncredentials = ['jwt']\nconsumers = ['acme']")


def test_the_same_rule_twice_is_told_with_both_lines() -> None:
    with pytest.raises(SettingsError, match=r"\Aline 3: The rule is the same as in line 1. Remove one of them"):
        rules_of("[[rule]]\nroute = 'GET /{id}'\n[[rule]]\nroute = 'GET /*'")


def test_rules_written_as_one_array_are_told_by_their_number() -> None:
    with pytest.raises(SettingsError, match=r"\Arule 2: 'routes' is unknown"):
        rules_of("rule = [{ route = 'GET /' }, { routes = 'GET /me' }]")


MANY = "\n".join(f"[[rule]]\nroute = 'POST /reports/{number:03}'" for number in range(70))


def test_rules_whose_policy_could_be_too_large_are_refused_with_the_ways_out() -> None:
    told = r"line 1: .* more than 8,192\. The first 68 of the 70 rules fit\. Combine routes .* max_policy_bytes"
    with pytest.raises(SettingsError, match=told):
        rules_of(MANY)
    assert len(rules_of("[settings]\nmax_policy_bytes = 20_000\n" + MANY).rules) == 70


def test_the_limit_of_the_policys_size_is_checked_itself() -> None:
    for value in ("'8192'", "true", "999", "1_000_001"):
        with pytest.raises(SettingsError, match=r"line 2: max_policy_bytes must be an integer from 1,000"):
            rules_of(f"[settings]\nmax_policy_bytes = {value}\n[[rule]]\nroute = 'GET /'")
