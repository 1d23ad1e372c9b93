"""docs/benchmarks.md, made of the figures of one run."""

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from authorizer.access import KEPT_GRANTS, MAX_POLICY_BYTES
from bench.cold import FLOOR, medians
from bench.cost import (
    HIT_RATES,
    MEMORY_MB,
    PLOTTED_MB,
    REQUESTS_A_SECOND,
    Load,
    Prices,
    dollars_a_million,
    hit_rate,
)
from bench.counts import HOLDERS, RRU_A_READ, Workload
from bench.rules import RulesFigures
from bench.targets import Ratio
from bench.warm import Time

OTHERS = ("joserfc", "awslambdaric")


@dataclass(frozen=True)
class Figures:
    """All of one run."""

    when: datetime
    rounds: int
    versions: Mapping[str, str]
    cold: Mapping[str, Sequence[float]]
    warm: Mapping[str, Time]
    ratios: Sequence[Ratio]
    artifact_bytes: int
    workload: Workload
    memory: Mapping[int, int]
    rules: Sequence[RulesFigures]


def markdown(figures: Figures, load: Load, prices: Prices, plot: str) -> str:
    """The page."""
    parts = [
        _head(figures),
        targets(figures.ratios, figures.artifact_bytes, figures.memory),
        _cold(figures),
        _warm(figures),
        _counts(figures),
        _rules(figures.rules),
        _cost(load, prices, plot),
    ]
    return "\n\n".join(parts) + "\n"


def _head(figures: Figures) -> str:
    packed = ", ".join(f"{name} {number}" for name, number in figures.versions.items() if name != "python")
    others = ", ".join(f"{name} {version(name)}" for name in OTHERS)
    return f"""# Benchmarks

Written by `make bench` on {figures.when:%Y-%m-%d}, in one run on 2 cores ({platform.machine()}, {platform.system()}, Python
{figures.versions["python"]}). What is measured is the artifact of `sam build`, with {packed}. Beside it: {others}.

Read the ratios. Absolute times differ from machine to machine, and Lambda's are others again: a function of 512 MB has 0.29 of a
processor once it has started. Contenders take turns, so that a ratio compares what ran at the same time."""


def targets(ratios: Sequence[Ratio], artifact_bytes: int, memory: Mapping[int, int]) -> str:
    """The table of what is to be reached."""
    rows = [(ratio.what, f"{ratio.value:.2f}", f"{ratio.most:.2f}", _yes(ratio.is_met)) for ratio in ratios]
    megabytes = artifact_bytes / 1024**2
    rows.append(("artifact of the authorizer, MB", f"{megabytes:.1f}", "40", _yes(megabytes <= 40)))
    most, full = max(memory.values()), memory[100_000]
    rows.append(("memory, a million credentials / full caches", f"{most / full:.2f}", "1.1", _yes(most <= full * 1.1)))
    return "## Targets\n\n" + _table(("what, by medians", "here", "at most", "met"), rows)


def _cold(figures: Figures) -> str:
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
    return f"""## Cold starts

{figures.rounds} fresh processes each, by AWS's Runtime Interface Emulator and `awslambdaric`, from the first request to its answer. DynamoDB
is the emulator, signing keys come from loopback. Python writes no bytecode, as in Lambda, where the code is read-only. The floor's and
the sample's boto3 is the runtime's, compiled; all else is packed. Powertools and aws-jwt-verify fetch over https only: their keys come from a file, which spares them a request.
Node runs a runtime loop of our own, as AWS's needs a compiler.

{_table(("first request", "ratio", "ms, median", "least", "most"), rows)}"""


def _warm(figures: Figures) -> str:
    base = figures.warm["PyJWT.decode RS256"].median
    rows = [
        (name, f"{t.median / base:.2f}", f"{t.median:.0f}", f"{t.p99:.0f}")
        for name, t in sorted(figures.warm.items(), key=lambda item: item[1].median)
    ]
    return f"""## Warm decisions

On one processor, as a function of up to 1,769 MB has no more. Ours: the artifact, in an interpreter that sees nothing else, with event, policy,
log line and metric; the others as named. A token's key is at hand. DynamoDB is the emulator, on the other processor: compare "from
DynamoDB" with "boto3 GetItem" and with nothing else.

{_table(("decision", "ratio to PyJWT.decode RS256", "µs, median", "p99"), rows)}"""


def _counts(figures: Figures) -> str:
    work = figures.workload
    rows = [
        ("decisions", f"{work.decisions:,}"),
        (
            "of them accepted, refused, failed",
            ", ".join(f"{work.outcomes.get(o, 0):,}" for o in ("allow", "refuse", "fail")),
        ),
        ("reads of DynamoDB", f"{work.reads:,}"),
        ("reads that an independent reckoning finds needed", f"{work.expected_reads:,}"),
        ("read request units", f"{work.reads * RRU_A_READ:,.1f}"),
        ("reads for garbage, wrong checksums and unknown `kid`s", f"{work.needless_reads:,}"),
        ("fetches of signing keys", f"{work.fetches:,}"),
        ("keys accepted after revocation, later than the cache allows", f"{work.late:,}"),
        ("bytes logged a decision", f"{work.bytes_logged / work.decisions:.0f}"),
    ]
    memory = [(f"{distinct:,}", f"{held / 1024:,.0f}") for distinct, held in figures.memory.items()]
    return f"""## Counts

A mixed workload by a clock of its own, a hundred decisions a second: {HOLDERS:,} API keys and {HOLDERS:,} users by turns, every twentieth
credential a bad one, five signing keys one after the other, and a key revoked each thousandth decision. A token with an unknown `kid`
may cause a fetch every ten seconds; these are most of the fetches. There is no other request.

{_table(("", ""), rows)}

What the caches of a function hold after so many distinct credentials, every second one a key:

{_table(("credentials", "KB"), memory)}"""


def _rules(measured: Sequence[RulesFigures]) -> str:
    rows = [
        (
            f"{figures.rules:,}",
            f"{figures.policy_bytes / 1024:.1f}",
            f"{figures.largest_bytes / 1024:.1f}",
            f"{figures.start_ms:.0f}",
            f"{figures.compile_ms:.2f}",
            f"{figures.again_ms:.3f}",
        )
        for figures in measured
    ]
    return f"""## Access rules

Rules for a route and a scope of its own each, and an identity with half of the scopes. The first row has as many as make a policy
of at most {MAX_POLICY_BYTES:,} bytes, whoever asks; the others need `max_policy_bytes`. A client that chooses its scopes can ask for a new set
of satisfied rules each time: {KEPT_GRANTS} policies are kept.

{_table(("rules", "policy, KB", "largest, KB", "start, ms", "new set, ms", "known set, ms"), rows)}"""


def _cost(load: Load, prices: Prices, plot: str) -> str:
    by_memory = [
        (
            f"{memory} MB",
            *(f"{dollars_a_million(load, prices, hit_rate=rate, memory_mb=memory):.3f}" for rate in HIT_RATES),
        )
        for memory in MEMORY_MB
    ]
    by_seconds = [
        (
            str(seconds),
            *(
                f"{dollars_a_million(load, prices, hit_rate=hit_rate(rate, HOLDERS, seconds), memory_mb=PLOTTED_MB):.3f}"
                for rate in REQUESTS_A_SECOND
            ),
        )
        for seconds in (0, 5, 30, 300)
    ]
    refused = dollars_a_million(load.refused(), prices, hit_rate=0.0, memory_mb=512)
    return f"""## Cost

Dollars for a million requests of the API, on top of API Gateway's own price and without free tiers: invocations, their time, reads, and
logs. Prices of us-east-1, arm64 ({prices.date}): {prices.lambda_request * 1e6:.2f} a million invocations,
{prices.lambda_gb_second_arm:.10f} a GB-second, {prices.read_request_unit * 1e6:.3f} a million read request units, {prices.log_gb:.2f} a GB of logs.
Half of the credentials are API keys, half of these are found in the function's memory, and a read takes {load.read_milliseconds:.0f} ms: assumptions, in
`bench/cost.py`. A decision takes {load.milliseconds:.3f} ms of a processor: measured above. An accepted one logs {load.accepted_bytes:.0f} bytes, a refused
one {load.refused_bytes:.0f}: the function's line, and the runtime's about the error that a refusal is. The platform writes no line of its own for a
decision: the template's level for them is WARN.

A million refused tokens that need no read: {refused:.3f} at 512 MB, as API Gateway's cache does not keep refusals. So an hour at the account's
own limit of 10,000 requests a second costs {refused * 36:.2f}, and with `ThrottleRate=100` {refused * 0.36:.2f}, beside API Gateway's price for the requests.
`ReservedConcurrency` bounds instances, not requests: what is over gets an error without an invocation.

CloudWatch charges a metric by the month ({prices.metric_month:.2f}), however often it is counted. A stack has 9, and one more for each kind and
reason that occurs; there are some 30 reasons.

By memory of the function, and the part that API Gateway's cache answers:

{_table(("memory", *(f"{rate:.0%}" for rate in HIT_RATES)), by_memory)}

By `AuthorizerCacheSeconds`, with {HOLDERS:,} credentials in even use, at {PLOTTED_MB} MB:

{_table(("seconds", "10 requests/s", "100 requests/s", "1,000 requests/s"), by_seconds)}

![Dollars a million requests by AuthorizerCacheSeconds]({plot})

Logs cost the most. `LogLevel=WARNING` makes the function's own line a third shorter: what is accepted or refused is then counted only."""


def _yes(met: bool) -> str:
    return "yes" if met else "**no**"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
