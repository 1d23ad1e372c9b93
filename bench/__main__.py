"""`python -m bench`: write the figures into docs/benchmarks.md. `--smoke`: check a one-minute version of it."""

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import cold, report, rules, warm
from bench.backend import running_backend
from bench.cost import Load, Prices, plot
from bench.report import Figures
from bench.rules import COUNTS, MOST_MILLISECONDS, RulesFigures
from bench.targets import Ratio, cold_ratios, warm_ratios
from local import environment
from local.build import FOLDER
from local.step import StepError, fail, say, step

DIRECTORY: Final = Path(".local/bench")
ARTIFACT: Final = FOLDER / "Authorizer"
REPORT: Final = Path("docs/benchmarks.md")
PLOT: Final = Path("docs/cost.svg")
TOLERANCE: Final = 1.5
"""A smoke run permits ratios of 1.5 times the target, because a CI machine runs other work."""


def main() -> int:
    """Return 0, or 1 if many rules take too long or, in a smoke run, a ratio is too high."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure the authorizer and compare it with other libraries, in ratios.",
        epilog="Example: make bench",
    )
    parser.add_argument(
        "--smoke", action="store_true", help="a one-minute version: writes no file, fails on a bad figure"
    )
    parser.add_argument("--rounds", type=int, default=15, help="cold starts of each contender (default: 15)")
    options = parser.parse_args()
    environment.enter()
    try:
        return _smoke() if options.smoke else _full(max(options.rounds, 3))
    except StepError as error:
        return fail(error)


def _full(rounds: int) -> int:
    measured = _measure(rounds, 2000)
    warm_times = measured.warm_times
    figures = Figures(
        when=datetime.now(UTC),
        rounds=rounds,
        versions=measured.versions,
        cold=measured.cold_times,
        warm=warm_times,
        ratios=measured.ratios,
        artifact_bytes=_artifact_bytes(),
        rules=[rules.measure(count) for count in (rules.at_the_limit(), *COUNTS)],
    )
    load = Load(
        milliseconds=statistics.mean(
            [warm_times["multi-auth, JWT RS256"].median, warm_times["multi-auth, API key in memory"].median]
        )
        / 1000,
        accepted_bytes=measured.logged.accepted,
        refused_bytes=measured.logged.refused,
    )
    plot(load, Prices(), PLOT)
    tables = report.tables(figures, load, Prices())
    REPORT.write_text(report.filled(REPORT.read_text(encoding="utf-8"), tables), encoding="utf-8")
    print("\n\n".join(tables.values()))
    say(f"Written to {REPORT} and {PLOT}.")
    return _complain(_slow_rules(figures.rules))


def _smoke() -> int:
    measured = _measure(3, 300, of=(cold.FLOOR, "multi-auth", "typical sample"))
    for ratio in measured.ratios:
        say(f"  {ratio.value:5.2f} (target {ratio.most:.1f}, smoke run {ratio.most * TOLERANCE:.2f})  {ratio.what}")
    high = [
        f"{r.what} is {r.value:.2f}; the target is {r.most:.1f} at most"
        for r in measured.ratios
        if r.value > r.most * TOLERANCE
    ]
    return _complain([*high, *_slow_rules([rules.measure(COUNTS[-1])])])


@dataclass(frozen=True)
class Measured:
    """Times by contender, logged bytes by outcome, and the versions of the libraries in the artifact."""

    cold_times: dict[str, list[float]]
    warm_times: dict[str, warm.Time]
    logged: cold.Logged
    versions: dict[str, str]

    @property
    def ratios(self) -> list[Ratio]:
        return [*cold_ratios(cold.medians(self.cold_times)), *warm_ratios(self.warm_times)]


def _measure(rounds: int, count: int, of: tuple[str, ...] = ("",)) -> Measured:
    """Measure cold starts of the contenders whose names start with one of `of`, and warm decisions."""
    key_set = Path("events/jwks.json").read_bytes()
    with step("sam build of the authorizer and its peers"):
        contenders = [c for c in cold.prepare(DIRECTORY) if c.name.startswith(of)]
    try:
        with step(f"{rounds} x {len(contenders)} cold starts"), running_backend(DIRECTORY, key_set) as backend:
            cold_times = cold.measure(contenders, backend, rounds, DIRECTORY)
            logged = cold.logged(next(c for c in contenders if c.name.startswith("multi-auth")), backend, DIRECTORY)
    finally:
        cold.release(DIRECTORY)
    with step("warm decisions"), running_backend(DIRECTORY, warm.KEY_SET) as backend:
        warm_times, versions = warm.measure(backend, ARTIFACT, count)
    return Measured(cold_times, warm_times, logged, versions)


def _artifact_bytes() -> int:
    return sum(path.stat().st_size for path in ARTIFACT.rglob("*") if path.is_file())


def _slow_rules(measured: Sequence[RulesFigures]) -> list[str]:
    return [
        f"{figures.rules} rules take {figures.compile_ms:.1f} ms for a new set; the target is {MOST_MILLISECONDS} ms"
        for figures in measured
        if figures.compile_ms > MOST_MILLISECONDS
    ]


def _complain(wrong: list[str]) -> int:
    for what in wrong:
        say(f"Wrong: {what}.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
