"""The authorizer's settings: read once from the environment, and wrong ones named."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from authorizer.api_key import PREFIX_PATTERN
from authorizer.provider import ASYMMETRIC_ALGORITHMS, Provider
from authorizer.telemetry import LEVELS
from authorizer.urls import is_fetchable


class SettingsError(Exception):
    """A setting is missing or wrong. The text names the environment variable and the remedy."""


@dataclass(frozen=True)
class Settings:
    """All of them; times in seconds. The names are those of the environment variables, in lower case."""

    api_keys_table: str
    api_key_prefix: str = "mak"
    api_key_cache_seconds: float = 30
    api_key_timeout_seconds: float = 2
    accept_imported_keys: bool = False
    providers: tuple[Provider, ...] = ()
    jwt_leeway_seconds: float = 30
    jwks_fresh_seconds: float = 600
    jwks_stale_seconds: float = 86_400
    jwks_cooldown_seconds: float = 10
    jwks_timeout_seconds: float = 2.5
    jwks_seed: str | None = None
    access_rules: str | None = None
    simple_responses: bool = False
    log_level: str = "INFO"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """The settings in these environment variables. An empty one is as good as none.

        :raises SettingsError: one is missing or wrong; the text names it.
        """
        table = env.get("API_KEYS_TABLE", "").strip()
        if not table:
            raise SettingsError("API_KEYS_TABLE is missing: the name of the DynamoDB table that holds the API keys.")
        prefix = env.get("API_KEY_PREFIX") or cls.api_key_prefix
        if not PREFIX_PATTERN.match(prefix):
            raise SettingsError(
                "API_KEY_PREFIX must be lower-case letters and digits, in parts separated by single underscores, "
                f"a letter first, at most 20 characters; not {prefix!r}."
            )
        rules, simple = env.get("ACCESS_RULES") or None, _boolean(env, "SIMPLE_RESPONSES")
        if rules and simple:
            raise SettingsError(
                "SIMPLE_RESPONSES cannot be true together with ACCESS_RULES: a simple response is for every route. "
                "Leave it out, and turn the HTTP API's simple responses off."
            )
        return cls(
            api_keys_table=table,
            api_key_prefix=prefix,
            api_key_cache_seconds=_number(env, "API_KEY_CACHE_SECONDS", cls.api_key_cache_seconds, 0, 3600),
            api_key_timeout_seconds=_number(env, "API_KEY_TIMEOUT_SECONDS", cls.api_key_timeout_seconds, 0.1, 8),
            accept_imported_keys=_boolean(env, "ACCEPT_IMPORTED_KEYS"),
            providers=_providers(env),
            jwt_leeway_seconds=_number(env, "JWT_LEEWAY_SECONDS", cls.jwt_leeway_seconds, 0, 300),
            jwks_fresh_seconds=_number(env, "JWKS_FRESH_SECONDS", cls.jwks_fresh_seconds, 10, 86_400),
            jwks_stale_seconds=_number(env, "JWKS_STALE_SECONDS", cls.jwks_stale_seconds, 0, 604_800),
            jwks_cooldown_seconds=_number(env, "JWKS_COOLDOWN_SECONDS", cls.jwks_cooldown_seconds, 1, 600),
            jwks_timeout_seconds=_number(env, "JWKS_TIMEOUT_SECONDS", cls.jwks_timeout_seconds, 0.1, 8),
            jwks_seed=env.get("JWKS_SEED") or None,
            access_rules=rules,
            simple_responses=simple,
            log_level=_log_level(env),
        )


def _number(env: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    text = env.get(name, "").strip()
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", text) or not least <= float(text) <= most:
        raise SettingsError(f"{name} must be a number of seconds from {least:g} to {most:g}; not {text!r}.")
    return float(text)


def _log_level(env: Mapping[str, str]) -> str:
    level = env.get("LOG_LEVEL", "").strip().upper() or "INFO"
    if level not in LEVELS:
        raise SettingsError(f"LOG_LEVEL must be one of {', '.join(LEVELS)}; not {level!r}.")
    return level


def _boolean(env: Mapping[str, str], name: str) -> bool:
    text = env.get(name, "").strip().lower()
    if text not in ("", "true", "false"):
        raise SettingsError(f"{name} must be true or false; not {text!r}.")
    return text == "true"


def _providers(env: Mapping[str, str]) -> tuple[Provider, ...]:
    several = env.get("JWT_PROVIDERS", "").strip()
    if several:
        return _several_providers(several)
    issuer, audience, jwks_url = (env.get(name, "").strip() for name in ("JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_URL"))
    if not (issuer or audience or jwks_url):
        return ()
    if not issuer:
        raise SettingsError(
            "JWT_ISSUER is missing, while JWT_AUDIENCE or JWT_JWKS_URL is set: give all, or none for API keys only."
        )
    audiences = frozenset(part.strip() for part in audience.split(",")) - {""}
    if not audiences:
        raise SettingsError("JWT_AUDIENCE is missing: without it, tokens made for any other service would be accepted.")
    _check_url("JWT_ISSUER", issuer)
    if jwks_url:
        _check_url("JWT_JWKS_URL", jwks_url)
    return (Provider(issuer, audiences, jwks_url or None),)


def _several_providers(text: str) -> tuple[Provider, ...]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"JWT_PROVIDERS is not JSON: {error}.") from None
    if not isinstance(entries, list) or not entries:
        raise SettingsError("JWT_PROVIDERS must be a JSON list of at least one object.")
    providers = tuple(_provider(f"JWT_PROVIDERS[{index}]", entry) for index, entry in enumerate(entries))
    issuers = [provider.issuer for provider in providers]
    for issuer in issuers:
        if issuers.count(issuer) > 1:
            raise SettingsError(f"JWT_PROVIDERS has the issuer {issuer!r} more than once: give one object an issuer.")
    return providers


def _provider(where: str, entry: object) -> Provider:
    if not isinstance(entry, dict):
        raise SettingsError(f"{where} must be an object.")
    unknown = entry.keys() - {
        "issuer",
        "audience",
        "jwks_url",
        "algorithms",
        "token_types",
        "required_claims",
        "scope_claims",
        "authorized_parties",
        "data_claims",
    }
    if unknown:
        raise SettingsError(f"{where} has members that are not known: {', '.join(sorted(unknown))}.")
    issuer = entry.get("issuer")
    if not isinstance(issuer, str):
        raise SettingsError(f"{where}.issuer is missing, or is not a text.")
    _check_url(f"{where}.issuer", issuer)
    jwks_url = entry.get("jwks_url")
    if jwks_url is not None:
        if not isinstance(jwks_url, str):
            raise SettingsError(f"{where}.jwks_url must be a text.")
        _check_url(f"{where}.jwks_url", jwks_url)
    algorithms = frozenset(_texts(where, entry, "algorithms", ASYMMETRIC_ALGORITHMS))
    if algorithms - ASYMMETRIC_ALGORITHMS:
        raise SettingsError(
            f"{where}.algorithms may hold only {', '.join(sorted(ASYMMETRIC_ALGORITHMS))}; "
            f"not {', '.join(sorted(algorithms - ASYMMETRIC_ALGORITHMS))}."
        )
    required_claims = entry.get("required_claims", {})
    if not isinstance(required_claims, dict):
        raise SettingsError(f"{where}.required_claims must be an object of claim names and their exact values.")
    return Provider(
        issuer=issuer,
        audiences=frozenset(_texts(where, entry, "audience", None)),
        jwks_url=jwks_url,
        algorithms=algorithms,
        token_types=frozenset(item.lower() for item in _texts(where, entry, "token_types", Provider.token_types)),
        required_claims=required_claims,
        scope_claims=tuple(_texts(where, entry, "scope_claims", Provider.scope_claims)),
        authorized_parties=frozenset(_texts(where, entry, "authorized_parties", ())),
        data_claims=tuple(_texts(where, entry, "data_claims", ())) if "data_claims" in entry else None,
    )


def _texts(where: str, entry: Mapping[str, Any], name: str, default: Iterable[str] | None) -> Iterable[str]:
    """A list of texts, or one text for a list of one. Without a default it must be there; it is never empty."""
    value = entry.get(name)
    if value is None and default is not None:
        return default
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(item, str) and item for item in values):
        raise SettingsError(f"{where}.{name} must be a text or a list of texts, and not empty.")
    return values


def _check_url(name: str, url: str) -> None:
    if not is_fetchable(url):
        raise SettingsError(f"{name} must be an https URL without credentials and fragment; not {url!r}.")
