"""Settings from the environment: what is missing or wrong is named."""

import json
from pathlib import Path
from typing import Any

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
        ({"JWT_PROVIDERS": json.dumps([PROVIDER, PROVIDER])}, "that of JWT_PROVIDERS.0. as well"),
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
