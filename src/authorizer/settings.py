"""The authorizer's settings: its environment variables, and the file that one of them names."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from authorizer.api_key import PREFIX_PATTERN
from authorizer.entry import Entry, SettingsError
from authorizer.identity import DataEncoding
from authorizer.provider import Provider, read_providers

if TYPE_CHECKING:
    from authorizer.access import AccessRules

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
MOST_WAITING_SECONDS: Final = 8
"""Below the function's timeout in the template, so that an outage is answered and logged, and not cut off."""
_LONGEST_WAIT: Final = (
    f"at most {MOST_WAITING_SECONDS} seconds: one decision may wait for both, and the function is ended at 10"
)


@dataclass(frozen=True)
class Settings:
    """All of them; times in seconds. In lower case, the names of environment variables."""

    api_keys_table: str
    """The DynamoDB table that holds the API keys."""
    api_key_prefix: str = "mak"
    """The first part of every API key."""
    api_key_cache_seconds: float = 30
    """How long a found API key is kept in memory."""
    api_key_timeout_seconds: float = 2
    """The whole time of one lookup in DynamoDB, its attempts together."""
    accept_imported_keys: bool = False
    """Whether tokens that are not in our own key format are looked up as well."""
    jwt_leeway_seconds: float = 30
    """How far the clocks of provider and function may be apart, for a token's times."""
    jwks_fresh_seconds: float = 600
    """How long signing keys are used before they are fetched again."""
    jwks_stale_seconds: float = 86_400
    """How old the last good signing keys may be while the provider cannot be reached."""
    jwks_cooldown_seconds: float = 10
    """The least time between two fetches that tokens with unknown keys cause."""
    jwks_timeout_seconds: float = 2.5
    """The whole time of one fetch of signing keys, with discovery before it."""
    jwks_seed: str | None = None
    """A key set in a file beside this one, to start with until the first fetch succeeds. With one provider only."""
    simple_responses: bool = False
    """Whether the answer is that of HTTP APIs with simple responses: yes or no, for every route."""
    data_encoding: DataEncoding = "json"
    """How `data` is written in the context: as JSON, or as the base64url of it."""
    max_policy_bytes: int = 8192
    """The largest policy that access rules may make; more than API Gateway is known to take needs a trial on AWS."""
    powertools_log_level: str = "INFO"
    """Which lines are logged: INFO has one for each decision, WARNING only what failed."""
    powertools_service_name: str = "authorizer"
    """The `service` of log lines and metrics."""
    powertools_metrics_namespace: str = "MultiAuth"
    """The namespace of the metrics."""
    stack_name: str | None = None
    """The stack, a dimension of the metrics."""
    providers: tuple[Provider, ...] = ()
    providers_from: str = "none"
    """What names the providers, for the log."""
    rules: "AccessRules | None" = None
    """None for every route to every accepted credential."""

    @classmethod
    def read(cls, env: Mapping[str, str], directory: Path) -> "Settings":
        """The settings in these variables, and in the file that `AUTH_CONFIG` names, relative to `directory`.

        An empty variable is as good as none; another one wins over the file's entry of its name.

        :raises SettingsError: some are missing or wrong.
        """
        variables = {name: value for name, text in env.items() if (value := text.strip())}
        path = variables.get("AUTH_CONFIG")
        # Most deployments have no such file: they need not wait for these imports.
        if path is None:
            return cls._read(variables, directory, {}, (), "none", None, [])
        from authorizer import auth_file

        mistakes: list[str] = []
        try:
            file = auth_file.load(directory / path)
        except SettingsError as error:
            file = auth_file.AuthFile()
            mistakes = [f"AUTH_CONFIG, {path}, {mistake}" for mistake in error.mistakes]
        return cls._read(variables, directory, file.settings, file.providers, path, file.rules, mistakes)

    @classmethod
    def _read(
        cls,
        variables: Mapping[str, str],
        directory: Path,
        file_settings: Mapping[str, Any],
        providers: tuple[Provider, ...],
        path: str,
        rules: "AccessRules | None",
        mistakes: list[str],
    ) -> "Settings":
        given: dict[str, Any] = dict(file_settings)
        for name, kind in {**PARAMETERS, **TUNING}.items():
            if (text := variables.get(name.upper())) is not None:
                given[name] = value = kind.from_text(text)
                if not kind.accepts(value):
                    mistakes.append(f"{name.upper()} must be {kind.expected}; not {text!r}")
        if "api_keys_table" not in given:
            mistakes.append("API_KEYS_TABLE is missing: the name of the DynamoDB table that holds the API keys")
            given["api_keys_table"] = ""
        named, providers_from = _providers(variables, directory, mistakes)
        if providers_from and providers:
            providers_from += f" in place of the {len(providers)} [[provider]] of {path}"
        settings = cls(**given, providers=named or providers, providers_from=providers_from or path, rules=rules)
        if settings.rules and settings.simple_responses:
            mistakes.append(
                "SIMPLE_RESPONSES cannot be true together with [[rule]]: a simple response is for every route. Leave "
                "it out, and turn the HTTP API's simple responses off"
            )
        if not mistakes and _waits_too_long(given):
            mistakes.append(f"API_KEY_TIMEOUT_SECONDS and JWKS_TIMEOUT_SECONDS together must be {_LONGEST_WAIT}")
        if settings.jwks_seed and len(settings.providers) > 1:
            mistakes.append("JWKS_SEED goes with one provider: leave it out, or give each its own deployment")
        if mistakes:
            raise SettingsError(mistakes)
        return settings


@dataclass(frozen=True)
class Kind:
    """What a setting may be. `from_text`: the value that a variable's text stands for, if any."""

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
_TEXT = Kind("a text, and not empty", lambda value: isinstance(value, str) and value != "")

PARAMETERS: Final[Mapping[str, Kind]] = {
    "api_keys_table": _TEXT,
    "api_key_prefix": Kind(
        "at most 20 lower-case letters and digits, a letter first, in parts separated by single underscores",
        lambda value: PREFIX_PATTERN.match(value) is not None,
    ),
    "api_key_cache_seconds": _seconds(0, 3600),
    "accept_imported_keys": _BOOLEAN,
    "powertools_log_level": Kind(f"one of {', '.join(LOG_LEVELS)}", lambda value: value in LOG_LEVELS, str.upper),
    "powertools_service_name": _TEXT,
    "powertools_metrics_namespace": _TEXT,
    "stack_name": _TEXT,
}
"""Those that are variables alone: the template sets them, and the command line reads them off the stack."""

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
"""Those that are variables or entries of the file."""

FILE_ONLY: Final[Mapping[str, Kind]] = {
    "max_policy_bytes": Kind(
        "a whole number from 1,000 to 1,000,000",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and 1000 <= value <= 1_000_000,
    ),
}
"""Those that are about what stands beside them in the file. A function's answer may come to 6 MB; a policy of 1 MB
keeps clear of that."""


def read_entries(entries: Sequence[Entry]) -> dict[str, Any]:
    """The settings in the `[settings]` table of a file. What is wrong with them is told to the table."""
    found: dict[str, Any] = {}
    kinds = {**TUNING, **FILE_ONLY}
    for entry in entries:
        for name, value in entry.members.items():
            if name in PARAMETERS:
                entry.wrong(name, f"{name} cannot be set here, only by the template: its variable would win")
            elif name not in kinds:
                entry.wrong(name, f"{name!r} is not known; [settings] has {', '.join(kinds)}")
            elif not kinds[name].accepts(value):
                entry.wrong(name, f"{name} must be {kinds[name].expected}; not {value!r}")
            elif name == "jwks_seed":
                found[name] = str(path.absolute()) if (path := entry.file(name)) else None
            else:
                found[name] = value
        if _waits_too_long(found):
            names = ("api_key_timeout_seconds", "jwks_timeout_seconds")
            last = max((name for name in names if name in found), key=list(entry.members).index)
            entry.wrong(last, f"{' and '.join(names)} together must be {_LONGEST_WAIT}")
    return found


def _waits_too_long(given: Mapping[str, Any]) -> bool:
    defaults = Settings.api_key_timeout_seconds, Settings.jwks_timeout_seconds
    api_key, jwks = given.get("api_key_timeout_seconds", defaults[0]), given.get("jwks_timeout_seconds", defaults[1])
    return bool(api_key + jwks > MOST_WAITING_SECONDS)


def _providers(
    variables: Mapping[str, str], directory: Path, mistakes: list[str]
) -> tuple[tuple[Provider, ...], str | None]:
    """The providers that variables name, and which variable does; None when none does."""
    if several := variables.get("JWT_PROVIDERS"):
        return _several_providers(several, directory, mistakes), "JWT_PROVIDERS"
    names = {"issuer": "JWT_ISSUER", "audience": "JWT_AUDIENCE", "jwks_url": "JWT_JWKS_URL"}
    members: dict[str, Any] = {member: variables[name] for member, name in names.items() if name in variables}
    if not members:
        return (), None
    if "issuer" not in members:
        mistakes.append("JWT_ISSUER is missing, while JWT_AUDIENCE or JWT_JWKS_URL is set: give all, or none of them")
        return (), None
    if "audience" in members:
        members["audience"] = [part.strip() for part in members["audience"].split(",") if part.strip()]
    entry = Entry(members, lambda member: names[member or "issuer"], directory, mistakes)
    return read_providers([entry]), "JWT_ISSUER"


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is twice in one object: remove one of them")
    return members


def _several_providers(text: str, directory: Path, mistakes: list[str]) -> tuple[Provider, ...]:
    try:
        listed = json.loads(text, object_pairs_hook=_members)
    except (ValueError, RecursionError) as error:
        mistakes.append(f"JWT_PROVIDERS cannot be read as JSON: {error}")
        return ()
    if not isinstance(listed, list) or not listed or not all(isinstance(members, dict) for members in listed):
        mistakes.append("JWT_PROVIDERS must be a JSON list of at least one object, and of nothing else")
        return ()
    return read_providers(
        [
            Entry(members, lambda _member, index=index: f"JWT_PROVIDERS[{index}]", directory, mistakes)  # type: ignore[misc]
            for index, members in enumerate(listed)
        ]
    )
