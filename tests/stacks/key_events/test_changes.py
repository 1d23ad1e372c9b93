"""What one change of an item in the table means."""

from typing import Any

import pytest

from key_events.changes import UnreadableRecord, events_of
from key_events.envelope import Event
from tests.stacks.key_events.images import AT, DIGEST, KEY_ID, SCHEMA, consumer, entry, key, subject

REVOKED = {"revoked_at": {"N": str(AT)}}


def events(old: dict[str, Any] | None, new: dict[str, Any] | None, *, by_time_to_live: bool = False) -> list[Event]:
    return list(events_of(old, new, at=AT, order="00", by_time_to_live=by_time_to_live))


def names(old: dict[str, Any] | None, new: dict[str, Any] | None) -> list[str]:
    return [event.name for event in events(old, new)]


def test_an_entry_of_the_history_is_an_event_with_its_author_and_reason() -> None:
    old = key(entry("created", 1))
    new = key(entry("created", 1), entry("revoked", 2, reason="left the company"), **REVOKED)
    assert events(old, new) == [
        Event(
            name="key.revoked",
            event_id="00-00",
            key_id=KEY_ID,
            consumer="acme",
            actor="arn:jo",
            via="keys revoke",
            reason="left the company",
            at=AT,
            changes=("revoked_at",),
        )
    ]


def test_several_new_entries_are_events_in_their_order_with_ids_that_sort() -> None:
    found = events(key(entry("created", 1)), key(entry("created", 1), entry("disabled", 2), entry("enabled", 3)))
    assert [event.name for event in found] == ["key.disabled", "key.enabled"]
    assert [event.event_id for event in found] == ["00-00", "00-01"]


def test_a_new_entry_that_equals_an_old_one_but_for_its_number_is_an_event() -> None:
    assert names(key(entry("updated", 1)), key(entry("updated", 1), entry("updated", 2))) == ["key.updated"]


def test_an_entry_that_left_a_full_history_is_no_event() -> None:
    full = [entry("updated", n) for n in range(1, 11)]
    assert names(key(*full), key(full[0], *full[2:], entry("disabled", 11))) == ["key.disabled"]


def test_a_history_that_an_older_command_rewrote_without_numbers_gives_its_new_entry_alone() -> None:
    old = key(entry("created", 1), entry("updated", 2))
    new = key(entry("created"), entry("updated"), entry("revoked"), **REVOKED)
    assert names(old, new) == ["key.revoked"]


def test_the_next_numbered_entry_after_an_older_command_is_an_event() -> None:
    old = key(entry("created"), entry("updated"))
    assert names(old, key(entry("created"), entry("updated"), entry("disabled", 3))) == ["key.disabled"]


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        (None, key(), "key.created"),
        (key(), None, "key.deleted"),
        (key(), key(**REVOKED), "key.revoked"),
        (key(), key(enabled={"BOOL": False}), "key.disabled"),
        (key(enabled={"BOOL": False}), key(), "key.enabled"),
        (key(), key(scopes={"SS": ["a"]}), "key.updated"),
        (None, consumer(), "consumer.created"),
        (consumer(), consumer(description={"S": "x"}), "consumer.updated"),
        (consumer(), None, "consumer.deleted"),
        (None, subject(), "subject.created"),
        (subject(), subject(enabled={"BOOL": False}), "subject.disabled"),
        (subject(), subject(not_before={"N": "1"}), "subject.updated"),
        (subject(), None, "subject.deleted"),
    ],
)
def test_a_change_without_an_entry_is_an_event_of_an_unknown_actor(
    old: dict[str, Any] | None, new: dict[str, Any] | None, name: str
) -> None:
    (event,) = events(old, new)
    assert (event.name, event.actor) == (name, "unknown")


@pytest.mark.parametrize("what", ["ended", "disabled", "enabled", "updated"])
def test_an_entry_of_a_subject_is_an_event_that_names_it_by_its_digest_alone(what: str) -> None:
    (event,) = events_of(
        subject(entry("updated", 1)),
        subject(entry("updated", 1), entry(what, 2), not_before={"N": "1"}),
        at=AT,
        order=f"{AT}-{'0' * 40}",
        by_time_to_live=False,
    )
    assert (event.name, event.subject, event.key_id, event.consumer) == (f"subject.{what}", DIGEST, None, None)
    assert event.changes == ("not_before",)
    detail = event.detail()
    SCHEMA.validate(detail)
    assert "jo@example.com" not in str(detail)


def test_a_removal_by_time_to_live_is_a_deletion_by_dynamodb() -> None:
    (event,) = events(key(entry("created", 1), entry("revoked", 2)), None, by_time_to_live=True)
    assert (event.name, event.actor) == ("key.deleted", "dynamodb")


def test_the_removal_after_an_entry_of_the_deletion_is_no_second_event() -> None:
    ended = key(entry("created", 1), entry("deleted", 2), **REVOKED)
    assert names(key(entry("created", 1)), ended) == ["key.deleted"]
    assert names(ended, None) == []
    remains = {"pk": {"S": DIGEST}, "deleted_at": {"N": str(AT)}}
    assert names(ended, remains) == []
    assert names(remains, None) == []


def test_a_key_that_is_replaced_by_its_digest_without_an_entry_is_deleted() -> None:
    assert names(key(entry("created", 1)), {"pk": {"S": DIGEST}, "deleted_at": {"N": str(AT)}}) == ["key.deleted"]


@pytest.mark.parametrize("name", ["end_day", "version", "delete_after"])
def test_a_change_of_bookkeeping_alone_is_no_event(name: str) -> None:
    old = key(entry("created", 1))
    assert names(old, {**old, name: {"S": "2026-12-01"}}) == []


@pytest.mark.parametrize("pk", ["notices#done", "subject#1", "another", "AB" * 32])
def test_an_item_of_another_kind_is_no_event(pk: str) -> None:
    assert names(None, {"pk": {"S": pk}, "key_id": {"S": KEY_ID}}) == []


def test_the_digest_the_data_and_values_are_in_no_event() -> None:
    new = key(entry("created", 1), data={"S": '{"secret":"s3cr3t"}'}, tags={"M": {"team": {"S": "s3cr3t"}}})
    (event,) = events(None, new)
    text = str(event.detail())
    assert DIGEST not in text
    assert "s3cr3t" not in text
    assert event.changes == ("consumer", "data", "enabled", "key_id", "tags")


@pytest.mark.parametrize("key_id", [{"S": "a\nb"}, {"S": "x" * 65}, {"N": "5"}, {"S": ""}])
def test_a_key_with_a_malformed_id_is_unreadable(key_id: dict[str, str]) -> None:
    with pytest.raises(UnreadableRecord):
        events(None, {**key(), "key_id": key_id})


def test_a_number_of_forty_digits_does_not_hide_the_event() -> None:
    assert names(None, key(entry("created", 1), expires_at={"N": "9" * 40})) == ["key.created"]
