"""The tables of docs/benchmarks.md, from the figures of one run. The page itself is written by hand.

A table is between the lines `<!-- bench: NAME -->` and `<!-- end -->`.
"""

import platform
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Final

from bench.cold import FLOOR, medians
from bench.cost import (
    CREDENTIALS,
    HIT_RATES,
    MEMORY_MB,
    PLOTTED_MB,
    REQUESTS_A_SECOND,
    Load,
    Prices,
    dollars_a_million,
    hit_rate,
)
from bench.rules import RulesFigures
from bench.targets import Ratio
from bench.warm import Time

OTHERS: Final = ("joserfc", "awslambdaric")
_MARK: Final = re.compile(r"<!-- bench: (\S+) -->\n.*?<!-- end -->", re.DOTALL)


@dataclass(frozen=True)
class Figures:
    """All figures of one run. Times are in milliseconds (cold) and microseconds (warm)."""

    when: datetime
    rounds: int
    versions: Mapping[str, str]
    cold: Mapping[str, Sequence[float]]
    warm: Mapping[str, Time]
    ratios: Sequence[Ratio]
    artifact_bytes: int
    rules: Sequence[RulesFigures]


def tables(figures: Figures, load: Load, prices: Prices) -> dict[str, str]:
    """Return each table in Markdown by its name."""
    return {name: make(figures, load, prices) for name, make in TABLES.items()}


def marks(page: str) -> list[str]:
    """Return the names of the marks of a page."""
    return _MARK.findall(page)


def filled(page: str, made: Mapping[str, str]) -> str:
    """Return the page with each table in its place.

    :raises ValueError: the page does not have exactly the marks of the tables.
    """
    if sorted(marks(page)) != sorted(made):
        raise ValueError(f"The page has the marks {', '.join(marks(page))} instead of {', '.join(made)}.")
    return _MARK.sub(lambda mark: f"<!-- bench: {mark[1]} -->\n\n{made[mark[1]]}\n\n<!-- end -->", page)


def _run(figures: Figures, _load: Load, _prices: Prices) -> str:
    packed = [f"{name} {number}" for name, number in figures.versions.items() if name != "python"]
    others = [f"{name} {version(name)}" for name in OTHERS]
    rows = [
        ("date", f"{figures.when:%Y-%m-%d}"),
        (
            "machine",
            f"2 cores, {platform.machine()}, {platform.system()}, Python {figures.versions['python']}",
        ),
        ("in the artifact", ", ".join(packed)),
        ("others, among them", ", ".join(others)),
        ("cold starts of each contender", str(figures.rounds)),
    ]
    return table(("run", ""), rows)


def targets(ratios: Sequence[Ratio], artifact_bytes: int) -> str:
    """Return the table of targets, and whether this run meets them."""
    rows = [(ratio.what, f"{ratio.value:.2f}", f"{ratio.most:.2f}", _yes(ratio.is_met)) for ratio in ratios]
    megabytes = artifact_bytes / 1024**2
    rows.append(("size of the artifact, MB", f"{megabytes:.1f}", "40", _yes(megabytes <= 40)))
    return table(("ratio of medians", "measured", "target, at most", "met"), rows)


def _cold(figures: Figures, _load: Load, _prices: Prices) -> str:
    by_median = medians(figures.cold)
    rows = [
        (
            name,
            f"{median / by_median[FLOOR]:.2f}",
            f"{median:.0f}",
            f"{min(figures.cold[name]):.0f}",
            f"{max(figures.cold[name]):.0f}",
        )
        for name, median in sorted(by_median.items(), key=lambda item: item[1])
    ]
    return table(("first request", "ratio to baseline", "median, ms", "min, ms", "max, ms"), rows)


def _warm(figures: Figures, _load: Load, _prices: Prices) -> str:
    base = figures.warm["PyJWT.decode RS256"].median
    rows = [
        (name, f"{time.median / base:.2f}", f"{time.median:.0f}", f"{time.p99:.0f}")
        for name, time in sorted(figures.warm.items(), key=lambda item: item[1].median)
    ]
    return table(("decision", "ratio to PyJWT.decode RS256", "median, µs", "p99, µs"), rows)


def _rules(figures: Figures, _load: Load, _prices: Prices) -> str:
    rows = [
        (
            f"{each.rules:,}",
            f"{each.policy_bytes / 1024:.1f}",
            f"{each.largest_bytes / 1024:.1f}",
            f"{each.start_ms:.0f}",
            f"{each.compile_ms:.2f}",
            f"{each.again_ms:.3f}",
        )
        for each in figures.rules
    ]
    return table(
        ("rules", "policy, KB", "largest policy, KB", "reading the rules, ms", "new set, ms", "kept set, ms"), rows
    )


def _items(_figures: Figures, load: Load, prices: Prices) -> str:
    price, assumption = f"price, us-east-1, {prices.date}", "assumption in `bench/cost.py`"
    rows = [
        ("a million invocations", f"{prices.lambda_request * 1e6:.2f} dollars", price),
        ("a GB-second, arm64", f"{prices.lambda_gb_second_arm:.10f} dollars", price),
        ("a million read request units", f"{prices.read_request_unit * 1e6:.3f} dollars", price),
        ("a GB of logs", f"{prices.log_gb:.2f} dollars", price),
        ("a CloudWatch metric for a month", f"{prices.metric_month:.2f} dollars", price),
        ("API keys among the credentials", f"{load.key_share:.0%}", assumption),
        ("API keys found in the key cache", f"{load.kept_share:.0%}", assumption),
        ("a DynamoDB read", f"{load.read_milliseconds:.0f} ms", assumption),
        ("a decision", f"{load.milliseconds:.3f} ms of 1 vCPU", "measured"),
        ("logs of an accepted credential", f"{load.accepted_bytes:.0f} bytes", "measured"),
        ("logs of a refused credential", f"{load.refused_bytes:.0f} bytes", "measured"),
    ]
    return table(("item", "value", "source"), rows)


def _refused(_figures: Figures, load: Load, prices: Prices) -> str:
    million = dollars_a_million(load.refused(), prices, hit_rate=0.0, memory_mb=PLOTTED_MB)
    rows = [
        ("a million refused tokens that need no DynamoDB read", f"{million:.3f}"),
        ("an hour of them at the account's limit of 10,000 requests per second", f"{million * 36:.2f}"),
        ("an hour of them with `ThrottleRate=100`", f"{million * 0.36:.2f}"),
    ]
    return table(("refused tokens", f"dollars, at {PLOTTED_MB} MB"), rows)


def _memory(_figures: Figures, load: Load, prices: Prices) -> str:
    rows = [
        (
            f"{memory} MB",
            *(f"{dollars_a_million(load, prices, hit_rate=rate, memory_mb=memory):.3f}" for rate in HIT_RATES),
        )
        for memory in MEMORY_MB
    ]
    return table(("memory", *(f"{rate:.0%}" for rate in HIT_RATES)), rows)


def _seconds(_figures: Figures, load: Load, prices: Prices) -> str:
    def dollars(rate: int, seconds: int) -> str:
        hits = hit_rate(rate, CREDENTIALS, seconds)
        return f"{dollars_a_million(load, prices, hit_rate=hits, memory_mb=PLOTTED_MB):.3f}"

    rows = [(str(seconds), *(dollars(rate, seconds) for rate in REQUESTS_A_SECOND)) for seconds in (0, 5, 30, 300)]
    return table(("`AuthorizerCacheSeconds`", *(f"{rate:,} requests/s" for rate in REQUESTS_A_SECOND)), rows)


TABLES: Final[Mapping[str, Callable[[Figures, Load, Prices], str]]] = {
    "run": _run,
    "targets": lambda figures, _load, _prices: targets(figures.ratios, figures.artifact_bytes),
    "cold": _cold,
    "warm": _warm,
    "rules": _rules,
    "prices": _items,
    "refused": _refused,
    "memory": _memory,
    "seconds": _seconds,
}


def _yes(met: bool) -> str:
    return "yes" if met else "**no**"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
