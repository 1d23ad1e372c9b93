"""The version is the same in the package, the function's log, the command line, the stack and the changelog."""

import re
import tomllib
from pathlib import Path

from click.testing import CliRunner

from authorizer import VERSION, telemetry
from keys.cli.main import main
from local.template_file import load

CHANGELOG = Path("CHANGELOG.md").read_text(encoding="utf-8")


def test_the_package_is_built_with_it() -> None:
    built = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["version"]
    assert built == {"path": "src/authorizer/__init__.py"}


def test_the_start_of_the_function_names_it() -> None:
    assert telemetry.VERSIONS["apigateway-multi-auth"] == VERSION


def test_the_command_line_names_it() -> None:
    assert CliRunner().invoke(main, ["--version"]).output.split()[-1] == VERSION


def test_the_stack_has_it_as_an_output() -> None:
    assert load(Path("template.yaml"))["Outputs"]["Version"]["Value"] == VERSION


def test_a_release_has_a_dated_section_in_the_changelog_and_what_comes_next_an_undated_one() -> None:
    if ".dev" in VERSION:
        assert CHANGELOG.index("## Unreleased") < CHANGELOG.index("## 0")
        return
    assert re.search(rf"^## {re.escape(VERSION)} - [0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$", CHANGELOG, re.MULTILINE)


def test_releases_stand_in_the_changelog_from_the_newest_to_the_oldest() -> None:
    released = re.findall(r"^## ([0-9]+)\.([0-9]+)\.([0-9]+)", CHANGELOG, re.MULTILINE)
    numbers = [tuple(map(int, number)) for number in released]
    assert numbers
    assert numbers == sorted(numbers, reverse=True)
