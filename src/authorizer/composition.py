"""Puts the authorizer together: the one place that knows every part."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authorizer import dynamodb, policy
from authorizer.authentication import Authenticator
from authorizer.decision import Decider
from authorizer.fetch import Fetch, FetchError, HttpsFetch
from authorizer.identity import Identity
from authorizer.jwks import KeyTimes, SigningKeys
from authorizer.jwt_bearer import JwtAuthenticator
from authorizer.key_store import ApiKeyAuthenticator, KeyStore
from authorizer.settings import Settings, SettingsError
from authorizer.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def build(
    env: Mapping[str, str],
    directory: Path,
    *,
    clock: Callable[[], float] = time.time,
    fetch: Fetch | None = None,
    client: "DynamoDBClient | None" = None,
) -> Decider:
    """The decider for these environment variables. Paths in them are relative to `directory`, the function's code.

    `clock`, `fetch` (of key sets) and `client` (of DynamoDB): other ones than those of production, for tests.

    :raises SettingsError: one is missing or wrong, or a file that it names.
    """
    settings = Settings.from_env(env)
    telemetry = Telemetry(settings.log_level)
    store = KeyStore(
        client or dynamodb.client(settings.api_key_timeout_seconds),
        settings.api_keys_table,
        cache_seconds=settings.api_key_cache_seconds,
        timeout_seconds=settings.api_key_timeout_seconds,
        clock=clock,
    )
    authenticators: list[Authenticator] = [
        ApiKeyAuthenticator(store, settings.api_key_prefix, accept_imported=settings.accept_imported_keys, clock=clock),
    ]
    if settings.providers:
        authenticators.append(_jwt_authenticator(settings, telemetry, directory, clock, fetch or HttpsFetch()))
    return Decider(authenticators, _responder(settings, directory), telemetry)


def _jwt_authenticator(
    settings: Settings, telemetry: Telemetry, directory: Path, clock: Callable[[], float], fetch: Fetch
) -> JwtAuthenticator:
    times = KeyTimes(
        fresh=settings.jwks_fresh_seconds,
        stale=settings.jwks_stale_seconds,
        cooldown=settings.jwks_cooldown_seconds,
        timeout=settings.jwks_timeout_seconds,
    )
    seed = _read("JWKS_SEED", directory, settings.jwks_seed).encode() if settings.jwks_seed else None
    if seed and len(settings.providers) > 1:
        raise SettingsError("JWKS_SEED goes with one provider: leave it out, or give each its own deployment.")
    try:
        providers = [
            (
                provider,
                SigningKeys(
                    provider.issuer,
                    provider.jwks_url,
                    fetch=fetch,
                    clock=clock,
                    report=telemetry.event,
                    times=times,
                    seed=seed,
                ),
            )
            for provider in settings.providers
        ]
    except FetchError as error:
        raise SettingsError(f"JWKS_SEED, the file {settings.jwks_seed!r}: {error}.") from None
    return JwtAuthenticator(providers, leeway_seconds=settings.jwt_leeway_seconds, clock=clock)


def _responder(settings: Settings, directory: Path) -> Callable[[Identity, object], dict[str, Any]]:
    if settings.simple_responses:
        return policy.simple_answer
    if settings.access_rules is None:
        return policy.every_route
    # Most deployments have no rules file: they need not wait for these imports.
    from authorizer import rules_file
    from authorizer.access import RulesError

    try:
        return rules_file.parse(_read("ACCESS_RULES", directory, settings.access_rules)).answer
    except RulesError as error:
        raise SettingsError(f"ACCESS_RULES, the file {settings.access_rules!r}: {error}.") from None


def _read(variable: str, directory: Path, path: str) -> str:
    try:
        return (directory / path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{variable} names {path!r}, which cannot be read: {type(error).__name__}.") from None
