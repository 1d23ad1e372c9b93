"""The access rules of a file: what they mean, and what is said about broken ones."""

import pytest

from authorizer.access import KINDS, Claim, Rule
from authorizer.entry import SettingsError
from authorizer.route import Route
from tests.unit.rules_text import rules_of


def test_every_member_is_read() -> None:
    (rule,) = rules_of(
        """
        [[rule]]
        route = "PUT /orders/{id}"
        credentials = ["api_key"]
        scopes = ["a", "b"]
        any_scopes = ["c"]
        consumers = ["acme"]
        claims = { plan = "gold", "org.level" = 3, roles = ["x"] }
        """
    ).rules
    assert rule == Rule(
        Route("PUT", "orders/*"),
        frozenset({"api_key"}),
        frozenset({"a", "b"}),
        frozenset({"c"}),
        frozenset({"acme"}),
        (Claim(("plan",), "gold"), Claim(("org", "level"), 3), Claim(("roles",), ["x"])),
    )


def test_what_a_rule_leaves_out_it_does_not_ask_for() -> None:
    assert rules_of("[[rule]]\nroute = 'GET /me'").rules == (Rule(Route("GET", "me"), KINDS),)


@pytest.mark.parametrize(
    "claims",
    ["claims = { org.plan = 'gold' }", "claims.org.plan = 'gold'", "[rule.claims]\norg.plan = 'gold'"],
)
def test_a_claim_within_an_object_can_be_written_in_each_way_of_toml(claims: str) -> None:
    assert rules_of(f"[[rule]]\nroute = 'GET /me'\n{claims}").rules[0].claims == (Claim(("org", "plan"), "gold"),)


def test_a_claim_named_by_a_url_is_one_name() -> None:
    rules = rules_of("[[rule]]\nroute = 'GET /me'\nclaims = { 'https://acme.example/role' = 'x' }").rules
    assert rules[0].claims == (Claim(("https://acme.example/role",), "x"),)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("scope = ['a']", "'scope' is not known; a rule has route, credentials"),
        ("credentials = []", "leave it out"),
        ("credentials = ['password']", '"api_key" and "jwt"'),
        ("credentials = 1", "must be a list"),
        ("scopes = ['']", "must be a list"),
        ("scopes = ['a b']", "cannot be a scope"),
        ("any_scopes = ['say \"x\"']", "cannot be a scope"),
        ("any_scopes = [1]", "must be a list"),
        ("consumers = []", "leave it out"),
        ("claims = {}", "table of names and values"),
        ("claims = 'a'", "table of names and values"),
        ("claims = { 'a..b' = 1 }", "empty part"),
        ("claims = { since = 2026-01-01 }", "'since' must be a text"),
        ("claims = { n = nan }", "'n' must be a text"),
    ],
)
def test_a_wrong_member_is_told_with_its_line(line: str, problem: str) -> None:
    text = f"# rules\n[[rule]]\nroute = 'GET /'\n\n[[rule]]\nroute = 'GET /me'\n{line}\n"
    with pytest.raises(SettingsError, match=rf"\Aline 7: .*{problem}"):
        rules_of(text)


def test_a_wrong_route_is_told_with_its_line_and_the_remedy() -> None:
    with pytest.raises(SettingsError, match=r"\Aline 3: the route has the method 'ANY': write \* for any method"):
        rules_of("[[rule]]\ncredentials = ['jwt']\nroute = 'ANY /me'")


def test_a_rule_without_a_route_is_told_with_the_rules_line() -> None:
    with pytest.raises(SettingsError, match=r'\Aline 2: a rule needs a route, such as route = "GET /me"'):
        rules_of("\n[[rule]]\ncredentials = ['jwt']")


def test_consumers_of_a_rule_for_jwts_could_never_be_satisfied() -> None:
    with pytest.raises(SettingsError, match=r"\Aline 4: only API keys have a consumer"):
        rules_of("[[rule]]\nroute = 'GET /me'\ncredentials = ['jwt']\nconsumers = ['acme']")


def test_the_same_rule_twice_is_told_with_both_lines() -> None:
    with pytest.raises(SettingsError, match=r"\Aline 3: the same rule as in line 1: remove one of them"):
        rules_of("[[rule]]\nroute = 'GET /{id}'\n[[rule]]\nroute = 'GET /*'")


def test_rules_written_as_one_array_are_told_by_their_number() -> None:
    with pytest.raises(SettingsError, match=r"\Arule 2: 'routes' is not known"):
        rules_of("rule = [{ route = 'GET /' }, { routes = 'GET /me' }]")


def test_rules_whose_policy_could_be_too_large_are_refused() -> None:
    path = "x" * 300
    text = "\n".join(f"[[rule]]\nroute = '* /{path}/{number}'" for number in range(300))
    with pytest.raises(SettingsError, match="more than 1,000,000"):
        rules_of(text)
