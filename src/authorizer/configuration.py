"""Reads the configuration: environment variables, and the file that `AUTH_CONFIG` names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from authorizer import auth_file
from authorizer.access import AccessRules
from authorizer.entry import Entry, SettingsError
from authorizer.protected_resource import ProtectedResource
from authorizer.provider import Provider, read_providers
from authorizer.settings import DEFAULT_FILE, PARAMETERS, TUNING, Settings, conflicts

_PROVIDER_VARIABLES: Final = {"issuer": "JWT_ISSUER", "audience": "JWT_AUDIENCE", "jwks_url": "JWT_JWKS_URL"}

_NO_HASH_KEY: Final = (
    "USAGE_SUBJECT_KEY is missing, but usage_subjects is true. Deploy with UsageSubjectKey, such as what `openssl rand "
    "-hex 32` prints, or remove usage_subjects."
)


class _Given(NamedTuple):
    """What variables and file say. `path`: of the file, for mistakes."""

    values: dict[str, Any]
    file: auth_file.AuthFile
    path: str
    providers: tuple[Provider, ...]
    providers_from: str
    mistakes: list[str]


def read(env: Mapping[str, str], directory: Path) -> Settings:
    """Read the environment variables and the file of `AUTH_CONFIG` (default: `auth.toml`), a path in `directory`.

    An empty variable counts as unset. A variable takes precedence over the file's entry of the same name.

    :raises SettingsError: a setting is missing or invalid.
    """
    given, file, path, providers, providers_from, mistakes = _read(env, directory)
    if "api_keys_table" not in given:
        mistakes.append("API_KEYS_TABLE is missing. Set it to the name of the DynamoDB table of the API keys.")
    if given.get("usage_subjects") and "usage_subject_key" not in given:
        mistakes.append(_NO_HASH_KEY)
    if file.tiers and "default_usage_key" not in given:
        mistakes.append(
            f"DEFAULT_USAGE_KEY is missing, and {path} has [[plan]]. Set the parameter DefaultUsageKey: without it, "
            "no plan limits a caller."
        )
    mistakes += [
        f"{name.upper()}: {problem}" for name, problem in conflicts(given, providers=len(providers), rules=file.rules)
    ]
    if mistakes:
        raise SettingsError(mistakes)
    return Settings(**given, rules=file.rules, tiers=file.tiers, providers=providers, providers_from=providers_from)


def read_resource(env: Mapping[str, str], directory: Path) -> ProtectedResource:
    """Read what the metadata of the API says, from the same variables and file. No other variable is required.

    :raises SettingsError: a setting is invalid, or RESOURCE_IDENTIFIER is missing.
    """
    given = _read(env, directory)
    if not env.get("RESOURCE_IDENTIFIER"):
        given.mistakes.append("RESOURCE_IDENTIFIER is missing. Set it to the URL of the API.")
    if given.mistakes:
        raise SettingsError(given.mistakes)
    values = given.values
    return ProtectedResource(values["resource_identifier"], given.providers, values.get("resource_scopes", ()))


def _read(env: Mapping[str, str], directory: Path) -> _Given:
    variables = {name: value for name, text in env.items() if (value := text.strip())}
    path = variables.get("AUTH_CONFIG", DEFAULT_FILE)
    mistakes: list[str] = []
    try:
        file = auth_file.load(directory / path)
    except SettingsError as error:
        mistakes += [f"AUTH_CONFIG, {path}, {mistake}" for mistake in error.mistakes]
        file = auth_file.AuthFile(AccessRules(()), {}, ())
    values = {**file.settings, **_read_variables(variables, mistakes)}
    providers, providers_from = file.providers, path if file.providers else "none"
    if named := [name for name in _PROVIDER_VARIABLES.values() if name in variables]:
        if file.providers:
            mistakes.append(_two_places(named, len(file.providers), path))
        else:
            providers, providers_from = _provider_in_variables(variables, directory, mistakes), "JWT_ISSUER"
    return _Given(values, file, path, providers, providers_from, mistakes)


def _read_variables(variables: Mapping[str, str], mistakes: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, kind in {**PARAMETERS, **TUNING}.items():
        if (text := variables.get(name.upper())) is not None:
            value = kind.from_text(text)
            if kind.accepts(value):
                found[name] = value
            else:
                mistakes.append(f"{name.upper()} must be {kind.expected}{'' if kind.is_secret else f', not {text!r}'}.")
    return found


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
