"""docs/tutorial.md as it stands: its block of `make run` in one terminal, all others in turn in another one."""

from pathlib import Path
from typing import Final

from tests.docs.pages import blocks
from tests.e2e.test_pasted import assert_is_like
from tests.support.checkout import copy_checkout
from tests.support.terminal import Terminal

PAGE: Final = Path("docs/tutorial.md")
END: Final = "end-of-block"


def test_each_block_of_the_tutorial_works_and_prints_what_the_page_shows(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    copy_checkout(Path.cwd(), folder)
    with Terminal.running(folder) as first, Terminal.running(folder) as second:
        printed = ""
        for block in blocks(PAGE):
            if block.is_output:
                assert_is_like(block, printed)
            elif block.text.startswith("make run"):
                printed = first.paste(block.text, until="Each decision")
            elif block.language == "sh":
                printed = second.paste(f"{block.text}\necho {END}", until=END)
