"""From access log lines to counts: what is counted, and what is skipped."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.usage_table import line, request
from usage import batch

KEY = "key_1a2B3c4D5e6F7g8H"
NOON = 1_800_014_400
"""2027-01-15T12:00:00Z."""


def counted(*lines: dict[str, Any]) -> dict[tuple[str, str], dict[str, int]]:
    return {where: dict(use.counts) for where, use in batch.read(lines).uses.items()}


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
    found = batch.read([request(NOON + minutes * 60, KEY) for minutes in (0, 14, 15, 59)])
    assert found.uses[f"key#{KEY}", "2027-01-15"].quarters == {"12:00", "12:15", "12:45"}


def test_jwts_are_counted_by_issuer() -> None:
    jwt = {"credential": "jwt", "keyId": "-", "issuer": "https://issuer.example/", "status": "200"}
    found = batch.read([line(NOON, jwt)])
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
    ],
)
def test_a_line_of_another_form_is_skipped_and_the_others_are_counted(message: object) -> None:
    lines = [request(NOON, KEY), line(NOON, message), request(NOON, KEY)]
    found = batch.read(lines)
    assert counted(*lines) == {(f"key#{KEY}", "2027-01-15"): {"2xx": 2}}
    assert found.skipped.total() == 1


@pytest.mark.parametrize("timestamp", [None, "soon", 10**18, -(10**18), {}])
def test_a_line_without_a_valid_time_is_skipped(timestamp: Any) -> None:
    assert counted({**request(NOON, KEY), "timestamp": timestamp}) == {}
