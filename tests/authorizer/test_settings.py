"""Settings from the environment: each missing or invalid one is named."""

import json
from pathlib import Path
from typing import Any

import botocore
import pytest

from authorizer.entry import SettingsError
from authorizer.settings import Settings

PROVIDER = {"issuer": "https://issuer.example/", "audience": "api"}


def read(**env: str) -> Settings:
    return Settings.read({"API_KEYS_TABLE": "keys", **env}, Path())


def test_a_table_is_enough_for_api_keys_only() -> None:
    settings = read()
    assert (settings.api_keys_table, settings.api_key_prefix, settings.providers) == ("keys", "mak", ())


def test_empty_variables_are_as_good_as_none() -> None:
    assert read(JWT_ISSUER="", JWT_AUDIENCE=" ", API_KEY_CACHE_SECONDS="", AUTH_CONFIG="") == read()


def test_one_provider_is_read_with_its_audiences() -> None:
    (provider,) = read(JWT_ISSUER="https://issuer.example/", JWT_AUDIENCE="a, b,").providers
    assert (provider.issuer, provider.jwks_url) == ("https://issuer.example/", None)
    assert provider.audiences == {"a", "b"}


def test_several_providers_replace_the_one() -> None:
    settings = read(
        JWT_ISSUER="https://unused.example",
        JWT_PROVIDERS=json.dumps([PROVIDER, {**PROVIDER, "issuer": "https://other.example", "algorithms": ["ES256"]}]),
    )
    assert [provider.issuer for provider in settings.providers] == ["https://issuer.example/", "https://other.example"]
    assert settings.providers[1].algorithms == {"ES256"}


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
        ({"JWT_PROVIDERS": "{"}, "JWT_PROVIDERS"),
        ({"JWT_PROVIDERS": "[]"}, "JWT_PROVIDERS"),
        (
            {"JWT_PROVIDERS": '[{"issuer": "https://i.example", "audience": "a", "audience": "b"}]'},
            "same member twice",
        ),
        ({"JWT_PROVIDERS": json.dumps([PROVIDER, PROVIDER])}, "JWT_PROVIDERS.0. has the same issuer"),
    ],
)
def test_a_wrong_setting_is_named(env: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        read(**env)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"issuer": None}, "issuer"),
        ({"audience": None}, "audience"),
        ({"audience": []}, "audience"),
        ({"audience": [""]}, "audience"),
        ({"algorithms": ["HS256"]}, "HS256"),
        ({"algorithms": ["none"]}, "none"),
        ({"algorithms": []}, "algorithms"),
        ({"jwks_url": "http://i.example"}, "jwks_url"),
        ({"required_claims": ["a"]}, "required_claims"),
        ({"audiences": "a"}, "audiences"),
    ],
)
def test_a_wrong_member_of_a_provider_is_named_with_its_place(change: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=rf"JWT_PROVIDERS\[0\].*{named}"):
        read(JWT_PROVIDERS=json.dumps([{**PROVIDER, **change}]))


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


def test_an_authority_s_file_must_be_there() -> None:
    def several(ca_bundle: str) -> Settings:
        return read(JWT_PROVIDERS=json.dumps([{**PROVIDER, "ca_bundle": ca_bundle}]))

    authorities = Path(botocore.__file__).with_name("cacert.pem")
    assert several(str(authorities)).providers[0].ca_bundle == authorities
    with pytest.raises(SettingsError, match=r"ca_bundle names 'no\.pem', which does not exist"):
        several("no.pem")


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
    """

    @pytest.fixture
    def directory(self, tmp_path: Path) -> Path:
        (tmp_path / "auth.toml").write_text(self.FILE, encoding="utf-8")
        return tmp_path

    def read(self, directory: Path, **env: str) -> Settings:
        return Settings.read({"API_KEYS_TABLE": "keys", "AUTH_CONFIG": "auth.toml", **env}, directory)

    def test_an_empty_variable_leaves_the_entry_in_force(self, directory: Path) -> None:
        settings = self.read(directory, JWT_LEEWAY_SECONDS="", JWT_ISSUER="", JWT_PROVIDERS=" ")
        assert settings.jwt_leeway_seconds == 5
        assert [provider.issuer for provider in settings.providers] == ["https://a.example", "https://b.example"]
        assert settings.providers_from == "auth.toml"

    def test_a_variable_wins_over_the_entry(self, directory: Path) -> None:
        assert self.read(directory, JWT_LEEWAY_SECONDS="7").jwt_leeway_seconds == 7

    @pytest.mark.parametrize(
        ("variable", "value"),
        [("JWT_ISSUER", "https://c.example"), ("JWT_PROVIDERS", '[{"issuer": "https://c.example", "audience": "c"}]')],
    )
    def test_a_provider_in_a_variable_replaces_all_of_the_file_and_it_is_said(
        self, variable: str, value: str, directory: Path
    ) -> None:
        settings = self.read(directory, **{variable: value, "JWT_AUDIENCE": "c"})
        assert [provider.issuer for provider in settings.providers] == ["https://c.example"]
        assert settings.providers_from == f"{variable} in place of the 2 [[provider]] of auth.toml"

    def test_a_half_configured_provider_in_variables_is_an_error_beside_a_file_too(self, directory: Path) -> None:
        with pytest.raises(SettingsError, match="JWT_ISSUER is missing"):
            self.read(directory, JWT_AUDIENCE="c")

    def test_mistakes_in_the_file_and_in_variables_are_told_all_at_once(self, directory: Path) -> None:
        (directory / "auth.toml").write_text(f"{self.FILE}\n        colour = 'red'\n", encoding="utf-8")
        with pytest.raises(SettingsError) as caught:
            self.read(directory, API_KEY_PREFIX="Mak", JWT_AUDIENCE="c")
        in_file, *in_variables = caught.value.mistakes
        assert in_file.startswith("AUTH_CONFIG, auth.toml, line 11: 'colour' is unknown")
        assert [mistake.split()[0] for mistake in in_variables] == ["API_KEY_PREFIX", "JWT_ISSUER"]

    def test_a_seed_is_beside_the_file(self, directory: Path) -> None:
        (directory / "stages").mkdir()
        (directory / "stages" / "prod.toml").write_text("[settings]\njwks_seed = 'seed.json'", encoding="utf-8")
        with pytest.raises(SettingsError, match=r"line 2: jwks_seed names 'seed\.json'"):
            self.read(directory, AUTH_CONFIG="stages/prod.toml")
        (directory / "stages" / "seed.json").write_text("{}", encoding="utf-8")
        seed = self.read(directory, AUTH_CONFIG="stages/prod.toml").jwks_seed
        assert seed == str(directory / "stages" / "seed.json")
