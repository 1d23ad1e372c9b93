"""The documentation's generated parts are what the code makes, and its samples of the file are right."""

import re
from pathlib import Path

import pytest

from authorizer import auth_file
from docs.pages import PAGES, renewed
from tests.support.rules_text import whole

FILES = re.compile(r"```toml\n(\[(?:settings\]|\[provider\]\]|\[rule\]\]).*?)```", re.DOTALL)
SAMPLES = [
    pytest.param(text, id=f"{path} {number}")
    for path in (*PAGES, Path("README.md"))
    for number, text in enumerate(FILES.findall(path.read_text(encoding="utf-8")), 1)
]


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_a_page_is_what_the_code_makes(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == renewed(path), "run: make docs"


@pytest.mark.parametrize("text", SAMPLES)
def test_a_sample_of_the_file_is_one(text: str) -> None:
    auth_file.parse(whole(text))
