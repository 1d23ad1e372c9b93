"""SAM's own translator, with every pair of values of the parameters that a condition reads.

CloudFormation runs the same translator (github.com/aws/serverless-application-model). What it does not check is checked
here on its output: a resource or an output that exists refers only to what exists.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import boto3
import pytest
from cfnlint.decode import cfn_yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

SAMPLES: Mapping[str, Any] = {
    "SubnetIds": "subnet-0123456789abcdef0",
    "PermissionsBoundary": "arn:aws:iam::123456789012:policy/boundary",
    "AttachedApiId": "a1b2c3d4e5",
    "KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d",
    "ExistingTable": "restored",
    "ProvisionedConcurrency": "1",
    "ReservedConcurrency": "100",
    "ThrottleRate": "0",
    "DefaultUsageKey": "0123456789abcdefghij",
    "ResourceIdentifier": "https://api.example.com",
}
"""Another value than the default, for each parameter without `AllowedValues` that a condition reads."""

SET_UPS: list[dict[str, str]] = [
    {},
    {"SampleApi": "None"},
    {"ExistingTable": "restored"},
    {"SampleApi": "None", "ExistingTable": "restored"},
    {"SampleApi": "None", "ExistingTable": "restored", "ProvisionedConcurrency": "1", "Release": "r1"},
    {"SampleApi": "None", "AttachedApiId": "a1b2c3d4e5", "SnapStart": "true", "Release": "r1"},
    {"TableRemovalPolicy": "Delete", "StageName": "v2"},
    {"ResourceIdentifier": SAMPLES["ResourceIdentifier"]},
    {"SampleApi": "None", "ResourceIdentifier": SAMPLES["ResourceIdentifier"]},
    {"ApiGatewayLogRole": "Create", "KmsKeyArn": SAMPLES["KmsKeyArn"], "SubnetIds": SAMPLES["SubnetIds"]},
]
"""The set-ups that the pages name."""


@cache
def _text() -> str:
    return json.dumps(cfn_yaml.load("template.yaml"))


def template() -> Any:
    """The template as new data, which the translator changes."""
    return json.loads(_text())


def read_by_conditions() -> set[str]:
    parameters = template()["Parameters"]
    return {name for name in references(template()["Conditions"]) if name in parameters}


def values(parameter: str) -> list[str]:
    declared = template()["Parameters"][parameter]
    return [str(each) for each in declared.get("AllowedValues") or (declared["Default"], SAMPLES[parameter])]


def rows() -> Iterator[dict[str, str]]:
    """Values for all of these parameters, so that each pair of values of two of them is in one row."""
    choices = {name: values(name) for name in sorted(read_by_conditions())}
    left = {
        ((one, first), (other, second))
        for one, other in itertools.combinations(choices, 2)
        for first, second in itertools.product(choices[one], choices[other])
    }
    while left:
        row = dict(min(left))
        for name in sorted(choices.keys() - row.keys()):
            candidates = {value: row | {name: value} for value in choices[name]}
            row = max(candidates.values(), key=lambda candidate: len(left & _pairs(candidate)))
        left -= _pairs(row)
        yield row


def _pairs(row: Mapping[str, str]) -> set[tuple[tuple[str, str], tuple[str, str]]]:
    return set(itertools.combinations(sorted(row.items()), 2))


def translated(given: Mapping[str, str]) -> Any:
    fragment = template()
    parameters = {name: str(each["Default"]) for name, each in fragment["Parameters"].items()} | dict(given)
    # SAM CLI has packaged the code when CloudFormation sees the template.
    for resource in fragment["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="eu-central-1"))
    return Deployed(translator.translate(fragment, parameters), parameters).resolved()


class Deployed:
    """A translated template with values for its parameters, as CloudFormation evaluates its conditions."""

    def __init__(self, translated: Any, parameters: Mapping[str, str]) -> None:
        self._template = translated
        self._parameters = parameters

    def resolved(self) -> dict[str, Any]:
        """Resources and outputs that exist, without `Fn::If`."""
        return {
            part: {
                name: self._without_if({key: value for key, value in body.items() if key != "DependsOn"})
                for name, body in self._template[part].items()
                if "Condition" not in body or self._holds(body["Condition"])
            }
            for part in ("Resources", "Outputs")
        }

    def _holds(self, condition: Any) -> bool:
        if isinstance(condition, str):
            return self._holds(self._template["Conditions"][condition])
        ((function, argument),) = condition.items()
        if function == "Condition":
            return self._holds(argument)
        if function == "Fn::Equals":
            one, other = (str(self._parameters[each["Ref"]] if isinstance(each, dict) else each) for each in argument)
            return one == other
        if function == "Fn::Not":
            return not self._holds(argument[0])
        return {"Fn::And": all, "Fn::Or": any}[function](map(self._holds, argument))

    def _without_if(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._without_if(each) for each in value]
        if not isinstance(value, dict):
            return value
        if value.keys() == {"Fn::If"}:
            condition, then, otherwise = value["Fn::If"]
            return self._without_if(then if self._holds(condition) else otherwise)
        return {key: self._without_if(each) for key, each in value.items()}


def references(value: Any) -> Iterator[str]:
    """The names in `Ref`, `Fn::GetAtt` and `Fn::Sub`."""
    if isinstance(value, list):
        for each in value:
            yield from references(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == "Ref":
                yield each
            elif key == "Fn::GetAtt":
                yield (each if isinstance(each, str) else each[0]).partition(".")[0]
            elif key == "Fn::Sub":
                text, known = (each, {}) if isinstance(each, str) else each
                yield from (
                    name.partition(".")[0] for name in re.findall(r"\$\{(\w[\w.:]*)\}", text) if name not in known
                )
                yield from references(list(known.values()))
            else:
                yield from references(each)


def dangling(deployed: Mapping[str, Any]) -> set[str]:
    known: set[str] = deployed["Resources"].keys() | template()["Parameters"].keys()
    return {name for name in references(dict(deployed)) if not name.startswith("AWS::")} - known


def test_each_parameter_that_a_condition_reads_has_another_value_to_try() -> None:
    assert len(read_by_conditions()) >= 12
    assert all(len(set(values(name))) > 1 for name in read_by_conditions())


@pytest.mark.parametrize("given", SET_UPS, ids=str)
def test_a_set_up_that_the_pages_name_can_be_translated(given: dict[str, str]) -> None:
    deployed = translated(given)
    assert dangling(deployed) == set()
    assert ("ApiKeysTable" in deployed["Resources"]) == ("ExistingTable" not in given)
    assert ("ApiKeysTableStreamArn" in deployed["Outputs"]) == ("ExistingTable" not in given)
    assert ("Api" in deployed["Resources"]) == ("SampleApi" not in given)


@pytest.mark.parametrize("given", list(rows()), ids=lambda row: ",".join(map("=".join, sorted(row.items()))))
def test_every_pair_of_values_can_be_translated(given: dict[str, str]) -> None:
    assert dangling(translated(given)) == set()


def test_no_other_transform_is_needed_and_what_remains_after_the_stack_is_written_as_text() -> None:
    """A deletion policy that is a function requires AWS::LanguageExtensions, which refuses it beside a condition."""
    assert template()["Transform"] == "AWS::Serverless-2016-10-31"
    resources = template()["Resources"]
    kept = {name for name, body in resources.items() if body.get("DeletionPolicy") == "RetainExceptOnCreate"}
    assert kept == {"ApiKeysTable", "AuthorizerLogs", "MetadataLogs", "MeLogs", "AccessLogs"}
    assert all(resources[name]["UpdateReplacePolicy"] == "Retain" for name in kept)
