"""The file of settings, providers and rules: what it means, and what is said about a broken one."""

from pathlib import Path

import pytest

from authorizer import auth_file
from authorizer.entry import SettingsError
from authorizer.provider import Provider

SAMPLE = Path(auth_file.__file__).with_name("auth.toml")


def mistakes(text: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        auth_file.parse(text)
    return caught.value.mistakes


def test_settings_providers_and_rules_are_read() -> None:
    read = auth_file.parse(
        """
        [settings]
        jwt_leeway_seconds = 5
        simple_responses = true

        [[provider]]
        issuer = "https://a.example/"
        audience = ["api", "other"]
        scope_claims = ["realm_access.roles", "https://a.example/roles"]
        required_claims = { "org.plan" = "gold", hd = "example.com" }
        data_claims = "org.plan"

        [[rule]]
        route = "GET /me"
        """
    )
    assert read.settings == {"jwt_leeway_seconds": 5, "simple_responses": True}
    assert read.providers == (
        Provider(
            "https://a.example/",
            frozenset({"api", "other"}),
            scope_claims=(("realm_access", "roles"), ("https://a.example/roles",)),
            required_claims={("org", "plan"): "gold", ("hd",): "example.com"},
            data_claims=(("org", "plan"),),
        ),
    )
    assert read.rules is not None
    assert len(read.rules.rules) == 1


def test_a_file_without_rules_has_none() -> None:
    assert auth_file.parse("[settings]\n").rules is None


def test_all_mistakes_are_told_at_once_each_with_its_line_in_their_order() -> None:
    assert [mistake.split(":")[0] for mistake in mistakes(
        """[[rule]]
route = "ANY /me"
scope = ["a"]

[[provider]]
issuer = "https://a.example"
algorithms = ["HS256"]

[settings]
jwt_leeway_seconds = "30"
colour = "red"

[[provider]]
audience = "api"
issuer = "http://a.example"

[[rules]]
"""
    )] == ["line 2", "line 3", "line 5", "line 7", "line 10", "line 11", "line 15", "line 17"]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("audience = []", "audience must be a list of texts"),
        ("audience = ['']", "audience must be a list of texts"),
        ("audience = 7", "audience must be a list of texts"),
        ("audiences = 'a'", "'audiences' is not known; a provider has issuer, audience"),
        ("algorithms = ['HS256']", "not HS256"),
        ("algorithms = ['none', 'RS256']", "not none"),
        ("jwks_url = 'http://i.example'", "jwks_url must be an https URL"),
        ("jwks_url = 'https://i.example/#x'", "jwks_url must be an https URL"),
        ("jwks_url = 7", "jwks_url must be a text"),
        ("required_claims = ['a']", "required_claims must be a table"),
        ("required_claims = { 'a..b' = 1 }", "empty part"),
        ("required_claims = { 'a.b' = 1, a = { b = 1 } }", "'a.b' is there twice"),
        ("scope_claims = ['a.']", "empty part"),
    ],
)
def test_a_wrong_member_of_a_provider_is_told_with_its_line(line: str, problem: str) -> None:
    text = f"[[provider]]\nissuer = 'https://a.example'\n{line}\n"
    (mistake,) = mistakes(text if line.startswith("audience =") else f"{text}audience = 'a'\n")
    assert mistake.startswith("line 3: ")
    assert problem in mistake


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("jwt_leeway_seconds = 301", "from 0 to 300; not 301"),
        ("jwt_leeway_seconds = '30'", "must be a number of seconds"),
        ("jwt_leeway_seconds = nan", "must be a number of seconds"),
        ("simple_responses = 1", "must be true or false"),
        ("jwks_seed = ''", "must be a text"),
        ("leeway = 3", "'leeway' is not known; [settings] has api_key_timeout_seconds"),
        ("api_key_prefix = 'x'", "cannot be set here"),
    ],
)
def test_a_wrong_setting_is_told_with_its_line(line: str, problem: str) -> None:
    (mistake,) = mistakes(f"[settings]\n{line}\n")
    assert mistake.startswith("line 2: ")
    assert problem in mistake


def test_an_issuer_of_two_providers_is_told_with_both_lines() -> None:
    provider = "[[provider]]\nissuer = 'https://a.example'\naudience = 'a'\n"
    (mistake,) = mistakes(provider * 2)
    assert mistake.startswith("line 5: the issuer is that of line 1 as well")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: the file is empty"),
        ("# nothing", "line 1: the file is empty"),
        ("rule = 1", "line 1: rule must be written [[rule]]"),
        ("rule = []", "line 1: rule must be written [[rule]]"),
        ("[rule]\nroute = 'GET /'", "line 1: rule must be written [[rule]]"),
        ("\n[[rules]]\nroute = 'GET /'", "line 2: 'rules' is not known; the file has settings, provider, rule"),
        ("[[settings]]", "line 1: settings must be written [settings]"),
        ("provider = [1]", "line 1: provider must be written [[provider]]"),
        ("[[rule]]\nroute = 'GET /'\n[a]", "line 3: 'a' is not known"),
    ],
)
def test_a_file_with_anything_else_in_it_is_refused(text: str, problem: str) -> None:
    (mistake,) = mistakes(text)
    assert mistake.startswith(problem)


@pytest.mark.parametrize("text", ["[[rule]", "[[rule]]\nroute = GET /", "rule = 1\nrule = 2\n", "a = " + "[" * 9999])
def test_what_is_not_toml_is_told_with_tomls_own_place(text: str) -> None:
    (mistake,) = mistakes(text)
    assert mistake.startswith("not TOML: ")


def test_the_sample_file_is_valid() -> None:
    rules = auth_file.load(SAMPLE).rules
    assert rules is not None
    assert len(rules.rules) == 3
