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

import authorizer
from authorizer import api_key
from authorizer.authentication import Reason
from authorizer.entry import SettingsError
from authorizer.fetch import Fetch, FetchError, HttpsFetch
from authorizer.jwks import KeySet, parse_object
from authorizer.provider import Provider
from authorizer.settings import Settings
from keys.deployment import probe, rules
from keys.deployment.connection import DEFAULT_PREFIX
from keys.deployment.probe import Answer
from keys.life import record
from keys.life.database import Database
from keys.life.errors import MalformedItem
from keys.life.record import Key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from keys.deployment.stack import Deployment

TIMEOUT_SECONDS: Final = 5.0
CLOCK_TOLERANCE_SECONDS: Final = 5.0

_NEEDS_KEYS: Final = (Reason.UNKNOWN_SIGNING_KEY, Reason.BAD_SIGNATURE)
"""Why a made-up JWT is refused once the provider's keys are there."""
_REMEDIES: Final = {
    "AccessDeniedException": "its role may not: look at PermissionsBoundary, and at the key policy of a KMS key",
    "ResourceNotFoundException": "restore it, and deploy with ExistingTable: docs/table.md",
    "ConnectTimeoutError": "in a VPC, DynamoDB needs a gateway endpoint",
    "EndpointConnectionError": "in a VPC, DynamoDB needs a gateway endpoint",
}
"""By what failed when the function read the table: AWS's code, or the error's class."""


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
        return list(_unread_settings(error, deployment))
    findings = [Finding("settings", State.OK, f"{len(settings.providers)} identity providers and API keys")]
    if not deployment.is_released:
        remedy = "deploy again, with another Release"
        findings.append(Finding("release", State.WRONG, f"APIs invoke a version with older settings: {remedy}"))
    findings += _function(deployment, settings.api_key_prefix, settings.providers, clock())
    for provider in settings.providers:
        findings += _provider(provider, fetch or HttpsFetch(provider.ca_bundle), clock, date_of or _date_of)
    findings += _table(settings, deployment, clock)
    findings.append(_rules(settings))
    findings += _ends(settings, deployment)
    return findings


def _unread_settings(error: SettingsError, deployment: Deployment) -> Iterator[Finding]:
    """What is wrong here is not wrong there where the function answers: its files are those that it was built with."""
    found = list(_function(deployment, DEFAULT_PREFIX, (), 0))
    if any(finding.check == "function" and finding.state is State.OK for finding in found):
        detail = f"{error}. The function has others that it works with: this checkout is not what was deployed"
        yield Finding("settings", State.NOTE, detail)
    else:
        yield Finding("settings", State.WRONG, f"{error}. Every decision is a 503 until then.")
    yield from found


def _function(deployment: Deployment, prefix: str, providers: Collection[Provider], now: float) -> Iterator[Finding]:
    """Sends it a made-up API key and, for each provider, a made-up JWT, all of which it must refuse."""
    client = deployment.client("lambda")
    configuration = client.get_function_configuration(FunctionName=deployment.function)
    try:
        answer = probe.send(client, deployment.function, api_key.generate(prefix))
        yield _refused_key(answer, configuration)
        if answer.is_refusal:
            for provider in providers:
                token = probe.made_up_jwt(provider, now)
                yield _refused_jwt(provider, probe.send(client, deployment.function, token), configuration)
    except ClientError as error:
        yield _not_invoked(error)
    yield _versions(deployment, configuration)


def _not_invoked(error: ClientError) -> Finding:
    code = error.response["Error"]["Code"]
    if code.startswith("AccessDenied"):
        return Finding("function", State.NOTE, "nothing was sent to it: you lack the permission lambda:InvokeFunction")
    remedies = {
        "TooManyRequestsException": "it has no instance free: look at ReservedConcurrency, and at the account's"
    }
    return Finding("function", State.WRONG, f"Lambda does not run it ({code}): {remedies.get(code, 'deploy again')}")


def _refused_key(answer: Answer, configuration: dict[str, Any]) -> Finding:
    if answer.is_refusal:
        looked_up = ", after a look into the table" if answer.reason == Reason.UNKNOWN_KEY else ""
        return Finding("function", State.OK, f"it refused a made-up API key with 401{looked_up}")
    if answer.error != "Undecided":
        return _broken(answer, configuration)
    reason = answer.reason or "the function's log says why"
    remedy = _REMEDIES.get(reason.rpartition(":")[2], "the function's log has more")
    return Finding("table, from the function", State.WRONG, f"it could not look a key up ({reason}): {remedy}")


def _refused_jwt(provider: Provider, answer: Answer, configuration: dict[str, Any]) -> Finding:
    check = f"signing keys of {provider.issuer}, from the function"
    if answer.is_refusal and answer.fetch_failure:
        return Finding(
            check, State.NOTE, f"it has those of before, and could not fetch newer ones: {answer.fetch_failure}"
        )
    if answer.is_refusal and answer.reason in _NEEDS_KEYS:
        return Finding(check, State.OK, f"it has them: a made-up JWT was refused with 401 ({answer.reason})")
    if answer.is_refusal:
        detail = f"a made-up JWT was refused with 401 before they were needed ({answer.reason or 'no log'})"
        return Finding(check, State.NOTE, detail)
    if answer.error != "Undecided":
        return _broken(answer, configuration)
    failure = answer.fetch_failure or answer.reason or "the function's log says why"
    # Without its compiled parts, `cryptography` is as good as absent for PyJWT, and no key is usable.
    if failure.endswith("no usable key"):
        detail = f"if they are usable from here, the artifact is for another Python than {configuration.get('Runtime')}"
        return Finding("runtime", State.WRONG, f"{failure}; {detail}: {_BUILD_AS_DEPLOYED}")
    return Finding(
        check, State.WRONG, f"every JWT gets a 503 ({failure}): a function in a VPC needs a way out, such as a NAT"
    )


_BUILD_AS_DEPLOYED: Final = "give `sam build` the parameters, or the --config-env, of `sam deploy`"


def _broken(answer: Answer, configuration: dict[str, Any]) -> Finding:
    """What keeps the function from deciding at all."""
    text = answer.message
    if answer.error is None:
        return Finding("function", State.WRONG, "it accepts a made-up credential: is it this project's function?")
    if answer.error == "SettingsError":
        return Finding("settings, from the function", State.WRONG, f"{text}. Every decision is a 503 until then.")
    if "ImportModuleError" in answer.error and (".so: " in text or "ELF" in text):
        for_what = " ".join(configuration.get("Architectures", []))
        return Finding("processor", State.WRONG, f"the artifact is not for {for_what} ({text}): {_BUILD_AS_DEPLOYED}")
    if "ImportModuleError" in answer.error:
        return Finding("artifact", State.WRONG, f"it lacks a part ({text}): run `sam build` before `sam deploy`")
    return Finding("function", State.WRONG, f"{answer.error}: {text}")


def _versions(deployment: Deployment, configuration: dict[str, Any]) -> Finding:
    """What runs, by Lambda's word and by the function's own."""
    known = f"{configuration.get('Runtime')} on {' '.join(configuration.get('Architectures', ['x86_64']))}"
    known += f", function version {configuration.get('Version')} of {configuration['LastModified'][:19]}Z"
    try:
        start = probe.newest_start(deployment.client("logs"), configuration)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return Finding("versions", State.NOTE, f"{known}; its log was not read ({code})")
    if start is None:
        why = "its newest log streams have no start: LogLevel is above INFO, or the log is a few seconds behind"
        return Finding("versions", State.NOTE, f"{known}; {why}")
    named = ", ".join(f"{name} {version}" for name, version in start.versions.items())
    deployed = start.versions.get("apigateway-multi-auth")
    state = State.OK if deployed == authorizer.VERSION else State.NOTE
    here = "" if state is State.OK else f"; this command is of {authorizer.VERSION}"
    return Finding("versions", state, f"{named}{here}; {known}; started with {start.detail}")


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
            yield _announced_elsewhere(name, provider, provider.jwks_url, announced, fetch)
        else:
            yield Finding(name, State.OK, "its discovery document agrees with the settings")
    url = provider.jwks_url or announced
    if url:
        yield from _key_set(url, provider.key_uses, fetch, clock, date_of)


def _announced_elsewhere(check: str, provider: Provider, url: str, announced: object, fetch: Fetch) -> Finding:
    """Some providers have the same keys at several URLs, of which they announce one."""
    if not isinstance(announced, str):
        return Finding(check, State.NOTE, f"it announces no keys; those of {url} are used")
    told = f"it announces its keys at {announced}"
    try:
        ours, theirs = (KeySet.parse(fetch(each, TIMEOUT_SECONDS), provider.key_uses) for each in (url, announced))
    except FetchError as error:
        return Finding(check, State.NOTE, f"{told}, not at the JWKS URL that is set; not compared ({error})")
    lacking = {(key.kid, key.thumbprint) for key in theirs.keys} - {(key.kid, key.thumbprint) for key in ours.keys}
    if lacking:
        remedy = f"{len(lacking)} of {len(theirs.keys)} are not at the JWKS URL that is set: set it to that, or empty"
        return Finding(check, State.WRONG, f"{told}; {remedy}")
    return Finding(check, State.NOTE, f"{told}; all of them are at the JWKS URL that is set too")


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
    sample = deployment.parameters.get("SampleApi", "Create") == "Create"
    gateway = float(deployment.parameters.get("AuthorizerCacheSeconds") or 0) if sample else 0
    memory, leeway = settings.api_key_cache_seconds, settings.jwt_leeway_seconds
    where = f"{gateway:g} in API Gateway" if sample else "your API's own cache time comes on top"
    yield Finding(
        "revocation",
        State.OK,
        f"a revoked key works for at most {gateway + memory:g} s: {where}, {memory:g} in the function's memory",
    )
    if settings.providers:
        yield Finding(
            "expiry",
            State.OK,
            f"a JWT works for at most {gateway + leeway:g} s after its exp: {where}, {leeway:g} of leeway",
        )


def _date_of(url: str) -> str | None:
    request = urllib.request.Request(url)  # noqa: S310 - it was fetched before, so it is http or https
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            date: str | None = answer.headers.get("Date")
            return date
    except OSError:
        return None
