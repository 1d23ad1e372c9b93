"""The commands with the table of the optional stack of usage: it is read instead of the access logs."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from authorizer.subject_hash import subject_hash
from keys.cli.app import App
from keys.core.errors import ServiceFailure
from keys.core.table import Table
from keys.deployment import usage_replay
from keys.deployment.target import Resolved
from keys.deployment.usage_table import Uses
from tests.support.keys_command import NOW, KeysCommand
from tests.support.logged_apis import Group, LoggedApis
from tests.support.usage_table import GROUP, NAME, event, make_table, request
from usage import batch
from usage.counter import Counter

DAY = 86_400
ISSUER = "https://issuer.example/"


class TableCommand(KeysCommand):
    """Runs commands on a deployment with a stack of usage."""

    apis: LoggedApis

    def app(self) -> App:
        return replace(super().app(), find_deployment=lambda _resolved: self.apis.deployment(), resolve=self._stack)

    def _stack(self, *_arguments: Any) -> Resolved:
        table = Table(self.client, self.table, sleep=lambda seconds: None)  # noqa: ARG005
        return Resolved(table, "mak", None, lambda: "tester", self.apis.client, "s")

    def use(self, *lines: dict[str, Any], group: str = GROUP) -> None:
        """Count lines as the function does."""
        now = int(self.clock())
        Counter(self.client, NAME).add(batch.read(lines, now), group, now)

    def made(self, days: int) -> str:
        """The ID of a key that was made so many days ago."""
        self.clock.advance(-days * DAY)
        created: str = self.create()["key_id"]
        self.clock.advance(days * DAY)
        return created


@pytest.fixture
def command(keys: KeysCommand) -> TableCommand:
    """An API whose log is counted since 100 days ago."""
    made = TableCommand(keys.client, keys.table)
    made.apis = LoggedApis(groups={GROUP: Group(NOW - 300 * DAY)}, dynamodb=keys.client, subscribed={GROUP})
    made.apis.log("rest1", "v1", GROUP)
    made.apis.usage_table = make_table(keys.client)
    made.clock.advance(-100 * DAY)
    made.use(request(NOW - 100 * DAY, "key_0000000000000000"))
    made.clock.advance(100 * DAY)
    return made


def unused(command: TableCommand, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = command.json("list", "--unused-for", "90d", *arguments)
    found["unused"] = {key["key_id"] for key in found["unused"]}
    return found


def test_usage_is_read_from_the_table_and_says_so(command: TableCommand) -> None:
    key_id = command.made(95)
    jwt = {"credential": "jwt", "keyId": "-", "issuer": ISSUER}
    command.use(request(NOW - DAY, key_id), request(NOW - DAY, key_id, "429"), request(NOW, key_id))
    command.use(request(NOW, **jwt))
    found = command.json("usage")
    assert found["source"] == "the table of usage"
    rows = {row["key_id"] or row["issuer"]: (row["2xx"], row["4xx"], row["last_used"]) for row in found["rows"]}
    assert rows == {key_id: (2, 1, "2027-01-15T08:00:00Z"), ISSUER: (1, 0, "2027-01-15T08:00:00Z")}
    days = command.json("usage", "--key", key_id)["rows"]
    assert [(row["day"], row["requests"]) for row in days] == [("2027-01-14", 2), ("2027-01-15", 1)]
    assert command.apis.queries == []


def test_routes_are_read_from_the_access_log(command: TableCommand) -> None:
    key_id = command.made(95)
    command.apis.groups[GROUP].request(NOW - 9, key_id)
    found = command.json("usage", "--by", "route")
    assert (found["source"], found["rows"][0]["route"]) == ("the access log", "GET /me")


def test_list_show_and_report_have_the_last_use(command: TableCommand) -> None:
    used, silent = command.made(95), command.made(95)
    command.use(request(NOW - 20 * 60, used))
    assert {key["key_id"]: key["last_used"] for key in command.json("list")} == {used: "2027-01-15", silent: None}
    assert "LAST USED" in command.run("list").stdout
    assert command.json("show", used)["last_used"] == "2027-01-15T07:30:00Z"
    assert "Last used     2027-01-15 07:30 to 07:45 UTC" in command.run("show", used).stdout
    assert "Last used     none recorded" in command.run("show", silent).stdout
    report = csv.DictReader(io.StringIO(command.run("report").stdout))
    assert {row["key_id"]: row["last_used"] for row in report} == {used: "2027-01-15", silent: ""}


def test_without_the_stack_nothing_is_shown_of_the_last_use(command: TableCommand) -> None:
    command.apis.usage_table = None
    key_id = command.made(1)
    assert "last_used" not in command.json("list")[0]
    assert "last_used" not in command.json("show", key_id)
    assert command.json("usage")["source"] == "the access log"
    assert command.run("list", "--usage-stack", "other").exit_code == 3


def test_exactly_the_keys_that_no_request_used_are_listed(command: TableCommand) -> None:
    used, stale, silent, new = command.made(95), command.made(99), command.made(95), command.made(1)
    command.use(request(NOW - 80 * DAY, used), request(NOW - 98 * DAY, stale))
    found = unused(command)
    assert (found["unused"], found["made_since"]) == ({stale, silent}, [new])
    assert found["source"] == "the table of usage"


def refused(command: TableCommand, *arguments: str) -> str:
    result = command.run("list", "--unused-for", *arguments)
    assert (result.exit_code, result.stdout) == (10, "")
    return result.stderr


def test_a_table_that_counts_for_a_shorter_time_lists_nothing_except_since_it_began(command: TableCommand) -> None:
    old = command.made(150)
    assert "2026-10-07" in refused(command, "120d")
    found = command.json("list", "--unused-for", "120d", "--since-start")
    assert [key["key_id"] for key in found["unused"]] == [old]


def test_a_log_that_is_not_counted_lists_nothing(command: TableCommand) -> None:
    command.apis.subscribed.clear()
    assert "rest1, stage v1: the stack of usage has no line" in refused(command, "90d")
    command.apis.subscribed.add(GROUP)
    command.apis.log("rest2", "v1", "other")
    command.apis.groups["other"] = Group(NOW - 300 * DAY)
    command.apis.subscribed.add("other")
    assert "rest2, stage v1" in refused(command, "90d")


def test_batches_that_wait_for_a_replay_list_nothing(command: TableCommand) -> None:
    command.apis.waiting = 2
    assert "keys usage --replay" in refused(command, "90d")


def test_the_last_days_of_many_keys_are_read_a_hundred_at_a_time(command: TableCommand) -> None:
    ids = [f"key_{number:016}" for number in range(250)]
    command.use(*(request(NOW, key_id) for key_id in ids[::2]))
    asked = list[int]()

    class Client:
        def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803 - boto3's spelling
            asked.append(len(RequestItems[NAME]["Keys"]))
            return command.client.batch_get_item(RequestItems=RequestItems)

    assert set(Uses(Client(), NAME, lambda _seconds: None).last_days(ids)) == set(ids[::2])
    assert sorted(asked) == [50, 100, 100]


def test_keys_that_a_throttled_table_did_not_answer_are_asked_for_again(command: TableCommand) -> None:
    ids = [f"key_{number:016}" for number in range(3)]
    command.use(*(request(NOW, key_id) for key_id in ids))

    class Client:
        def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803 - boto3's spelling
            first, *rest = RequestItems[NAME]["Keys"]
            answer: dict[str, Any] = {**command.client.batch_get_item(RequestItems={NAME: {"Keys": [first]}})}
            return {**answer, "UnprocessedKeys": {NAME: {"Keys": rest}} if rest else {}}

    assert set(Uses(Client(), NAME, lambda _seconds: None).last_days(ids)) == set(ids)


def test_the_usage_of_a_key_can_be_deleted(command: TableCommand) -> None:
    key_id, other = command.made(1), command.made(1)
    command.use(*(request(NOW - days * DAY, each) for days in range(3) for each in (key_id, other)))
    assert command.run("usage", "--forget").exit_code == 2
    assert command.json("usage", "--forget", "--key", key_id, "--yes") == {"key_id": key_id, "deleted": 4}
    assert command.run("usage", "--forget", "--key", key_id, "--yes").exit_code == 8
    assert {key["key_id"]: key["last_used"] for key in command.json("list")} == {key_id: None, other: "2027-01-15"}


HASH_KEY = "5f" * 32
ALICE = ("--issuer", ISSUER, "--subject", "alice@example.com")


def of_user(name: str, at: float, status: str = "200") -> dict[str, Any]:
    jwt = {"credential": "jwt", "keyId": "-", "issuer": ISSUER}
    return request(at, **jwt, status=status, subjectHash=subject_hash(HASH_KEY, ISSUER, name))


def test_the_usage_of_a_subject_is_found_by_issuer_and_subject_and_can_be_deleted(command: TableCommand) -> None:
    command.apis.environment = {"USAGE_SUBJECT_KEY": HASH_KEY}
    command.use(*(of_user("alice@example.com", NOW - days * DAY) for days in (0, 0, 1)), of_user("bob", NOW, "403"))
    found = command.json("usage", *ALICE)
    assert [(row["day"], row["2xx"]) for row in found["rows"]] == [("2027-01-14", 1), ("2027-01-15", 2)]
    assert found["subject_hash"] == subject_hash(HASH_KEY, ISSUER, "alice@example.com")
    assert command.json("usage", *ALICE, "--by", "key")["rows"][0]["issuer"] == ISSUER
    assert command.json("usage", *ALICE[:3], "bob")["rows"][0]["4xx"] == 1
    assert command.json("usage", "--forget", *ALICE, "--yes")["deleted"] == 3
    assert command.json("usage", *ALICE)["rows"] == []
    assert command.json("usage", *ALICE[:3], "bob")["requests"] == 1


class Aws:
    """The queue of failures and the function. The function fails for payloads in `failing`."""

    def __init__(self, *bodies: str) -> None:
        self.messages = {str(number): body for number, body in enumerate(bodies)}
        self.sent: list[Any] = []
        self.is_failing = False

    def receive_message(self, **_arguments: Any) -> Any:
        found = [{"MessageId": each, "ReceiptHandle": each, "Body": body} for each, body in self.messages.items()]
        return {"Messages": found}

    def delete_message(self, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803 - boto3's spelling
        del self.messages[ReceiptHandle]

    def invoke(self, FunctionName: str, Payload: bytes) -> Any:  # noqa: N803 - boto3's spelling
        if self.is_failing:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b"{}")}
        self.sent.append(json.loads(Payload))
        return {"Payload": io.BytesIO(b'{"lines": 3}')}

    def replay(self) -> list[int]:
        return list(usage_replay.replay(lambda _service: self, queue_url="queue", function="usage"))


class TestReplay:
    def test_each_batch_is_sent_again_and_its_message_deleted(self) -> None:
        payloads = [event(request(NOW, "key_0000000000000000")), event(request(NOW + 1, "key_0000000000000000"))]
        aws = Aws(*(json.dumps({"requestPayload": each}) for each in payloads))
        assert (aws.replay(), aws.sent, aws.messages) == ([3, 3], payloads, {})

    def test_a_batch_that_fails_again_stays_in_the_queue(self) -> None:
        aws = Aws(json.dumps({"requestPayload": event()}))
        aws.is_failing = True
        with pytest.raises(ServiceFailure, match="could not count"):
            aws.replay()
        assert len(aws.messages) == 1

    @pytest.mark.parametrize("body", ["no JSON", "[]", "{}", '{"requestPayload": {"awslogs": 1}}'])
    def test_a_message_of_another_form_is_an_error_and_stays(self, body: str) -> None:
        aws = Aws(body)
        with pytest.raises(ServiceFailure, match="does not send"):
            aws.replay()
        assert len(aws.messages) == 1
