"""The settings of the authorizer: environment variables, and the file that `AUTH_CONFIG` names."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple

from authorizer.access import EVERY_ROUTE, AccessRules
from authorizer.api_key import PREFIX_PATTERN
from authorizer.attributes import USAGE_KEY
from authorizer.entry import Entry
from authorizer.identity import SCOPE_PATTERN, DataEncoding
from authorizer.provider import Provider
from authorizer.subject_hash import KEY_PATTERN
from authorizer.tiers import Tiers
from authorizer.urls import is_fetchable

DEFAULT_FILE: Final = "auth.toml"
"""The file of settings, providers and rules if `AUTH_CONFIG` is not set."""
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
MOST_WAITING_SECONDS: Final = 8
"""Less than the function's timeout of 10 seconds, so that an outage is answered and logged before Lambda ends it."""

PARAMETER: Final = "an environment variable only"
"""The template sets it, and the `keys` command reads it from the stack."""
TUNED: Final = "an environment variable, or an entry of the file"
IN_FILE: Final = "an entry of the file only"


class Kind(NamedTuple):
    """The values that a setting accepts. `from_text` converts a variable's text; invalid text stays as it is.

    A mistake does not quote the value of a secret.
    """

    expected: str
    accepts: Callable[[Any], bool]
    from_text: Callable[[str], object] = str
    is_secret: bool = False


def _seconds(least: float, most: float) -> Kind:
    def is_within(value: Any) -> bool:
        return type(value) in (int, float) and least <= value <= most

    def from_text(text: str) -> object:
        return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", text) else text

    return Kind(f"a number of seconds from {least:g} to {most:g}", is_within, from_text)


def _truth(text: str) -> object:
    return {"true": True, "false": False}.get(text.lower(), text)


_BOOLEAN = Kind("true or false", lambda value: isinstance(value, bool), _truth)
_TEXT = Kind("a non-empty string", lambda value: isinstance(value, str) and value != "")
_PREFIX = Kind(
    "at most 20 lower-case letters and digits, starting with a letter, in parts separated by single underscores",
    lambda value: PREFIX_PATTERN.match(value) is not None,
)
_HASH_KEY = Kind(
    "64 lowercase hexadecimal digits, as `openssl rand -hex 32` prints",
    lambda value: KEY_PATTERN.match(value) is not None,
    is_secret=True,
)
_USAGE_KEY = Kind("20 to 128 letters and digits", lambda value: USAGE_KEY.fullmatch(value) is not None)
_LEVEL = Kind(f"one of {', '.join(LOG_LEVELS)}", lambda value: value in LOG_LEVELS, str.upper)
_ENCODING = Kind('"json" or "base64url"', lambda value: value in ("json", "base64url"))
# Lambda limits a response to 6 MB. A policy of 1 MB stays well below that.
_POLICY_BYTES = Kind(
    "an integer from 1,000 to 1,000,000", lambda value: type(value) is int and 1000 <= value <= 1_000_000
)
_RESOURCE = Kind(
    "an https URL without a slash at the end, a query and a fragment, such as https://api.example.com",
    lambda value: is_fetchable(value) and not value.endswith("/") and "?" not in value,
)
_SCOPES = Kind(
    'a list of scopes, such as ["reports:read", "reports:write"]',
    lambda value: (
        isinstance(value, list)
        and value != []
        and all(isinstance(each, str) and SCOPE_PATTERN.fullmatch(each) for each in value)
    ),
    str.split,
)


class Settings(NamedTuple):
    """All settings. Times are in seconds. The upper-case name of a setting is its environment variable.

    The annotation of a setting has the values that it accepts, and where it can be set.
    """

    api_keys_table: Annotated[str, _TEXT, PARAMETER]
    """The DynamoDB table of the API keys."""
    rules: AccessRules
    """The access rules of the file."""
    tiers: Tiers = ()
    """The plans of the file."""
    api_key_prefix: Annotated[str, _PREFIX, PARAMETER] = "mak"
    """The first part of every API key."""
    api_key_cache_seconds: Annotated[float, _seconds(0, 3600), PARAMETER] = 30
    """How long the key cache keeps an API key that was found."""
    api_key_timeout_seconds: Annotated[float, _seconds(0.1, 8), TUNED] = 2
    """The time limit of one lookup in DynamoDB, including its second attempt."""
    default_usage_key: Annotated[str | None, _USAGE_KEY, PARAMETER] = None
    """The value of the API key of API Gateway that counts for callers without a plan. Without it, REST APIs get no
    usage key, and usage plans do not limit the callers."""
    accept_imported_keys: Annotated[bool, _BOOLEAN, PARAMETER] = False
    """Whether tokens that are not in the product's key format are looked up in the table as well."""
    jwt_subjects: Annotated[bool, _BOOLEAN, TUNED] = False
    """Whether the subject of each JWT is looked up in the table, so that its tokens can be ended. JWTs then depend on
    the table."""
    jwt_leeway_seconds: Annotated[float, _seconds(0, 300), TUNED] = 30
    """The accepted clock difference between provider and function when the times of a token are checked."""
    jwks_fresh_seconds: Annotated[float, _seconds(10, 86_400), TUNED] = 600
    """The age up to which signing keys count as fresh. The authorizer fetches them again at 80% of it."""
    jwks_stale_seconds: Annotated[float, _seconds(0, 604_800), TUNED] = 86_400
    """The maximum age of the last fetched signing keys while the provider cannot be reached."""
    jwks_cooldown_seconds: Annotated[float, _seconds(1, 600), TUNED] = 10
    """The time between two fetches that tokens without a matching signing key cause, after the first five."""
    jwks_timeout_seconds: Annotated[float, _seconds(0.1, 8), TUNED] = 2.5
    """The time limit of one fetch of signing keys, including discovery."""
    jwks_seed: Annotated[str | None, _TEXT, TUNED] = None
    """A file with a key set, for use until the first fetch succeeds. Its path is relative to this file. It requires
    a single provider."""
    simple_responses: Annotated[bool, _BOOLEAN, TUNED] = False
    """Whether the authorizer returns the simple response of HTTP APIs, which allows every route. It excludes access
    rules."""
    usage_subjects: Annotated[bool, _BOOLEAN, TUNED] = False
    """Whether the context of a JWT has `subject_hash`, a keyed hash of issuer and subject, so that usage is counted by
    subject. It requires `UsageSubjectKey`."""
    data_encoding: Annotated[DataEncoding, _ENCODING, TUNED] = "json"
    """How `data` is encoded in the context: JSON, or the base64url encoding of the JSON."""
    max_policy_bytes: Annotated[int, _POLICY_BYTES, IN_FILE] = 8192
    """The maximum size of a policy. Before you raise it, test on AWS that API Gateway accepts a policy of that size."""
    usage_subject_key: Annotated[str | None, _HASH_KEY, PARAMETER] = None
    """The key of `subject_hash`."""
    resource_identifier: Annotated[str | None, _RESOURCE, PARAMETER] = None
    """The public URL of the API, for its protected resource metadata (RFC 9728)."""
    resource_scopes: Annotated[Sequence[str], _SCOPES, TUNED] = ()
    """`scopes_supported` of the metadata: the scopes that a client should ask for first."""
    powertools_log_level: Annotated[str, _LEVEL, PARAMETER] = "INFO"
    """INFO: one line for each decision. WARNING: the line of an accepted or refused credential has only metrics."""
    powertools_service_name: Annotated[str, _TEXT, PARAMETER] = "authorizer"
    """The `service` of log lines and metrics."""
    powertools_metrics_namespace: Annotated[str, _TEXT, PARAMETER] = "MultiAuth"
    """The namespace of the metrics."""
    stack_name: Annotated[str | None, _TEXT, PARAMETER] = None
    """The name of the stack, a dimension of the metrics."""
    providers: tuple[Provider, ...] = ()
    providers_from: str = "none"
    """Where the providers are configured, for the log."""


def _declared(where: str) -> Mapping[str, Kind]:
    found: dict[str, Any] = {name: getattr(hint, "__metadata__", ()) for name, hint in Settings.__annotations__.items()}
    return {name: metadata[0] for name, metadata in found.items() if where in metadata}


PARAMETERS: Final = _declared(PARAMETER)
TUNING: Final = _declared(TUNED)
FILE_ONLY: Final = _declared(IN_FILE)


def read_entries(entries: Sequence[Entry]) -> dict[str, Any]:
    """Read the `[settings]` table of a file. Mistakes are reported to the table."""
    found: dict[str, Any] = {}
    kinds = {**TUNING, **FILE_ONLY}
    for entry in entries:
        for name, value in entry.members.items():
            if name in PARAMETERS:
                entry.wrong(name, f"{name} cannot be set here. Set its variable in the template.")
            elif name not in kinds:
                entry.wrong(name, f"{name!r} is unknown. [settings] accepts {', '.join(kinds)}.")
            elif not kinds[name].accepts(value):
                entry.wrong(name, f"{name} must be {kinds[name].expected}, not {value!r}.")
            elif name == "jwks_seed":
                found[name] = str(path.absolute()) if (path := entry.file(name)) else None
            else:
                found[name] = value
    return found


def conflicts(given: Mapping[str, Any], *, providers: int, rules: AccessRules) -> Iterator[tuple[str, str]]:
    """The conflicts between valid settings: for each one, the setting to change and the mistake."""
    timeouts = ("jwks_timeout_seconds", "api_key_timeout_seconds")
    # A JWT can be looked up as an imported key, and its subject after that.
    lookups = ("api_key_timeout_seconds",) if given.get("jwt_subjects") and given.get("accept_imported_keys") else ()
    if sum(given.get(name, Settings._field_defaults[name]) for name in timeouts + lookups) > MOST_WAITING_SECONDS:
        problem = f"{' and '.join(timeouts)} together must be at most {MOST_WAITING_SECONDS} seconds. "
        problem += "One decision can wait for both, and Lambda ends the function after 10 seconds."
        problem += " With jwt_subjects and imported keys, it can wait for two lookups." if lookups else ""
        yield next(name for name in timeouts if name in given), problem
    # A file without rules has a mistake of its own.
    if given.get("simple_responses") and rules.rules and not rules.permit_every_route:
        problem = "A simple response allows every route, so its only [[rule]] must be "
        problem += f"{EVERY_ROUTE}. Write that one, or remove simple_responses and disable simple responses in the API."
        yield "simple_responses", problem
    if given.get("jwks_seed") and providers > 1:
        yield "jwks_seed", "A seed requires a single provider. Remove jwks_seed, or deploy one stack for each provider."
