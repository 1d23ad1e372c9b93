"""Files of providers and access rules, and what they say."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from authorizer import auth_file
from authorizer.access import AccessRules
from authorizer.conditions import CONDITIONS, Conditions
from authorizer.provider import Provider
from local import toml

PERMIT_ALL: Final = "\n[[rule]]\nroute = '* /*'\n"


def rules_of(text: str) -> AccessRules:
    """:raises SettingsError: see `auth_file.parse`."""
    return auth_file.parse(text).rules


EVERY_ROUTE: Final = rules_of(PERMIT_ALL)


def providers_of(recipe: Path) -> tuple[Provider, ...]:
    """The providers of a file that has no rules.

    :raises SettingsError: see `auth_file.parse`.
    """
    return auth_file.parse(whole(recipe.read_text(encoding="utf-8")), recipe.parent).providers


def whole(text: str) -> str:
    """The text of a file, with a rule that permits every route if it has no rules."""
    return text if "[[rule]]" in text else text + PERMIT_ALL


def auth_toml(directory: Path, *providers: Mapping[str, Any]) -> str:
    """Write a file with these providers that permits every route, and return its absolute path."""
    return written(directory, toml.array_of_tables("provider", providers))


def written(directory: Path, *texts: str) -> str:
    """Write a file of these texts that permits every route, and return its absolute path."""
    file = (directory / "auth.toml").absolute()
    file.write_text("\n".join([*texts, PERMIT_ALL]), encoding="utf-8")
    return str(file)


def conditions(**asked: Any) -> Conditions:
    """The conditions with these values, by the members of a rule. Empty values are none."""
    return tuple(kind(asked[kind.NAME]) for kind in CONDITIONS if asked.get(kind.NAME))
