"""docs/access-rules.md: its ten rules permit what their headings say, and its other blocks are correct."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from authorizer.access import KEPT_GRANTS, MAX_POLICY_BYTES
from authorizer.identity import MAX_CONTEXT_BYTES, Identity
from authorizer.route import DEFAULT, MAX_LENGTH, Route
from keys.cli.app import App
from keys.cli.main import main
from keys.deployment import rules_check
from keys.deployment.endpoint import ApiRoutes
from keys.deployment.rules import parse_request
from tests.support.rules_text import rules_of

PAGE = Path("docs/access-rules.md").read_text(encoding="utf-8")
TEN = dict(
    re.findall(r"### (.*?)\n.*?```toml\n(.*?)```", PAGE.split("\n## Ten common rules")[1].split("\n## ")[0], re.DOTALL)
)


def key(*scopes: str, consumer: str = "acme", **data: Any) -> Identity:
    return Identity("api_key", consumer, data, frozenset(scopes), "key_1")


def jwt(*scopes: str, issuer: str = "https://i.example/", **claims: Any) -> Identity:
    return Identity("jwt", "user-1", {"iss": issuer, **claims}, frozenset(scopes), issuer=issuer)


def group(*names: str) -> Identity:
    claims: dict[str, Any] = {"cognito:groups": list(names)}
    return jwt(**claims)


STAFF, PARTNERS = "https://staff.example.com/", "https://partners.example.com/"
CASES: dict[str, list[tuple[Identity, str, bool]]] = {
    "Both kinds of credential": [
        (key(), "GET /me", True),
        (jwt(), "GET /me", True),
        (jwt(), "GET /other", False),
    ],
    "An API key with a scope, or a JWT with a group": [
        (key("reports:write"), "POST /reports", True),
        (group("staff", "editors"), "POST /reports", True),
        (key(), "POST /reports", False),
        (key(**{"cognito:groups": "editors"}), "POST /reports", False),
        (jwt("reports:write"), "POST /reports", False),
    ],
    "One of several groups": [
        (group("editors"), "POST /articles", True),
        (group("admins", "staff"), "POST /articles", True),
        (jwt(**{"cognito:groups": "admins"}), "POST /articles", True),
        (group("staff"), "POST /articles", False),
    ],
    "Tokens of two issuers": [
        (jwt(issuer=STAFF), "GET /orders", True),
        (jwt(issuer=PARTNERS), "GET /orders", True),
        (jwt(), "GET /orders", False),
        (key(iss=STAFF), "GET /orders", False),
    ],
    "A stricter rule under a wider rule": [
        (group("admins"), "GET /admin/users", True),
        (key(), "GET /orders", True),
        (key(), "GET /admin/users", False),
        (key(), "GET /admin", False),
        (group("staff"), "GET //admin/users", False),
    ],
    "Read for every caller, write for some": [
        (key(), "GET /orders/7", True),
        (key(), "HEAD /orders/7", True),
        (key(), "POST /orders", False),
        (jwt("write"), "POST /orders", True),
        (jwt("write"), "DELETE /orders/7", False),
        (jwt("admin"), "DELETE /orders/7", True),
    ],
    "One consumer": [
        (key(), "GET /partners/acme/prices", True),
        (key(consumer="globex"), "GET /partners/acme/prices", False),
        (Identity("jwt", "acme"), "GET /partners/acme/prices", False),
    ],
    "API keys for one route, JWTs for another": [
        (key(), "POST /metrics", True),
        (jwt(), "POST /metrics", False),
        (jwt(), "GET /dashboard", True),
        (key(), "GET /dashboard", False),
    ],
    "A plan from the key's data or the token's claims": [
        (key(plan="gold"), "GET /exports", True),
        (jwt(org={"plan": "platinum"}), "GET /exports", True),
        (key(plan="free"), "GET /exports", False),
        (jwt(plan="gold"), "GET /exports", False),
    ],
    "A verified email address, on the default route of an HTTP API": [
        (jwt(email_verified=True), DEFAULT, True),
        (jwt(email_verified="true"), DEFAULT, False),
        (key(email_verified=True), DEFAULT, False),
        (jwt(email_verified=True), "GET /orders", False),
    ],
}


def test_there_are_ten_rules_each_with_cases() -> None:
    assert list(TEN) == list(CASES)
    assert len(TEN) == 10


@pytest.mark.parametrize(
    ("name", "identity", "request_text", "permitted"),
    [
        pytest.param(name, *case, id=f"{name}: {case[0].kind} {case[1]} {number}")
        for name, cases in CASES.items()
        for number, case in enumerate(cases)
    ],
)
def test_a_rule_that_people_ask_for_permits_what_its_heading_says(
    name: str, identity: Identity, request_text: str, permitted: bool
) -> None:
    request = Route.parse(DEFAULT) if request_text == DEFAULT else parse_request(request_text)
    assert rules_of(TEN[name]).permissions(identity)[0].permits(request) == permitted


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_every_file_on_the_page_is_right_and_no_rule_of_it_shuts_everybody_out(text: str) -> None:
    found = rules_check.examine(rules_of(text), ApiRoutes())
    assert (found.mistakes, found.notes) == ([], [])


def test_every_command_on_the_page_is_one_and_the_check_of_the_sample_finds_no_mistake() -> None:
    commands = [shlex.split(line.split(" < ")[0]) for line in re.findall(r"^keys (.*)$", PAGE, re.MULTILINE)]
    assert [command[0] for command in commands] == ["check", "verify", "explain"]
    for command in commands:
        _, found, rest = main.resolve_command(main.make_context("keys", command, resilient_parsing=True), command)
        assert found is not None
        found.make_context(command[0], rest, obj=App(env={}))
    answer = CliRunner().invoke(main, commands[0], obj=App(env={}), catch_exceptions=False)
    assert answer.exit_code == 0, answer.output


def test_the_figures_on_the_page_are_those_of_the_code() -> None:
    for number in (MAX_LENGTH, MAX_POLICY_BYTES, MAX_CONTEXT_BYTES, KEPT_GRANTS):
        assert re.search(rf"\b{number:,}\b", PAGE)
