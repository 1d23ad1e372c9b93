"""Calculate the cost of a million requests from measured times and published prices."""

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

HIT_RATES: Final = (0.0, 0.5, 0.9, 0.99)
MEMORY_MB: Final = (128, 256, 512, 1024, 1769)
REQUESTS_A_SECOND: Final = (10, 100, 1000)
PLOTTED_MB: Final = 512
PLOTTED_SECONDS: Final = (0, 1, 2, 5, 10, 20, 30, 60, 120, 300)
CREDENTIALS: Final = 1_000
"""Of the workload with a request rate."""
FULL_CORE_MB: Final = 1769
"""A function of this size has one full processor (Lambda developer guide, "Configure memory")."""


@dataclass(frozen=True)
class Prices:
    """Prices in dollars in us-east-1, on demand, without free tiers. They change: compare them with AWS's pages."""

    date: str = "2025-06, from AWS's public price pages"
    lambda_request: float = 0.20 / 1e6
    lambda_gb_second_arm: float = 0.0000133334
    read_request_unit: float = 0.125 / 1e6
    log_gb: float = 0.50
    metric_month: float = 0.30


@dataclass(frozen=True)
class Load:
    """The measured cost of one decision, and the share of each kind of credential.

    `milliseconds`: time on one full processor. `read_milliseconds`: time of a DynamoDB read, which cannot be measured
    locally. `key_share`: share of API keys among the credentials. `kept_share`: share of these found in the key cache.
    `accepted_bytes` and `refused_bytes`: everything logged for one decision. All credentials are accepted, unless the
    load is `refused()`.
    """

    milliseconds: float
    accepted_bytes: float
    refused_bytes: float
    key_share: float = 0.5
    kept_share: float = 0.5
    read_milliseconds: float = 4.0

    def refused(self) -> "Load":
        """Return the load of refused tokens that need no DynamoDB read."""
        return replace(self, accepted_bytes=self.refused_bytes, key_share=0.0)


def dollars_a_million(load: Load, prices: Prices, *, hit_rate: float, memory_mb: int) -> float:
    """Return the cost of a million requests, of which the authorizer cache answers the share `hit_rate`."""
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
    """Return the hit rate of the authorizer cache for credentials that are used equally often, at independent times.

    An entry expires a fixed time after its creation. Until then, the credential is used `rate * seconds` times more.
    """
    asked = requests_a_second / credentials * cache_seconds
    return asked / (1 + asked)


def plot(load: Load, prices: Prices, path: Path) -> None:
    """Write the cost by `AuthorizerCacheSeconds`, with a line for each request rate, as SVG without scripts."""
    # pygal changes how Python imports. This keeps the change out of the measurements.
    import pygal
    from pygal.style import CleanStyle

    chart = pygal.Line(
        style=CleanStyle(
            font_family="sans-serif",
            background="white",
            plot_background="white",
            guide_stroke_color="#d0d7de",
            major_guide_stroke_color="#d0d7de",
            stroke_width="2",
            label_font_size=12,
            major_label_font_size=12,
        ),
        js=[],
        width=900,
        height=420,
        title=f"Dollars per million requests ({PLOTTED_MB} MB, {CREDENTIALS:,} credentials used equally often)",
        x_title="AuthorizerCacheSeconds",
        legend_at_bottom=True,
        legend_at_bottom_columns=len(REQUESTS_A_SECOND),
        no_prefix=True,
        explicit_size=True,
        range=(0, None),
    )
    chart.x_labels = [str(seconds) for seconds in PLOTTED_SECONDS]
    for rate in REQUESTS_A_SECOND:
        rates = [hit_rate(rate, CREDENTIALS, seconds) for seconds in PLOTTED_SECONDS]
        costs = [dollars_a_million(load, prices, hit_rate=hits, memory_mb=PLOTTED_MB) for hits in rates]
        chart.add(f"{rate:,} requests/s", [round(cost, 4) for cost in costs])
    text: str = chart.render(is_unicode=True, pretty_print=True)
    # pygal writes its configuration as a script even if it has none to run.
    path.write_text(re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL), encoding="utf-8")
