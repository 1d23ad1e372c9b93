"""The sample events, what events/README.md says of each, and a recorder of decisions."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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

    def decision(self, **fields: Any) -> None:
        self.decisions.append(fields)


def load(name: str) -> Any:
    return json.loads((EVENTS / name).read_text(encoding="utf-8"))
