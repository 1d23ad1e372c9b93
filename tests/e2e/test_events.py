"""The optional stack of events, beside the first one: from a `keys` command to a queue on the bus."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.deployment import deploy_template
from local.session import client
from local.stacks import deploy_events
from local.system import System
from tests.e2e.conftest import DIRECTORY, Keys


@dataclass
class Queue:
    """A queue on the bus. `seen` keeps what it received, since a test waits only for its own events."""

    sqs: Any
    url: str
    seen: list[dict[str, Any]] = field(default_factory=list)

    def of(self, subject: str, count: int, *, member: str = "key_id") -> list[dict[str, Any]]:
        """The events of a key or consumer, by event ID, when there are `count` of them or after 20 seconds."""
        end = time.monotonic() + 20
        while True:
            found = {each["detail"]["event_id"]: each for each in self.seen if each["detail"][member] == subject}
            if len(found) >= count or time.monotonic() > end:
                return [found[event_id] for event_id in sorted(found)]
            answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                self.seen.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])


@pytest.fixture(scope="session")
def stack(system: System) -> dict[str, str]:
    """The outputs of the stack of events."""
    return deploy_events(system.emulator, system.deployment, DIRECTORY)


@pytest.fixture(scope="session")
def queue(system: System, stack: dict[str, str]) -> Queue:
    """The queue of examples/events/queue.yaml on the stack's bus."""
    parameters = {"EventBusName": stack["EventBusName"]}
    log = DIRECTORY / "queue.log"
    deploy_template(system.emulator, Path("examples/events/queue.yaml"), "events-queue", parameters, log)
    (found,) = client(system.emulator, "cloudformation").describe_stacks(StackName="events-queue")["Stacks"]
    return Queue(client(system.emulator, "sqs"), found["Outputs"][0]["OutputValue"])


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["detail-type"] for event in events]


def test_each_change_of_a_key_arrives_in_the_queue_with_its_author_and_reason(queue: Queue, keys: Keys) -> None:
    key_id = keys.create("--consumer", "events-life")["key_id"]
    for command in ("disable", "enable"):
        keys.run(command, key_id, "--reason", "a test")
    keys.run("revoke", key_id, "--yes", "--reason", "the end")
    events = queue.of(key_id, 4)
    assert names(events) == ["key.created", "key.disabled", "key.enabled", "key.revoked"]
    last = events[-1]
    assert last["source"] == "multi-auth.multi-auth-local"
    assert (last["detail"]["consumer"], last["detail"]["reason"]) == ("events-life", "the end")
    assert last["detail"]["actor"].startswith("arn:aws:iam::")
