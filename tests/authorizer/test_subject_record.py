"""The item of a subject, and what a plan is in an item."""

import hashlib

import pytest

from authorizer.attributes import Item, MalformedRecord
from authorizer.key_record import KeyRecord
from authorizer.refusal import Reason
from authorizer.subject_record import SubjectRecord, subject_pk

USAGE_KEY = "0123456789abcdefghij"
KEY: Item = {"consumer": {"S": "acme"}, "key_id": {"S": "key_1"}, "enabled": {"BOOL": True}}


def test_the_partition_key_of_a_subject_is_the_digest_of_issuer_and_subject_with_a_null_between_them() -> None:
    expected = hashlib.sha256(b"https://issuer.example\x00caf\xc3\xa9").hexdigest()
    assert subject_pk("https://issuer.example", "caf\u00e9") == f"subject#{expected}"
    assert subject_pk("a", "bc") != subject_pk("ab", "c")


def test_an_item_has_the_state_and_the_plan_of_a_subject() -> None:
    item: Item = {
        "enabled": {"BOOL": True},
        "not_before": {"N": "1700000000"},
        "plan": {"S": "gold"},
        "usage_key": {"S": USAGE_KEY},
        "history": {"L": []},
    }
    assert SubjectRecord.from_item(item) == (True, 1_700_000_000, "gold", USAGE_KEY)
    assert SubjectRecord.from_item({"enabled": {"BOOL": False}}) == (False, None, None, None)


@pytest.mark.parametrize(
    ("issued_at", "reason"),
    [(None, Reason.ENDED_TOKEN), (0, Reason.ENDED_TOKEN), (1_030, Reason.ENDED_TOKEN), (1_030.5, None), (1_031, None)],
)
def test_a_token_is_refused_if_it_was_issued_up_to_the_moment_and_the_leeway(
    issued_at: float | None, reason: Reason | None
) -> None:
    assert SubjectRecord(True, 1_000, None, None).refusal(issued_at, 30) == reason


def test_a_token_without_a_time_of_issue_is_accepted_if_there_is_no_moment() -> None:
    assert SubjectRecord(True, None, None, None).refusal(None, 30) is None


def test_a_disabled_subject_has_this_reason_also_if_its_tokens_were_ended() -> None:
    assert SubjectRecord(False, 1_000, None, None).refusal(0, 30) == Reason.DISABLED_SUBJECT
    assert SubjectRecord(False, None, None, None).refusal(5_000, 30) == Reason.DISABLED_SUBJECT


@pytest.mark.parametrize(
    "wrong",
    [
        {"enabled": {"S": "true"}},
        {"enabled": {"BOOL": "true"}},
        {"not_before": {"S": "1000"}},
        {"not_before": {"N": "1e3"}},
        {"plan": {"N": "1"}},
        {"plan": {"S": ""}},
        {"plan": {"S": 'a"b'}},
        {"plan": {"S": "a\nb"}},
        {"usage_key": {"S": "short"}},
        {"usage_key": {"S": f"{USAGE_KEY}\n"}},
        {"usage_key": {"S": "a" * 129}},
    ],
)
def test_a_malformed_item_is_no_subject(wrong: Item) -> None:
    with pytest.raises(MalformedRecord):
        SubjectRecord.from_item({"enabled": {"BOOL": True}, **wrong})


def test_an_item_of_a_subject_says_whether_it_is_enabled() -> None:
    with pytest.raises(MalformedRecord):
        SubjectRecord.from_item({"plan": {"S": "gold"}})


def test_the_plan_of_a_key_is_in_its_context_and_its_usage_key_is_not() -> None:
    identity = KeyRecord.from_item({**KEY, "plan": {"S": "gold"}, "usage_key": {"S": USAGE_KEY}}).identity
    assert (identity.plan, identity.usage_key) == ("gold", USAGE_KEY)
    assert identity.context() == {
        "sub": "acme", "data": "{}", "credential": "api_key", "key_id": "key_1", "plan": "gold",
    }  # fmt: skip


def test_a_key_with_a_malformed_plan_is_malformed() -> None:
    with pytest.raises(MalformedRecord):
        KeyRecord.from_item({**KEY, "usage_key": {"S": "a key"}})
