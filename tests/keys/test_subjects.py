"""Subjects of JWTs: what the commands write is what the authorizer reads."""

from dataclasses import replace

import pytest

from authorizer.refusal import Reason
from authorizer.subject_record import SubjectRecord, subject_pk
from keys.core import MalformedItem
from keys.core.record import Item, Subject
from tests.support.apigateway import FakeApiGateway
from tests.support.keys_command import NOW, KeysCommand

ISSUER, SUB = "https://tenant.example.com/", "auth0|7"
WHO = ("--issuer", ISSUER, "--subject", SUB)


@pytest.fixture
def gateway() -> FakeApiGateway:
    made = FakeApiGateway()
    made.plan("gold")
    return made


@pytest.fixture
def stack(keys: KeysCommand, gateway: FakeApiGateway) -> KeysCommand:
    return replace(keys, gateway=gateway)


def record(stack: KeysCommand, subject: str = SUB) -> SubjectRecord | None:
    """What the authorizer reads."""
    pk = subject_pk(ISSUER, subject)
    item = stack.client.get_item(TableName=stack.table, Key={"pk": {"S": pk}}).get("Item")
    return SubjectRecord.from_item(item) if item else None


def refusal(stack: KeysCommand, issued_at: float) -> Reason | None:
    found = record(stack)
    return found.refusal(issued_at, leeway=30) if found else None


def test_ended_tokens_are_refused_and_later_ones_accepted(stack: KeysCommand) -> None:
    told = stack.json("subject", "end", *WHO, "--yes", "--reason", "laptop stolen")
    assert told["not_before"] == "2027-01-15T08:00:00Z"
    assert refusal(stack, NOW) is Reason.ENDED_TOKEN
    assert refusal(stack, NOW + 31) is None
    assert record(stack, "auth0|8") is None
    shown = stack.json("subject", "show", *WHO)["history"]
    assert [(each["what"], each["reason"], each["n"]) for each in shown] == [("ended", "laptop stolen", 1)]


def test_a_later_end_replaces_the_earlier_one(stack: KeysCommand) -> None:
    stack.json("subject", "end", *WHO, "--yes")
    stack.clock.advance(100)
    stack.json("subject", "end", *WHO, "--yes")
    assert refusal(stack, NOW + 100) is Reason.ENDED_TOKEN


def test_a_disabled_subject_is_refused_until_it_is_enabled(stack: KeysCommand) -> None:
    stack.json("subject", "disable", *WHO, "--yes")
    assert refusal(stack, NOW + 9_999) is Reason.DISABLED_SUBJECT
    assert stack.run("subject", "disable", *WHO, "--yes").exit_code == 8
    stack.json("subject", "end", *WHO, "--yes")
    assert "stay refused" in stack.run("subject", "enable", *WHO).stdout
    assert refusal(stack, NOW) is Reason.ENDED_TOKEN
    assert refusal(stack, NOW + 9_999) is None


def test_an_end_asks_for_confirmation(stack: KeysCommand) -> None:
    assert stack.run("subject", "end", *WHO).exit_code == 2
    assert record(stack) is None


def test_a_plan_of_a_subject_has_a_native_key_that_names_nobody(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    stack.json("subject", "update", *WHO, "--plan", "gold")
    (native,) = gateway.keys.values()
    found = record(stack)
    assert found is not None
    assert (found.plan, found.usage_key, found.enabled) == ("gold", native["value"], True)
    assert gateway.works(native["value"])
    assert SUB not in str(native)
    stack.json("plan", "clean")
    assert gateway.works(native["value"])
    stack.json("subject", "update", *WHO, "--no-plan")
    stack.clock.advance(1_000)
    assert stack.json("plan", "clean")["removed"] == 1
    assert gateway.keys == {}


def test_clean_completes_a_subject(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    stack.json("subject", "update", *WHO, "--plan", "gold")
    gateway.plan("gold", api="api2")
    assert len(stack.json("plan", "clean")["completed"]) == 1


def test_a_list_has_all_subjects_and_no_consumer(stack: KeysCommand) -> None:
    stack.create()
    stack.json("subject", "end", *WHO, "--yes")
    stack.json("subject", "disable", "--issuer", ISSUER, "--subject", "auth0|1", "--yes")
    told = [(each["subject"], each["enabled"]) for each in stack.json("subject", "list")]
    assert told == [("auth0|1", False), (SUB, True)]
    assert [each["name"] for each in stack.json("consumer", "list")] == ["acme"]


def test_a_subject_without_an_item_is_not_found(stack: KeysCommand) -> None:
    assert stack.run("subject", "show", *WHO).exit_code == 3


@pytest.mark.parametrize(
    "options",
    [(), ("--issuer", ISSUER), ("--subject", SUB), ("--jwt", *WHO), ("--issuer", "", "--subject", SUB)],
)
def test_a_subject_is_named_in_one_way(stack: KeysCommand, options: tuple[str, ...]) -> None:
    assert stack.run("subject", "end", *options, "--yes").exit_code == 2
    assert stack.items() == []


def test_nothing_is_written_for_an_authorizer_that_does_not_read_subjects(stack: KeysCommand) -> None:
    answer = replace(stack, version="0.2.0").run("subject", "disable", *WHO, "--yes")
    assert answer.exit_code == 4
    assert stack.items() == []


@pytest.mark.parametrize("name", ["issuer", "subject"])
def test_an_item_whose_names_differ_from_its_key_is_malformed(name: str) -> None:
    item: Item = {**Subject(issuer=ISSUER, subject=SUB).to_item(), name: {"S": "other"}}
    with pytest.raises(MalformedItem):
        Subject.from_item(item)
