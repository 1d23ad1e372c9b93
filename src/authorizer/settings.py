"""The settings of the authorizer: environment variables, and the file that `AUTH_CONFIG` names."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from authorizer.access import EVERY_ROUTE, AccessRules
from authorizer.api_key import PREFIX_PATTERN
from authorizer.entry import Entry, SettingsError
from authorizer.identity import DataEncoding
from authorizer.provider import Provider, read_providers

DEFAULT_FILE: Final = "auth.toml"
"""The file of settings, providers and rules if `AUTH_CONFIG` is not set."""
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
MOST_WAITING_SECONDS: Final = 8
"""Less than the function's timeout of 10 seconds, so that an outage is answered and logged before Lambda ends it."""


@dataclass(frozen=True)
class Settings:
    """All settings. Times are in seconds. The upper-case name of a setting is its environment variable."""

    api_keys_table: str
    """The DynamoDB table of the API keys."""
    rules: AccessRules
    """The access rules of the file."""
    api_key_prefix: str = "mak"
    """The first part of every API key."""
    api_key_cache_seconds: float = 30
    """How long the key cache keeps an API key that was found."""
    api_key_timeout_seconds: float = 2
    """The time limit of one lookup in DynamoDB, including its second attempt."""
    accept_imported_keys: bool = False
    """Whether tokens that are not in the product's key format are looked up in the table as well."""
    jwt_leeway_seconds: float = 30
    """The accepted clock difference between provider and function when the times of a token are checked."""
    jwks_fresh_seconds: float = 600
    """The age up to which signing keys count as fresh. The authorizer fetches them again at 80% of it."""
    jwks_stale_seconds: float = 86_400
    """The maximum age of the last fetched signing keys while the provider cannot be reached."""
    jwks_cooldown_seconds: float = 10
    """The time between two fetches that tokens without a matching signing key cause, after the first five."""
    jwks_timeout_seconds: float = 2.5
    """The time limit of one fetch of signing keys, including discovery."""
    jwks_seed: str | None = None
    """A file with a key set, for use until the first fetch succeeds. Its path is relative to this file. It requires
    a single provider."""
    simple_responses: bool = False
    """Whether the authorizer returns the simple response of HTTP APIs, which allows every route. It excludes access
    rules."""
    data_encoding: DataEncoding = "json"
    """How `data` is encoded in the context: JSON, or the base64url encoding of the JSON."""
    max_policy_bytes: int = 8192
    """The maximum size of a policy. Before you raise it, test on AWS that API Gateway accepts a policy of that size."""
    powertools_log_level: str = "INFO"
    """INFO: one line for each decision. WARNING: the line of an accepted or refused credential has only metrics."""
    powertools_service_name: str = "authorizer"
    """The `service` of log lines and metrics."""
    powertools_metrics_namespace: str = "MultiAuth"
    """The namespace of the metrics."""
    stack_name: str | None = None
    """The name of the stack, a dimension of the metrics."""
    providers: tuple[Provider, ...] = ()
    providers_from: str = "none"
    """Where the providers are configured, for the log."""

    @classmethod
    def read(cls, env: Mapping[str, str], directory: Path) -> "Settings":
        """Read the environment variables and the file of `AUTH_CONFIG` (default: `auth.toml`), a path in `directory`.

        An empty variable counts as unset. A variable takes precedence over the file's entry of the same name.

        :raises SettingsError: a setting is missing or invalid.
        """
        variables = {name: value for name, text in env.items() if (value := text.strip())}
        path = variables.get("AUTH_CONFIG", DEFAULT_FILE)
        mistakes: list[str] = []
        # Imported here because `auth_file` uses this module.
        from authorizer import auth_file

        try:
            file = auth_file.load(directory / path)
        except SettingsError as error:
            mistakes += [f"AUTH_CONFIG, {path}, {mistake}" for mistake in error.mistakes]
            file = auth_file.AuthFile(AccessRules(()))
        given = {**file.settings, **_read_variables(variables, mistakes)}
        if "api_keys_table" not in given:
            mistakes.append("API_KEYS_TABLE is missing. Set it to the name of the DynamoDB table of the API keys.")
        providers, providers_from = file.providers, path if file.providers else "none"
        if named := [name for name in _PROVIDER_VARIABLES.values() if name in variables]:
            if file.providers:
                mistakes.append(_two_places(named, len(file.providers), path))
            else:
                providers, providers_from = _provider_in_variables(variables, directory, mistakes), "JWT_ISSUER"
        mistakes += [
            f"{name.upper()}: {problem}"
            for name, problem in conflicts(given, providers=len(providers), rules=file.rules)
        ]
        if mistakes:
            raise SettingsError(mistakes)
        return cls(**given, rules=file.rules, providers=providers, providers_from=providers_from)


@dataclass(frozen=True)
class Kind:
    """The values that a setting accepts. `from_text` converts a variable's text; invalid text stays as it is."""

    expected: str
    accepts: Callable[[Any], bool]
    from_text: Callable[[str], object] = str


def _seconds(least: float, most: float) -> Kind:
    def is_within(value: object) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most

    def from_text(text: str) -> object:
        return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", text) else text

    return Kind(f"a number of seconds from {least:g} to {most:g}", is_within, from_text)


def _truth(text: str) -> object:
    return {"true": True, "false": False}.get(text.lower(), text)


_BOOLEAN = Kind("true or false", lambda value: isinstance(value, bool), _truth)
_TEXT = Kind("a non-empty string", lambda value: isinstance(value, str) and value != "")

PARAMETERS: Final[Mapping[str, Kind]] = {
    "api_keys_table": _TEXT,
    "api_key_prefix": Kind(
        "at most 20 lower-case letters and digits, starting with a letter, in parts separated by single underscores",
        lambda value: PREFIX_PATTERN.match(value) is not None,
    ),
    "api_key_cache_seconds": _seconds(0, 3600),
    "accept_imported_keys": _BOOLEAN,
    "powertools_log_level": Kind(f"one of {', '.join(LOG_LEVELS)}", lambda value: value in LOG_LEVELS, str.upper),
    "powertools_service_name": _TEXT,
    "powertools_metrics_namespace": _TEXT,
    "stack_name": _TEXT,
}
"""Environment variables only. The template sets them, and the `keys` command reads them from the stack."""

TUNING: Final[Mapping[str, Kind]] = {
    "api_key_timeout_seconds": _seconds(0.1, 8),
    "jwt_leeway_seconds": _seconds(0, 300),
    "jwks_fresh_seconds": _seconds(10, 86_400),
    "jwks_stale_seconds": _seconds(0, 604_800),
    "jwks_cooldown_seconds": _seconds(1, 600),
    "jwks_timeout_seconds": _seconds(0.1, 8),
    "jwks_seed": _TEXT,
    "simple_responses": _BOOLEAN,
    "data_encoding": Kind('"json" or "base64url"', lambda value: value in ("json", "base64url")),
}
"""Environment variables, or entries of the file."""

FILE_ONLY: Final[Mapping[str, Kind]] = {
    "max_policy_bytes": Kind(
        "an integer from 1,000 to 1,000,000",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and 1000 <= value <= 1_000_000,
    ),
}
"""Entries of the file only. Lambda limits a response to 6 MB; a policy of 1 MB stays well below that."""


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
    if sum(given.get(name, getattr(Settings, name)) for name in timeouts) > MOST_WAITING_SECONDS:
        problem = f"{' and '.join(timeouts)} together must be at most {MOST_WAITING_SECONDS} seconds. "
        problem += "One decision can wait for both, and Lambda ends the function after 10 seconds."
        yield next(name for name in timeouts if name in given), problem
    # A file without rules has a mistake of its own.
    if given.get("simple_responses") and rules.rules and not rules.permit_every_route:
        problem = "A simple response allows every route, so its only [[rule]] must be "
        problem += f"{EVERY_ROUTE}. Write that one, or remove simple_responses and disable simple responses in the API."
        yield "simple_responses", problem
    if given.get("jwks_seed") and providers > 1:
        yield "jwks_seed", "A seed requires a single provider. Remove jwks_seed, or deploy one stack for each provider."


def _read_variables(variables: Mapping[str, str], mistakes: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, kind in {**PARAMETERS, **TUNING}.items():
        if (text := variables.get(name.upper())) is not None:
            value = kind.from_text(text)
            if kind.accepts(value):
                found[name] = value
            else:
                mistakes.append(f"{name.upper()} must be {kind.expected}, not {text!r}.")
    return found


_PROVIDER_VARIABLES: Final = {"issuer": "JWT_ISSUER", "audience": "JWT_AUDIENCE", "jwks_url": "JWT_JWKS_URL"}


def _two_places(named: Sequence[str], count: int, path: str) -> str:
    verb = "is" if len(named) == 1 else "are"
    parameters = ", ".join("".join(map(str.capitalize, name.split("_"))) for name in named)
    return (
        f"{', '.join(named)} {verb} set, and {path} has {count} [[provider]]. Configure providers in one place. To use "
        f'the file, set {parameters} to "": the SAM CLI keeps the previous value of a parameter that you omit.'
    )


def _provider_in_variables(variables: Mapping[str, str], directory: Path, mistakes: list[str]) -> tuple[Provider, ...]:
    members: dict[str, Any] = {
        member: variables[name] for member, name in _PROVIDER_VARIABLES.items() if name in variables
    }
    if "issuer" not in members:
        mistakes.append("JWT_ISSUER is missing, but JWT_AUDIENCE or JWT_JWKS_URL is set. Set it, or unset both.")
        return ()
    if "audience" in members:
        members["audience"] = [part.strip() for part in members["audience"].split(",") if part.strip()]
    entry = Entry(members, lambda member: _PROVIDER_VARIABLES[member or "issuer"], directory, mistakes)
    return read_providers([entry])
