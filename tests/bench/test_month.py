"""What a month costs: the arithmetic, and the figures that it takes from the pages."""

from pathlib import Path

import pytest

from bench import month
from bench.cost import Load
from bench.month import CHANGES, MONTHS, Month, More, stacks

LOAD = Load(milliseconds=1.0, accepted_bytes=1000, refused_bytes=500)
PRICES = More()


def parts(given: Month, usage: float = 5.0) -> dict[str, month.Parts]:
    return stacks(given, LOAD, usage, PRICES)


def test_prices_by_tiers_are_added_up() -> None:
    tiers = ((100e6, 3.0), (float("inf"), 2.0))
    assert month.tiered(50e6, tiers) == pytest.approx(150)
    assert month.tiered(150e6, tiers) == pytest.approx(300 + 100)


def test_counting_costs_what_the_page_says_of_ten_million_requests() -> None:
    found = parts(Month(20e6, 100), usage=5.0)["`stacks/usage`"]
    assert found["updates and invocations"] == pytest.approx(10)


def test_the_access_log_grows_with_requests_and_the_authorizer_with_those_that_no_cache_answers() -> None:
    few, many = Month(1e9, 1_000), Month(2e9, 1_000)
    assert many.hits > few.hits
    assert parts(many)["its access log"]["writing"] == pytest.approx(2 * parts(few)["its access log"]["writing"])
    assert parts(many)["the authorizer"]["logs"] < 2 * parts(few)["the authorizer"]["logs"]


def test_each_change_saves_something_in_each_month() -> None:
    for each in MONTHS:
        found = month.savings(each, LOAD, 5.0, PRICES)
        assert len(found) == len(CHANGES)
        assert all(saved > 0 for saved in found)


def test_the_figures_that_were_measured_are_in_the_pages() -> None:
    measured = month.measured_load(month.BENCHMARKS.read_text(encoding="utf-8"))
    assert measured.milliseconds < 10 < measured.accepted_bytes
    assert month.usage_of_ten_million(Path("docs/usage.md").read_text(encoding="utf-8")) > 0
    with pytest.raises(ValueError, match="benchmarks"):
        month.measured_load("no table")
