"""The IAM policies of docs/policies and stacks/ci, with the names of a deployment in place of their placeholders."""

import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from string import Template
from typing import Any, Final

from local.template_file import load

FOLDER: Final = Path("docs/policies")
CI: Final = Path("stacks/ci/template.yaml")
OF_CI: Final = {
    "acceptance": "AcceptanceSuite",
    "boundary": "Boundary",
    "deployer": "Deployer",
    "optional": "OptionalStacks",
}
"""The names of the policies in the template of `stacks/ci`, and their resources."""
NAMES: Final = tuple(sorted([*OF_CI, *(path.stem for path in FOLDER.glob("*.json"))]))
Policy = Mapping[str, Any]


def text(name: str) -> str:
    """The JSON of a policy, such as `operator`, with placeholders such as `${Table}`."""
    if name not in OF_CI:
        return (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    return json.dumps(_placeholders(load(CI)["Resources"][OF_CI[name]]["Properties"]["PolicyDocument"]))


def filled(name: str, values: Mapping[str, str]) -> Any:
    """The policy with the placeholders replaced by `values`, which can have further members.

    :raises KeyError: a placeholder has no value.
    """
    return json.loads(Template(text(name)).substitute(values))


def _placeholders(value: Any) -> Any:
    """The document with placeholders instead of CloudFormation's functions."""
    if isinstance(value, list):
        return [_placeholders(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Sub" in value:
        return re.sub(r"\$\{AWS::(Partition|Region|Account)(?:Id)?\}", r"${\1}", value["Fn::Sub"])
    return f"${{{value['Ref']}}}" if "Ref" in value else {key: _placeholders(value[key]) for key in value}


def permits(policy: Policy, action: str, resource: str) -> bool:
    """Whether a statement allows the action on the resource. Conditions are taken as met."""
    return any(
        statement["Effect"] == "Allow"
        and any(fnmatchcase(action, pattern) for pattern in listed(statement["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in listed(statement["Resource"]))
        for statement in policy["Statement"]
    )


def of_self_service() -> Policy:
    """The policy of the role of stacks/self-service, with the table of usage and without the permissions for KMS."""
    role = load(Path("stacks/self-service/template.yaml"))["Resources"]["SelfServiceRole"]["Properties"]
    document = role["Policies"][0]["PolicyDocument"]
    found = (statement.get("Fn::If", [None, statement])[1] for statement in document["Statement"])
    of_table = [each for each in found if any(name.startswith("dynamodb:") for name in listed(each["Action"]))]
    policy: Policy = _placeholders({**document, "Statement": of_table})
    return policy


def permits_keys(policy: Policy, action: str, resource: str, keys: Sequence[str]) -> bool:
    """Whether the statements together allow an action on items with these partition keys.

    Each has one condition, on `dynamodb:LeadingKeys` (IAM user guide, "Multivalued context keys").
    """
    effects = set()
    for statement in policy["Statement"]:
        ((operator, condition),) = statement["Condition"].items()
        compared = [any(fnmatchcase(key, each) for each in condition["dynamodb:LeadingKeys"]) for key in keys]
        held = {"ForAllValues:StringLike": all, "ForAnyValue:StringLike": any}[operator](compared)
        if held and permits({"Statement": [{**statement, "Effect": "Allow"}]}, action, resource):
            effects.add(statement["Effect"])
    return effects == {"Allow"}


def actions(policy: Policy) -> set[str]:
    return {action for statement in policy["Statement"] for action in listed(statement["Action"])}


def listed(value: str | list[str]) -> list[str]:
    """A member of a statement, which IAM accepts as a text or as a list of texts."""
    return [value] if isinstance(value, str) else value
