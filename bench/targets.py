"""The targets of the benchmark."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bench.cold import FLOOR, MANY, in_file
from bench.warm import Time


@dataclass(frozen=True)
class Ratio:
    """The quotient of two figures, and its upper limit."""

    what: str
    value: float
    most: float

    @property
    def is_met(self) -> bool:
        return self.value <= self.most


SAMPLE: Final = "typical sample"


def cold_ratios(medians: Mapping[str, float]) -> list[Ratio]:
    return [
        *(
            Ratio(f"cold start, {kind} / baseline", medians[f"multi-auth, {kind}"] / medians[FLOOR], 1.13)
            for kind in ("API key", "JWT")
        ),
        *(
            Ratio(f"cold start, {kind} / {SAMPLE}", medians[f"multi-auth, {kind}"] / medians[f"{SAMPLE}, {kind}"], 0.75)
            for kind in ("API key", "JWT")
        ),
        Ratio(
            f"cold start, {MANY} providers / 1 provider, in a file", medians[in_file(MANY)] / medians[in_file(1)], 1.2
        ),
    ]


def warm_ratios(times: Mapping[str, Time]) -> list[Ratio]:
    def ratio(ours: str, theirs: str, most: float) -> Ratio:
        return Ratio(f"{ours} / {theirs}", times[f"multi-auth, {ours}"].median / times[theirs].median, most)

    return [
        *(ratio(f"JWT {name}", f"PyJWT.decode {name}", 1.7) for name in ("RS256", "ES256")),
        *(ratio(f"JWT {name}", f"Powertools' authorizer {name}", 0.95) for name in ("RS256", "ES256")),
        ratio("API key in memory", "PyJWT.decode RS256", 0.65),
        ratio("unrecognized token", "PyJWT.decode RS256", 1.1),
        ratio("wrong checksum", "PyJWT.decode RS256", 1.1),
        ratio("API key from DynamoDB", "boto3 GetItem", 1.2),
    ]
