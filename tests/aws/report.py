"""The results of a run, as `acceptance.json`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from authorizer import VERSION
from local.step import write_private
from tests.aws.check import Check
from tests.aws.place import Place
from tests.aws.stacks import Remnant

FILE: Final = Path("acceptance.json")
Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Result:
    """`reason`: why the check failed or was skipped; empty if it passed."""

    check: Check
    outcome: Outcome
    reason: str = ""
    seconds: float = 0

    def as_object(self) -> dict[str, Any]:
        return {
            "name": self.check.name,
            "page": self.check.page,
            "statement": self.check.statement,
            "result": self.outcome,
            "reason": self.reason,
            "seconds": round(self.seconds, 1),
        }


def report(place: Place, results: Sequence[Result], remnants: Sequence[Remnant]) -> Mapping[str, Any]:
    """The content of the file. It names no account, so that it can be published."""
    return {
        "version": VERSION,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "where": "emulator" if place.is_emulator else "aws",
        "region": place.region,
        "checks": [result.as_object() for result in results],
        "remained": [asdict(remnant) for remnant in remnants],
    }


def write(file: Path, content: Mapping[str, Any]) -> None:
    write_private(file, json.dumps(content, indent=2) + "\n")
