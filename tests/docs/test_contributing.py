"""The pages for contributors and reporters name commands and files that are there."""

import re
import subprocess
from pathlib import Path

import pytest

from keys.cli.main import COMMANDS

PAGES = {name: Path(name).read_text(encoding="utf-8") for name in ("CONTRIBUTING.md", "SECURITY.md")}
TARGETS = set(re.findall(r"^([a-z-]+):", Path("Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_its_make_targets_are_in_the_makefile(page: str) -> None:
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", PAGES[page], re.MULTILINE)) <= TARGETS


def test_the_descriptions_of_make_help_are_in_one_column() -> None:
    shown = subprocess.run(["make", "-s", "help"], capture_output=True, text=True, check=True).stdout.splitlines()  # noqa: S607
    assert {line.split()[0] for line in shown} <= TARGETS
    assert {len(line) - len(line.partition(" ")[2].lstrip()) for line in shown} == {14}


@pytest.mark.parametrize("page", PAGES)
def test_its_commands_are_commands_of_keys(page: str) -> None:
    assert set(re.findall(r"(?:`|^\.venv/bin/)keys ([a-z-]+)", PAGES[page], re.MULTILINE)) <= COMMANDS.keys()


@pytest.mark.parametrize("page", PAGES)
def test_the_files_that_it_links_or_names_are_there(page: str) -> None:
    named = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)|`((?:src|\.ci)/[\w/.]+)`", PAGES[page])
    assert named
    assert [path for pair in named for path in pair if path and not Path(path).exists()] == []
