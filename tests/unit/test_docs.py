"""The generated parts of the documentation are those that the code makes."""

from pathlib import Path

import pytest

from docs.pages import PAGES, renewed


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_a_page_is_what_the_code_makes(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == renewed(path), "run: make docs"
