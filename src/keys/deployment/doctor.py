"""Whether a deployment can do its work: each part that it depends on, examined from here."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from authorizer.entry import SettingsError
from authorizer.fetch import Fetch, FetchError, HttpsFetch
from authorizer.jwks import KeySet, parse_object
from authorizer.provider import Provider
from authorizer.settings import Settings
from keys.deployment import rules
from keys.life import record
from keys.life.database import Database
from keys.life.errors import MalformedItem
from keys.life.record import Key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from keys.deployment.stack import Deployment

TIMEOUT_SECONDS: Final = 5.0
CLOCK_TOLERANCE_SECONDS: Final = 5.0


class State(StrEnum):
    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `detail` names the remedy where something is wrong."""

    check: str
    state: State
    detail: str


def examine(
    deployment: Deployment,
    clock: Callable[[], float],
    fetch: Fetch | None = None,
    date_of: Callable[[str], str | None] | None = None,
) -> list[Finding]:
    """All findings, in the order in which a decision needs the parts.

    `fetch` and `date_of` (the Date header of a URL's answer, None when there is none) are those of the network.
    """
    try:
        settings = Settings.read(deployment.environment, rules.FUNCTION_CODE)
    except SettingsError as error:
        return [Finding("settings", State.WRONG, f"{error}. Every decision is a 503 until then.")]
    findings = [Finding("settings", State.OK, f"{len(settings.providers)} identity providers and API keys")]
    if not deployment.is_released:
        remedy = "deploy again, with another Release"
        findings.append(Finding("release", State.WRONG, f"APIs invoke a version with older settings: {remedy}"))
    for provider in settings.providers:
        findings += _provider(provider, fetch or HttpsFetch(provider.ca_bundle), clock, date_of or _date_of)
    findings += _table(settings, deployment, clock)
    findings.append(_rules(settings))
    findings += _ends(settings, deployment)
    return findings


def _provider(
    provider: Provider, fetch: Fetch, clock: Callable[[], float], date_of: Callable[[str], str | None]
) -> Iterator[Finding]:
    name = f"issuer {provider.issuer}"
    announced: str | None = None
    try:
        document = parse_object(
            fetch(f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration", TIMEOUT_SECONDS)
        )
    except FetchError as error:
        state = State.NOTE if provider.jwks_url else State.WRONG
        remedy = "not needed, as the JWKS URL is set" if provider.jwks_url else "set JwtJwksUrl, or correct JwtIssuer"
        yield Finding(name, state, f"no discovery document from here ({error}); {remedy}")
    else:
        announced = document.get("jwks_uri")
        if document.get("issuer") != provider.issuer:
            yield Finding(
                name, State.WRONG, f"it calls itself {document.get('issuer')!r}: set JwtIssuer to exactly that"
            )
        elif provider.jwks_url and announced != provider.jwks_url:
            yield Finding(
                name, State.WRONG, f"it announces the keys at {announced!r}: set JwtJwksUrl to that, or empty"
            )
        else:
            yield Finding(name, State.OK, "its discovery document agrees with the settings")
    url = provider.jwks_url or announced
    if url:
        yield from _key_set(url, provider.key_uses, fetch, clock, date_of)


def _key_set(
    url: str,
    uses: Collection[str],
    fetch: Fetch,
    clock: Callable[[], float],
    date_of: Callable[[str], str | None],
) -> Iterator[Finding]:
    try:
        key_set = KeySet.parse(fetch(url, TIMEOUT_SECONDS), uses)
    except FetchError as error:
        yield Finding("signing keys", State.WRONG, f"{url}: {error}. No JWT can be checked without them.")
        return
    unusable = key_set.unusable
    ignored = f", {unusable.total()} not usable ({'; '.join(sorted(unusable))})" if unusable else ""
    yield Finding("signing keys", State.OK, f"{len(key_set.keys)} usable{ignored}")
    yield _clock("clock, to the provider's", date_of(url), clock())


def _table(settings: Settings, deployment: Deployment, clock: Callable[[], float]) -> Iterator[Finding]:
    dynamodb = deployment.client("dynamodb")
    try:
        answer = dynamodb.describe_table(TableName=settings.api_keys_table)
    except dynamodb.exceptions.ResourceNotFoundException:
        yield Finding("table", State.WRONG, f"{settings.api_keys_table} is not there: deploy the stack again")
        return
    table: dict[str, Any] = answer["Table"]
    hash_keys = [key["AttributeName"] for key in table["KeySchema"] if key["KeyType"] == "HASH"]
    if table["TableStatus"] != "ACTIVE" or hash_keys != ["pk"]:
        yield Finding(
            "table", State.WRONG, f"status {table['TableStatus']}, partition key {' '.join(hash_keys)}, not pk"
        )
    else:
        yield Finding("table", State.OK, settings.api_keys_table)
    yield from _keys(settings, dynamodb, clock())
    backups = dynamodb.describe_continuous_backups(TableName=settings.api_keys_table)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    if recovery != "ENABLED":
        yield Finding("backup", State.NOTE, "point-in-time recovery is off: a table lost by mistake stays lost")
    yield _clock("clock, to AWS's", answer["ResponseMetadata"]["HTTPHeaders"].get("date"), clock())


def _keys(settings: Settings, dynamodb: DynamoDBClient, now: float) -> Iterator[Finding]:
    """Whether the authorizer looks up all keys that could be accepted. Reads the whole table."""
    active = useless = untold = malformed = 0
    try:
        for item in Database(dynamodb, settings.api_keys_table, time.sleep).all_keys():
            try:
                key = Key.from_item(item)
            except MalformedItem:
                malformed += 1
                continue
            if key.state(now) is not record.State.ACTIVE:
                continue
            active += 1
            useless += not key.is_looked_up(settings.api_key_prefix, accept_imported=settings.accept_imported_keys)
            untold += not settings.accept_imported_keys and key.hint is None
    except ClientError as error:
        code = error.response["Error"]["Code"]
        yield Finding("keys", State.NOTE, f"not looked at, since AWS refused to read the table ({code})")
        return
    seen = f"{active} active keys in the table"
    if useless:
        remedy = "set AcceptImportedKeys to true, or revoke them"
        why = f"do not begin with {settings.api_key_prefix}_, so they are never looked up: {remedy}"
        yield Finding("keys", State.WRONG, f"{useless} of {seen} {why}")
    else:
        yield Finding("keys", State.OK, f"{seen}, all of a form that is looked up" if not untold else seen)
    if untold:
        detail = f"{untold} active keys have no hint: if they are not of our own form, they are never looked up"
        yield Finding("keys", State.NOTE, f"{detail} without AcceptImportedKeys=true")
    if malformed:
        yield Finding("keys", State.NOTE, f"{malformed} items are malformed and refused: `keys list` names them")


def _clock(check: str, date: str | None, now: float) -> Finding:
    """Compares this machine's clock. AWS keeps its own right, so that a difference to both is this machine's."""
    try:
        difference = now - parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return Finding(check, State.NOTE, "the answer has no date to compare with")
    if abs(difference) <= CLOCK_TOLERANCE_SECONDS:
        return Finding(check, State.OK, f"this machine is within {CLOCK_TOLERANCE_SECONDS:.0f} s of it")
    early = "ahead of" if difference > 0 else "behind"
    return Finding(
        check, State.NOTE, f"this machine is {abs(difference):.0f} s {early} it: times that it shows are off"
    )


def _rules(settings: Settings) -> Finding:
    if settings.rules is None:
        return Finding("access rules", State.NOTE, "none: every route is open to every accepted credential")
    size = settings.rules.largest_policy_bytes()
    return Finding(
        "access rules",
        State.OK,
        f"those of this checkout: {len(settings.rules.rules)} rules, policies of at most {size:,} bytes",
    )


def _ends(settings: Settings, deployment: Deployment) -> Iterator[Finding]:
    """How long a credential can outlive its end. API Gateway keeps an answer whatever becomes of the credential."""
    gateway = float(deployment.parameters.get("AuthorizerCacheSeconds") or 0)
    memory, leeway = settings.api_key_cache_seconds, settings.jwt_leeway_seconds
    bound = f"a revoked key works for at most {gateway + memory:g} s"
    yield Finding("revocation", State.OK, f"{bound}: {gateway:g} in API Gateway, {memory:g} in the function's memory")
    if settings.providers:
        bound = f"a JWT works for at most {gateway + leeway:g} s after its exp"
        yield Finding("expiry", State.OK, f"{bound}: {gateway:g} in API Gateway, {leeway:g} of leeway")


def _date_of(url: str) -> str | None:
    request = urllib.request.Request(url)  # noqa: S310 - it was fetched before, so it is http or https
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            date: str | None = answer.headers.get("Date")
            return date
    except OSError:
        return None
