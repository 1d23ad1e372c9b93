"""`keys consumer update --plan` and `keys subject` on the running system: nobody loses access while a plan changes."""

import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from local import toml
from local.deployment import STACK, deploy_template, rest_api_url
from local.emulator import Endpoint
from local.session import client
from local.system import KEYS, System
from tests.e2e.conftest import DIRECTORY, Caller, Keys, policy_values
from tests.e2e.test_examples import authorizer_of
from tests.e2e.test_outages import changed_environment
from tests.support.iam_users import iam_user
from tests.support.issuer import Issuer
from tests.support.policies import filled
from tests.support.rules_text import written

DEFAULT, FREE_TIER, GOLD_TIER = (uuid4().hex for _ in range(3))
OPERATED = ("operator", "plans")


class Operator:
    """Runs `keys` on the stack with the documented policies alone."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._env = {**endpoint.environment()}

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(KEYS), *arguments, "--stack", STACK, "--output", "json"]
        return subprocess.run(command, env=self._env, input=stdin, capture_output=True, text=True, check=False)

    def json(self, *arguments: str, stdin: str = "") -> Any:
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def operator(system: System) -> Operator:
    values = policy_values(system)
    statements = [each for name in OPERATED for each in filled(name, values)["Statement"]]
    return Operator(iam_user(system.emulator, *statements))


@pytest.fixture(scope="module")
def api(system: System, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """The API of examples/plans, and the authorizer with a default key, two tiers and subjects."""
    tiers = [
        {"name": "free", "usage_key": FREE_TIER, "claims": {"tier": "free"}},
        {"name": "gold", "usage_key": GOLD_TIER, "claims": {"tier": "gold"}},
    ]
    texts = [toml.array_of_tables("provider", [issuer.provider()]), toml.array_of_tables("plan", tiers)]
    file = written(tmp_path_factory.mktemp("rules"), *texts)
    given = {
        "AuthorizerFunctionArn": authorizer_of(system, STACK),
        "DefaultUsageKey": DEFAULT,
        "FreeTierKey": FREE_TIER,
        "GoldTierKey": GOLD_TIER,
    }
    template, log = Path("examples/plans/template.yaml"), DIRECTORY / "plans.log"
    resources = deploy_template(system.emulator, template, "plans", given, log)
    with changed_environment(system, AUTH_CONFIG=file, DEFAULT_USAGE_KEY=DEFAULT, JWT_SUBJECTS="true"):
        yield Caller(rest_api_url(system.emulator, resources["Api"], "v1"))


def status(api: Caller, credential: str) -> int:
    return api.send(f"Bearer {credential}", path="/orders").status


class Requests:
    """Sends requests until it is closed, and counts their statuses."""

    def __init__(self, api: Caller, credential: str, pause: float = 0.1) -> None:
        self.statuses: Counter[int] = Counter()
        self._stopped = threading.Event()

        def send() -> None:
            while not self._stopped.wait(pause):
                self.statuses[status(api, credential)] += 1

        self._thread = threading.Thread(target=send)

    def __enter__(self) -> "Requests":
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stopped.set()
        self._thread.join()


def test_a_public_route_and_a_preflight_need_neither_credential_nor_plan(api: Caller) -> None:
    assert api.send(path="/status").status == 200
    assert api.send(path="/orders", method="OPTIONS").status == 200


def test_a_second_api_counts_with_the_keys_of_the_first_one(system: System, api: Caller, keys: Keys) -> None:
    given = {
        "AuthorizerFunctionArn": authorizer_of(system, STACK),
        "DefaultUsageKey": DEFAULT,
        "FreeTierKey": FREE_TIER,
        "KeysStack": "plans",
    }
    template, log = Path("examples/plans/template.yaml"), DIRECTORY / "second-plans.log"
    resources = deploy_template(system.emulator, template, "second-plans", given, log)
    second = Caller(rest_api_url(system.emulator, resources["Api"], "v1"))
    key = keys.create("--consumer", "of-two-apis")["key"]
    assert [status(each, key) for each in (api, second)] == [200, 200]


def test_a_plan_is_changed_while_requests_run_and_none_is_refused(api: Caller, operator: Operator, keys: Keys) -> None:
    key = keys.create("--consumer", "changing")["key"]
    assert status(api, key) == 200
    with Requests(api, key) as sent:
        operator.json("consumer", "update", "changing", "--plan", "gold")
        operator.json("consumer", "update", "changing", "--no-plan")
        operator.json("consumer", "update", "changing", "--plan", "gold")
        operator.run("plan", "clean")
        time.sleep(1)
    assert sent.statuses[200] > 5
    assert sent.statuses.keys() <= {200, 429}


def test_two_consumers_have_the_limits_of_their_plans_and_show_has_their_usage(
    api: Caller, operator: Operator, keys: Keys
) -> None:
    free, gold = (keys.create("--consumer", name)["key"] for name in ("on-free", "on-gold"))
    for name, plan in (("on-free", "free"), ("on-gold", "gold")):
        operator.json("consumer", "update", name, "--plan", plan)
    # The first request of each reads the key with its plan.
    assert [status(api, free) for _ in range(12)].count(429) >= 3
    assert [status(api, gold) for _ in range(12)] == [200] * 12
    shown = {each["name"]: each["usage"][0] for each in operator.json("plan", "show", "free")["holders"]}
    assert shown["on-free"]["used"] >= 5
    assert shown["on-free"]["left"] == 1000 - shown["on-free"]["used"]


def test_a_native_key_that_somebody_deleted_is_mended_and_until_then_the_fault_is_the_operators(
    api: Caller, operator: Operator, keys: Keys, system: System
) -> None:
    key = keys.create("--consumer", "mended")["key"]
    made = operator.json("consumer", "update", "mended", "--plan", "gold")
    assert made["native_keys"]["created"] == 1
    native = client(system.emulator, "apigateway")
    (found,) = native.get_api_keys(nameQuery=f"multi-auth/{STACK}/mended/")["items"]
    native.delete_api_key(apiKey=found["id"])
    answer = api.send(f"Bearer {key}", path="/orders")
    assert (answer.status, answer.body["title"]) == (403, "No Plan")
    operator.json("consumer", "update", "mended", "--plan", "gold")
    assert status(api, key) == 200


@pytest.mark.usefixtures("api")
def test_a_deleted_consumer_leaves_no_native_key(operator: Operator, keys: Keys, system: System) -> None:
    keys.create("--consumer", "leaving")
    operator.json("consumer", "update", "leaving", "--plan", "free")
    operator.json("consumer", "delete", "leaving", "--with-keys", "--yes")
    native = client(system.emulator, "apigateway")
    assert native.get_api_keys(nameQuery=f"multi-auth/{STACK}/leaving/")["items"] == []


@pytest.mark.usefixtures("api")
def test_an_unknown_plan_is_told_with_those_there_are(operator: Operator, keys: Keys) -> None:
    keys.create("--consumer", "lost")
    told = operator.run("consumer", "update", "lost", "--plan", "platinum")
    assert told.returncode == 3
    assert "The plans are: free, gold" in told.stderr


def test_ended_tokens_of_a_subject_are_refused_within_the_bound_and_a_later_sign_in_is_accepted(
    api: Caller, operator: Operator, issuer: Issuer
) -> None:
    old = issuer.token(sub="ended", iat=int(time.time()) - 100)
    other = issuer.token(sub="other")
    assert (status(api, old), status(api, other)) == (200, 200)
    begun = time.monotonic()
    operator.json("subject", "end", "--issuer", issuer.url, "--subject", "ended", "--yes")
    while status(api, old) == 200 and time.monotonic() - begun < 90:
        time.sleep(0.5)
    assert status(api, old) == 401
    assert status(api, other) == 200
    # The leeway counts as before the end.
    time.sleep(max(begun + 32 - time.monotonic(), 0))
    assert status(api, issuer.token(sub="ended")) == 200
    assert status(api, old) == 401
