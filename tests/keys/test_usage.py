"""`keys usage` and `keys list --unused-for` over access logs: counts, and what is not known."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from authorizer.subject_hash import subject_hash
from keys.cli.app import App
from tests.support.keys_command import NOW, KeysCommand
from tests.support.logged_apis import FORMAT, Group, LoggedApis, destination

if TYPE_CHECKING:
    from click.testing import Result

DAY = 86_400
GROUP = "access"


class UsageCommand(KeysCommand):
    """Runs commands on a deployment with APIs."""

    apis: LoggedApis

    def app(self) -> App:
        return replace(super().app(), find_deployment=lambda _resolved: self.apis.deployment())


@pytest.fixture
def apis() -> LoggedApis:
    """A REST API whose access log is 100 days old, with one request without a credential."""
    made = LoggedApis(groups={GROUP: Group(NOW - 100 * DAY)})
    made.log("rest1", "v1", GROUP)
    made.groups[GROUP].request(NOW - 1, status=401)
    return made


@pytest.fixture
def command(keys: KeysCommand, apis: LoggedApis) -> UsageCommand:
    made = UsageCommand(keys.client, keys.table)
    made.apis = apis
    return made


def old_key(command: UsageCommand, *arguments: str, days: int = 95) -> str:
    """The ID of a key that was made so many days ago."""
    command.clock.advance(-days * DAY)
    created: str = command.create(*arguments)["key_id"]
    command.clock.advance(days * DAY)
    return created


def unused(command: UsageCommand, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = command.json("list", "--unused-for", "90d", *arguments)
    found["unused"] = [key["key_id"] for key in found["unused"]]
    return found


def not_known(result: Result) -> str:
    """The error of a command that lists nothing, since it cannot be known."""
    assert (result.exit_code, result.stdout) == (10, "")
    return str(result.stderr)


class TestUsage:
    def test_requests_are_counted_by_credential_and_class_of_status(
        self, command: UsageCommand, apis: LoggedApis
    ) -> None:
        key_id = old_key(command)
        for status in (200, 200, 403, 429):
            apis.groups[GROUP].request(NOW - 50, key_id, status)
        apis.groups[GROUP].request(NOW - 40, issuer="https://issuer.example/")
        found = command.json("usage")
        assert found["requests"] == 6
        by = {row["key_id"] or row["issuer"]: row for row in found["rows"]}
        assert by[key_id] == {
            "credential": "api_key",
            "key_id": key_id,
            "issuer": None,
            "consumer": "acme",
            "requests": 4,
            "2xx": 2,
            "3xx": 0,
            "4xx": 2,
            "5xx": 0,
            "last_used": "2027-01-15T07:59:10Z",
        }
        assert (by["https://issuer.example/"]["credential"], by["https://issuer.example/"]["2xx"]) == ("jwt", 1)
        assert (by[None]["credential"], by[None]["4xx"]) == (None, 1)

    def test_both_halves_of_a_rolled_key_are_counted_and_no_other_key(
        self, command: UsageCommand, apis: LoggedApis
    ) -> None:
        old, other = old_key(command), old_key(command)
        new = command.json("roll", old)["key_id"]
        for key_id in (old, new, new, other):
            apis.groups[GROUP].request(NOW - 9, key_id)
        for wanted in (old, new):
            found = command.json("usage", "--key", wanted, "--by", "key")
            assert {row["key_id"]: row["requests"] for row in found["rows"]} == {old: 1, new: 2}

    def test_days_without_requests_are_in_the_chart(self, command: UsageCommand, apis: LoggedApis) -> None:
        key_id = old_key(command)
        for days in (3, 3, 1):
            apis.groups[GROUP].request(NOW - days * DAY, key_id)
        lines = command.run("usage", "--key", key_id, "--since", "4d").stdout.splitlines()
        assert [line.split()[:2] for line in lines[1:]] == [
            ["2027-01-11", "0"],
            ["2027-01-12", "2"],
            ["2027-01-13", "0"],
            ["2027-01-14", "1"],
            ["2027-01-15", "0"],
        ]
        assert [line.count("#") for line in lines[1:]] == [0, 30, 0, 15, 0]

    def test_requests_are_counted_by_status_and_by_route_of_rest_and_http_apis(
        self, command: UsageCommand, apis: LoggedApis
    ) -> None:
        key_id = old_key(command)
        apis.groups[GROUP].request(NOW - 9, key_id, 403)
        apis.groups[GROUP].request(NOW - 9, key_id, 200, resource="POST /reports", method="POST")
        statuses = command.json("usage", "--key", key_id, "--by", "status")["rows"]
        assert {row["status"]: row["requests"] for row in statuses} == {"200": 1, "403": 1}
        routes = command.json("usage", "--key", key_id, "--by", "route")["rows"]
        assert {row["route"]: row["requests"] for row in routes} == {"GET /me": 1, "POST /reports": 1}

    def test_the_keys_of_a_consumer_are_listed_also_if_no_request_used_them(
        self, command: UsageCommand, apis: LoggedApis
    ) -> None:
        used, silent = old_key(command), old_key(command)
        apis.groups[GROUP].request(NOW - 9, used)
        rows = command.json("usage", "--consumer", "acme")["rows"]
        assert {row["key_id"]: row["last_used"] for row in rows} == {used: "2027-01-15T07:59:51Z", silent: None}
        assert command.run("usage", "--consumer", "nobody").exit_code == 3

    def test_several_stages_and_apis_are_read_and_each_log_group_once(
        self, command: UsageCommand, apis: LoggedApis
    ) -> None:
        key_id = old_key(command)
        apis.log("rest1", "v2", GROUP)
        apis.permitted.append("http1")
        apis.http["http1"] = {"$default": {"destinationArn": f"{destination('other')}:*", "format": FORMAT}}
        apis.groups["other"] = Group(NOW - 100 * DAY)
        for group in apis.groups.values():
            group.request(NOW - 9, key_id)
        found = command.json("usage", "--key", key_id, "--by", "key")
        assert [row["requests"] for row in found["rows"]] == [2]

    def test_what_is_not_read_is_named(self, command: UsageCommand, apis: LoggedApis) -> None:
        apis.permitted.append("rest2")
        apis.rest["rest2"] = {"v1": {}}
        assert command.json("usage")["not_read"] == ["API rest2, stage v1: it has no access log"]

    def test_without_any_access_log_the_exit_code_is_10(self, command: UsageCommand, apis: LoggedApis) -> None:
        apis.rest["rest1"]["v1"] = {}
        assert "no access log" in not_known(command.run("usage"))
        apis.permitted.clear()
        assert "No API is permitted" in not_known(command.run("usage"))


HASH_KEY = "5f" * 32
ISSUER = "https://issuer.example/"
ALICE = ("--issuer", ISSUER, "--subject", "alice@example.com")


class TestSubjects:
    def test_the_requests_of_a_subject_are_found_by_their_keyed_hash(
        self, command: UsageCommand, apis: LoggedApis
    ) -> None:
        apis.environment = {"USAGE_SUBJECT_KEY": HASH_KEY}
        for name, status in (("alice@example.com", 200), ("alice@example.com", 403), ("bob", 200)):
            hashed = subject_hash(HASH_KEY, ISSUER, name)
            apis.groups[GROUP].request(NOW - 40, issuer=ISSUER, status=status, subjectHash=hashed)
        (row,) = command.json("usage", *ALICE)["rows"]
        assert (row["2xx"], row["4xx"]) == (1, 1)
        (route,) = command.json("usage", *ALICE, "--by", "route")["rows"]
        assert (route["route"], route["requests"]) == ("GET /me", 2)
        other = ("--issuer", "https://other.example/", "--subject", "alice@example.com")
        assert command.json("usage", *other)["requests"] == 0
        assert "usage_subjects = true" in command.run("usage", *other).stderr

    def test_without_a_key_for_the_hash_nothing_is_said_of_a_subject(self, command: UsageCommand) -> None:
        assert "UsageSubjectKey" in not_known(command.run("usage", *ALICE))

    def test_a_stage_whose_log_has_no_hash_is_named_and_is_not_counted_as_no_use(
        self, command: UsageCommand, apis: LoggedApis
    ) -> None:
        apis.environment = {"USAGE_SUBJECT_KEY": HASH_KEY}
        without = json.loads(FORMAT)
        del without["subjectHash"]
        apis.log("rest1", "v1", GROUP, json.dumps(without))
        assert 'lacks "subjectHash":"$context.authorizer.subject_hash"' in not_known(command.run("usage", *ALICE))
        assert command.run("usage").exit_code == 0

    @pytest.mark.parametrize(
        "words",
        [ALICE[:2], ALICE[2:], (*ALICE, "--consumer", "acme"), (*ALICE, "--key", "key_0000000000000000")],
    )
    def test_a_subject_is_named_with_its_issuer_and_alone(self, command: UsageCommand, words: tuple[str, ...]) -> None:
        assert command.run("usage", *words).exit_code == 2


class TestUnused:
    def test_exactly_the_keys_that_no_request_used_are_listed(self, command: UsageCommand, apis: LoggedApis) -> None:
        used, denied, silent, stale = (old_key(command) for _ in range(4))
        new = command.create()["key_id"]
        revoked = old_key(command)
        command.run("revoke", revoked, "--yes")
        apis.groups[GROUP].request(NOW - 89 * DAY, used)
        apis.groups[GROUP].request(NOW - 9, denied, 403)
        apis.groups[GROUP].request(NOW - 91 * DAY, stale)
        found = unused(command)
        assert set(found["unused"]) == {silent, stale}
        assert found["made_since"] == [new]
        assert found["since"] == "2026-10-17T08:00:00Z"

    def test_a_log_that_is_younger_lists_nothing_except_since_it_began(
        self, command: UsageCommand, apis: LoggedApis
    ) -> None:
        old, newer = old_key(command), old_key(command, days=5)
        apis.groups[GROUP].created = NOW - 10 * DAY
        assert "--since-start" in not_known(command.run("list", "--unused-for", "90d"))
        found = unused(command, "--since-start")
        assert (found["unused"], found["made_since"], found["since"]) == ([old], [newer], "2027-01-05T08:00:00Z")

    def test_the_retention_of_the_log_counts_as_its_age(self, command: UsageCommand, apis: LoggedApis) -> None:
        apis.groups[GROUP].days = 30
        assert "2026-12-16" in not_known(command.run("list", "--unused-for", "90d"))

    def test_a_line_that_names_no_key_counts_as_the_begin_of_the_log(
        self, command: UsageCommand, apis: LoggedApis
    ) -> None:
        old = old_key(command)
        for text in ("not JSON", json.dumps({"status": "200"})):
            apis.groups[GROUP].lines.append((NOW - 20 * DAY, text))
        assert "2026-12-26T08:00:01Z" in not_known(command.run("list", "--unused-for", "90d"))
        assert unused(command, "--since-start")["unused"] == [old]

    def test_a_log_without_lines_lists_nothing(self, command: UsageCommand, apis: LoggedApis) -> None:
        apis.groups[GROUP].lines.clear()
        assert "no line" in not_known(command.run("list", "--unused-for", "90d", "--since-start"))
        assert unused(command, "--without-api", "rest1")["unused"] == []

    @pytest.mark.parametrize("status", ["Failed", "Timeout", "Cancelled"])
    def test_a_query_that_does_not_complete_lists_nothing(
        self, command: UsageCommand, apis: LoggedApis, status: str
    ) -> None:
        apis.status = status
        assert status in not_known(command.run("list", "--unused-for", "90d"))

    def test_an_api_whose_log_is_not_read_lists_nothing_unless_the_operator_accepts_it(
        self, command: UsageCommand, apis: LoggedApis
    ) -> None:
        old = old_key(command)
        apis.permitted.append("rest2")
        apis.rest["rest2"] = {"v1": {"destinationArn": destination(GROUP), "format": '{"status":"$context.status"}'}}
        assert "API rest2, stage v1: the format" in not_known(command.run("list", "--unused-for", "90d"))
        found = unused(command, "--without-api", "rest2")
        assert (found["unused"], len(found["not_read"])) == ([old], 1)

    def test_the_stage_that_sam_adds_is_named_and_stops_nothing(self, command: UsageCommand, apis: LoggedApis) -> None:
        old = old_key(command)
        apis.rest["rest1"]["Stage"] = {}
        found = unused(command)
        assert found["unused"] == [old]
        assert found["not_read"] == ["API rest1, stage Stage: it has no access log"]

    def test_a_policy_that_permits_any_api_lists_nothing(self, command: UsageCommand, apis: LoggedApis) -> None:
        apis.permitted.append("*")
        assert "does not name" in not_known(command.run("list", "--unused-for", "90d"))

    def test_other_filters_apply_and_the_options_need_unused_for(self, command: UsageCommand, apis: LoggedApis) -> None:
        other = old_key(command, "--tag", "team=a")
        old_key(command)
        assert unused(command, "--tag", "team=a")["unused"] == [other]
        assert command.run("list", "--since-start").exit_code == 2
