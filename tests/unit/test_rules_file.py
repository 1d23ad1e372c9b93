"""The access rules file: what it means, and what is said about a broken one."""

import re
from pathlib import Path

import pytest

from authorizer import rules_file
from authorizer.access import KINDS, Claim, Rule, RulesError
from authorizer.route import Route


def test_every_member_is_read() -> None:
    (rule,) = rules_file.parse(
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
    assert rules_file.parse("[[rule]]\nroute = 'GET /me'").rules == (Rule(Route("GET", "me"), KINDS),)


@pytest.mark.parametrize(
    "claims",
    ["claims = { org.plan = 'gold' }", "claims.org.plan = 'gold'", "[rule.claims]\norg.plan = 'gold'"],
)
def test_a_claim_within_an_object_can_be_written_in_each_way_of_toml(claims: str) -> None:
    assert rules_file.parse(f"[[rule]]\nroute = 'GET /me'\n{claims}").rules[0].claims == (
        Claim(("org", "plan"), "gold"),
    )


def test_a_claim_named_by_a_url_is_one_name() -> None:
    rules = rules_file.parse("[[rule]]\nroute = 'GET /me'\nclaims = { 'https://acme.example/role' = 'x' }").rules
    assert rules[0].claims == (Claim(("https://acme.example/role",), "x"),)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("scope = ['a']", "'scope' is not known; a rule has route, credentials"),
        ("credentials = []", "leave it out"),
        ("credentials = ['password']", '"api_key" and "jwt"'),
        ("credentials = 'jwt'", "must be a list"),
        ("scopes = 'a'", "must be a list"),
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
    with pytest.raises(RulesError, match=rf"\Aline 7: .*{problem}"):
        rules_file.parse(text)


def test_a_wrong_route_is_told_with_its_line_and_the_remedy() -> None:
    with pytest.raises(RulesError, match=r"\Aline 3: the route has the method 'ANY': write \* for any method"):
        rules_file.parse("[[rule]]\ncredentials = ['jwt']\nroute = 'ANY /me'")


def test_a_rule_without_a_route_is_told_with_the_rules_line() -> None:
    with pytest.raises(RulesError, match=r'\Aline 2: a rule needs a route, such as route = "GET /me"'):
        rules_file.parse("\n[[rule]]\ncredentials = ['jwt']")


def test_consumers_of_a_rule_for_jwts_could_never_be_satisfied() -> None:
    with pytest.raises(RulesError, match=r"\Aline 4: only API keys have a consumer"):
        rules_file.parse("[[rule]]\nroute = 'GET /me'\ncredentials = ['jwt']\nconsumers = ['acme']")


def test_the_same_rule_twice_is_told_with_both_lines() -> None:
    with pytest.raises(RulesError, match=r"\Aline 3: the same rule as in line 1: remove one of them"):
        rules_file.parse("[[rule]]\nroute = 'GET /{id}'\n[[rule]]\nroute = 'GET /*'")


def test_rules_written_as_one_array_are_told_by_their_number() -> None:
    with pytest.raises(RulesError, match=r"\Arule 2: 'routes' is not known"):
        rules_file.parse("rule = [{ route = 'GET /' }, { routes = 'GET /me' }]")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing",
        "rule = 1",
        "rule = []",
        "[rule]\nroute = 'GET /'",
        "[[rules]]\nroute = 'GET /'",
        "[[rule]]\n[a]",
    ],
)
def test_a_file_with_anything_but_rules_is_refused(text: str) -> None:
    with pytest.raises(RulesError, match=re.escape("must hold [[rule]] tables")):
        rules_file.parse(text)


@pytest.mark.parametrize("text", ["[[rule]", "[[rule]]\nroute = GET /", "rule = 1\nrule = 2\n"])
def test_what_is_not_toml_is_told_with_tomls_own_place(text: str) -> None:
    with pytest.raises(RulesError, match=r"\Anot TOML: .*line \d"):
        rules_file.parse(text)


def test_rules_whose_policy_could_be_too_large_are_refused() -> None:
    path = "x" * 300
    text = "\n".join(f"[[rule]]\nroute = '* /{path}/{number}'" for number in range(300))
    with pytest.raises(RulesError, match="more than 1,000,000"):
        rules_file.parse(text)


def test_the_sample_file_is_valid() -> None:
    sample = Path(rules_file.__file__).with_name("access.toml")
    assert len(rules_file.parse(sample.read_text(encoding="utf-8")).rules) == 3
