"""A thousand requests by five keys and two users: what `keys usage` counts is what the clients were answered."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from typing import Any, Final
from uuid import uuid4

import pytest

from authorizer import api_key
from local.deployment import STACK
from local.session import client
from local.system import KEYS, System
from tests.e2e.conftest import Caller, Keys
from tests.e2e.test_access_log import lines
from tests.e2e.test_outages import changed_environment
from tests.e2e.test_usage import answer, of_others
from tests.support.issuer import Issuer

REQUESTS: Final = 1_000
MOST_SECONDS: Final = 40
"""After this time, no more requests are sent."""
QUOTA: Final = 60
"""The requests of a day that the usage plan of two of the keys permits."""
CONSUMER: Final = "usage-of-all"
SOURCES: Final = ((), ("--from-log",))
"""The table of usage, and the access log."""


@dataclass
class Traffic:
    """What clients were answered. `classes`: by the key ID or the name of the user, how many answers of each class."""

    days: set[str] = field(default_factory=set)
    classes: dict[str, Counter[str]] = field(default_factory=dict)
    rolled: tuple[str, str] = ("", "")
    unused: list[str] = field(default_factory=list)

    @property
    def key_ids(self) -> list[str]:
        return [name for name in self.classes if name.startswith("key_")]


@contextmanager
def plans(system: System, limited: str, unlimited: str) -> Iterator[None]:
    """The routes of the sample API need a usage key, whose values are these: one has a quota."""
    api, rest_api = client(system.emulator, "apigateway"), system.deployment.api_id
    methods = [
        {"restApiId": rest_api, "resourceId": each["id"], "httpMethod": method}
        for each in api.get_resources(restApiId=rest_api, embed=["methods"])["items"]
        for method in each.get("resourceMethods", {})
        if method != "OPTIONS"
    ]

    def change(path: str, value: str) -> dict[str, Any]:
        return {"patchOperations": [{"op": "replace", "path": path, "value": value}]}

    source = api.get_rest_api(restApiId=rest_api)["apiKeySource"]
    api.update_rest_api(restApiId=rest_api, **change("/apiKeySource", "AUTHORIZER"))
    for name, value, quota in (("limited", limited, {"limit": QUOTA, "period": "DAY"}), ("unlimited", unlimited, None)):
        stages = [{"apiId": rest_api, "stage": system.deployment.stage}]
        plan = api.create_usage_plan(name=name, apiStages=stages, **({"quota": quota} if quota else {}))["id"]
        key = api.create_api_key(name=name, value=value, enabled=True)["id"]
        api.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    try:
        for method in methods:
            api.update_method(**method, **change("/apiKeyRequired", "true"))
        yield
    finally:
        for method in methods:
            # The emulator keeps the text, and takes "false" for true.
            api.update_method(**method, **change("/apiKeyRequired", ""))
        api.update_rest_api(restApiId=rest_api, **change("/apiKeySource", source))


@pytest.fixture(scope="module")
def traffic(system: System, issuer: Issuer, usage_stack: dict[str, str]) -> Iterator[Traffic]:  # noqa: ARG001 - deployed
    """Requests of five keys, one of which is rolled meanwhile, and of two users. Two keys are not used."""
    limited, unlimited = uuid4().hex, uuid4().hex
    subjects = {"USAGE_SUBJECTS": "true", "USAGE_SUBJECT_KEY": "5f" * 32}
    keys, found = Keys(system), Traffic()
    made = [keys.create("--consumer", CONSUMER) for _ in range(7)]
    for number, each in enumerate(made):
        # As if it had been made yesterday, or --unused-for says nothing of it.
        values = {":at": {"N": str(int(time.time()) - 86_400)}, ":key": {"S": limited if number < 2 else unlimited}}
        keys.update(api_key.digest(each["key"]), "SET created_at = :at, usage_key = :key", values)
    found.unused = [each["key_id"] for each in made[5:]]
    with plans(system, limited, unlimited), changed_environment(system, DEFAULT_USAGE_KEY=unlimited, **subjects):
        callers = {each["key_id"]: each["key"] for each in made[:5]}
        users = {name: issuer.token(sub=name) for name in ("alice@example.com", "bob")}
        send(system, found, {**callers, **users}, REQUESTS // 2)
        old = made[4]["key_id"]
        new = roll(system, old)
        del callers[old]
        found.rolled = (old, new["key_id"])
        send(system, found, {**callers, **users, new["key_id"]: new["key"]}, REQUESTS // 2)
        yield found


def roll(system: System, key_id: str) -> dict[str, str]:
    command: list[Any] = [KEYS, "roll", key_id, "--grace", "1h", "--stack", STACK, "--output", "json"]
    done = subprocess.run(command, env=system.emulator.environment(), capture_output=True, text=True, check=True)
    made: dict[str, str] = json.loads(done.stdout)
    return made


def send(system: System, traffic: Traffic, credentials: dict[str, str], count: int) -> None:
    """Send requests with each of the credentials in turn: two permitted ones, then one that is not."""
    caller, end = Caller(system.deployment.url), time.monotonic() + MOST_SECONDS / 2

    def one(number: int, name: str) -> tuple[str, int]:
        path, method = ("/reports", "POST") if number // len(credentials) % 3 == 2 else ("/me", "GET")
        return name, caller.send(f"Bearer {credentials[name]}", path=path, method=method).status

    names = cycle(credentials)
    traffic.days.add(today())
    with ThreadPoolExecutor(4) as clients:
        for start in range(0, count, 50):
            if time.monotonic() > end:
                break
            for name, status in clients.map(one, range(start, start + 50), names_of(names, 50)):
                traffic.classes.setdefault(name, Counter())[f"{status // 100}xx"] += 1
                traffic.classes[name][str(status)] += 1
    traffic.days.add(today())


def names_of(names: Iterator[str], count: int) -> list[str]:
    return [next(names) for _ in range(count)]


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def counted(system: System, requests: int, *words: str) -> dict[str, Any]:
    """The usage when it has so many requests, or after 60 seconds: lines are counted a while after their requests."""
    end = time.monotonic() + 60
    while True:
        found: dict[str, Any] = answer(system, "usage", *words)
        if found["requests"] >= requests or time.monotonic() > end:
            return found


CLASSES: Final = ("2xx", "4xx")


def test_the_traffic_has_hits_and_misses_of_the_cache_and_answers_of_every_kind(
    system: System, traffic: Traffic
) -> None:
    of_traffic = [
        each for each in lines(system, system.deployment.access_log_group) if each["keyId"] in traffic.classes
    ]
    assert {each["authorizerStatus"] for each in of_traffic} == {"-", "200"}
    statuses = Counter[str]()
    for each in traffic.classes.values():
        statuses += each
    assert all(statuses[status] > 50 for status in ("200", "403", "429"))
    assert len(traffic.key_ids) == 6


@pytest.mark.parametrize("source", SOURCES, ids=["table", "log"])
def test_the_counts_of_each_key_and_class_are_those_of_the_answers(
    system: System, traffic: Traffic, source: tuple[str, ...]
) -> None:
    total = sum(sum(traffic.classes[each][name] for name in CLASSES) for each in traffic.key_ids)
    found = counted(system, total, "--consumer", CONSUMER, *source)
    counts = {row["key_id"]: {name: row[name] for name in CLASSES} for row in found["rows"]}
    used = {key_id: {name: traffic.classes[key_id][name] for name in CLASSES} for key_id in traffic.key_ids}
    assert counts == {**used, **dict.fromkeys(traffic.unused, dict.fromkeys(CLASSES, 0))}
    days = answer(system, "usage", "--consumer", CONSUMER, "--by", "day", *source)["rows"]
    assert sum(row["requests"] for row in days) == total
    assert {row["day"] for row in days} <= traffic.days


@pytest.mark.parametrize("source", SOURCES, ids=["table", "log"])
def test_the_counts_of_each_user_are_those_of_the_answers(
    system: System, traffic: Traffic, issuer: Issuer, source: tuple[str, ...]
) -> None:
    for name in ("alice@example.com", "bob"):
        answers = traffic.classes[name]
        total = sum(answers[each] for each in CLASSES)
        rows = counted(system, total, "--issuer", issuer.url, "--subject", name, *source)["rows"]
        assert {each: sum(row[each] for row in rows) for each in CLASSES} == {each: answers[each] for each in CLASSES}


def test_no_line_of_the_access_log_names_a_user(system: System, traffic: Traffic) -> None:
    assert "alice@example.com" in traffic.classes
    assert "alice" not in json.dumps(lines(system, system.deployment.access_log_group))


@pytest.mark.parametrize("source", SOURCES, ids=["table", "log"])
def test_a_key_that_was_rolled_has_the_requests_of_both_halves(
    system: System, traffic: Traffic, source: tuple[str, ...]
) -> None:
    total = sum(traffic.classes[each][name] for each in traffic.rolled for name in CLASSES)
    assert all(traffic.classes[each]["2xx"] for each in traffic.rolled)
    for key_id in traffic.rolled:
        assert counted(system, total, "--key", key_id, *source)["requests"] == total


@pytest.mark.parametrize("source", SOURCES, ids=["table", "log"])
def test_exactly_the_keys_without_requests_are_unused(
    system: System, traffic: Traffic, source: tuple[str, ...]
) -> None:
    words = ("list", "--unused-for", "1h", "--since-start", "--consumer", CONSUMER, *source, *of_others(system))
    found = answer(system, *words)
    assert sorted(each["key_id"] for each in found["unused"]) == sorted(traffic.unused)
