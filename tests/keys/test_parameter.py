"""What CloudFormation accepts as the value of a parameter."""

from typing import Any

import pytest

from keys.deployment.parameter import refusal


@pytest.mark.parametrize(
    ("declared", "value", "problem"),
    [
        ({"AllowedValues": ["a", True, 1]}, "b", "it must be one of 'a', 'true', '1'"),
        ({"Type": "Number"}, "", "it must be a number"),
        ({"AllowedPattern": "[a-z]+"}, "ab1", "it must match [a-z]+"),
        ({"AllowedPattern": "[a-z]+", "ConstraintDescription": "Lowercase letters."}, "1", "Lowercase letters"),
        ({"MinLength": "2"}, "a", "it must be at least 2 characters"),
        ({"MaxLength": 1}, "ab", "it must be at most 1 characters"),
        ({"Type": "Number", "MinValue": 128}, "64", "it must be at least 128"),
        ({"Type": "Number", "MaxValue": 0.5}, "1", "it must be at most 0.5"),
    ],
)
def test_a_refused_value_is_told_what_is_accepted(declared: dict[str, Any], value: str, problem: str) -> None:
    assert refusal(declared, value) == problem


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ({}, ""),
        ({"AllowedValues": [True, False]}, "true"),
        ({"Type": "Number", "MinValue": 1, "MaxValue": 2}, "1.5"),
        ({"AllowedPattern": r"^\p{Alpha}*$"}, "a pattern that only Java has"),
        ({"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]}, "a,b"),
        ({"Type": "List<AWS::EC2::Subnet::Id>", "MaxLength": 1}, "subnet-1,subnet-2"),
    ],
)
def test_an_accepted_value_has_no_refusal(declared: dict[str, Any], value: str) -> None:
    assert refusal(declared, value) is None
