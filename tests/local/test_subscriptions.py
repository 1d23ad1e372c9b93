"""JSON filter patterns of subscription filters, as far as the product uses them."""

import json
from pathlib import Path

import pytest

from local.gateway.subscriptions import matches
from local.template_file import load

PATTERN = '{ ($.credential = "api_key") || ($.credential = "jwt") }'


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"credential": "api_key"}, True),
        ({"credential": "jwt"}, True),
        ({"credential": "-"}, False),
        ({"credential": ["api_key"]}, False),
        ({}, False),
        (["api_key"], False),
    ],
)
def test_a_line_matches_if_one_of_the_comparisons_holds(line: object, expected: bool) -> None:
    assert matches(PATTERN, json.dumps(line)) is expected


def test_a_line_that_is_no_json_and_a_pattern_of_another_form_match_nothing() -> None:
    assert not matches(PATTERN, "api_key jwt")
    assert not matches('{ $.credential != "x" }', '{"credential": "api_key"}')


def test_the_pattern_of_the_stack_is_of_this_form() -> None:
    stack = load(Path("stacks/usage/template.yaml"))
    assert stack["Resources"]["Subscription"]["Properties"]["FilterPattern"] == PATTERN
