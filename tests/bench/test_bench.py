"""The benchmark's own arithmetic, and the page that it writes."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from authorizer.access import MAX_POLICY_BYTES
from authorizer.grant import INNER, OUTWARD
from bench import report, rules
from bench.cold import FLOOR, MANY, in_file
from bench.cost import Load, Prices, dollars_a_million, hit_rate
from bench.targets import Ratio, cold_ratios
from bench.warm import Time


def test_two_hundred_rules_make_one_policy_within_the_bound() -> None:
    made, identity = rules.many_rules(200)
    patterns = [pattern for each in made.permissions(identity)[0].statements for pattern in each.resources]
    # A rule for GET is one for HEAD. The other patterns deny other spellings of a path.
    assert len(patterns) == 100 + 50 + len(INNER + OUTWARD)
    assert sum(map(len, patterns)) < made.largest_policy_bytes()


def test_the_figures_of_rules_at_the_limit_are_those_of_the_largest_policy_within_it() -> None:
    figures = rules.measure(rules.at_the_limit())
    assert figures.policy_bytes < figures.largest_bytes <= MAX_POLICY_BYTES
    assert rules.measure(figures.rules + 1).largest_bytes > MAX_POLICY_BYTES


def test_cost_is_invocations_time_reads_and_logs() -> None:
    prices = Prices(lambda_request=1e-6, lambda_gb_second_arm=1e-3, read_request_unit=4e-6, log_gb=1.0)
    load = Load(
        milliseconds=1.0, accepted_bytes=1000, refused_bytes=500, key_share=1.0, kept_share=0.0, read_milliseconds=1.0
    )
    assert dollars_a_million(load, prices, hit_rate=0.0, memory_mb=2048) == pytest.approx(1 + 4 + 2 + 1)
    assert dollars_a_million(load, prices, hit_rate=0.75, memory_mb=2048) == pytest.approx(2)
    assert dollars_a_million(load.refused(), prices, hit_rate=0.0, memory_mb=2048) == pytest.approx(1 + 2 + 0.5)


@pytest.mark.parametrize(("seconds", "rate"), [(0, 0.0), (10, 0.5), (30, 0.75)])
def test_the_hit_rate_is_that_of_entries_with_a_fixed_life(seconds: int, rate: float) -> None:
    assert hit_rate(100, 1000, seconds) == pytest.approx(rate)


def test_the_table_says_which_targets_are_met_and_which_are_not() -> None:
    cold = {
        FLOOR: [200.0],
        "multi-auth, API key": [180.0],
        "multi-auth, JWT": [230.0],
        in_file(1): [200.0],
        in_file(MANY): [210.0],
    }
    samples = {"typical sample, API key": [400.0], "typical sample, JWT": [400.0]}
    medians = {name: values[0] for name, values in {**cold, **samples}.items()}
    table = report.targets(cold_ratios(medians), artifact_bytes=1024)
    assert "| cold start, API key / baseline | 0.90 | 1.13 | yes |" in table
    assert "| cold start, JWT / baseline | 1.15 | 1.13 | **no** |" in table
    assert "| cold start, 200 providers / 1 provider, in a file | 1.05 | 1.20 | yes |" in table
    assert not Ratio("x", 1.1, 1.0).is_met


def test_a_run_replaces_what_is_between_the_marks_of_a_page_and_nothing_else() -> None:
    page = "# Page\n\n<!-- bench: a -->\nold\n<!-- end -->\n\nText.\n"
    assert report.filled(page, {"a": "new"}) == "# Page\n\n<!-- bench: a -->\n\nnew\n\n<!-- end -->\n\nText.\n"


@pytest.mark.parametrize("tables", [{}, {"a": "x", "b": "y"}])
def test_a_page_without_a_mark_for_a_table_or_with_another_mark_is_an_error(tables: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="has the marks a"):
        report.filled("<!-- bench: a -->\n<!-- end -->\n", tables)


def test_the_tables_of_a_run_fit_into_the_page_and_have_its_figures() -> None:
    figures = report.Figures(
        when=datetime(2027, 1, 2, tzinfo=UTC),
        rounds=3,
        versions={"python": "3.13.1", "boto3": "9.9.9"},
        cold={FLOOR: [200.0], "multi-auth, JWT": [230.0, 220.0, 240.0]},
        warm={"PyJWT.decode RS256": Time(60.0, 70.0), "multi-auth, JWT RS256": Time(120.0, 300.0)},
        ratios=[Ratio("a / b", 1.0, 1.1)],
        artifact_bytes=1024**2,
        rules=[rules.RulesFigures(43, 2.0, 3072, 8192, 0.1, 0.03)],
    )
    load = Load(milliseconds=0.1, accepted_bytes=800, refused_bytes=1000)
    page = report.filled(Path("docs/benchmarks.md").read_text(encoding="utf-8"), report.tables(figures, load, Prices()))
    for row in (
        "| date | 2027-01-02 |",
        "| in the artifact | boto3 9.9.9 |",
        "| a / b | 1.00 | 1.10 | yes |",
        "| multi-auth, JWT | 1.15 | 230 | 220 | 240 |",
        "| multi-auth, JWT RS256 | 2.00 | 120 | 300 |",
        "| 43 | 3.0 | 8.0 | 2 | 0.10 | 0.030 |",
        "| logs of an accepted credential | 800 bytes | measured |",
    ):
        assert row in page


def test_the_page_on_usage_has_the_mark_of_the_table_of_its_cost() -> None:
    assert report.marks(Path("docs/usage.md").read_text(encoding="utf-8")) == ["usage", "usage-day"]
