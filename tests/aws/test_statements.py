"""Each check proves a sentence that a page has."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.aws.check import Check
from tests.aws.checks import CHECKS


def plain(text: str) -> str:
    """The text without links, emphasis and line ends."""
    return " ".join(re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text).replace("**", "").split())


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_page_has_the_statement_of_the_check(check: Check) -> None:
    """If the page has another sentence now: does the check still prove it?"""
    assert plain(check.statement) in plain(Path(check.page).read_text(encoding="utf-8"))


def test_no_two_checks_have_one_name() -> None:
    assert max(Counter(check.name for check in CHECKS).values()) == 1
