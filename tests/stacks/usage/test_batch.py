"""From access log lines to counts: what is counted, and what is skipped."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.usage_table import line, request
from usage import batch

KEY = "key_1a2B3c4D5e6F7g8H"
DAY = 86_400
NOON = 1_800_014_400
"""2027-01-15T12:00:00Z."""


NOW = NOON + 3 * DAY


def counted(*lines: dict[str, Any], now: float = NOW) -> dict[tuple[str, str], dict[str, int]]:
    return {where: dict(use.counts) for where, use in batch.read(lines, now).uses.items()}


def test_requests_are_counted_by_key_day_and_class_of_status() -> None:
    lines = [request(NOON, KEY, status) for status in ("200", "204", "302", "403", "429", "503", 200)]
    assert counted(*lines) == {(f"key#{KEY}", "2027-01-15"): {"2xx": 3, "3xx": 1, "4xx": 2, "5xx": 1}}


def test_a_batch_over_midnight_is_counted_in_two_days() -> None:
    midnight = 1_800_057_600
    assert list(counted(request(midnight - 0.001, KEY), request(midnight, KEY))) == [
        (f"key#{KEY}", "2027-01-15"),
        (f"key#{KEY}", "2027-01-16"),
    ]


def test_the_quarters_of_an_hour_of_the_uses_are_kept() -> None:
    found = batch.read([request(NOON + minutes * 60, KEY) for minutes in (0, 14, 15, 59)], NOW)
    assert found.uses[f"key#{KEY}", "2027-01-15"].quarters == {"12:00", "12:15", "12:45"}


def test_jwts_are_counted_by_issuer() -> None:
    jwt = {"credential": "jwt", "keyId": "-", "issuer": "https://issuer.example/", "status": "200"}
    found = batch.read([line(NOON, jwt)], NOW)
    assert list(found.uses) == [("issuer#https://issuer.example/", "2027-01-15")]
    assert found.issuers == {"https://issuer.example/"}


@pytest.mark.parametrize(
    "message",
    [
        "not JSON",
        "",
        "[]",
        "null",
        '"text"',
        "[" * 100_000,
        "1" * 5000,
        {"credential": "api_key", "keyId": KEY},
        {"credential": "api_key", "keyId": KEY, "status": "-"},
        {"credential": "api_key", "keyId": KEY, "status": "2000"},
        {"credential": "api_key", "keyId": KEY, "status": ["200"]},
        {"credential": "api_key", "keyId": "-", "status": "200"},
        {"credential": "api_key", "keyId": "another system's", "status": "200"},
        {"credential": "api_key", "keyId": [KEY], "status": "200"},
        {"credential": "api_key", "keyId": None, "status": "200"},
        {"credential": ["api_key"], "keyId": KEY, "status": "200"},
        {"credential": "-", "keyId": KEY, "status": "401"},
        {"keyId": KEY, "status": "200"},
        {"credential": "jwt", "issuer": "-", "status": "200"},
        {"credential": "jwt", "issuer": "x" * 1025, "status": "200"},
        {"credential": "jwt", "issuer": "\ud800", "status": "200"},
        {"credential": "jwt", "issuer": {"a": 1}, "status": "200"},
        {"credential": "jwt", "issuer": "https://issuer.example/\n", "status": "200"},
        {"credential": "api_key", "keyId": "a" * 64, "status": "200"},
        {"credential": "api_key", "keyId": f"{KEY}\n", "status": "200"},
        {"credential": "api_key", "keyId": f"{KEY}\0", "status": "200"},
        {"credential": "api_key", "keyId": 10**4000, "status": "200"},
        {"credential": "api_key", "keyId": KEY, "status": 10**4000},
        {"credential": "api_key", "keyId": KEY, "status": 1e308 * 10},
        {"credential": "api_key", "keyId": KEY, "status": True},
        {"credential": "api_key", "keyId": KEY, "status": "\u0662\u0660\u0660"},
        {"credential": "api_key", "keyId": KEY, "status": -200},
        f'{{"credential":"api_key","keyId":"{KEY}","status":{"[" * 900}{"]" * 900}}}',
    ],
)
def test_a_line_of_another_form_is_skipped_and_the_others_are_counted(message: object) -> None:
    lines = [request(NOON, KEY), line(NOON, message), request(NOON, KEY)]
    found = batch.read(lines, NOW)
    assert counted(*lines) == {(f"key#{KEY}", "2027-01-15"): {"2xx": 2}}
    assert found.skipped.total() == 1


def test_a_status_that_is_a_number_counts_as_its_text() -> None:
    assert counted(request(NOON, KEY, 403)) == {(f"key#{KEY}", "2027-01-15"): {"4xx": 1}}


@pytest.mark.parametrize(
    "timestamp",
    [None, "soon", 10**18, -(10**18), {}, [], 0, True, float("nan"), float("inf"), 10**400, "1" * 5000],
)
def test_a_line_without_a_valid_time_is_skipped(timestamp: Any) -> None:
    assert counted({**request(NOON, KEY), "timestamp": timestamp}) == {}


def test_a_line_that_is_ahead_of_the_clock_counts_as_now_and_one_of_the_future_is_skipped() -> None:
    ahead = batch.read([request(NOON + 7200, KEY)], NOON)
    assert {where: use.quarters for where, use in ahead.uses.items()} == {(f"key#{KEY}", "2027-01-15"): {"12:00"}}
    assert counted(request(NOON + 7201, KEY), now=NOON) == {}


def test_a_line_whose_item_would_be_past_its_time_to_live_is_skipped() -> None:
    assert counted(request(NOON - 399 * DAY, KEY), now=NOON) != {}
    assert counted(request(NOON - 400 * DAY, KEY), now=NOON) == {}


HASH = "0123456789abcdef" * 2


def test_a_jwt_with_the_hash_of_its_subject_is_counted_by_issuer_and_by_subject() -> None:
    jwt = {"credential": "jwt", "issuer": "https://issuer.example/", "subjectHash": HASH, "status": "200"}
    day = {"2xx": 1}
    assert counted(line(NOON, jwt)) == {
        ("issuer#https://issuer.example/", "2027-01-15"): day,
        (f"user#{HASH}", "2027-01-15"): day,
    }


@pytest.mark.parametrize("subject_hash", ["-", "", HASH.upper(), f"{HASH}\n", "alice@example.com", 7, None, [HASH]])
def test_a_member_that_is_no_hash_is_not_counted_and_its_line_is(subject_hash: object) -> None:
    jwt = {"credential": "jwt", "issuer": "https://issuer.example/", "subjectHash": subject_hash, "status": "200"}
    assert list(counted(line(NOON, jwt))) == [("issuer#https://issuer.example/", "2027-01-15")]


def test_the_hash_of_a_subject_in_the_line_of_an_api_key_is_not_counted() -> None:
    assert list(counted(request(NOON, KEY, subjectHash=HASH))) == [(f"key#{KEY}", "2027-01-15")]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["api_key", "jwt", KEY, "200"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(["credential", "keyId", "issuer", "subjectHash", "status", "other"])


@given(messages=st.lists(st.text() | VALUES | st.dictionaries(MEMBERS, VALUES)), timestamp=VALUES)
def test_any_line_is_counted_or_skipped_and_none_stops_the_others(messages: list[Any], timestamp: Any) -> None:
    lines = [line(NOON, each) for each in messages]
    found = batch.read([*lines, {"timestamp": timestamp, "message": "{}"}, {}, request(NOON, KEY)], NOW)
    assert found.uses[f"key#{KEY}", "2027-01-15"].counts["2xx"] >= 1
    assert found.skipped.total() >= 2
    assert all(day <= "2027-01-18" for _, day in found.uses)
