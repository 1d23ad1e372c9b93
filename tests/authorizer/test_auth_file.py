"""The file of settings, providers and rules: its meaning, and the mistakes that are reported."""

from pathlib import Path

import pytest

from authorizer import auth_file
from authorizer.claims import Claim
from authorizer.entry import SettingsError
from authorizer.provider import Provider
from tests.support.rules_text import PERMIT_ALL

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
        data_encoding = "base64url"

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
    assert read.settings == {"jwt_leeway_seconds": 5, "data_encoding": "base64url"}
    assert read.providers == (
        Provider(
            "https://a.example/",
            frozenset({"api", "other"}),
            scope_claims=(("realm_access", "roles"), ("https://a.example/roles",)),
            required_claims=(Claim(("org", "plan"), ["gold"]), Claim(("hd",), ["example.com"])),
            data_claims=(("org", "plan"),),
        ),
    )
    assert len(read.rules.rules) == 1


@pytest.mark.parametrize(
    "text", ["", "# nothing", "[settings]\n", "[[provider]]\nissuer = 'https://a.example'\naudience = 'a'\n"]
)
def test_a_file_without_a_rule_is_refused_and_the_remedy_is_to_list_the_routes_before_it_is_to_permit_all(
    text: str,
) -> None:
    (mistake,) = mistakes(text)
    assert mistake.startswith("line 1: The file has no [[rule]], so it permits no route. Add a [[rule]] for each route")
    assert mistake.index('route = "GET /me"') < mistake.index('route = "* /*"')


@pytest.mark.parametrize(
    ("text", "permits_all"),
    [
        ("[[rule]]\nroute = '* /*'", True),
        ("[[rule]]\nroute = '* /*'\ncredentials = ['jwt']", False),
        ("[[rule]]\nroute = '* /*'\nany = [{ scopes = ['a'] }]", False),
        ("[[rule]]\nroute = '* /*'\n[[rule]]\nroute = 'GET /me'", False),
        ("[[rule]]\nroute = 'GET /*'", False),
    ],
)
def test_exactly_one_rule_without_conditions_permits_every_route(text: str, permits_all: bool) -> None:
    assert auth_file.parse(text).rules.permit_every_route == permits_all
    simple = f"[settings]\nsimple_responses = true\n{text}"
    if permits_all:
        assert auth_file.parse(simple).settings == {"simple_responses": True}
    else:
        (mistake,) = mistakes(simple)
        assert mistake.startswith("line 2: A simple response allows every route, so its only [[rule]] must be")


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
        ("audience = []", "audience must be a list of non-empty strings"),
        ("audience = ['']", "audience must be a list of non-empty strings"),
        ("audience = 7", "audience must be a list of non-empty strings"),
        ("audiences = 'a'", "'audiences' is unknown. A provider accepts issuer, audience"),
        ("algorithms = ['HS256']", "not HS256"),
        ("algorithms = ['none', 'RS256']", "not none"),
        ("jwks_url = 'http://i.example'", "jwks_url must be an https URL"),
        ("jwks_url = 'https://i.example/#x'", "jwks_url must be an https URL"),
        ("jwks_url = 7", "jwks_url must be a non-empty string"),
        ("required_claims = ['a']", "required_claims must be a non-empty table"),
        ("required_claims = { 'a..b' = 1 }", "empty part"),
        ("required_claims = { 'a.b' = 1, a = { b = 1 } }", "a.b appears twice"),
        ("scope_claims = ['a.']", "empty part"),
        ("required_claims = { a = 2026-01-01 }", "a must be a string"),
        ("required_claims = { a = { b = [1, inf] } }", "a.b must be a string"),
        ("required_claims = { a = nan }", "a must be a string"),
        ("key_uses = ['sig', 'enc']", "key_uses accepts only sig and jwt-svid"),
        ("ca_bundle = 'authority.pem'", "names 'authority.pem', which does not exist. Add the file"),
        ("ca_bundle = 'template.yaml'", "template.yaml has no valid PEM certificate"),
        ("max_token_bytes = 10241", "an integer from 1,024 to 10,240"),
        ("max_token_bytes = true", "an integer from 1,024 to 10,240"),
    ],
)
def test_a_wrong_member_of_a_provider_is_told_with_its_line(line: str, problem: str) -> None:
    text = f"[[provider]]\nissuer = 'https://a.example'\n{line}\n"
    text += PERMIT_ALL if line.startswith("audience =") else f"audience = 'a'\n{PERMIT_ALL}"
    (mistake,) = mistakes(text)
    assert mistake.startswith("line 3: ")
    assert problem in mistake


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("jwt_leeway_seconds = 301", "from 0 to 300, not 301"),
        ("jwt_leeway_seconds = '30'", "must be a number of seconds"),
        ("jwt_leeway_seconds = nan", "must be a number of seconds"),
        ("simple_responses = 1", "must be true or false"),
        ("jwks_seed = ''", "must be a non-empty string"),
        ("leeway = 3", "'leeway' is unknown. [settings] accepts api_key_timeout_seconds"),
        ("api_key_prefix = 'x'", "cannot be set here"),
    ],
)
def test_a_wrong_setting_is_told_with_its_line(line: str, problem: str) -> None:
    (mistake,) = mistakes(f"[settings]\n{line}\n{PERMIT_ALL}")
    assert mistake.startswith("line 2: ")
    assert problem in mistake


def test_settings_that_cannot_go_together_are_told_with_the_line_of_one() -> None:
    provider = "[[provider]]\nissuer = 'https://{}.example'\naudience = 'a'\n"
    rule = "[[rule]]\nroute = 'GET /'\n"
    times = "api_key_timeout_seconds = 4.1\njwks_timeout_seconds = 4\n"
    settings = f"[settings]\n{times}simple_responses = true\njwks_seed = 'template.yaml'\n"
    told = mistakes(settings + provider.format("a") + provider.format("b") + rule)
    assert [mistake.split(":")[0] for mistake in told] == ["line 3", "line 4", "line 5"]
    for name in ("jwks_timeout_seconds", "api_key_timeout_seconds"):
        (mistake,) = mistakes(f"[settings]\n{name} = 7\n{PERMIT_ALL}")
        assert mistake.startswith("line 2: jwks_timeout_seconds and api_key_timeout_seconds together must be at most 8")
    assert auth_file.parse(f"[settings]\njwks_timeout_seconds = 6\n{PERMIT_ALL}").settings


def test_a_media_type_in_full_is_the_same_as_in_short() -> None:
    (provider,) = auth_file.parse(
        "[[provider]]\nissuer = 'https://a.example'\naudience = 'a'\ntoken_types = ['application/AT+JWT']\n"
        + PERMIT_ALL
    ).providers
    assert provider.token_types == {"at+jwt"}


def test_an_issuer_of_two_providers_is_told_with_both_lines() -> None:
    provider = "[[provider]]\nissuer = 'https://a.example'\naudience = 'a'\n"
    (mistake,) = mistakes(provider * 2 + PERMIT_ALL)
    assert mistake.startswith("line 5: line 1 has the same issuer")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rule = 1", "line 1: rule must be a table with the header [[rule]]"),
        ("rule = []", "line 1: rule must be a table with the header [[rule]]"),
        ("[rule]\nroute = 'GET /'", "line 1: rule must be a table with the header [[rule]]"),
        (
            "\n[[rules]]\nroute = 'GET /'\n[[rule]]\nroute = 'GET /'",
            "line 2: 'rules' is unknown. The file accepts settings, provider, rule",
        ),
        ("[[settings]]\n[[rule]]\nroute = 'GET /'", "line 1: settings must be a table with the header [settings]"),
        ("provider = [1]\n[[rule]]\nroute = 'GET /'", "line 1: provider must be a table with the header [[provider]]"),
        ("[[rule]]\nroute = 'GET /'\n[a]", "line 3: 'a' is unknown"),
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
    assert len(auth_file.load(SAMPLE).rules.rules) == 3


def test_a_file_that_cannot_be_read_is_named_with_the_cause(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="the file cannot be read: No such file or directory"):
        auth_file.load(tmp_path / "missing.toml")
    (tmp_path / "latin.toml").write_bytes("# Zoë".encode("latin-1"))
    with pytest.raises(SettingsError, match="the file cannot be read: it is not in UTF-8"):
        auth_file.load(tmp_path / "latin.toml")


def test_a_byte_order_mark_and_the_line_ends_of_windows_are_read(tmp_path: Path) -> None:
    file = tmp_path / "auth.toml"
    file.write_bytes(b"\xef\xbb\xbf" + PERMIT_ALL.replace("\n", "\r\n").encode())
    assert auth_file.load(file).rules.permit_every_route


def test_an_integer_that_python_does_not_read_is_a_mistake() -> None:
    (mistake,) = mistakes(f"[settings]\njwks_fresh_seconds = {'9' * 5000}\n{PERMIT_ALL}")
    assert mistake.startswith("not TOML")


@pytest.mark.parametrize("name", ["x" * 300, "a\\u0000b", "sub/" * 2000, "."])
def test_a_name_that_cannot_be_a_file_is_a_mistake(name: str, tmp_path: Path) -> None:
    provider = f'[[provider]]\nissuer = "https://a.example"\naudience = "a"\nca_bundle = "{name}"\n'
    with pytest.raises(SettingsError) as caught:
        auth_file.parse(f'{PERMIT_ALL}{provider}[settings]\njwks_seed = "{name}"\n', tmp_path)
    assert ["does not exist" in mistake for mistake in caught.value.mistakes] == [True, True]


@pytest.mark.parametrize(
    ("issuer", "jwks_url"),
    [
        ("https://a.example", "https://user:hunter2@a.example/jwks"),
        ("https://a.example", "http://a.example/jwks?token=hunter2"),
        ("https://a.example", "https://a.example/jwks#hunter2"),
        ("https://a.example", "https://u:a@b:hunter2@a.example/jwks"),
        ("https://user:hunter2@a.example", None),
        ("http://a.example?token=hunter2", None),
        ("https://user:hunter2@a.example/ x", "https://a.example/jwks"),
    ],
)
def test_a_mistake_in_a_url_is_told_without_what_can_be_a_secret(issuer: str, jwks_url: str | None) -> None:
    url = f'jwks_url = "{jwks_url}"\n' if jwks_url else ""
    (mistake,) = mistakes(f'{PERMIT_ALL}[[provider]]\nissuer = "{issuer}"\naudience = "a"\n{url}')
    assert "a.example" in mistake
    assert "hunter2" not in mistake
