"""Queries of logs: all lines, each filter, and what is said when not all of them came."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from keys.deployment import audit, logs
from keys.deployment.audit import Wanted
from keys.deployment.logs import Incomplete, Logs
from tests.support.logged_apis import Group, LoggedApis

GROUP = "/record"


class Client:
    """CloudWatch Logs with these lines, as (second, object). It answers a query on the second question."""

    def __init__(self, *lines: tuple[int, dict[str, Any]]) -> None:
        self.lines = lines
        self.queries: list[str] = []
        self.status = "Complete"
        self._asked: dict[str, int] = {}

    def start_query(self, *, logGroupName: str, startTime: int, endTime: int, queryString: str) -> dict[str, str]:  # noqa: N803
        self.queries.append(queryString)
        self._found = [line for line in self.lines if startTime <= line[0] <= endTime]
        return {"queryId": str(len(self.queries))}

    def get_query_results(self, *, queryId: str) -> dict[str, Any]:  # noqa: N803
        self._asked[queryId] = self._asked.get(queryId, 0) + 1
        if self._asked[queryId] == 1:
            return {"status": "Running", "results": []}
        rows = [
            [{"field": "@timestamp", "value": shown(second)}, {"field": "@message", "value": json.dumps(line)}]
            for second, line in self._found[: logs.MOST_RESULTS]
        ]
        return {"status": self.status, "results": rows}


def shown(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S.000")


def event(number: int, **members: Any) -> dict[str, Any]:
    return {"message": "key.updated", "event_id": f"{number:05}", "key_id": "key_1", "consumer": "acme"} | members


def found(client: Client, wanted: Wanted = Wanted(), end: int = 100_000) -> list[str]:  # noqa: B008 - it is frozen
    waited: list[float] = []
    events = audit.events(Logs(client, waited.append), GROUP, wanted, start=0, end=end)
    return [each["event_id"] for each in events]


def test_the_events_of_the_period_come_each_once() -> None:
    client = Client((1, event(1)), (2, event(2)), (2, event(2)), (200_000, event(3)))
    assert found(client) == ["00001", "00002"]


def test_a_filter_is_part_of_the_query() -> None:
    client = Client()
    found(client, Wanted(key_id="key_1", consumer="acme", event="key.revoked"))
    assert (
        'filter ispresent(event_id) and consumer = "acme" and key_id = "key_1" and message = "key.revoked"'
        in (client.queries[0])
    )


def test_a_consumer_with_a_quotation_mark_is_compared_here_and_not_in_the_query() -> None:
    client = Client((1, event(1, consumer='a" or 1=1')), (2, event(2)))
    assert found(client, Wanted(consumer='a" or 1=1')) == ["00001"]
    assert "1=1" not in client.queries[0]


@pytest.mark.parametrize("actor", ["arn:aws:sts::1:assumed-role/operators/jo", "jo"])
def test_an_actor_is_named_by_its_arn_or_by_the_end_of_it(actor: str) -> None:
    arn = "arn:aws:sts::1:assumed-role/operators/jo"
    client = Client((1, event(1, actor=arn)), (2, event(2, actor=f"{arn}e")))
    assert found(client, Wanted(actor=actor)) == ["00001"]


def test_more_lines_than_one_query_returns_are_asked_for_from_the_last_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_RESULTS", 10)
    client = Client(*((number // 3, event(number)) for number in range(100)))
    assert found(client) == [f"{number:05}" for number in range(100)]
    assert len(client.queries) > 10


def test_more_lines_of_one_second_than_one_query_returns_are_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_RESULTS", 10)
    with pytest.raises(Incomplete):
        found(Client(*((5, event(number)) for number in range(11))))


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Timeout", "Unknown"])
def test_a_query_that_does_not_complete_is_no_answer(status: str) -> None:
    client = Client((1, event(1)))
    client.status = status
    with pytest.raises(Incomplete, match=status):
        found(client)


@pytest.mark.parametrize("line", ["text", 5, [], None])
def test_a_line_that_is_no_object_is_left_out(line: Any) -> None:
    assert found(Client((1, line), (2, event(2)))) == ["00002"]


class TestTotals:
    @pytest.fixture
    def apis(self) -> LoggedApis:
        """A log with 40 requests of 20 keys, one every 20 seconds."""
        made = LoggedApis(groups={"access": Group(0)})
        for number in range(40):
            made.groups["access"].request(1000 + number * 20, f"key_{number % 20}")
        return made

    @staticmethod
    def counts(apis: LoggedApis, most_results: int, most_queries: int = 100, end: int = 2_000_000) -> Counter[str]:
        found = Counter[str]()
        asked = Logs(apis, lambda _seconds: None, most_results, most_queries)
        for total in asked.totals("access", ["keyId"], having="status", equal={}, start=1_000_000, end=end):
            found[total.values["keyId"]] += total.lines
        return found

    def test_totals_that_do_not_fit_one_result_are_read_in_parts_and_each_line_once(self, apis: LoggedApis) -> None:
        assert self.counts(apis, 8) == {f"key_{number}": 2 for number in range(20)}
        assert len(apis.queries) > 1

    def test_a_line_at_the_end_of_the_period_is_not_counted(self, apis: LoggedApis) -> None:
        assert self.counts(apis, 100, end=1_000_000 + 20_000).total() == 1

    def test_totals_that_need_too_many_queries_are_incomplete(self, apis: LoggedApis) -> None:
        with pytest.raises(Incomplete, match="more than 5 queries"):
            self.counts(apis, 2, most_queries=5)

    def test_totals_of_one_moment_that_do_not_fit_are_incomplete(self) -> None:
        apis = LoggedApis(groups={"access": Group(0)})
        for number in range(5):
            apis.groups["access"].request(1500, f"key_{number}")
        with pytest.raises(Incomplete):
            self.counts(apis, 5)
