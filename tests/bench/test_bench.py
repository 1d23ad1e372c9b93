"""The benchmark's own arithmetic, and its counts on a small workload."""

import pytest

from authorizer.access import MAX_POLICY_BYTES
from authorizer.grant import INNER, OUTWARD
from bench import counts, report, rules
from bench.cold import FLOOR, MANY, in_file
from bench.cost import Load, Prices, dollars_a_million, hit_rate
from bench.targets import Ratio, cold_ratios


def test_a_small_workload_reads_what_is_needed_and_nothing_else() -> None:
    workload = counts.mixed(400)
    assert workload.decisions == sum(workload.outcomes.values())
    assert workload.reads == workload.expected_reads
    assert (workload.needless_reads, workload.late) == (0, 0)
    assert workload.fetches <= workload.most_fetches


def test_what_the_caches_hold_grows_until_their_bounds() -> None:
    assert counts.memory_held(100) > counts.memory_held(10)


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


def test_the_page_says_which_targets_are_met_and_which_are_not() -> None:
    cold = {
        FLOOR: [200.0],
        "multi-auth, API key": [180.0],
        "multi-auth, JWT": [230.0],
        in_file(1): [200.0],
        in_file(MANY): [210.0],
    }
    samples = {"typical sample, API key": [400.0], "typical sample, JWT": [400.0]}
    medians = {name: values[0] for name, values in {**cold, **samples}.items()}
    page = report.targets(cold_ratios(medians), artifact_bytes=1024, memory={100_000: 10, 1_000_000: 10})
    assert "| cold start, API key / baseline | 0.90 | 1.13 | yes |" in page
    assert "| cold start, JWT / baseline | 1.15 | 1.13 | **no** |" in page
    assert "| cold start, 200 providers / 1 provider, in a file | 1.05 | 1.20 | yes |" in page
    assert not Ratio("x", 1.1, 1.0).is_met
