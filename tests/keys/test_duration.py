"""Durations as command-line arguments."""

import pytest

from keys.core import duration
from keys.core.errors import BadInput


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("0s", 0), ("30s", 30), ("15m", 900), ("72h", 259_200), ("90d", 7_776_000)]
)
def test_a_number_with_a_unit_is_that_many_seconds(text: str, seconds: int) -> None:
    assert duration.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "1.5h", "-1h", "1 h", "1H", "1w", "1h30m", "9" * 30 + "s", "²s"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not a duration"):
        duration.parse(text)


@pytest.mark.parametrize("text", ["36501d", "9999999999h"])
def test_a_length_beyond_a_hundred_years_is_refused_as_too_long(text: str) -> None:
    with pytest.raises(BadInput, match="at most 36500d"):
        duration.parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59, "59s"), (90, "1m 30s"), (93_784, "1d 2h"), (7_776_000, "90d")]
)
def test_a_length_is_shown_in_its_two_largest_units(seconds: int, text: str) -> None:
    assert duration.show(seconds) == text
