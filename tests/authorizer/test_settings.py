"""Settings from the environment: each missing or invalid one is named."""

from pathlib import Path

import botocore
import pytest

import authorizer
from authorizer import configuration
from authorizer.entry import SettingsError
from authorizer.settings import Settings
from tests.support.rules_text import EVERY_ROUTE, PERMIT_ALL, auth_toml

CODE = Path(authorizer.__path__[0])
"""The function's code, with the sample file."""
PROVIDER = {"issuer": "https://issuer.example/", "audience": "api"}


def read(**env: str) -> Settings:
    return configuration.read({"API_KEYS_TABLE": "keys", **env}, CODE)


def test_a_table_is_enough_for_api_keys_only() -> None:
    settings = read()
    assert (settings.api_keys_table, settings.api_key_prefix, settings.providers) == ("keys", "mak", ())
    # Otherwise, no rule would apply, and any token would be looked up.
    assert (settings.simple_responses, settings.accept_imported_keys) == (False, False)


def test_the_defaults_are_those_that_are_documented() -> None:
    settings = read()
    assert (settings.api_key_cache_seconds, settings.jwt_leeway_seconds) == (30, 30)
    assert (settings.api_key_timeout_seconds, settings.jwks_timeout_seconds) == (2, 2.5)
    assert (settings.jwks_fresh_seconds, settings.jwks_stale_seconds, settings.jwks_cooldown_seconds) == (
        600,
        86_400,
        10,
    )
    assert (settings.default_usage_key, settings.jwt_subjects, settings.usage_subjects) == (None, False, False)


def test_empty_variables_are_as_good_as_none() -> None:
    empty = read(JWT_ISSUER="", JWT_AUDIENCE=" ", API_KEY_CACHE_SECONDS="", AUTH_CONFIG="")
    assert empty._replace(rules=EVERY_ROUTE) == read()._replace(rules=EVERY_ROUTE)
    assert empty.rules.rules == read().rules.rules


def test_one_provider_is_read_with_its_audiences() -> None:
    (provider,) = read(JWT_ISSUER="https://issuer.example/", JWT_AUDIENCE="a, b,").providers
    assert (provider.issuer, provider.jwks_url) == ("https://issuer.example/", None)
    assert provider.audiences == {"a", "b"}


def test_a_value_in_the_removed_variable_of_provider_lists_configures_nothing() -> None:
    assert read(JWT_PROVIDERS='[{"issuer": "https://issuer.example", "audience": "a"}]').providers == ()


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"API_KEYS_TABLE": ""}, "API_KEYS_TABLE"),
        ({"API_KEY_PREFIX": "Mak"}, "API_KEY_PREFIX"),
        ({"API_KEY_CACHE_SECONDS": "-1"}, "API_KEY_CACHE_SECONDS"),
        ({"API_KEY_CACHE_SECONDS": "nan"}, "API_KEY_CACHE_SECONDS"),
        ({"API_KEY_TIMEOUT_SECONDS": "0"}, "API_KEY_TIMEOUT_SECONDS"),
        ({"JWT_LEEWAY_SECONDS": "301"}, "JWT_LEEWAY_SECONDS"),
        ({"ACCEPT_IMPORTED_KEYS": "yes"}, "ACCEPT_IMPORTED_KEYS"),
        ({"JWT_ISSUER": "https://issuer.example"}, "JWT_AUDIENCE"),
        ({"JWT_AUDIENCE": "api"}, "JWT_ISSUER"),
        ({"JWT_JWKS_URL": "https://issuer.example/jwks"}, "JWT_ISSUER"),
        ({"JWT_ISSUER": "http://issuer.example", "JWT_AUDIENCE": "a"}, "JWT_ISSUER"),
        ({"JWT_ISSUER": "https://user:pw@issuer.example", "JWT_AUDIENCE": "a"}, "JWT_ISSUER"),
        ({"JWT_ISSUER": "issuer.example", "JWT_AUDIENCE": "a"}, "JWT_ISSUER"),
        ({"JWT_ISSUER": "https://i.example", "JWT_AUDIENCE": "a", "JWT_JWKS_URL": "ftp://i.example"}, "JWT_JWKS_URL"),
    ],
)
def test_a_wrong_setting_is_named(env: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        read(**env)


def test_plain_http_is_for_loopback_alone() -> None:
    assert read(JWT_ISSUER="http://127.0.0.1:9/x", JWT_AUDIENCE="a").providers
    with pytest.raises(SettingsError, match="https"):
        read(JWT_ISSUER="http://127.0.0.1.example/", JWT_AUDIENCE="a")


@pytest.mark.parametrize(
    "issuer",
    [
        "accounts.google.com",
        "urn:example:idp",
        "spiffe://example.org",
        "http://localhost.localstack.cloud:4566/pool",
        "http://sts.example.com/adfs/services/trust",
        "https://user@issuer.example/#x",
        "kubernetes/serviceaccount",
        "our own provider",
    ],
)
def test_an_issuer_is_any_text_that_rfc_7519_allows_when_the_key_set_has_a_url(issuer: str) -> None:
    (provider,) = read(JWT_ISSUER=issuer, JWT_AUDIENCE="a", JWT_JWKS_URL="https://issuer.example/jwks").providers
    assert provider.issuer == issuer
    with pytest.raises(SettingsError, match=r"jwks_url is missing\. Discovery requires an https issuer"):
        read(JWT_ISSUER=issuer, JWT_AUDIENCE="a")


@pytest.mark.parametrize("issuer", ["a:b c", "1:2", "::", "a\nb", "a\x00b", "urn:\u00fc"])
def test_an_issuer_that_rfc_7519_does_not_allow_is_refused(issuer: str) -> None:
    with pytest.raises(SettingsError, match="issuer must be a URI"):
        read(JWT_ISSUER=issuer, JWT_AUDIENCE="a", JWT_JWKS_URL="https://issuer.example/jwks")


def test_mistakes_in_variables_are_told_all_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        read(API_KEY_PREFIX="Mak", JWT_LEEWAY_SECONDS="x", JWT_ISSUER="https://i.example")
    assert [mistake.split()[0].strip(":") for mistake in caught.value.mistakes] == [
        "API_KEY_PREFIX",
        "JWT_LEEWAY_SECONDS",
        "JWT_AUDIENCE",
    ]


def test_timeouts_that_do_not_fit_the_function_s_own_are_refused() -> None:
    with pytest.raises(SettingsError, match="together must be at most 8 seconds"):
        read(JWKS_TIMEOUT_SECONDS="7.999", API_KEY_TIMEOUT_SECONDS="7.999")
    assert read(JWKS_TIMEOUT_SECONDS="5", API_KEY_TIMEOUT_SECONDS="3").jwks_timeout_seconds == 5


def test_an_authority_s_file_must_be_there(tmp_path: Path) -> None:
    def settings(ca_bundle: str) -> Settings:
        return read(AUTH_CONFIG=auth_toml(tmp_path, {**PROVIDER, "ca_bundle": ca_bundle}))

    authorities = Path(botocore.__file__).with_name("cacert.pem")
    assert settings(str(authorities)).providers[0].ca_bundle == authorities
    with pytest.raises(SettingsError, match=r"ca_bundle names 'no\.pem', which does not exist"):
        settings("no.pem")


@pytest.mark.parametrize("content", [None, "", "[settings]\njwt_leeway_seconds = 5\n"])
def test_without_a_file_or_without_a_rule_the_start_fails(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "auth.toml").write_text(content, encoding="utf-8")
    with pytest.raises(
        SettingsError, match=r"AUTH_CONFIG, auth\.toml, (the file cannot be read|line 1: .*no \[\[rule)"
    ):
        configuration.read({"API_KEYS_TABLE": "keys"}, tmp_path)


class TestFile:
    """Variables together with a file."""

    FILE = """
        [settings]
        jwt_leeway_seconds = 5
        [[provider]]
        issuer = "https://a.example"
        audience = "a"
        [[provider]]
        issuer = "https://b.example"
        audience = "b"
        [[rule]]
        route = "GET /me"
    """

    @pytest.fixture
    def directory(self, tmp_path: Path) -> Path:
        (tmp_path / "auth.toml").write_text(self.FILE, encoding="utf-8")
        return tmp_path

    def read(self, directory: Path, **env: str) -> Settings:
        return configuration.read({"API_KEYS_TABLE": "keys", **env}, directory)

    def test_an_empty_variable_leaves_the_entry_in_force(self, directory: Path) -> None:
        settings = self.read(directory, JWT_LEEWAY_SECONDS="", JWT_ISSUER="", JWT_AUDIENCE=" ")
        assert settings.jwt_leeway_seconds == 5
        assert [provider.issuer for provider in settings.providers] == ["https://a.example", "https://b.example"]
        assert settings.providers_from == "auth.toml"

    def test_a_variable_wins_over_the_entry(self, directory: Path) -> None:
        assert self.read(directory, JWT_LEEWAY_SECONDS="7").jwt_leeway_seconds == 7

    @pytest.mark.parametrize(
        ("variables", "told"),
        [
            ({"JWT_ISSUER": "https://c.example", "JWT_AUDIENCE": "c"}, "JWT_ISSUER, JWT_AUDIENCE are set"),
            ({"JWT_JWKS_URL": "https://a.example/jwks"}, "JWT_JWKS_URL is set"),
        ],
    )
    def test_a_provider_in_variables_beside_those_of_the_file_is_a_mistake_that_names_both(
        self, variables: dict[str, str], told: str, directory: Path
    ) -> None:
        with pytest.raises(SettingsError) as caught:
            self.read(directory, **variables)
        (mistake,) = caught.value.mistakes
        assert mistake.startswith(f"{told}, and auth.toml has 2 [[provider]]. Configure providers in one place.")
        parameters = {"JWT_ISSUER": "JwtIssuer", "JWT_AUDIENCE": "JwtAudience", "JWT_JWKS_URL": "JwtJwksUrl"}
        assert f'set {", ".join(parameters[name] for name in variables)} to ""' in mistake

    def test_a_half_configured_provider_in_variables_is_a_mistake(self) -> None:
        with pytest.raises(SettingsError, match="JWT_ISSUER is missing"):
            read(JWT_AUDIENCE="c")

    def test_mistakes_in_the_file_and_in_variables_are_told_all_at_once(self, directory: Path) -> None:
        (directory / "auth.toml").write_text(f"{self.FILE}\n        colour = 'red'\n", encoding="utf-8")
        with pytest.raises(SettingsError) as caught:
            self.read(directory, API_KEY_PREFIX="Mak", JWT_AUDIENCE="c")
        in_file, *in_variables = caught.value.mistakes
        assert in_file.startswith("AUTH_CONFIG, auth.toml, line 13: 'colour' is unknown")
        assert [mistake.split()[0] for mistake in in_variables] == ["API_KEY_PREFIX", "JWT_ISSUER"]

    def test_a_seed_is_beside_the_file(self, directory: Path) -> None:
        (directory / "stages").mkdir()
        (directory / "stages" / "prod.toml").write_text(
            f"[settings]\njwks_seed = 'seed.json'\n{PERMIT_ALL}", encoding="utf-8"
        )
        with pytest.raises(SettingsError, match=r"line 2: jwks_seed names 'seed\.json'"):
            self.read(directory, AUTH_CONFIG="stages/prod.toml")
        (directory / "stages" / "seed.json").write_text("{}", encoding="utf-8")
        seed = self.read(directory, AUTH_CONFIG="stages/prod.toml").jwks_seed
        assert seed == str(directory / "stages" / "seed.json")
