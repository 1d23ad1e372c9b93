"""How the local system reads templates."""

from pathlib import Path

import pytest

from keys.core.errors import BadInput
from local.invoke import declared
from local.template_file import load, value


def test_a_function_that_is_invoked_has_the_defaults_of_the_template() -> None:
    handler, variables = declared("Authorizer")
    assert handler == "authorizer.handler.lambda_handler"
    assert (variables["API_KEY_PREFIX"], variables["AUTH_CONFIG"]) == ("mak", "auth.toml")
    assert variables["API_KEY_CACHE_SECONDS"] == "30"
    assert variables["API_KEYS_TABLE"] == ""


def test_short_and_long_forms_are_read_alike(tmp_path: Path) -> None:
    short, long = tmp_path / "short.yaml", tmp_path / "long.yaml"
    short.write_text("Resources: { A: { B: !Ref C, D: !If [E, !Sub x, !Ref F] } }", encoding="utf-8")
    long.write_text(
        "Resources: { A: { B: { Ref: C }, D: { Fn::If: [E, { Fn::Sub: x }, { Ref: F }] } } }", encoding="utf-8"
    )
    assert load(short) == load(long)


def test_a_value_is_its_text_or_the_default_of_its_parameter() -> None:
    template = {"Parameters": {"A": {"Default": 3}, "B": {}}}
    given = ["x", 7, {"Ref": "A"}, {"Ref": "B"}, {"Ref": "AWS::Region"}, {"Fn::If": ["C", "x", "y"]}]
    assert [value(template, one) for one in given] == ["x", "7", "3", "", "", ""]


@pytest.mark.parametrize("text", ["", "[]", "Resources: []", "a: [", "Parameters: {}"])
def test_what_is_no_template_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / "no.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"no\.yaml"):
        load(file)
