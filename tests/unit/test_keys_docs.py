"""The commands in docs/keys.md do what they say: each block on a table of its own."""

import shlex
from pathlib import Path

import pytest

from tests.docs.pages import blocks
from tests.unit.keys_command import KeysCommand

HERE = "tests/unit/test_keys_docs.py"
BLOCKS = [block.text for block in blocks(Path("docs/keys.md")) if HERE in (block.not_run or "")]


@pytest.mark.parametrize("block", BLOCKS)
def test_the_documented_commands_run(block: str, keys: KeysCommand) -> None:
    key_id = keys.create("--expires-in", "7d")["key_id"]
    for line in block.splitlines():
        program, *arguments = shlex.split(line.replace("KEY_ID", key_id))
        assert program == "keys"
        done = keys.run(*arguments)
        assert done.exit_code == 0, f"{line}: {done.stderr}"


def test_there_are_documented_commands() -> None:
    assert len(BLOCKS) >= 3
