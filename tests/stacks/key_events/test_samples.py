"""The sample batches give the events that events/README.md says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.stacks.key_events.images import SCHEMA
from tests.stacks.key_events.test_stream import Parts

FOLDER = Path("events/key_events")
ROWS = re.findall(
    r"\| `key_events/(\w+\.json)` \| `([\w.]+)` \| `([^`]+)` \|", Path("events/README.md").read_text(encoding="utf-8")
)


def test_every_sample_is_in_the_table() -> None:
    assert {file for file, _name, _actor in ROWS} == {path.name for path in FOLDER.glob("*.json")}


@pytest.mark.parametrize(("file", "name", "actor"), ROWS)
def test_a_sample_gives_its_event(file: str, name: str, actor: str) -> None:
    parts = Parts()
    for record in json.loads((FOLDER / file).read_text(encoding="utf-8"))["Records"]:
        parts.stream.handle(record)
    ((found, detail),) = parts.lines
    SCHEMA.validate(detail)
    assert (found, detail["actor"]) == (name, actor)
