"""The commands in docs/keys.md do what they say: each block on a table of its own."""

import re
import shlex
from pathlib import Path

import pytest

from tests.unit.keys_command import KeysCommand

PAGE = Path("docs/keys.md").read_text(encoding="utf-8")
FENCED = re.findall(r"^```\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
BLOCKS = [block for block in FENCED if block.startswith("keys ")]


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
