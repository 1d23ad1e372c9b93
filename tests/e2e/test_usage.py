"""From requests to `keys usage` and `keys list --unused-for`, on the local system."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import pytest

from authorizer import api_key
from local.deployment import STACK
from local.session import client
from local.system import KEYS, System
from tests.e2e.conftest import Caller, Keys, policy_values
from tests.support.iam_users import iam_user
from tests.support.policies import filled, listed, text

REQUESTS = 12
"""The requests with each key. Most of them are answered from the authorizer cache."""


def run(system: System, *arguments: str) -> subprocess.CompletedProcess[str]:
    command: list[Any] = [KEYS, *arguments, "--stack", STACK, "--output", "json"]
    env = system.emulator.environment()
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def of_others(system: System) -> list[str]:
    """Options for the APIs that other tests have deployed."""
    rest = client(system.emulator, "apigateway").get_rest_apis()["items"]
    http = client(system.emulator, "apigatewayv2").get_apis()["Items"]
    ids = {*(api["id"] for api in rest), *(api["ApiId"] for api in http)} - {system.deployment.api_id}
    return [word for each in sorted(ids) for word in ("--without-api", each)]


def answer(system: System, *arguments: str) -> Any:
    done = run(system, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def made(system: System) -> dict[str, list[str]]:
    """The IDs of keys that were used, and of keys that were not. Each used key has permitted and refused requests."""
    keys, caller = Keys(system), Caller(system.deployment.url)
    used, silent = ([keys.create("--consumer", "usage-e2e") for _ in range(number)] for number in (3, 2))
    for number in range(REQUESTS):
        for key in used:
            if number % 3:
                assert caller.bearer(key["key"]).status == 200
            else:
                assert caller.send(f"Bearer {key['key']}", path="/reports", method="POST").status == 403
    ids = {name: [key["key_id"] for key in found] for name, found in (("used", used), ("silent", silent))}
    return {**ids, "digests": [api_key.digest(key["key"]) for key in (*used, *silent)]}


def test_the_counts_are_right_by_key_and_class_for_hits_and_misses(system: System, made: dict[str, list[str]]) -> None:
    rows = answer(system, "usage", "--consumer", "usage-e2e", "--by", "key", "--since", "1d", "--from-log")["rows"]
    counts = {row["key_id"]: (row["2xx"], row["4xx"]) for row in rows}
    assert counts == {
        **dict.fromkeys(made["used"], (REQUESTS * 2 // 3, REQUESTS // 3)),
        **dict.fromkeys(made["silent"], (0, 0)),
    }
    days = answer(system, "usage", "--key", made["used"][0], "--from-log")["rows"]
    assert sum(row["requests"] for row in days) == REQUESTS


def test_a_new_log_lists_no_key_as_unused_and_no_key_that_is_newer(system: System, made: dict[str, list[str]]) -> None:
    refused = run(system, "list", "--from-log", "--unused-for", "90d", "--consumer", "usage-e2e")
    assert (refused.returncode, refused.stdout) == (10, "")
    found = answer(
        system,
        "list",
        "--from-log",
        "--unused-for",
        "90d",
        "--since-start",
        "--consumer",
        "usage-e2e",
        *of_others(system),
    )
    assert (found["unused"], sorted(found["made_since"])) == ([], sorted(made["silent"]))


def test_exactly_the_keys_that_no_request_used_since_the_log_began_are_unused(
    system: System, made: dict[str, list[str]]
) -> None:
    keys, yesterday = Keys(system), int(time.time()) - 86_400
    for digest in made["digests"]:
        keys.update(digest, "SET created_at = :at", {":at": {"N": str(yesterday)}})
    found = answer(
        system,
        "list",
        "--from-log",
        "--unused-for",
        "1h",
        "--since-start",
        "--consumer",
        "usage-e2e",
        *of_others(system),
    )
    assert sorted(key["key_id"] for key in found["unused"]) == sorted(made["silent"])
    assert found["made_since"] == []


def counted(system: System, key_id: str, requests: int) -> dict[str, Any]:
    """The usage of a key when it has so many requests, or after 60 seconds."""
    end = time.monotonic() + 60
    while True:
        done = run(system, "usage", "--key", key_id)
        # The table has nothing before the first batch.
        found: dict[str, Any] = json.loads(done.stdout or '{"requests": 0}')
        if found["requests"] >= requests or time.monotonic() > end:
            return found


@pytest.mark.usefixtures("usage_stack")
def test_the_stack_counts_requests_and_the_commands_have_the_last_use(
    system: System, caller: Caller, keys: Keys
) -> None:
    used, silent = keys.create(), keys.create()["key_id"]
    for path, method in (("/me", "GET"), ("/me", "GET"), ("/reports", "POST")):
        caller.send(f"Bearer {used['key']}", path=path, method=method)
    caller.bearer("nonsense")
    found = counted(system, used["key_id"], 3)
    assert (found["source"], found["rows"][0]["2xx"], found["rows"][0]["4xx"]) == ("the table of usage", 2, 1)
    last = {key["key_id"]: key["last_used"] for key in answer(system, "list")}
    assert (last[used["key_id"]], last[silent]) == (found["rows"][0]["day"], None)
    assert answer(system, "show", used["key_id"])["last_used"].startswith(found["rows"][0]["day"])


def test_a_batch_that_cannot_be_counted_waits_in_the_queue_and_is_replayed(
    system: System, usage_stack: dict[str, str], caller: Caller, keys: Keys
) -> None:
    functions, sqs = client(system.emulator, "lambda"), client(system.emulator, "sqs")
    name, made = usage_stack["UsageFunctionName"], keys.create()

    def set_table(table: str) -> None:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"USAGE_TABLE": table}})

    set_table("missing")
    caller.bearer(made["key"])
    end = time.monotonic() + 60
    while time.monotonic() < end:
        waiting = sqs.get_queue_attributes(
            QueueUrl=usage_stack["FailuresQueueUrl"], AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]["ApproximateNumberOfMessages"]
        if waiting != "0":
            break
    refused = run(system, "list", "--unused-for", "90d", "--since-start", *of_others(system))
    assert (refused.returncode, "keys usage --replay" in refused.stderr) == (10, True)
    assert answer(system, "usage", "--key", made["key_id"])["requests"] == 0
    set_table(usage_stack["UsageTableName"])
    replayed = answer(system, "usage", "--replay", "--yes")
    assert replayed["lines"] >= 1
    assert answer(system, "usage", "--key", made["key_id"])["requests"] == 1
    assert run(system, "usage", "--replay", "--yes").returncode == 8


@pytest.fixture(scope="module")
def policies(system: System, usage_stack: dict[str, str]) -> list[dict[str, Any]]:  # noqa: ARG001 - its names are in them
    """The statements of a reader of keys who may see usage."""
    # Also the access logs of the APIs that other tests have deployed.
    values = {**policy_values(system), "AccessLogGroup": "*AccessLogs*"}
    return [each for name in ("reader", "usage") for each in filled(name, values)["Statement"]]


OF_USAGE = {each["Sid"] for each in json.loads(text("usage"))["Statement"]}
READING = (("usage",), ("usage", "--from-log", "--by", "route"), ("list",), ("report",))
"""Commands that read every part of usage."""


def can_read(system: System, statements: list[dict[str, Any]]) -> bool:
    """Whether a user with exactly these statements can run all of the commands."""
    env = iam_user(system.emulator, *statements).environment()
    commands = ([KEYS, *words, "--stack", STACK, "--output", "json"] for words in READING)
    return all(subprocess.run(each, env=env, capture_output=True, check=False).returncode == 0 for each in commands)


def test_a_reader_sees_usage_with_the_documented_policy_and_not_without_one_of_its_actions(
    system: System, policies: list[dict[str, Any]], caller: Caller, keys: Keys
) -> None:
    made = keys.create()
    caller.bearer(made["key"])
    counted(system, made["key_id"], 1)
    assert can_read(system, policies)
    for number, statement in enumerate(policies):
        for action in listed(statement["Action"]) if statement["Sid"] in OF_USAGE else []:
            others = [each for each in listed(statement["Action"]) if each != action]
            less = [{**statement, "Action": others}] if others else []
            assert not can_read(system, [*policies[:number], *less, *policies[number + 1 :]]), action
