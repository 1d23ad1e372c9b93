"""The checks of `keys doctor`: each part that a deployment depends on, checked from this machine."""

from __future__ import annotations

import time
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
from authorizer.protected_resource import ProtectedResource
from authorizer.provider import Provider
from authorizer.refusal import Reason
from authorizer.settings import DEFAULT_FILE, Settings
from keys.core.record import Key
from keys.core.survey import Survey, survey
from keys.core.table import Table
from keys.deployment import access_logs, plans_check, probe, resource, rules
from keys.deployment.probe import Answer
from keys.deployment.target import DEFAULT_PREFIX, LOCAL_STACK
from keys.deployment.words import plural
from keys.plans.gateway import Gateway

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
_EVERY_503: Final = "Until this is corrected, every request gets a 503"
_BUILD_AS_DEPLOYED: Final = "run `sam build` with the same parameters or --config-env as `sam deploy`"


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


def _ok(check: str, detail: str) -> Finding:
    return Finding(check, State.OK, detail)


def _note(check: str, detail: str) -> Finding:
    return Finding(check, State.NOTE, detail)


def _wrong(check: str, detail: str) -> Finding:
    return Finding(check, State.WRONG, detail)


def examine(deployment: Deployment, clock: Callable[[], float], fetch: Fetch | None = None) -> list[Finding]:
    """Run all checks, in the order in which a decision needs the parts.

    `fetch` is the function's own by default, with the CA bundle of each provider.
    """
    try:
        settings = configuration.read(deployment.environment, rules.FUNCTION_CODE)
    except SettingsError as error:
        return _unread_settings(error, deployment)
    findings = [_ok("settings", f"{plural(len(settings.providers), 'identity provider')}, and API keys")]
    if not deployment.is_released:
        detail = "APIs invoke a function version with older settings: deploy the stack again with another Release"
        findings.append(_wrong("release", detail))
    findings += _function(deployment, settings.api_key_prefix, settings.providers, clock())
    for provider in settings.providers:
        findings += _provider(provider, fetch, settings.resource_identifier)
    if settings.resource_identifier:
        findings.append(_metadata(settings.resource_identifier, settings, fetch))
    findings += _table(settings, deployment, clock)
    findings.append(_rules(settings, deployment.environment.get("AUTH_CONFIG") or DEFAULT_FILE))
    findings += _ends(settings, deployment)
    findings += _access_logs(deployment, clock())
    return findings


def _access_logs(deployment: Deployment, now: float) -> Iterator[Finding]:
    """Whether usage can be read from the access log of each API. An access log is optional, so nothing is wrong."""
    check = "access log"
    try:
        found = access_logs.find(deployment.client, deployment.function, now)
    except ClientError as error:
        if not error.response["Error"]["Code"].startswith("AccessDenied"):
            raise
        needed = "lambda:GetPolicy, apigateway:GET and logs:DescribeLogGroups"
        yield _note(check, f"not checked: your credentials lack the permissions {needed}")
        return
    for log in found.read:
        yield _ok(f"{check} of API {log.api}, stage {log.stage}", f"keys usage reads it: {log.group}")
    for each in found.unread:
        stage = f", stage {each.stage}" if each.stage else ""
        yield _note(f"{check} of API {each.api}{stage}", f"keys usage cannot read it: {each.reason} (docs/usage.md)")
    if not found.read and not found.unread:
        yield _note(check, "no API is permitted to invoke the function by its policy, so keys usage finds none")
    stages = {(each.api, each.stage) for each in found.read}
    stages |= {(each.api, each.stage) for each in found.unread if each.stage}
    yield from _plans(deployment, {each for each in stages if not _is_spare(each, stages)})


def _is_spare(stage: tuple[str, str], stages: Collection[tuple[str, str]]) -> bool:
    """Whether it is the stage that SAM adds to each REST API."""
    return stage[1] == access_logs.SAM_STAGE and any(api == stage[0] and name != stage[1] for api, name in stages)


def _plans(deployment: Deployment, stages: Collection[tuple[str, str]]) -> Iterator[Finding]:
    """What is forgotten about usage plans, which are optional."""
    client = deployment.client("apigateway")
    gateway = Gateway(client, deployment.stack, time.sleep)
    default = deployment.environment.get("DEFAULT_USAGE_KEY", "")
    try:
        for each in plans_check.examine(client, gateway, deployment.function, stages, default):
            yield Finding(each.about, State.WRONG if each.is_fault else State.NOTE, each.detail)
    except ClientError as error:
        if not error.response["Error"]["Code"].startswith("AccessDenied"):
            raise
        needed = "apigateway:GET on /restapis, /apikeys and /usageplans"
        yield _note("usage plans", f"not checked: your credentials lack the permission {needed}")


def _unread_settings(error: SettingsError, deployment: Deployment) -> list[Finding]:
    """If the function answers, its deployed files are valid, and only the files of this checkout are not."""
    found, mistakes = list(_function(deployment, DEFAULT_PREFIX, (), 0)), _sentences(str(error))
    if any(finding.check == "function" and finding.state is State.OK for finding in found):
        means = "The function has valid settings, so this checkout differs from the deployed code"
        return [_note("settings", f"{mistakes} {means}"), *found]
    return [_wrong("settings", f"{mistakes} {_EVERY_503}"), *found]


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
        for provider in providers if answer.is_refusal else ():
            token = probe.synthetic_jwt(provider, now)
            yield _refused_jwt(provider, probe.send(client, deployment.function, token), configuration)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        throttled = "check ReservedConcurrency and the account's concurrency"
        remedy = throttled if code == "TooManyRequestsException" else "deploy the stack again"
        if code.startswith("AccessDenied"):
            yield _note("function", "not checked: your credentials lack the permission lambda:InvokeFunction")
        else:
            yield _wrong("function", f"Lambda did not run it ({code}): {remedy}")
    yield from _versions(deployment, configuration, len(providers))


def _refused_key(answer: Answer, configuration: dict[str, Any]) -> Finding:
    if answer.is_refusal:
        looked_up = ", after it read the table" if answer.reason == Reason.UNKNOWN_KEY else ""
        return _ok("function", f"it refused a synthetic API key with 401{looked_up}")
    if answer.error != "Undecided":
        return _broken(answer, configuration)
    reason = answer.reason or "unknown reason"
    remedy = _REMEDIES.get(reason.rpartition(":")[2], "see the function's log")
    return _wrong("table, from the function", f"it could not look up a key ({reason}): {remedy}")


def _refused_jwt(provider: Provider, answer: Answer, configuration: dict[str, Any]) -> Finding:
    check = f"signing keys of {provider.issuer}, from the function"
    if answer.is_refusal and answer.fetch_failure:
        detail = "it uses a cached key set, since it could not fetch a newer one"
        return _note(check, f"{detail}: {answer.fetch_failure}")
    if answer.is_refusal and answer.reason in _NEEDS_KEYS:
        return _ok(check, f"it has them: it refused a synthetic JWT with 401 ({answer.reason})")
    if answer.is_refusal:
        before = f"it refused a synthetic JWT with 401 before it needed them ({answer.reason or 'no log'})"
        return _note(check, f"not checked: {before}")
    if answer.error != "Undecided":
        return _broken(answer, configuration)
    failure = answer.fetch_failure or answer.reason or "unknown reason: see the function's log"
    # PyJWT treats `cryptography` without its compiled modules as not installed, and then no key is usable.
    if "no usable key" in failure:
        detail = f"if this machine can use them, the artifact is for another Python than {configuration.get('Runtime')}"
        return _wrong("runtime", f"{failure}; {detail}: {_BUILD_AS_DEPLOYED}")
    return _wrong(check, f"every JWT gets a 503 ({failure}): if the function is in a VPC, add a NAT gateway")


def _broken(answer: Answer, configuration: dict[str, Any]) -> Finding:
    """Why the function cannot decide about any credential."""
    text = answer.message
    if answer.error is None:
        remedy = "check that it is a function of this product"
        return _wrong("function", f"it accepted a synthetic credential: {remedy}")
    if answer.error == "SettingsError":
        return _wrong("settings, from the function", f"{_sentences(text)} {_EVERY_503}")
    if "ImportModuleError" in answer.error and (".so: " in text or "ELF" in text):
        for_what = " ".join(configuration.get("Architectures", []))
        return _wrong("processor", f"the artifact was not built for {for_what} ({text}): {_BUILD_AS_DEPLOYED}")
    if "ImportModuleError" in answer.error:
        return _wrong("artifact", f"a module is missing ({text}): run `sam build` before `sam deploy`")
    return _wrong("function", f"{answer.error}: {text}")


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
        yield _note("versions", f"{known}; the function's log could not be read ({code})")
        return
    if start is None:
        why = "LogLevel is above INFO, or the log is delayed by a few seconds"
        yield _note("versions", f"{known}; the newest log streams have no start line: {why}")
        return
    named = ", ".join(f"{name} {version}" for name, version in start.versions.items())
    is_same = start.versions.get("apigateway-multi-auth") == authorizer.VERSION
    here = "" if is_same else f"; this command has version {authorizer.VERSION}"
    state = State.OK if is_same else State.NOTE
    yield Finding("versions", state, f"{named}{here}; {known}; started with {start.detail}")
    started, _, count = start.detail.partition(": ")
    if started == "identity providers" and count.partition(",")[0] != str(providers):
        checked = f"the {plural(providers, 'identity provider')} of this checkout's settings"
        detail = f"the function started with {start.detail}, and only {checked} were checked"
        is_local = deployment.stack == LOCAL_STACK
        why = "make run added its user pool to a copy" if is_local else "run doctor in the checkout that was deployed"
        yield _note("identity providers", f"{detail}: {why}")


def _metadata(identifier: str, settings: Settings, fetch: Fetch | None) -> Finding:
    check, described = (
        "metadata for agents",
        ProtectedResource(identifier, settings.providers, settings.resource_scopes),
    )
    problem = resource.problem(described, fetch)
    return _wrong(check, problem) if problem else _ok(check, "clients find it, and it has these settings")


def _provider(provider: Provider, fetch: Fetch | None, resource_identifier: str | None) -> Iterator[Finding]:
    """Read the documents of the provider as the function does: over https, within limits, without redirects."""
    name, url = f"issuer {provider.issuer}", provider.jwks_url
    try:
        fetch = fetch or HttpsFetch(provider.ca_bundle)
        discovery = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        document = parse_object(fetch(discovery, TIMEOUT_SECONDS))
    except FetchError as error:
        detail = f"this machine cannot read the discovery document ({error})"
        if url:
            yield _note(name, f"{detail}: not needed, since a JWKS URL is configured")
        else:
            yield _wrong(name, f"{detail}: set JwtJwksUrl, or correct JwtIssuer")
    else:
        announced = document.get("jwks_uri")
        if document.get("issuer") != provider.issuer:
            detail = f"its discovery document has the issuer {document.get('issuer')!r}: set JwtIssuer to this value"
            yield _wrong(name, detail)
        elif url and announced != url:
            yield _announced_elsewhere(name, provider, url, announced, fetch)
        elif not isinstance(announced, str):
            yield _wrong(name, "its discovery document has no https jwks_uri: set JwtJwksUrl")
        else:
            yield _ok(name, "the discovery document matches the settings")
        url = url or (announced if isinstance(announced, str) else "")
        for note in resource.notes(resource_identifier, provider, document) if resource_identifier else ():
            yield _note(name, note)
    if fetch and url:
        yield _key_set(url, provider, fetch)


def _announced_elsewhere(check: str, provider: Provider, url: str, announced: object, fetch: Fetch) -> Finding:
    """Compare key sets: some providers serve the same keys at several URLs and announce one of them."""
    if not isinstance(announced, str):
        return _note(check, f"its discovery document has no jwks_uri; the key set at {url} is used")
    told = f"its discovery document has the jwks_uri {announced}"
    try:
        ours, theirs = (KeySet.parse(fetch(each, TIMEOUT_SECONDS), provider.key_uses) for each in (url, announced))
    except FetchError as error:
        return _note(check, f"{told}, not the configured JWKS URL; the key sets could not be compared ({error})")
    lacking = {(key.kid, key.thumbprint) for key in theirs.keys} - {(key.kid, key.thumbprint) for key in ours.keys}
    if lacking:
        missing = f"the configured JWKS URL lacks {len(lacking)} of its {plural(len(theirs.keys), 'key')}"
        return _wrong(check, f"{told}; {missing}: set it to the jwks_uri or leave it empty")
    return _note(check, f"{told}; the configured JWKS URL has all of its keys")


def _key_set(url: str, provider: Provider, fetch: Fetch) -> Finding:
    try:
        key_set = KeySet.parse(fetch(url, TIMEOUT_SECONDS), provider.key_uses)
    except FetchError as error:
        return _wrong("signing keys", f"{url}: {error}. Without them no JWT can be verified")
    unusable = key_set.unusable
    ignored = f", {unusable.total()} not usable ({'; '.join(sorted(unusable))})" if unusable else ""
    return _ok("signing keys", f"{len(key_set.keys)} usable{ignored}")


def _table(settings: Settings, deployment: Deployment, clock: Callable[[], float]) -> Iterator[Finding]:
    dynamodb, name = deployment.client("dynamodb"), settings.api_keys_table
    try:
        answer = dynamodb.describe_table(TableName=name)
    except dynamodb.exceptions.ResourceNotFoundException:
        yield _wrong("table", f"the table {name} does not exist: deploy the stack again")
        return
    table: dict[str, Any] = answer["Table"]
    hash_keys = [key["AttributeName"] for key in table["KeySchema"] if key["KeyType"] == "HASH"]
    if table["TableStatus"] != "ACTIVE" or hash_keys != ["pk"]:
        found = f"status {table['TableStatus']}, partition key {' '.join(hash_keys)}"
        yield _wrong("table", f"{found}: they must be ACTIVE and pk")
    else:
        yield _ok("table", name)
    yield from _keys(settings, dynamodb, clock())
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
        yield _note("backup", "point-in-time recovery is disabled, so a deleted table cannot be restored")
    yield _clock(answer["ResponseMetadata"]["HTTPHeaders"].get("date"), clock())


def _keys(settings: Settings, dynamodb: DynamoDBClient, now: float) -> Iterator[Finding]:
    """Whether the authorizer looks up all active keys, and whether their consumers exist and are enabled.

    One consistent scan of the whole table.
    """
    prefix, accept = settings.api_key_prefix, settings.accept_imported_keys
    useless = untold = 0

    def look(key: Key) -> None:
        nonlocal useless, untold
        useless += not key.is_looked_up(prefix, accept_imported=accept)
        untold += key.hint is None and not accept

    try:
        found = survey(Table(dynamodb, settings.api_keys_table), now, active=look)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        yield _note("keys", f"not checked: AWS refused to read the table ({code})")
        return
    seen = f"{plural(found.active, 'active key')} in the table"
    if useless:
        why = f"without the prefix {prefix}_, which the authorizer never looks up"
        yield _wrong("keys", f"{seen}, {useless} of them {why}: set AcceptImportedKeys to true, or revoke them")
    else:
        yield _ok("keys", seen if untold else f"{seen}, all in a format that the authorizer looks up")
    if untold:
        detail = "without a hint: if not in the product's key format, the authorizer looks them up only with"
        yield _note("keys", f"{plural(untold, 'active key')} {detail} AcceptImportedKeys=true")
    yield from _ownership(found)


def _ownership(found: Survey) -> Iterator[Finding]:
    if found.disabled:
        remedy = "run `keys consumer disable` for it again, or disable them"
        yield _wrong("consumers", f"{_refs(found.disabled)} of a disabled consumer: {remedy}")
    if found.missing:
        remedy = "revoke them, or create the consumer"
        yield _wrong("consumers", f"{_refs(found.missing)} of a consumer that does not exist: {remedy}")
    if found.without_end_day:
        count = plural(found.without_end_day, "key")
        yield _note("end_day", f"{count} without the right end_day: run `keys table upgrade`")
    if found.malformed:
        count = plural(len(found.malformed), "malformed item")
        yield _note("keys", f"{count}, which the authorizer refuses: run `keys list` to see them")


def _refs(keys: list[str]) -> str:
    named = ", ".join(keys[:MOST_NAMED])
    return f"{plural(len(keys), 'active key')} ({named}{', ...' if len(keys) > MOST_NAMED else ''})"


def _clock(date: str | None, now: float) -> Finding:
    """Compare this machine's clock with the date of an answer of AWS."""
    check = "clock, compared with AWS"
    try:
        difference = now - parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return _note(check, "not compared: the response has no Date header")
    if abs(difference) <= CLOCK_TOLERANCE_SECONDS:
        return _ok(check, f"this machine's clock differs by at most {CLOCK_TOLERANCE_SECONDS:.0f} s")
    wrong = f"{abs(difference):.0f} s {'ahead' if difference > 0 else 'behind'}"
    return _note(check, f"this machine's clock is {wrong}: correct it, `keys` uses it for all times")


def _rules(settings: Settings, file: str) -> Finding:
    if settings.rules.permit_every_route:
        remedy = f"To limit it, replace that [[rule]] of {file} by one for each route"
        return _note("access rules", f"{rules.EVERY_ROUTE}. {remedy}")
    count, size = plural(len(settings.rules.rules), "rule"), settings.rules.largest_policy_bytes()
    return _ok("access rules", f"{count} in {file} of this checkout, policies of at most {size:,} bytes")


def _ends(settings: Settings, deployment: Deployment) -> Iterator[Finding]:
    """How long a credential can be accepted after it ends. The authorizer cache keeps the policy regardless of it."""
    has_sample = deployment.parameters.get("SampleApi", "Create") == "Create"
    gateway = float(deployment.parameters.get("AuthorizerCacheSeconds") or 0)

    def bound(seconds: float, where: str) -> str:
        if not has_sample:
            return f"at most {seconds:g} s ({where}), plus the TTL of your API's authorizer cache"
        return f"at most {gateway + seconds:g} s: {gateway:g} s in the authorizer cache, {seconds:g} s {where}"

    yield _ok(
        "revocation", f"a revoked key is accepted for {bound(settings.api_key_cache_seconds, 'in the key cache')}"
    )
    if settings.providers:
        yield _ok("expiry", f"after its exp, a JWT is accepted for {bound(settings.jwt_leeway_seconds, 'of leeway')}")
