"""Creates the authorizer from its settings. It is the only module that knows all parts."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from authorizer import api_key, configuration, dynamodb
from authorizer.authentication import Authenticator
from authorizer.decision import Decider
from authorizer.entry import SettingsError
from authorizer.key_store import ApiKeyAuthenticator, KeyStore
from authorizer.policy import Responder
from authorizer.settings import Settings
from authorizer.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from authorizer.fetch import Fetch
    from authorizer.subjects import Subjects


def build(
    env: Mapping[str, str],
    directory: Path,
    *,
    clock: Callable[[], float] = time.time,
    fetch: "Fetch | None" = None,
    client: "DynamoDBClient | None" = None,
    before_snapshot: Callable[[Callable[[], None]], None] = lambda _work: None,
) -> Decider:
    """Create the decider for these environment variables. Paths are relative to `directory`, the function's code.

    Tests pass their own `clock`, `fetch` (for key sets) and `client` (for DynamoDB). `before_snapshot` registers work
    for the time before SnapStart takes its snapshot.

    :raises SettingsError: a setting, or a file that it names, is missing or invalid.
    """
    settings = configuration.read(env, directory)
    telemetry = Telemetry(
        settings.powertools_log_level,
        service=settings.powertools_service_name,
        namespace=settings.powertools_metrics_namespace,
        stack=settings.stack_name,
        starts_cold=env.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "provisioned-concurrency",
    )
    client = client or dynamodb.client(settings.api_key_timeout_seconds)
    store = KeyStore(client, settings.api_keys_table, cache_seconds=settings.api_key_cache_seconds, clock=clock)
    before_snapshot(partial(_prime, store, client))
    authenticators: list[Authenticator] = [
        ApiKeyAuthenticator(store, settings.api_key_prefix, accept_imported=settings.accept_imported_keys, clock=clock),
    ]
    versions = dict(dynamodb.VERSIONS)
    if settings.providers:
        # PyJWT and cryptography are imported only if there is a provider.
        from authorizer import signing_key

        authenticators.append(_jwt_authenticator(settings, telemetry, directory, clock, fetch, client))
        versions |= signing_key.VERSIONS
    telemetry.started(_summary(settings), versions)
    responder = Responder(settings.rules, simple=settings.simple_responses, encoding=settings.data_encoding)
    return Decider(authenticators, responder.respond, telemetry.decision, settings.default_usage_key)


def _summary(settings: Settings) -> str:
    """The settings for the start line. It names each list of required claims: one of its values is sufficient."""
    rules = f"{len(settings.rules.rules)}{', every route' if settings.rules.permit_every_route else ''}"
    lists = [
        f"; {provider.issuer} requires: {claim}"
        for provider in settings.providers
        for claim in provider.required_claims
        if len(claim.values) > 1
    ]
    from_where = f"identity providers: {len(settings.providers)}, from {settings.providers_from}"
    return f"{from_where}; access rules: {rules}{''.join(lists)}"


def _prime(store: KeyStore, client: "DynamoDBClient") -> None:
    """Read the table once, so that the snapshot contains what the first read initializes. Then close the connection,
    which would be broken after a restore."""
    # An error, such as a missing table, is reported by the first request.
    with suppress(Exception):
        store.find(api_key.digest(""))
    client.close()


def _jwt_authenticator(
    settings: Settings,
    telemetry: Telemetry,
    directory: Path,
    clock: Callable[[], float],
    fetch: "Fetch | None",
    client: "DynamoDBClient",
) -> Authenticator:
    from authorizer.fetch import FetchError, HttpsFetch
    from authorizer.jwks import KeyTimes, SigningKeys
    from authorizer.jwt_bearer import JwtAuthenticator

    times = KeyTimes(
        fresh=settings.jwks_fresh_seconds,
        stale=settings.jwks_stale_seconds,
        cooldown=settings.jwks_cooldown_seconds,
        timeout=settings.jwks_timeout_seconds,
    )
    fetches = {bundle: fetch or HttpsFetch(bundle) for bundle in {each.ca_bundle for each in settings.providers}}
    try:
        seed = (directory / settings.jwks_seed).read_bytes() if settings.jwks_seed else None
        keys = partial(SigningKeys, clock=clock, report=telemetry.event, times=times, seed=seed)
        providers = [(each, keys(each, fetch=fetches[each.ca_bundle])) for each in settings.providers]
    except (OSError, FetchError) as error:
        cause = str(error) if isinstance(error, FetchError) else type(error).__name__
        raise SettingsError([f"JWKS_SEED names {settings.jwks_seed!r}, which cannot be used: {cause}."]) from None
    hash_key = settings.usage_subject_key if settings.usage_subjects else None
    subjects = _subjects(settings, client, clock) if settings.jwt_subjects else None
    return JwtAuthenticator(
        providers,
        leeway_seconds=settings.jwt_leeway_seconds,
        clock=clock,
        hash_key=hash_key,
        subjects=subjects,
        tiers=settings.tiers,
    )


def _subjects(settings: Settings, client: "DynamoDBClient", clock: Callable[[], float]) -> "Subjects":
    from authorizer.subjects import Subjects

    return Subjects(
        client,
        settings.api_keys_table,
        cache_seconds=settings.api_key_cache_seconds,
        leeway_seconds=settings.jwt_leeway_seconds,
        clock=clock,
    )
