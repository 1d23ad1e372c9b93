"""The IAM policies of docs/policies, with the names of a deployment in place of their placeholders."""

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from string import Template
from typing import Any, Final

FOLDER: Final = Path("docs/policies")
NAMES: Final = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))
Policy = Mapping[str, Any]


def text(name: str) -> str:
    """The file of a policy, such as `operator`."""
    return (FOLDER / f"{name}.json").read_text(encoding="utf-8")


def filled(name: str, values: Mapping[str, str]) -> Any:
    """The policy with the placeholders replaced by `values`, which can have further members.

    :raises KeyError: a placeholder has no value.
    """
    return json.loads(Template(text(name)).substitute(values))


def permits(policy: Policy, action: str, resource: str) -> bool:
    """Whether a statement allows the action on the resource. Conditions are taken as met."""
    return any(
        statement["Effect"] == "Allow"
        and any(fnmatchcase(action, pattern) for pattern in listed(statement["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in listed(statement["Resource"]))
        for statement in policy["Statement"]
    )


def actions(policy: Policy) -> set[str]:
    return {action for statement in policy["Statement"] for action in listed(statement["Action"])}


def listed(value: str | list[str]) -> list[str]:
    """A member of a statement, which IAM accepts as a text or as a list of texts."""
    return [value] if isinstance(value, str) else value
