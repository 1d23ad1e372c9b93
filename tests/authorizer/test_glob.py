"""Patterns: their relations, compared with every short text that they can match."""

import doctest
import re
from functools import lru_cache
from itertools import product
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authorizer import glob, grant

# "z" is in no pattern, so that only wildcards match it.
TEXTS = ["".join(letters) for length in range(7) for letters in product("ab/z", repeat=length)]
patterns = st.text("ab/*", max_size=5).map(lambda text: re.sub(r"\*+", "*", text))


@lru_cache(maxsize=4096)
def matched(pattern: str) -> frozenset[str]:
    expression = re.compile(".*".join(map(re.escape, pattern.split("*"))))
    return frozenset(filter(expression.fullmatch, TEXTS))


@pytest.mark.parametrize("module", [glob, grant])
def test_the_examples_in_docstrings_are_correct(module: ModuleType) -> None:
    failed, attempted = doctest.testmod(module)
    assert attempted
    assert failed == 0


# The shortest text that two patterns with three letters each have in common is not longer than these texts.
@given(
    st.lists(patterns.filter(lambda pattern: len(pattern.replace("*", "")) <= 3), min_size=2, max_size=6, unique=True)
)
def test_relations_are_those_of_the_matched_texts(several: list[str]) -> None:
    relations = glob.Relations(several)
    for number, one in enumerate(several):
        covers = [other for other in several if other != one and matched(one) <= matched(other)]
        assert [several[other] for other in glob.members(relations.covers[number])] == covers
        for place, other in enumerate(several):
            assert bool(matched(one) & matched(other)) == bool(relations.overlaps[number] >> place & 1)
