"""Calculate what a month costs, for each stack, from published prices and from the figures that the pages have.

`make docs` writes the tables of docs/costs.md. Nothing is measured here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bench.cost import Load, Prices, dollars_a_million, hit_rate
from local.template_file import load as load_template

BENCHMARKS: Final = Path("docs/benchmarks.md")
USAGE: Final = Path("docs/usage.md")
OPTIONAL: Final = ("events", "usage", "monitoring")
MONTH_SECONDS: Final = 30 * 86_400
MEMORY_MB: Final = 512
MILLION: Final = 1e6

Parts = Mapping[str, float]
"""Dollars a month by what they are paid for."""


@dataclass(frozen=True)
class More(Prices):
    """Further prices in dollars in us-east-1: of a million unless the name says otherwise."""

    rest_requests: tuple[tuple[float, float], ...] = ((333e6, 3.50), (667e6, 2.80), (19e9, 2.38))
    http_requests: tuple[tuple[float, float], ...] = ((300e6, 1.00), (float("inf"), 0.90))
    write_units: float = 0.625
    bus_events: float = 1.00
    alarm_month: float = 0.10
    dashboard_month: float = 3.00
    insight_rule_month: float = 0.50
    insight_events: float = 0.02
    log_gb_month: float = 0.03
    table_gb_month: float = 0.25
    backup_gb_month: float = 0.20


@dataclass(frozen=True)
class Month:
    """A month of an API. `credentials` are used equally often; the lines of the access log have `line_bytes`.

    `changes`: of keys. `signed_in`: requests of users to the self-service. `refused`: the share of 403 and 429.
    """

    requests: float
    credentials: int
    cache_seconds: int = 30
    line_bytes: float = 323
    metrics: int = 29
    refused: float = 0.05
    is_rest: bool = True

    @property
    def a_second(self) -> float:
        return self.requests / MONTH_SECONDS

    @property
    def hits(self) -> float:
        return hit_rate(self.a_second, self.credentials, self.cache_seconds)

    @property
    def changes(self) -> int:
        return 2 * self.credentials

    @property
    def signed_in(self) -> int:
        return 20 * self.credentials


MONTHS: Final = (Month(1e6, 100), Month(100e6, 1_000), Month(10e9, 10_000))


def measured_load(page: str) -> Load:
    """The load that docs/benchmarks.md has.

    :raises ValueError: the page does not have it.
    """
    names = ("a decision", "logs of an accepted credential", "logs of a refused credential")
    found = [re.search(rf"^\| {name} \| ([0-9.]+) .*\| measured \|$", page, re.MULTILINE) for name in names]
    if not all(found):
        raise ValueError("the page of benchmarks lacks a measured figure")
    return Load(*(float(each[1]) for each in found if each))


def usage_of_ten_million(page: str) -> float:
    """The highest cost of counting 10 million requests in the table of docs/usage.md, in dollars."""
    return max(float(each) for each in re.findall(r"\| ([0-9.]+) USD \|$", page, re.MULTILINE))


def tiered(requests: float, tiers: Sequence[tuple[float, float]]) -> float:
    """The price of so many requests. `tiers`: requests, and the price of a million of them."""
    dollars = 0.0
    for size, price in tiers:
        taken = min(requests, size)
        dollars, requests = dollars + taken / MILLION * price, requests - taken
    return dollars


def stacks(month: Month, load: Load, usage: float, prices: More) -> dict[str, Parts]:
    """The parts of the cost by stack. `usage`: see `usage_of_ten_million`."""
    fixed = {name: _alarms(name, prices) for name in OPTIONAL}
    decisions = dollars_a_million(load, prices, hit_rate=month.hits, memory_mb=MEMORY_MB) * month.requests / MILLION
    logs = (1 - month.hits) * month.requests * load.accepted_bytes / 1e9 * prices.log_gb
    lines_gb = month.requests * month.line_bytes / 1e9
    events = month.changes / MILLION
    tiers = prices.rest_requests if month.is_rest else prices.http_requests
    return {
        "API Gateway": {"requests": tiered(month.requests, tiers)},
        "the authorizer": {
            "logs": logs,
            "invocations and reads": decisions - logs,
            "metrics": month.metrics * prices.metric_month,
        },
        "its access log": {"writing": lines_gb * prices.log_gb, "keeping 30 days": lines_gb * prices.log_gb_month},
        "`stacks/events`": {
            "alarms": fixed["events"],
            "events": events * (prices.bus_events + prices.lambda_request * MILLION),
        },
        "`stacks/usage`": {
            "updates and invocations": usage * month.requests / 10e6,
            "alarms": fixed["usage"],
            # An item of a day is below 1 KB, and stays for 400 days.
            "table": month.credentials * 400 * 1e3 / 1e9 * (prices.table_gb_month + prices.backup_gb_month),
        },
        "`stacks/monitoring`": {
            "dashboards": 2 * prices.dashboard_month,
            "alarms": fixed["monitoring"],
            "Contributor Insights": prices.insight_rule_month
            + month.requests * month.refused / MILLION * prices.insight_events,
        },
        "`stacks/self-service`": {
            "requests": month.signed_in / MILLION * (tiers[0][1] + prices.lambda_request * MILLION),
        },
        "usage plans": {"none": 0.0},
    }


CHANGES: Final[tuple[tuple[str, str], ...]] = (
    ("`AuthorizerCacheSeconds=300`", "A revoked key can be accepted for five minutes, or flush the cache."),
    ("`LogLevel=WARNING`", "The authorizer's log no longer has accepted requests; the access log has."),
    ("an HTTP API", "It has no usage plans, and its 401 has API Gateway's own body."),
    ("no `stacks/usage`", "`keys usage` reads the log: last use only as far back as the log goes."),
    ("no access log", "No record of requests, and no `keys usage`."),
)
"""What lowers the cost, and what one gives up."""


def savings(month: Month, load: Load, usage: float, prices: More) -> list[float]:
    """What each of `CHANGES` saves, in dollars a month."""

    def total(month: Month = month, load: Load = load, without: Sequence[str] = ()) -> float:
        found = stacks(month, load, usage, prices)
        return sum(sum(parts.values()) for name, parts in found.items() if name not in without)

    shorter = replace(load, accepted_bytes=load.accepted_bytes * 2 / 3)
    cheaper = (
        total(replace(month, cache_seconds=300)),
        total(load=shorter),
        total(replace(month, is_rest=False)),
        total(without=["`stacks/usage`"]),
        total(without=["`stacks/usage`", "its access log"]),
    )
    return [total() - each for each in cheaper]


def _alarms(stack: str, prices: More) -> float:
    resources: Mapping[str, Any] = load_template(Path(f"stacks/{stack}/template.yaml"))["Resources"]
    alarms = [name for name, each in resources.items() if each["Type"] == "AWS::CloudWatch::Alarm"]
    return len(alarms) * prices.alarm_month


def heads(months: Sequence[Month] = MONTHS) -> list[str]:
    return [f"{month.requests / MILLION:,.0f} million" for month in months]


def month_rows() -> Iterator[tuple[str, ...]]:
    """What the months are."""
    yield ("requests a second, on average", *(f"{each.a_second:,.1f}" for each in MONTHS))
    yield ("credentials", *(f"{each.credentials:,}" for each in MONTHS))
    yield ("answered by the authorizer cache", *(f"{each.hits:.0%}" for each in MONTHS))
    yield ("decisions of the authorizer a second", *(f"{each.a_second * (1 - each.hits):,.2f}" for each in MONTHS))


def cost_rows(load: Load, usage: float, prices: More) -> Iterator[tuple[str, ...]]:
    """A row for each stack, with its largest part in the last month, and one for the sum."""
    every = [stacks(month, load, usage, prices) for month in MONTHS]
    for name, parts in every[-1].items():
        largest = max(parts, key=lambda part: parts[part])
        yield (name, *(_dollars(sum(each[name].values())) for each in every), largest if parts[largest] else "free")
    yield ("together", *(_dollars(sum(sum(parts.values()) for parts in each.values())) for each in every), "")


def saving_rows(load: Load, usage: float, prices: More) -> Iterator[tuple[str, ...]]:
    every = [savings(month, load, usage, prices) for month in MONTHS]
    for number, (change, price) in enumerate(CHANGES):
        yield (change, *(_dollars(each[number]) for each in every), price)


def _dollars(dollars: float) -> str:
    return f"{dollars:,.0f}" if dollars >= 10 else f"{dollars:,.2f}"
