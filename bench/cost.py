"""What a million requests cost: the counts, times the published prices."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.counts import HOLDERS

HIT_RATES: Final = (0.0, 0.5, 0.9, 0.99)
MEMORY_MB: Final = (128, 256, 512, 1024, 1769)
REQUESTS_A_SECOND: Final = (10, 100, 1000)
PLOTTED_MB: Final = 512
PLOTTED_SECONDS: Final = (0, 1, 2, 5, 10, 20, 30, 60, 120, 300)
FULL_CORE_MB: Final = 1769
"""A function of this size has one processor to itself (Lambda developer guide, "Configure memory")."""


@dataclass(frozen=True)
class Prices:
    """Dollars in us-east-1, on demand, without free tiers. They change: compare them with AWS's pages."""

    date: str = "2025-06, from AWS's public price pages"
    lambda_request: float = 0.20 / 1e6
    lambda_gb_second_arm: float = 0.0000133334
    read_request_unit: float = 0.125 / 1e6
    log_gb: float = 0.50
    metric_month: float = 0.30


@dataclass(frozen=True)
class Load:
    """One decision, as it was measured, and how often each kind of it happens.

    `milliseconds`: of one whole processor. `read_milliseconds`: what DynamoDB takes to answer, which no local
    measurement can tell. `key_share`: API keys among the credentials. `kept_share`: of those, found in memory.
    `accepted_bytes` and `refused_bytes`: all that is logged for one decision. All credentials are accepted, unless
    the load is `refused()`.
    """

    milliseconds: float
    accepted_bytes: float
    refused_bytes: float
    key_share: float = 0.5
    kept_share: float = 0.5
    read_milliseconds: float = 4.0

    def refused(self) -> "Load":
        """Nothing but tokens that no read is needed for."""
        return replace(self, accepted_bytes=self.refused_bytes, key_share=0.0)


def dollars_a_million(load: Load, prices: Prices, *, hit_rate: float, memory_mb: int) -> float:
    """For a million requests, of which API Gateway answers `hit_rate` from its own cache."""
    reads = load.key_share * (1 - load.kept_share)
    processor = load.milliseconds * max(1.0, FULL_CORE_MB / memory_mb)
    billed = (1 - reads) * math.ceil(processor) + reads * math.ceil(processor + load.read_milliseconds)
    one = (
        prices.lambda_request
        + billed / 1000 * memory_mb / 1024 * prices.lambda_gb_second_arm
        + reads * 0.5 * prices.read_request_unit
        + load.accepted_bytes / 1e9 * prices.log_gb
    )
    return (1 - hit_rate) * one * 1e6


def hit_rate(requests_a_second: float, credentials: int, cache_seconds: int) -> float:
    """Of API Gateway's cache, when each credential is used as often as any other, at independent moments.

    An entry lives for a fixed time from its making, in which a credential is asked for `rate * seconds` times more.
    """
    asked = requests_a_second / credentials * cache_seconds
    return asked / (1 + asked)


def plot(load: Load, prices: Prices, path: Path) -> None:
    """Cost by the time that API Gateway keeps an answer, a line for each rate of requests, as SVG without scripts."""
    # It changes how Python imports, of which nothing else should notice.
    import pygal
    from pygal.style import CleanStyle

    chart = pygal.Line(
        style=CleanStyle(font_family="sans-serif", background="white", plot_background="white"),
        js=[],
        width=900,
        height=420,
        title=f"Dollars a million requests, {PLOTTED_MB} MB, {HOLDERS:,} credentials in even use",
        x_title="AuthorizerCacheSeconds",
        legend_at_bottom=True,
        explicit_size=True,
        range=(0, None),
    )
    chart.x_labels = [str(seconds) for seconds in PLOTTED_SECONDS]
    for rate in REQUESTS_A_SECOND:
        rates = [hit_rate(rate, HOLDERS, seconds) for seconds in PLOTTED_SECONDS]
        costs = [dollars_a_million(load, prices, hit_rate=hits, memory_mb=PLOTTED_MB) for hits in rates]
        chart.add(f"{rate:,} requests/s", [round(cost, 4) for cost in costs])
    text: str = chart.render(is_unicode=True, pretty_print=True)
    path.write_text(text, encoding="utf-8")
