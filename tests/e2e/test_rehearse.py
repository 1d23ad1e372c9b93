"""docs/rehearse.md as it stands: `make run` with one's own rules, API and keys, in a checkout of its own."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from local import environment
from tests.docs.pages import blocks
from tests.support.checkout import copy_checkout
from tests.support.terminal import Terminal

PAGE: Final = Path("docs/rehearse.md")


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """The running block of the page, in its checkout."""
    folder = tmp_path_factory.mktemp("rehearse") / "checkout"
    copy_checkout(Path.cwd(), folder)
    (block,) = (block.text for block in blocks(PAGE) if block.language == "sh")
    with Terminal.running(folder) as terminal:
        terminal.paste(block, until="Each decision")
        yield terminal


def row(printed: str, route: str, caller: str) -> list[str]:
    """The mark, status and verdict of a route and a caller."""
    (line,) = (line for line in printed.splitlines() if line[2:].startswith(route) and f" {caller} " in line)
    return [line[0], *line.partition(f" {caller} ")[2].split(maxsplit=1)]


def test_the_screen_shows_each_route_with_each_credential_and_what_the_rules_say(rehearsal: Terminal) -> None:
    printed = rehearsal.until("Each decision")
    assert "an API key: 200" in printed
    assert row(printed, "POST /reports", "no credential") == [" ", "401", "refused: no credential"]
    assert row(printed, "POST /reports", "an API key") == [" ", "201", "permitted"]
    mark, status, verdict = row(printed, "POST /reports", "a JWT")
    assert (mark, status) == (" ", "403")
    assert verdict.startswith("refused by line ")
    assert "imported: 1" in printed


def test_its_environment_is_what_keys_needs_in_another_terminal(rehearsal: Terminal) -> None:
    rehearsal.until("Each decision")
    script = 'eval "$(make -s env)"; cd /; keys list --stack multi-auth-local --output json'
    done = subprocess.run(
        ["bash", "-ec", script],  # noqa: S607
        cwd=rehearsal.folder,
        env=environment.clean(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert {key["consumer"] for key in json.loads(done.stdout)} == {"acme", "globex"}


def test_a_changed_file_is_loaded_and_one_with_mistakes_is_not(rehearsal: Terminal) -> None:
    rehearsal.until("Each decision")
    file = rehearsal.folder / "mine.toml"
    right, before = file.read_text(encoding="utf-8"), len(rehearsal.lines)
    file.write_text(right.replace("POST /reports", "reports"), encoding="utf-8")
    assert "is not loaded" in rehearsal.until("line 9: ", before)
    before = len(rehearsal.lines)
    wider = right.replace('credentials = ["api_key"]\nscopes = ["reports:write"]\n', "")
    file.write_text(wider, encoding="utf-8")
    printed = rehearsal.until("TIME ", before)
    assert row(printed, "POST /reports", "a JWT") == [" ", "201", "permitted"]
    assert file.read_text(encoding="utf-8") == wider
