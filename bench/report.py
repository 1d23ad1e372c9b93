"""Write docs/benchmarks.md from the figures of one run."""

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
    """All figures of one run. Times are in milliseconds (cold) and microseconds (warm), `memory` is bytes by credentials."""

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
    """Return the page as Markdown."""
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

`make bench` wrote this page on {figures.when:%Y-%m-%d}, from one run on 2 cores ({platform.machine()}, {platform.system()}, Python
{figures.versions["python"]}). It measures the artifact of `sam build` ("multi-auth" in the tables), which contains {packed}.
For comparison, it also measures other libraries, among them {others}.

Compare the ratios, not the times. Times depend on the machine and differ on Lambda, where a function of 512 MB has 0.29 vCPU
after its start. The contenders take turns, so that a ratio compares runs under the same load of the machine."""


def targets(ratios: Sequence[Ratio], artifact_bytes: int, memory: Mapping[int, int]) -> str:
    """Return the table of targets, and whether this run meets them."""
    rows = [(ratio.what, f"{ratio.value:.2f}", f"{ratio.most:.2f}", _yes(ratio.is_met)) for ratio in ratios]
    megabytes = artifact_bytes / 1024**2
    rows.append(("size of the artifact, MB", f"{megabytes:.1f}", "40", _yes(megabytes <= 40)))
    most, full = max(memory.values()), memory[100_000]
    rows.append(("memory, 1,000,000 credentials / full caches", f"{most / full:.2f}", "1.1", _yes(most <= full * 1.1)))
    return "## Targets\n\n" + _table(("ratio of medians", "measured", "target, at most", "met"), rows)


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

The time from the first request to its response, in {figures.rounds} fresh processes for each contender. AWS's Runtime Interface Emulator and
`awslambdaric` start the processes.

- DynamoDB is the emulator. A server on loopback publishes the signing keys.
- Python does not write bytecode, as on Lambda, where the code is read-only.
- "baseline" is a function that creates a boto3 client. "typical sample" is an authorizer in the style of AWS's blueprint and PyJWT's
  documentation. Both use the runtime's compiled boto3. All other libraries are in the artifacts.
- Powertools and aws-jwt-verify fetch keys only over https. Here they read them from a file and save one request.
- The Node contenders run a simple runtime loop, because AWS's runtime interface client needs a compiler.

{_table(("first request", "ratio to baseline", "median, ms", "min, ms", "max, ms"), rows)}"""


def _warm(figures: Figures) -> str:
    base = figures.warm["PyJWT.decode RS256"].median
    rows = [
        (name, f"{t.median / base:.2f}", f"{t.median:.0f}", f"{t.p99:.0f}")
        for name, t in sorted(figures.warm.items(), key=lambda item: item[1].median)
    ]
    return f"""## Warm decisions

Each decision runs on one processor, because a function of up to 1,769 MB has no more.

- "multi-auth" is the artifact in an isolated interpreter. It includes the event, the policy, the log line and the metric. The other
  contenders do only what their name says.
- The signing keys are in memory.
- DynamoDB is the emulator, on the other processor. Compare "API key from DynamoDB" only with "boto3 GetItem".

{_table(("decision", "ratio to PyJWT.decode RS256", "median, µs", "p99, µs"), rows)}"""


def _counts(figures: Figures) -> str:
    work = figures.workload
    rows = [
        ("decisions", f"{work.decisions:,}"),
        (
            "accepted, refused, failed decisions",
            ", ".join(f"{work.outcomes.get(o, 0):,}" for o in ("allow", "refuse", "fail")),
        ),
        ("DynamoDB reads", f"{work.reads:,}"),
        ("DynamoDB reads that are necessary, calculated independently", f"{work.expected_reads:,}"),
        ("read request units", f"{work.reads * RRU_A_READ:,.1f}"),
        ("DynamoDB reads for unrecognized tokens, wrong checksums and unknown `kid`s", f"{work.needless_reads:,}"),
        ("key set fetches", f"{work.fetches:,}"),
        ("keys accepted after their revocation for longer than the key cache permits", f"{work.late:,}"),
        ("bytes logged for each decision", f"{work.bytes_logged / work.decisions:.0f}"),
    ]
    memory = [(f"{distinct:,}", f"{held / 1024:,.0f}") for distinct, held in figures.memory.items()]
    return f"""## Counts

A simulated workload of 100 decisions per second, with API keys and JWTs alternately:

- {HOLDERS:,} API keys and {HOLDERS:,} users. Every 20th credential is invalid.
- Five signing keys, one after the other. An API key is revoked at every 1,000th decision.
- A token with an unknown `kid` can cause one key set fetch every 10 seconds. Most of the fetches have this cause.

The authorizer makes no other requests than these:

{_table(("", ""), rows)}

The memory of the API key cache after a number of different credentials, every second of which is a key in the table:

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

Each rule has its own route and scope, and the caller has half of the scopes. The first row is the largest number of such rules whose
policy is at most {MAX_POLICY_BYTES:,} bytes for any caller. The other rows need `max_policy_bytes`.

The authorizer keeps the policies of {KEPT_GRANTS} sets of satisfied rules. A client that can choose its scopes can cause a new set with each token.

{_table(("rules", "policy, KB", "largest policy, KB", "reading the rules, ms", "new set, ms", "kept set, ms"), rows)}"""


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

This section gives US dollars per million requests of the API: invocations, their duration, DynamoDB reads and logs. API Gateway's price
for the requests comes in addition. Free tiers are not included.

| item | value | source |
| --- | --- | --- |
| a million invocations | {prices.lambda_request * 1e6:.2f} dollars | price, us-east-1 |
| a GB-second, arm64 | {prices.lambda_gb_second_arm:.10f} dollars | price, us-east-1 |
| a million read request units | {prices.read_request_unit * 1e6:.3f} dollars | price, us-east-1 |
| a GB of logs | {prices.log_gb:.2f} dollars | price, us-east-1 |
| a CloudWatch metric for a month | {prices.metric_month:.2f} dollars | price, us-east-1 |
| API keys among the credentials | {load.key_share:.0%} | assumption in `bench/cost.py` |
| API keys found in the key cache | {load.kept_share:.0%} | assumption in `bench/cost.py` |
| a DynamoDB read | {load.read_milliseconds:.0f} ms | assumption in `bench/cost.py` |
| a decision | {load.milliseconds:.3f} ms of 1 vCPU | measured |
| logs of an accepted credential | {load.accepted_bytes:.0f} bytes | measured |
| logs of a refused credential | {load.refused_bytes:.0f} bytes | measured |

Date of the prices: {prices.date}. The logs of a refused credential are the authorizer's line and the runtime's line about the
error that a refusal raises. Lambda writes no line of its own, because the template sets its log level to WARN.

### Refused tokens

The authorizer cache does not keep refusals. A million refused tokens that need no DynamoDB read cost {refused:.3f} dollars at 512 MB. An hour at the
account's limit of 10,000 requests per second costs {refused * 36:.2f} dollars. With `ThrottleRate=100`, it costs {refused * 0.36:.2f} dollars. `ReservedConcurrency` limits
concurrent executions, not requests. Requests above it get 503 or 429 and cause no invocation.

### Metrics

CloudWatch charges for a metric by the month, regardless of the number of data points. A stack has 9 metrics, and one more for each
combination of kind and reason that occurs. There are about 30 reasons.

### Accepted requests

The cost depends on the memory of the function and on the share of requests that the authorizer cache answers:

{_table(("memory", *(f"{rate:.0%}" for rate in HIT_RATES)), by_memory)}

The same cost by `AuthorizerCacheSeconds`, with {HOLDERS:,} credentials that are used equally often, at {PLOTTED_MB} MB:

{_table(("`AuthorizerCacheSeconds`", "10 requests/s", "100 requests/s", "1,000 requests/s"), by_seconds)}

![Dollars per million requests by AuthorizerCacheSeconds]({plot})

Logs are the largest part of the cost. With `LogLevel=WARNING`, the authorizer's line for an accepted or refused credential has only the
metrics and is a third shorter."""


def _yes(met: bool) -> str:
    return "yes" if met else "**no**"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
