"""Wording that several messages share."""

import pytest

from keys.deployment.words import plural


@pytest.mark.parametrize(("count", "text"), [(0, "0 keys"), (1, "1 key"), (2, "2 keys"), (1_000, "1,000 keys")])
def test_a_noun_is_in_the_singular_only_for_one(count: int, text: str) -> None:
    assert plural(count, "key") == text
