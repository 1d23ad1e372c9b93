"""The checks of `keys doctor`: each part that a deployment depends on, checked from this machine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

import authorizer
from authorizer import api_key, configuration
from authorizer.entry import SettingsError
from authorizer.fetch import Fetch, FetchError, HttpsFetch
from authorizer.jwks import KeySet, parse_object
from authorizer.provider import Provider
from authorizer.refusal import Reason
from authorizer.settings import DEFAULT_FILE, Settings
from keys.core.record import Key
from keys.core.survey import Survey, survey
from keys.core.table import Table
from keys.deployment import probe, rules
from keys.deployment.probe import Answer
from keys.deployment.target import DEFAULT_PREFIX
from keys.deployment.words import plural

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from keys.deployment.stack import Deployment

TIMEOUT_SECONDS: Final = 5.0
CLOCK_TOLERANCE_SECONDS: Final = 5.0
MOST_NAMED: Final = 5
"""How many keys a finding names."""

_NEEDS_KEYS: Final = (Reason.UNKNOWN_SIGNING_KEY, Reason.BAD_SIGNATURE)
"""The reasons for which a function with a key set refuses a synthetic JWT."""
_REMEDIES: Final = {
    "AccessDeniedException": "its role lacks a permission: check PermissionsBoundary and the KMS key policy",
    "ResourceNotFoundException": "restore the table and deploy with ExistingTable (docs/table.md)",
    "ConnectTimeoutError": "if the function is in a VPC, add a gateway endpoint for DynamoDB",
    "EndpointConnectionError": "if the function is in a VPC, add a gateway endpoint for DynamoDB",
}
"""Remedies by the error of the function's read of the table: the AWS error code, or the class of the error."""


class State(StrEnum):
    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. If its state is WRONG, `detail` names the remedy."""

    check: str
    state: State
    detail: str


def examine(
    deployment: Deployment,
    clock: Callable[[], float],
    fetch: Fetch | None = None,
) -> list[Finding]:
    """Run all checks, in the order in which a decision needs the parts.

    `fetch` is the function's own by default, with the CA bundle of each provider.
    """
    try:
        settings = configuration.read(deployment.environment, rules.FUNCTION_CODE)
    except SettingsError as error:
        return list(_unread_settings(error, deployment))
    findings = [Finding("settings", State.OK, f"{plural(len(settings.providers), 'identity provider')}, and API keys")]
    if not deployment.is_released:
        detail = "APIs invoke a function version with older settings: deploy the stack again with another Release"
        findings.append(Finding("release", State.WRONG, detail))
    findings += _function(deployment, settings.api_key_prefix, settings.providers, clock())
    for provider in settings.providers:
        findings += _provider(provider, fetch)
    findings += _table(settings, deployment, clock)
    findings.append(_rules(settings, deployment.environment.get("AUTH_CONFIG") or DEFAULT_FILE))
    findings += _ends(settings, deployment)
    return findings


def _unread_settings(error: SettingsError, deployment: Deployment) -> Iterator[Finding]:
    """If the function answers, its deployed files are valid, and only the files of this checkout are not."""
    found = list(_function(deployment, DEFAULT_PREFIX, (), 0))
    if any(finding.check == "function" and finding.state is State.OK for finding in found):
        means = "The function has valid settings, so this checkout differs from the deployed code"
        yield Finding("settings", State.NOTE, f"{_sentences(str(error))} {means}")
    else:
        means = "Until this is corrected, every request gets a 503"
        yield Finding("settings", State.WRONG, f"{_sentences(str(error))} {means}")
    yield from found


def _sentences(mistakes: str) -> str:
    """Mistakes in settings, one for each line, as one line. Each ends with a full stop."""
    return " ".join(mistakes.splitlines())


def _function(deployment: Deployment, prefix: str, providers: Collection[Provider], now: float) -> Iterator[Finding]:
    """Send the function a synthetic API key and, for each provider, a synthetic JWT. It must refuse all of them."""
    client = deployment.client("lambda")
    configuration = client.get_function_configuration(FunctionName=deployment.function)
    try:
        answer = probe.send(client, deployment.function, api_key.generate(prefix))
        yield _refused_key(answer, configuration)
        if answer.is_refusal:
            for provider in providers:
                token = probe.synthetic_jwt(provider, now)
                yield _refused_jwt(provider, probe.send(client, deployment.function, token), configuration)
    except ClientError as error:
        yield _not_invoked(error)
    yield from _versions(deployment, configuration, len(providers))


def _not_invoked(error: ClientError) -> Finding:
    code = error.response["Error"]["Code"]
    if code.startswith("AccessDenied"):
        return Finding(
            "function", State.NOTE, "not checked: your credentials lack the permission lambda:InvokeFunction"
        )
    is_throttled = code == "TooManyRequestsException"
    remedy = "check ReservedConcurrency and the account's concurrency" if is_throttled else "deploy the stack again"
    return Finding("function", State.WRONG, f"Lambda did not run it ({code}): {remedy}")


def _refused_key(answer: Answer, configuration: dict[str, Any]) -> Finding:
    if answer.is_refusal:
        looked_up = ", after it read the table" if answer.reason == Reason.UNKNOWN_KEY else ""
        return Finding("function", State.OK, f"it refused a synthetic API key with 401{looked_up}")
    if answer.error != "Undecided":
        return _broken(answer, configuration)
    reason = answer.reason or "unknown reason"
    remedy = _REMEDIES.get(reason.rpartition(":")[2], "see the function's log")
    return Finding("table, from the function", State.WRONG, f"it could not look up a key ({reason}): {remedy}")


def _refused_jwt(provider: Provider, answer: Answer, configuration: dict[str, Any]) -> Finding:
    check = f"signing keys of {provider.issuer}, from the function"
    if answer.is_refusal and answer.fetch_failure:
        return Finding(
            check, State.NOTE, f"it uses a cached key set, since it could not fetch a newer one: {answer.fetch_failure}"
        )
    if answer.is_refusal and answer.reason in _NEEDS_KEYS:
        return Finding(check, State.OK, f"it has them: it refused a synthetic JWT with 401 ({answer.reason})")
    if answer.is_refusal:
        detail = f"not checked: it refused a synthetic JWT with 401 before it needed them ({answer.reason or 'no log'})"
        return Finding(check, State.NOTE, detail)
    if answer.error != "Undecided":
        return _broken(answer, configuration)
    failure = answer.fetch_failure or answer.reason or "unknown reason: see the function's log"
    # PyJWT treats `cryptography` without its compiled modules as not installed, and then no key is usable.
    if "no usable key" in failure:
        detail = f"if this machine can use them, the artifact is for another Python than {configuration.get('Runtime')}"
        return Finding("runtime", State.WRONG, f"{failure}; {detail}: {_BUILD_AS_DEPLOYED}")
    return Finding(
        check,
        State.WRONG,
        f"every JWT gets a 503 ({failure}): if the function is in a VPC, add a NAT gateway",
    )


_BUILD_AS_DEPLOYED: Final = "run `sam build` with the same parameters or --config-env as `sam deploy`"


def _broken(answer: Answer, configuration: dict[str, Any]) -> Finding:
    """Why the function cannot decide about any credential."""
    text = answer.message
    if answer.error is None:
        return Finding(
            "function", State.WRONG, "it accepted a synthetic credential: check that it is a function of this product"
        )
    if answer.error == "SettingsError":
        detail = f"{_sentences(text)} Until this is corrected, every request gets a 503"
        return Finding("settings, from the function", State.WRONG, detail)
    if "ImportModuleError" in answer.error and (".so: " in text or "ELF" in text):
        for_what = " ".join(configuration.get("Architectures", []))
        return Finding(
            "processor", State.WRONG, f"the artifact was not built for {for_what} ({text}): {_BUILD_AS_DEPLOYED}"
        )
    if "ImportModuleError" in answer.error:
        return Finding("artifact", State.WRONG, f"a module is missing ({text}): run `sam build` before `sam deploy`")
    return Finding("function", State.WRONG, f"{answer.error}: {text}")


def _versions(deployment: Deployment, configuration: dict[str, Any], providers: int) -> Iterator[Finding]:
    """The deployed versions, as reported by Lambda and by the function's log.

    Other `providers` in the function than in this checkout: they were not checked.
    """
    known = f"{configuration.get('Runtime')} on {' '.join(configuration.get('Architectures', ['x86_64']))}"
    known += f", function version {configuration.get('Version')} of {configuration['LastModified'][:19]}Z"
    try:
        start = probe.newest_start(deployment.client("logs"), configuration)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        yield Finding("versions", State.NOTE, f"{known}; the function's log could not be read ({code})")
        return
    if start is None:
        why = (
            "the newest log streams have no start line: LogLevel is above INFO, or the log is delayed by a few seconds"
        )
        yield Finding("versions", State.NOTE, f"{known}; {why}")
        return
    named = ", ".join(f"{name} {version}" for name, version in start.versions.items())
    deployed = start.versions.get("apigateway-multi-auth")
    state = State.OK if deployed == authorizer.VERSION else State.NOTE
    here = "" if state is State.OK else f"; this command has version {authorizer.VERSION}"
    yield Finding("versions", state, f"{named}{here}; {known}; started with {start.detail}")
    if start.detail.startswith("identity providers: ") and not start.detail.startswith(
        f"identity providers: {providers},"
    ):
        checked = f"the {plural(providers, 'identity provider')} of this checkout's settings"
        detail = f"the function started with {start.detail}, and only {checked} were checked"
        yield Finding("identity providers", State.NOTE, f"{detail}: run doctor in the checkout that was deployed")


def _provider(provider: Provider, fetch: Fetch | None) -> Iterator[Finding]:
    """Read the documents of the provider as the function does: over https, within limits, without redirects."""
    name = f"issuer {provider.issuer}"
    announced: object = None
    try:
        fetch = fetch or HttpsFetch(provider.ca_bundle)
        url = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        document = parse_object(fetch(url, TIMEOUT_SECONDS))
    except FetchError as error:
        state = State.NOTE if provider.jwks_url else State.WRONG
        remedy = (
            "not needed, since a JWKS URL is configured"
            if provider.jwks_url
            else "set JwtJwksUrl, or correct JwtIssuer"
        )
        yield Finding(name, state, f"this machine cannot read the discovery document ({error}): {remedy}")
    else:
        announced = document.get("jwks_uri")
        if document.get("issuer") != provider.issuer:
            detail = f"its discovery document has the issuer {document.get('issuer')!r}: set JwtIssuer to this value"
            yield Finding(name, State.WRONG, detail)
        elif provider.jwks_url and announced != provider.jwks_url:
            yield _announced_elsewhere(name, provider, provider.jwks_url, announced, fetch)
        elif not isinstance(announced, str):
            yield Finding(name, State.WRONG, "its discovery document has no https jwks_uri: set JwtJwksUrl")
        else:
            yield Finding(name, State.OK, "the discovery document matches the settings")
    url_of_keys = provider.jwks_url or announced
    if fetch and isinstance(url_of_keys, str):
        yield _key_set(url_of_keys, provider.key_uses, fetch)


def _announced_elsewhere(check: str, provider: Provider, url: str, announced: object, fetch: Fetch) -> Finding:
    """Compare key sets: some providers serve the same keys at several URLs and announce one of them."""
    if not isinstance(announced, str):
        return Finding(check, State.NOTE, f"its discovery document has no jwks_uri; the key set at {url} is used")
    told = f"its discovery document has the jwks_uri {announced}"
    try:
        ours, theirs = (KeySet.parse(fetch(each, TIMEOUT_SECONDS), provider.key_uses) for each in (url, announced))
    except FetchError as error:
        return Finding(
            check, State.NOTE, f"{told}, not the configured JWKS URL; the key sets could not be compared ({error})"
        )
    lacking = {(key.kid, key.thumbprint) for key in theirs.keys} - {(key.kid, key.thumbprint) for key in ours.keys}
    if lacking:
        missing = f"the configured JWKS URL lacks {len(lacking)} of its {plural(len(theirs.keys), 'key')}"
        return Finding(check, State.WRONG, f"{told}; {missing}: set it to the jwks_uri or leave it empty")
    return Finding(check, State.NOTE, f"{told}; the configured JWKS URL has all of its keys")


def _key_set(url: str, uses: Collection[str], fetch: Fetch) -> Finding:
    try:
        key_set = KeySet.parse(fetch(url, TIMEOUT_SECONDS), uses)
    except FetchError as error:
        return Finding("signing keys", State.WRONG, f"{url}: {error}. Without them no JWT can be verified")
    unusable = key_set.unusable
    ignored = f", {unusable.total()} not usable ({'; '.join(sorted(unusable))})" if unusable else ""
    return Finding("signing keys", State.OK, f"{len(key_set.keys)} usable{ignored}")


def _table(settings: Settings, deployment: Deployment, clock: Callable[[], float]) -> Iterator[Finding]:
    dynamodb = deployment.client("dynamodb")
    try:
        answer = dynamodb.describe_table(TableName=settings.api_keys_table)
    except dynamodb.exceptions.ResourceNotFoundException:
        yield Finding(
            "table", State.WRONG, f"the table {settings.api_keys_table} does not exist: deploy the stack again"
        )
        return
    table: dict[str, Any] = answer["Table"]
    hash_keys = [key["AttributeName"] for key in table["KeySchema"] if key["KeyType"] == "HASH"]
    if table["TableStatus"] != "ACTIVE" or hash_keys != ["pk"]:
        yield Finding(
            "table",
            State.WRONG,
            f"status {table['TableStatus']}, partition key {' '.join(hash_keys)}: they must be ACTIVE and pk",
        )
    else:
        yield Finding("table", State.OK, settings.api_keys_table)
    yield from _keys(settings, dynamodb, clock())
    backups = dynamodb.describe_continuous_backups(TableName=settings.api_keys_table)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    if recovery != "ENABLED":
        yield Finding("backup", State.NOTE, "point-in-time recovery is disabled, so a deleted table cannot be restored")
    yield _clock("clock, compared with AWS", answer["ResponseMetadata"]["HTTPHeaders"].get("date"), clock())


def _keys(settings: Settings, dynamodb: DynamoDBClient, now: float) -> Iterator[Finding]:
    """Whether the authorizer looks up all active keys, and whether their consumers exist and are enabled.

    One consistent scan of the whole table.
    """
    useless, untold = list[Key](), list[Key]()

    def look(key: Key) -> None:
        if not key.is_looked_up(settings.api_key_prefix, accept_imported=settings.accept_imported_keys):
            useless.append(key)
        if not settings.accept_imported_keys and key.hint is None:
            untold.append(key)

    try:
        found = survey(Table(dynamodb, settings.api_keys_table), now, active=look)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        yield Finding("keys", State.NOTE, f"not checked: AWS refused to read the table ({code})")
        return
    seen = f"{plural(found.active, 'active key')} in the table"
    if useless:
        remedy = "set AcceptImportedKeys to true, or revoke them"
        why = f"without the prefix {settings.api_key_prefix}_, which the authorizer never looks up: {remedy}"
        yield Finding("keys", State.WRONG, f"{seen}, {len(useless)} of them {why}")
    else:
        yield Finding("keys", State.OK, f"{seen}, all in a format that the authorizer looks up" if not untold else seen)
    if untold:
        detail = "without a hint: if not in the product's key format, the authorizer looks them up only with"
        yield Finding("keys", State.NOTE, f"{plural(len(untold), 'active key')} {detail} AcceptImportedKeys=true")
    yield from _ownership(found)


def _ownership(found: Survey) -> Iterator[Finding]:
    if found.disabled:
        remedy = "run `keys consumer disable` for it again, or disable them"
        yield Finding("consumers", State.WRONG, f"{_refs(found.disabled)} of a disabled consumer: {remedy}")
    if found.missing:
        remedy = "revoke them, or create the consumer"
        yield Finding("consumers", State.WRONG, f"{_refs(found.missing)} of a consumer that does not exist: {remedy}")
    if found.without_end_day:
        detail = f"{plural(found.without_end_day, 'key')} without the right end_day: run `keys table upgrade`"
        yield Finding("end_day", State.NOTE, detail)
    if found.malformed:
        malformed = plural(len(found.malformed), "malformed item")
        yield Finding("keys", State.NOTE, f"{malformed}, which the authorizer refuses: run `keys list` to see them")


def _refs(keys: list[str]) -> str:
    named = ", ".join(keys[:MOST_NAMED])
    return f"{plural(len(keys), 'active key')} ({named}{', ...' if len(keys) > MOST_NAMED else ''})"


def _clock(check: str, date: str | None, now: float) -> Finding:
    """Compare this machine's clock."""
    try:
        difference = now - parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return Finding(check, State.NOTE, "not compared: the response has no Date header")
    if abs(difference) <= CLOCK_TOLERANCE_SECONDS:
        return Finding(check, State.OK, f"this machine's clock differs by at most {CLOCK_TOLERANCE_SECONDS:.0f} s")
    early = "ahead" if difference > 0 else "behind"
    return Finding(
        check,
        State.NOTE,
        f"this machine's clock is {abs(difference):.0f} s {early}: correct it, `keys` uses it for all times",
    )


def _rules(settings: Settings, file: str) -> Finding:
    if settings.rules.permit_every_route:
        detail = f"{rules.EVERY_ROUTE}. To limit it, replace that [[rule]] of {file} by one for each route"
        return Finding("access rules", State.NOTE, detail)
    size = settings.rules.largest_policy_bytes()
    return Finding(
        "access rules",
        State.OK,
        f"{plural(len(settings.rules.rules), 'rule')} in {file} of this checkout, policies of at most {size:,} bytes",
    )


def _ends(settings: Settings, deployment: Deployment) -> Iterator[Finding]:
    """How long a credential can be accepted after it ends. The authorizer cache keeps the policy regardless of it."""
    sample = deployment.parameters.get("SampleApi", "Create") == "Create"
    gateway = float(deployment.parameters.get("AuthorizerCacheSeconds") or 0) if sample else 0
    memory, leeway = settings.api_key_cache_seconds, settings.jwt_leeway_seconds

    def bound(seconds: float, where: str) -> str:
        if not sample:
            return f"at most {seconds:g} s ({where}), plus the TTL of your API's authorizer cache"
        return f"at most {gateway + seconds:g} s: {gateway:g} s in the authorizer cache, {seconds:g} s {where}"

    yield Finding(
        "revocation",
        State.OK,
        f"a revoked key is accepted for {bound(memory, 'in the key cache')}",
    )
    if settings.providers:
        yield Finding(
            "expiry",
            State.OK,
            f"after its exp, a JWT is accepted for {bound(leeway, 'of leeway')}",
        )
