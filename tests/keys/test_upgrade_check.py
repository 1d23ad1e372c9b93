"""`keys stack upgrade-check`: what a deployment would do to the parameters of a stack."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from keys.cli.app import App
from keys.cli.main import main
from keys.core.errors import BadInput
from keys.core.table import Table
from keys.deployment import upgrade
from keys.deployment.target import NoStack, Resolved
from keys.deployment.upgrade import Effect, What

DECLARED: Mapping[str, Mapping[str, Any]] = {
    "Kept": {"Type": "String", "Default": "new"},
    "Level": {"Type": "String", "Default": "INFO", "AllowedValues": ["INFO", "ERROR"]},
    "Seconds": {"Type": "Number", "Default": 30, "MinValue": 0, "MaxValue": 60},
    "File": {"Type": "String", "Default": "a.toml", "AllowedPattern": r"^[a-z]+\.toml$", "ConstraintDescription": "A."},
    "Required": {"Type": "String"},
}
SAME = {"Kept": "new", "Level": "INFO", "Seconds": "30", "File": "a.toml", "Required": "x"}


def effects(deployed: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, tuple[str, str | None, str | None]]:
    found: list[Effect] = list(upgrade.compare(deployed, DECLARED, settings))
    return {each.name: (each.what.value, each.before, each.after) for each in found}


def test_a_stack_with_the_values_of_settings_and_defaults_has_no_effects() -> None:
    assert effects(SAME, {"Required": "x"}) == {}


def test_a_parameter_that_is_left_out_keeps_its_value_and_is_shown_if_that_is_not_the_default() -> None:
    assert effects({**SAME, "Kept": "old"}, {"Required": "x"}) == {"Kept": (What.KEPT, "old", "old")}


@pytest.mark.parametrize(
    ("deployed", "settings", "effect"),
    [
        ({}, {"Kept": "other"}, {"Kept": (What.CHANGED, "new", "other")}),
        ({"Gone": "v"}, {}, {"Gone": (What.GONE, "v", None)}),
        ({}, {"Mispelt": "v"}, {"Mispelt": (What.IGNORED, None, None)}),
        ({"Gone": "v"}, {"Gone": "v"}, {"Gone": (What.IGNORED, "v", None)}),
        ({"Level": "DEBUG"}, {}, {"Level": (What.REFUSED, "DEBUG", "DEBUG")}),
        ({"Level": "DEBUG"}, {"Level": "INFO"}, {"Level": (What.CHANGED, "DEBUG", "INFO")}),
        ({"Seconds": "61"}, {}, {"Seconds": (What.REFUSED, "61", "61")}),
        ({}, {"Seconds": "many"}, {"Seconds": (What.REFUSED, "30", "many")}),
        ({"File": ""}, {}, {"File": (What.REFUSED, "", "")}),
    ],
)
def test_each_other_effect_is_named(
    deployed: dict[str, str], settings: dict[str, str], effect: dict[str, tuple[str, str | None, str | None]]
) -> None:
    assert effects({**SAME, **deployed}, {"Required": "x", **settings}) == effect


@pytest.mark.parametrize(("settings", "effect"), [({}, {}), ({"Key": "b"}, {}), ({"Key": "B"}, {"Key": What.REFUSED})])
def test_a_value_that_cloudformation_hides_is_not_compared(settings: dict[str, str], effect: dict[str, str]) -> None:
    declared = {"Key": {"Type": "String", "Default": "", "NoEcho": True, "AllowedPattern": "[a-z]*"}}
    found = {each.name: each.what for each in upgrade.compare({"Key": "****"}, declared, settings)}
    assert found == effect


def test_a_hidden_value_is_not_in_the_output() -> None:
    declared = {"Key": {"Type": "String", "Default": "", "NoEcho": True, "AllowedPattern": "[a-z]*"}}
    for deployed in ({"Key": "****"}, {"Other": "x"}):
        for value in ("secret", "SECRET"):
            assert value not in str(list(upgrade.compare(deployed, declared, {"Key": value})))


def test_a_new_parameter_gets_its_default_and_one_without_default_needs_a_setting() -> None:
    deployed = {name: value for name, value in SAME.items() if name not in ("Kept", "Required")}
    assert effects(deployed, {}) == {"Kept": (What.NEW, None, "new"), "Required": (What.REFUSED, None, None)}


@pytest.mark.parametrize("written", ['{ A = "1", B = 2 }', '"A=1 B=2"', '["A=1", "B=2"]'])
def test_settings_are_read_in_each_form_that_sam_accepts(written: str, tmp_path: Path) -> None:
    file = tmp_path / "samconfig.toml"
    file.write_text(f"version = 0.1\n[prod.deploy.parameters]\nparameter_overrides = {written}\n", encoding="utf-8")
    assert upgrade.settings(file, "prod") == {"A": "1", "B": "2"}
    with pytest.raises(BadInput, match="has no environment 'test', only: prod"):
        upgrade.settings(file, "test")


def run(deployed: Mapping[str, str] | None, *words: str) -> Result:
    """The command for a stack with these parameters, or for a stack that does not exist."""

    def resolve(_target: object, _env: object) -> Resolved:
        if deployed is None:
            raise NoStack("The stack 'prod' does not exist.")
        table: Any = Table(None, "keys")  # type: ignore[arg-type]
        resolved = Resolved(table, "mak", None, stack="prod")
        resolved.__dict__["described"] = ({"Version": "0.2.0"}, dict(deployed))
        return resolved

    command = ["stack", "upgrade-check", "--stack", "prod", "--output", "json", *words]
    return CliRunner().invoke(main, command, obj=App(env={}, resolve=resolve), catch_exceptions=False)


def test_a_stack_of_0_2_gets_the_list_of_what_the_page_on_upgrades_says() -> None:
    deployed = {"AuthConfig": "", "ThrottleBurst": "200", "Tracing": "false", "StageName": "v1", "ThrottleRate": "100"}
    result = run(deployed)
    found = {each["name"]: each["what"] for each in json.loads(result.stdout)}
    assert result.exit_code == 7
    assert found["AuthConfig"] == "refused"
    assert {name for name, what in found.items() if what == "gone"} == {"ThrottleBurst", "Tracing"}
    assert "The deployed version is 0.2.0" in result.stderr
    assert "1 fault: correct the settings" in result.stderr


def test_a_stack_that_does_not_exist_gets_settings_and_defaults() -> None:
    result = run(None)
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    assert "It would be created" in result.stderr


def test_without_a_stack_the_command_says_so() -> None:
    result = CliRunner().invoke(main, ["stack", "upgrade-check"], obj=App(env={}), catch_exceptions=False)
    assert result.exit_code == 2
    assert "--stack NAME" in result.stderr
