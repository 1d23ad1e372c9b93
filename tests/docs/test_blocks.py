"""Each block of the documentation says what it is, and is what its parser takes.

The blocks of `sh` are run by tests/e2e/test_pasted.py.
"""

import csv
import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import hcl2
import pytest
from cfnlint.decode import cfn_yaml
from lark.exceptions import UnexpectedInput

from authorizer import auth_file
from authorizer.entry import SettingsError
from local import environment
from local.template_file import load
from tests.docs.pages import PAGES, Block, blocks
from tests.support.rules_text import whole

BLOCKS = [block for page in PAGES for block in blocks(page)]
SAM_PYTHON = Path(".tools/sam/bin/python")
SAM_PARAMETERS = Path("tests/support/sam_parameters.py")


def read_toml(text: str, folder: Path) -> None:
    """As what it is for: the authorizer's file, SAM's settings, or TOML."""
    table = tomllib.loads(text)
    if table.keys() & {"settings", "provider", "rule"}:
        for name in re.findall(r'"([\w.-]+\.(?:pem|json))"', text):
            (folder / name).touch()
        auth_file.parse(whole(text), folder)
    for name, commands in table.items():
        if isinstance(commands, dict) and "deploy" in commands:
            of_its_own = Path("stacks", name, "template.yaml")
            known = load(of_its_own if of_its_own.exists() else Path("template.yaml"))["Parameters"].keys()
            assert overrides(text, name, folder).keys() <= known


def overrides(text: str, name: str, folder: Path) -> dict[str, str]:
    """The parameters that the SAM CLI reads out of a samconfig.toml."""
    file = folder / "samconfig.toml"
    file.write_text(f"version = 0.1\n{text}", encoding="utf-8")
    command: list[str | Path] = [SAM_PYTHON, "-I", SAM_PARAMETERS, "--config-file", file, "--config-env", name]
    done = subprocess.run(command, env=environment.clean(), capture_output=True, text=True, check=True)
    parsed: dict[str, str] = json.loads(done.stdout)
    return parsed


def read_yaml(text: str, folder: Path) -> None:
    """A template goes through cfn-lint; part of one is YAML with the short forms of functions."""
    file = folder / "template.yaml"
    file.write_text(text, encoding="utf-8")
    if re.search(r"^Resources:", text, re.MULTILINE):
        command: list[str | Path] = [".venv/bin/cfn-lint", file]
        subprocess.run(command, env={**environment.clean(), "AWS_DEFAULT_REGION": "us-east-1"}, check=True)
    else:
        cfn_yaml.loads(text)


def read_csv(text: str, _folder: Path) -> None:
    """Every row has as many fields as the first."""
    assert len({len(row) for row in csv.reader(text.splitlines(), strict=True)}) == 1


PARSERS: Final[dict[str, Callable[[str, Path], object]]] = {
    "toml": read_toml,
    "json": lambda text, _folder: json.loads(text),
    "jsonl": lambda text, _folder: [json.loads(line) for line in text.splitlines()],
    "yaml": read_yaml,
    "python": lambda text, _folder: compile(text, "block", "exec"),
    "hcl": lambda text, _folder: hcl2.loads(text),
    "csv": read_csv,
    # Run by tests/keys/test_import_recipes.py on tables of the systems that they are for.
    "sql": lambda text, _folder: re.match(r"SELECT\s.*\sFROM\s", text, re.DOTALL)[0],  # type: ignore[index]
}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_is_fenced_and_names_a_language_that_is_tested(block: Block) -> None:
    assert block.language, "an indented block: fence it, as sh where it can be pasted, else as text"
    assert block.language in {"sh", "text"} | PARSERS.keys()


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language in PARSERS], ids=str)
def test_a_block_is_what_its_parser_takes(block: Block, tmp_path: Path) -> None:
    PARSERS[block.language](block.text, tmp_path)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "sh"], ids=str)
def test_a_block_of_commands_can_be_pasted(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)  # noqa: S607
    assert not done.stderr
    assert not re.search(r"<[A-Za-z][^>\n]*>|\.\.\.(?:\s|$)", block.text), "a placeholder that the shell takes for more"
    assert "--parameter-overrides" not in block.text, "it replaces all parameters of the settings file"


@pytest.mark.parametrize(
    ("language", "text", "error"),
    [
        ("toml", "[[rule]]\nrout = 'GET /me'", SettingsError),
        ("toml", "[prod.deploy.parameters.parameter_overrides]\nJwtIsuer = 'https://issuer.example'", AssertionError),
        ("json", "{'a': 1}", ValueError),
        ("yaml", "Resources:\n  A:\n    Type: AWS::Nothing::AtAll\n", subprocess.CalledProcessError),
        ("python", "def f(:", SyntaxError),
        ("hcl", "resource {", UnexpectedInput),
        ("csv", "a,b\n1\n", AssertionError),
    ],
)
def test_a_block_with_a_mistake_is_found(language: str, text: str, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error):
        PARSERS[language](text, tmp_path)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.not_run is not None], ids=str)
def test_a_block_that_is_not_run_has_a_reason_in_words(block: Block) -> None:
    assert len((block.not_run or "").split()) >= 3
