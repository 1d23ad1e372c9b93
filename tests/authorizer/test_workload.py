"""What a mixed workload costs: reads, key set fetches, memory. Each is exact, or has a bound that is calculated."""

from tests.support import workload


def test_a_mixed_workload_reads_what_is_needed_and_nothing_else() -> None:
    counts = workload.mixed(1_200)
    assert counts.decisions == sum(counts.outcomes.values())
    assert counts.reads == counts.expected_reads
    assert counts.needless_reads == 0
    assert counts.fetches <= counts.most_fetches


def test_no_key_is_accepted_after_its_revocation_for_longer_than_the_key_cache_permits() -> None:
    assert workload.mixed(4_500, seed=2).late == 0


def test_what_the_key_cache_holds_grows_until_its_bounds_and_no_further() -> None:
    full = workload.memory_held(30_000)
    assert workload.memory_held(100) < full
    assert workload.memory_held(36_000) <= full * 1.1
