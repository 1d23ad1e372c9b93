"""Every command of docs/keys.md that searches for leaks, run on sample files."""

import shlex
from pathlib import Path

import pytest

from tests.docs.pages import blocks
from tests.support.keys_command import KeysCommand

HERE = "tests/keys/test_docs_files.py"
BLOCKS = blocks(Path("docs/keys.md"))
COMMANDS = [line for block in BLOCKS if HERE in (block.not_run or "") for line in block.text.splitlines()]
NOT_RUN = "git log -p --all --cc --text | "
"""A command that needs a repository."""


@pytest.fixture
def folder(keys: KeysCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with all files that the page names."""
    created = keys.create()
    for name in ("export.txt", "build.log"):
        (tmp_path / name).write_text("nothing\n", encoding="utf-8")
    (tmp_path / "app.log").write_text(f"nothing\n{created['key']}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", [command for command in COMMANDS if not command.startswith(NOT_RUN)])
def test_a_command_of_the_page_does_what_it_says(keys: KeysCommand, command: str) -> None:
    name, *arguments = shlex.split(command)
    assert name == "keys", command
    result = keys.run(*arguments)
    assert result.exit_code == 0, result.output


def test_nothing_of_the_page_is_left_out_but_what_needs_a_repository() -> None:
    assert len([command for command in COMMANDS if command.startswith(NOT_RUN)]) == 1
