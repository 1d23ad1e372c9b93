"""The sample events, what events/README.md says of each, and a recorder of decisions."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from authorizer.decision import Decision

EVENTS = Path(__file__).resolve().parents[2] / "events"
ROW = re.compile(r"\| `(?P<file>(?!me_)\w+\.json)` \| (?P<outcome>allow|401) \| (?:`(?P<reason>\w+)` )?\|")
EXPECTED = [
    (match["file"], match["outcome"], match["reason"])
    for match in ROW.finditer((EVENTS / "README.md").read_text(encoding="utf-8"))
]
ROW_OF_ME = re.compile(r"\| `(?P<file>me_\w+\.json)` \| (?P<status>\d{3}) \| (?:`(?P<sub>[\w-]+)` )?\|")
EXPECTED_OF_ME = [
    (match["file"], int(match["status"]), match["sub"])
    for match in ROW_OF_ME.finditer((EVENTS / "README.md").read_text(encoding="utf-8"))
]


@dataclass
class Recorder:
    """Keeps the decisions that would be logged."""

    decisions: list[Mapping[str, Any]] = field(default_factory=list)

    def decision(self, decision: Decision, request_id: str | None, latency_ms: float) -> None:
        self.decisions.append({**decision._asdict(), "request_id": request_id, "latency_ms": latency_ms})


def load(name: str) -> Any:
    return json.loads((EVENTS / name).read_text(encoding="utf-8"))
