"""What a deployment of a template would do to the parameters of a deployed stack, before anything changes.

The rule is that of the SAM CLI (`merge_parameters` in deploy_context.py, `create_changeset` in deployer.py): of each
parameter of the template, it sends the value of the settings; without one, it sends "use the previous value" if the
stack has the parameter, else nothing, so that the template's default applies. Other parameters are not sent.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from keys.core.errors import BadInput


class What(StrEnum):
    """What happens to a parameter."""

    REFUSED = "refused"
    IGNORED = "ignored"
    GONE = "gone"
    CHANGED = "changed"
    NEW = "new"
    KEPT = "kept"


HIDDEN: Final = "****"
FAULTS: Final = frozenset({What.REFUSED, What.IGNORED})


@dataclass(frozen=True, slots=True)
class Effect:
    """`before`: the value in the stack. `after`: the value after the deployment. None: it has none."""

    name: str
    what: What
    before: str | None
    after: str | None
    detail: str


def compare(
    deployed: Mapping[str, str], declared: Mapping[str, Mapping[str, Any]], settings: Mapping[str, str]
) -> Iterator[Effect]:
    """The effects on all parameters, without those that keep a value that settings or defaults have too.

    `deployed`: the parameters of the stack. `declared`: those of the template. `settings`: those of the settings file.
    """
    for name, definition in declared.items():
        default = None if "Default" not in definition else str(definition["Default"])
        before = deployed.get(name)
        after = settings.get(name, default if before is None else before)
        is_hidden = str(definition.get("NoEcho", "")).lower() == "true"
        # CloudFormation shows asterisks instead of a hidden value that the stack has.
        is_known = name in settings or before is None or not is_hidden
        shown = HIDDEN if is_hidden and after else after
        if is_known and (fault := _fault(definition, after)):
            yield Effect(name, What.REFUSED, before, shown, fault)
        elif before is None and deployed:
            source = "from the settings" if name in settings else "the default"
            yield Effect(name, What.NEW, None, shown, source)
        elif is_hidden:
            continue
        elif before not in (None, after):
            yield Effect(name, What.CHANGED, before, after, "from the settings")
        elif name not in settings and before not in (None, default):
            detail = f"it is not in the settings, and the default is {default!r}"
            yield Effect(name, What.KEPT, before, after, detail)
    for name in settings.keys() - declared.keys():
        detail = "the template has no such parameter: correct its name in the settings, or remove it"
        yield Effect(name, What.IGNORED, deployed.get(name), None, detail)
    for name in deployed.keys() - declared.keys() - settings.keys():
        yield Effect(name, What.GONE, deployed[name], None, "the template has no such parameter: see the changelog")


def settings(file: Path, environment: str) -> dict[str, str]:
    """The parameters that a settings file of the SAM CLI has for `sam deploy`.

    :raises BadInput: the file cannot be read, or does not have the environment.
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise BadInput(f"{file} is not a TOML file: {error}.") from None
    if environment not in tables:
        known = ", ".join(name for name, table in tables.items() if isinstance(table, dict))
        raise BadInput(f"{file} has no environment {environment!r}, only: {known}.")
    found: Any = None
    for command in ("deploy", "global"):
        found = found or tables[environment].get(command, {}).get("parameters", {}).get("parameter_overrides")
    if isinstance(found, Mapping):
        return {name: str(value) for name, value in found.items()}
    words = shlex.split(found) if isinstance(found, str) else found or []
    return dict(str(word).partition("=")[::2] for word in words)


def _fault(definition: Mapping[str, Any], value: str | None) -> str | None:
    """Why CloudFormation refuses the value; None if the definition permits it."""
    if value is None:
        return "it has no value: write it into the settings"
    text = str(definition.get("ConstraintDescription", ""))
    if "AllowedValues" in definition and value not in map(str, definition["AllowedValues"]):
        return text or f"allowed are {', '.join(map(str, definition['AllowedValues']))}"
    if "AllowedPattern" in definition and not re.fullmatch(definition["AllowedPattern"], value):
        return text or f"it must match {definition['AllowedPattern']}"
    if len(value) > int(definition.get("MaxLength", len(value))):
        return text or f"it is longer than {definition['MaxLength']} characters"
    if definition.get("Type") == "Number":
        try:
            number = float(value)
        except ValueError:
            return "it is not a number"
        if not float(definition.get("MinValue", number)) <= number <= float(definition.get("MaxValue", number)):
            return f"it must be from {definition.get('MinValue')} to {definition.get('MaxValue')}"
    return None
