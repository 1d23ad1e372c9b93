"""The pages of the documentation, and the blocks of code in them.

A block is fenced, and its language says what becomes of it: `sh` is run, `toml`, `json`, `yaml`, `python` and `hcl` are
read by their parsers, `text` is shown. ``text output`` is what the block of `sh` before it printed. An HTML comment
`<!-- not run: REASON -->` right before a block of `sh` is an exception, and `<!-- exit code N -->` an expected failure.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

FOLDERS: Final = (".", "docs", "examples", "events", ".github")
PAGES: Final = sorted(path for folder in FOLDERS for path in Path(folder).glob("*.md"))

_MARKDOWN: Final = MarkdownIt("commonmark").enable("table")
_NOT_RUN: Final = re.compile(r"<!-- not run: (.+?) -->", re.DOTALL)
_EXIT_CODE: Final = re.compile(r"<!-- exit code (\d+)")


@dataclass(frozen=True)
class Block:
    """`language` is empty for an indented block. `not_run`: the reason, for one that is not."""

    page: Path
    line: int
    language: str
    text: str
    is_output: bool
    not_run: str | None
    exit_code: int

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The page's, from top to bottom."""
    found = []
    comment = ""
    for token in _MARKDOWN.parse(page.read_text(encoding="utf-8")):
        if token.type in ("fence", "code_block"):
            language, _, rest = token.info.strip().partition(" ")
            reason, code = _NOT_RUN.search(comment), _EXIT_CODE.search(comment)
            line = token.map[0] + 1 if token.map else 0
            found.append(
                Block(
                    page,
                    line,
                    language,
                    token.content,
                    rest == "output",
                    reason[1] if reason else None,
                    int(code[1]) if code else 0,
                )
            )
        comment = token.content if token.type == "html_block" else ""
    return found


def links(page: Path) -> list[str]:
    """The targets of the page's links and pictures, those written in HTML too."""
    targets: list[str] = []
    for token in _MARKDOWN.parse(page.read_text(encoding="utf-8")):
        for child in token.children or []:
            if child.type in ("link_open", "image"):
                targets.append(str(child.attrs.get("href") or child.attrs.get("src")))
            elif child.type == "html_inline":
                targets += _in_html(child.content)
        if token.type == "html_block":
            targets += _in_html(token.content)
    return targets


def anchors(page: Path) -> set[str]:
    """The names of the page's headings as GitHub makes them."""
    names: dict[str, int] = {}
    tokens = _MARKDOWN.parse(page.read_text(encoding="utf-8"))
    made = set()
    for opened, inline in pairwise(tokens):
        if opened.type == "heading_open":
            plain = "".join(child.content for child in inline.children or [])
            name = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
            count = names.get(name, 0)
            names[name] = count + 1
            made.add(f"{name}-{count}" if count else name)
    return made


def _in_html(text: str) -> list[str]:
    return re.findall(r"""(?:src|href|srcset)=["']([^"' ]+)""", text)
