"""The optional stack of events, beside the first one: from a `keys` command to a queue on the bus."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from authorizer import api_key
from local.deployment import deploy_template
from local.session import client
from local.stacks import deploy_events
from local.system import System
from local.template_file import load
from tests.e2e.conftest import DIRECTORY, Keys


@dataclass
class Queue:
    """A queue on the bus. `seen` keeps what it received, since a test waits only for its own events."""

    sqs: Any
    url: str
    seen: list[dict[str, Any]] = field(default_factory=list)

    def of(self, subject: str, count: int, *, member: str = "key_id", seconds: float = 30) -> list[dict[str, Any]]:
        """The events of a key or consumer, by event ID, when there are `count` of them or after these seconds."""
        end = time.monotonic() + seconds
        while True:
            found = {each["detail"]["event_id"]: each for each in self.seen if each["detail"][member] == subject}
            if len(found) >= count or time.monotonic() > end:
                return [found[event_id] for event_id in sorted(found)]
            answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                self.seen.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])


@pytest.fixture(scope="session")
def stack(system: System) -> Iterator[dict[str, str]]:
    """The outputs of the stack of events. When it is deleted, its record and the first stack stay."""
    outputs = deploy_events(system.emulator, system.deployment.table, DIRECTORY)
    yield outputs
    client(system.emulator, "cloudformation").delete_stack(StackName="multi-auth-local-events")
    groups = client(system.emulator, "logs").describe_log_groups(logGroupNamePrefix=outputs["RecordLogGroup"])
    assert [group["logGroupName"] for group in groups["logGroups"]] == [outputs["RecordLogGroup"]]
    functions = client(system.emulator, "lambda").list_functions()["Functions"]
    names = [function["FunctionName"] for function in functions]
    assert outputs["EventsFunctionName"] not in names
    assert system.deployment.authorizer_function in names


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


def test_a_roll_and_its_undoing_a_leak_and_a_deletion_arrive(queue: Queue, keys: Keys) -> None:
    created = keys.create("--consumer", "events-roll")
    old = created["key_id"]
    keys.run("roll", old, "--grace", "1h")
    keys.run("roll", old, "--undo", "--yes")
    keys.run("delete", old, "--yes", "--reason", "no longer used")
    assert names(queue.of(old, 4)) == ["key.created", "key.rolled", "key.unrolled", "key.deleted"]
    successors = {event["detail"]["key_id"] for event in queue.seen if event["detail"]["consumer"] == "events-roll"}
    (new,) = successors - {old, None}  # None: of the consumer
    assert names(queue.of(new, 2)) == ["key.created", "key.revoked"]


def test_the_keys_of_a_disabled_consumer_give_an_event_each(queue: Queue, keys: Keys) -> None:
    key_ids = [keys.create("--consumer", "events-consumer")["key_id"] for _ in range(3)]
    keys.run("consumer", "disable", "events-consumer", "--reason", "unpaid", "--yes")
    for key_id in key_ids:
        assert names(queue.of(key_id, 2)) == ["key.created", "key.disabled"]
    of_consumer = queue.of("events-consumer", 8, member="consumer")
    (end,) = [event for event in of_consumer if event["detail-type"] == "consumer.disabled"]
    assert (end["detail"]["key_id"], end["detail"]["reason"]) == (None, "unpaid")


def test_a_change_by_another_program_arrives_with_an_unknown_actor(queue: Queue, keys: Keys) -> None:
    key = keys.create("--consumer", "events-other")
    keys.update(api_key.digest(key["key"]), "SET revoked_at = :now", {":now": {"N": "1790000000"}})
    events = queue.of(key["key_id"], 2)
    assert names(events) == ["key.created", "key.revoked"]
    assert events[-1]["detail"]["actor"] == "unknown"


def test_an_import_and_a_leak_arrive(queue: Queue, keys: Keys, tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text("consumer,key\nevents-import,legacy-9f8e7d6c5b4a39281706\n", encoding="utf-8")
    keys.run("import", str(file), "--prefix", "mak")
    imported = queue.of("events-import", 2, member="consumer")
    assert "key.imported" in names(imported)
    # The authorizer of the tests accepts no imported keys.
    keys.run("delete", next(event["detail"]["key_id"] for event in imported if event["detail"]["key_id"]), "--yes")
    created = keys.create("--consumer", "events-leak")
    log = tmp_path / "app.log"
    log.write_text(f"Authorization: Bearer {created['key']}\n", encoding="utf-8")
    keys.run("leak", str(log), "--yes")
    assert names(queue.of(created["key_id"], 2)) == ["key.created", "key.leaked"]


def test_the_end_of_a_key_arrives_with_the_next_run_of_the_schedule(
    system: System, stack: dict[str, str], queue: Queue, keys: Keys
) -> None:
    soon = keys.create("--consumer", "events-end", "--expires-in", "1s")["key_id"]
    later = keys.create("--consumer", "events-end", "--expires-in", "1d")["key_id"]
    assert names(queue.of(soon, 1)) == ["key.created"]
    time.sleep(2)  # The expiry is stored in the table, and compared with the clock of the function.
    functions = client(system.emulator, "lambda")
    answer = functions.invoke(FunctionName=stack["NoticesFunctionName"], Payload=b"{}")
    assert json.loads(answer["Payload"].read())["sent"] >= 1
    assert names(queue.of(soon, 2)) == ["key.created", "key.expired"]
    assert names(queue.of(later, 2, seconds=3)) in (["key.created"], ["key.created", "key.expiring"])


def test_a_webhook_receives_the_events_of_its_rule(system: System, stack: dict[str, str], keys: Keys) -> None:
    """The emulator's CloudFormation knows no connections and API destinations, so its API makes them."""
    resources = load(Path("examples/events/webhook.yaml"))["Resources"]
    connection, destination, rule = (
        resources[name]["Properties"] for name in ("Connection", "Destination", "ToWebhook")
    )
    events, bus = client(system.emulator, "events"), stack["EventBusName"]
    header = connection["AuthParameters"]["ApiKeyAuthParameters"]
    with receiving() as (url, received):
        made = events.create_connection(
            Name="webhook",
            AuthorizationType=connection["AuthorizationType"],
            AuthParameters={"ApiKeyAuthParameters": {**header, "ApiKeyValue": "s3cret"}},
        )
        target = events.create_api_destination(
            Name="webhook",
            ConnectionArn=made["ConnectionArn"],
            HttpMethod=destination["HttpMethod"],
            InvocationEndpoint=url,
        )
        events.put_rule(Name="webhook", EventBusName=bus, EventPattern=json.dumps(rule["EventPattern"]))
        role = "arn:aws:iam::000000000000:role/webhook"
        arn = target["ApiDestinationArn"]
        events.put_targets(Rule="webhook", EventBusName=bus, Targets=[{"Id": "webhook", "Arn": arn, "RoleArn": role}])
        key_id = keys.create("--consumer", "events-webhook")["key_id"]
        keys.run("revoke", key_id, "--yes")
        end = time.monotonic() + 30
        while not received and time.monotonic() < end:
            time.sleep(0.1)
    (sent_header, body) = received[0]
    assert (sent_header, body["detail-type"], body["detail"]["key_id"]) == ("s3cret", "key.revoked", key_id)


@contextmanager
def receiving() -> Iterator[tuple[str, list[tuple[str | None, Any]]]]:
    """A webhook: its URL, and the header X-Api-Key and the body of each request."""
    received: list[tuple[str | None, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            received.append((self.headers["X-Api-Key"], json.loads(self.rfile.read(length))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", received
        server.shutdown()


def test_no_event_has_the_digest_the_data_or_the_key(queue: Queue, keys: Keys) -> None:
    key = keys.create("--consumer", "events-secret", "--data", '{"word": "s3cr3t-data"}')
    text = json.dumps(queue.of(key["key_id"], 1))
    assert text != "[]"
    for secret in (key["key"], api_key.digest(key["key"]), "s3cr3t-data"):
        assert secret not in text


@contextmanager
def bus_down(system: System) -> Iterator[None]:
    """The function may not send events, as while EventBridge refuses them."""
    iam = client(system.emulator, "iam")
    found = client(system.emulator, "cloudformation").describe_stack_resource(
        StackName="multi-auth-local-events", LogicalResourceId="KeyEventsRole"
    )
    role = found["StackResourceDetail"]["PhysicalResourceId"]
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    statements = [each for each in document["Statement"] if each["Action"] != "events:PutEvents"]
    assert len(statements) < len(document["Statement"])
    less = json.dumps({**document, "Statement": statements})
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=less)
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))


def test_what_happens_while_the_bus_is_down_arrives_when_it_is_back(system: System, queue: Queue, keys: Keys) -> None:
    with bus_down(system):
        key_ids = [keys.create("--consumer", "events-down")["key_id"] for _ in range(3)]
        assert queue.of(key_ids[0], 1, seconds=5) == []
    assert [names(queue.of(key_id, 1)) for key_id in key_ids] == [["key.created"]] * 3


def test_the_record_has_the_events_of_a_deleted_key(system: System, queue: Queue, keys: Keys) -> None:
    key_id = keys.create("--consumer", "events-audit")["key_id"]
    keys.run("delete", key_id, "--yes", "--reason", "no longer used")
    queue.of(key_id, 2)
    answer = keys_on_stack(system, "audit", "--key", key_id)
    assert [(event["event"], event["reason"]) for event in json.loads(answer)] == [
        ("key.created", None),
        ("key.deleted", "no longer used"),
    ]


def test_a_record_that_cannot_be_read_is_in_the_queue_of_failures_until_it_is_replayed(
    system: System, stack: dict[str, str], queue: Queue, keys: Keys
) -> None:
    digest = api_key.digest("malformed")
    item = {"pk": {"S": digest}, "key_id": {"S": "a\nb"}, "consumer": {"S": "events-malformed"}}
    keys.dynamodb.put_item(TableName=system.deployment.table, Item=item)
    keys.dynamodb.delete_item(TableName=system.deployment.table, Key={"pk": item["pk"]})
    after = keys.create("--consumer", "events-after")["key_id"]
    assert names(queue.of(after, 1)) == ["key.created"]  # It holds nothing up.
    message = queue.sqs.receive_message(QueueUrl=stack["FailuresQueueUrl"], WaitTimeSeconds=10, VisibilityTimeout=0)
    failure = json.loads(message["Messages"][0]["Body"])
    assert failure["reason"] == "The key ID is malformed."  # Of the creation, and then of the removal.
    # Both records are sent again, cannot be read again, and stay in the queue: exit code 1.
    answer = keys_on_stack(system, "events", "replay", "--yes", exit_code=1)
    assert sorted(each["records"] for each in json.loads(answer)) == [0, 0, 1, 1]


def keys_on_stack(system: System, *arguments: str, exit_code: int = 0) -> str:
    """The JSON output of a `keys` command that has the local stack as its stack."""
    done = subprocess.run(
        [".venv/bin/keys", *arguments, "--stack", "multi-auth-local", "--output", "json"],
        env=system.emulator.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == exit_code, done.stderr
    return done.stdout
