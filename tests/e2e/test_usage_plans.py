"""Usage plans of API Gateway limit consumers and tiers of JWTs, each by its own numbers, also from the cache."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from authorizer import api_key
from authorizer.subject_record import subject_pk
from local import toml
from local.deployment import deploy_template, rest_api_url
from local.session import client
from local.system import System
from tests.e2e.conftest import CACHE_SECONDS, DIRECTORY, Caller, Keys
from tests.e2e.test_examples import authorizer_of
from tests.e2e.test_outages import changed_environment
from tests.support.issuer import Issuer
from tests.support.rules_text import written

STACK = "limited"


def usage_key() -> str:
    return uuid4().hex


DEFAULT, TIER_FREE, TIER_GOLD, NO_PLAN = (usage_key() for _ in range(4))


class Limited:
    """The API with usage plans, and what makes keys of API Gateway for them."""

    def __init__(self, system: System, keys: Keys, resources: dict[str, str]) -> None:
        self.api = client(system.emulator, "apigateway")
        self.plans = {name: resources[name] for name in ("Free", "Gold", "Metered", "Unlimited")}
        self.caller = Caller(rest_api_url(system.emulator, resources["Api"], "v1"))
        self._keys = keys

    def native(self, plan: str, value: str) -> str:
        """A key of API Gateway with this value on this plan. Returns its ID."""
        made: str = self.api.create_api_key(name=f"test/{value}", value=value, enabled=True)["id"]
        self.api.create_usage_plan_key(usagePlanId=self.plans[plan], keyId=made, keyType="API_KEY")
        return made

    def consumer(self, plan: str, value: str | None = None) -> str:
        """An API key whose usage key is on this plan, or has this value."""
        value = value or usage_key()
        key = self._keys.create("--consumer", f"limited-{uuid4().hex[:6]}")["key"]
        if plan in self.plans:
            self.native(plan, value)
        self._keys.put(api_key.digest(key), {"plan": {"S": plan}, "usage_key": {"S": value}})
        return key

    def statuses(self, credential: str, count: int) -> list[int]:
        return [self.caller.bearer(credential).status for _ in range(count)]


@pytest.fixture(scope="module")
def limited(system: System, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limited]:
    tiers = [
        {"name": "free", "usage_key": TIER_FREE, "claims": {"tier": "free"}},
        {"name": "gold", "usage_key": TIER_GOLD, "claims": {"tier": "gold"}},
    ]
    texts = [toml.array_of_tables("provider", [issuer.provider()]), toml.array_of_tables("plan", tiers)]
    file = written(tmp_path_factory.mktemp("rules"), *texts)
    given = {"AuthorizerFunctionArn": authorizer_of(system, "multi-auth-local")}
    template = Path("tests/support/limited_api.yaml")
    resources = deploy_template(system.emulator, template, STACK, given, DIRECTORY / f"{STACK}.log")
    with changed_environment(system, AUTH_CONFIG=file, DEFAULT_USAGE_KEY=DEFAULT, JWT_SUBJECTS="true"):
        made = Limited(system, Keys(system), resources)
        for plan, value in (("Unlimited", DEFAULT), ("Free", TIER_FREE), ("Metered", TIER_GOLD)):
            made.native(plan, value)
        yield made


def decisions(system: System, key_id: str) -> int:
    """How many decisions the log has about a key."""
    logs, group = client(system.emulator, "logs"), system.deployment.log_group
    return sum(
        f'"key_id":"{key_id}"' in event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]
    )


def test_consumers_reach_429_each_at_the_number_of_its_own_plan(limited: Limited) -> None:
    free, gold, other = limited.consumer("Free"), limited.consumer("Gold"), limited.consumer("Free")
    assert limited.statuses(free, 4) == [200, 200, 429, 429]
    assert limited.statuses(gold, 6) == [200, 200, 200, 200, 429, 429]
    assert limited.statuses(other, 3) == [200, 200, 429]


def test_a_quota_ends_at_its_number_and_getusage_has_what_is_used(limited: Limited) -> None:
    value, other = usage_key(), limited.consumer("Metered")
    metered = limited.consumer("Metered", value)
    assert limited.statuses(metered, 5) == [200, 200, 200, 429, 429]
    assert limited.caller.bearer(metered).body == {"title": "QUOTA_EXCEEDED"}
    assert limited.statuses(other, 1) == [200]
    (native,) = limited.api.get_api_keys(nameQuery=f"test/{value}")["items"]
    today = datetime.now(UTC).date().isoformat()
    found = limited.api.get_usage(
        usagePlanId=limited.plans["Metered"], keyId=native["id"], startDate=today, endDate=today
    )
    assert found["items"] == {native["id"]: [[3, 0]]}


def test_the_authorizer_cache_keeps_the_usage_key_of_an_answer(limited: Limited, system: System, keys: Keys) -> None:
    key = limited.consumer("Gold")
    key_id = keys.dynamodb.get_item(TableName=system.deployment.table, Key={"pk": {"S": api_key.digest(key)}})["Item"][
        "key_id"
    ]["S"]
    assert limited.statuses(key, 6) == [200, 200, 200, 200, 429, 429]
    assert decisions(system, key_id) == 1
    assert limited.caller.bearer(key).body == {"title": "THROTTLED"}
    assert limited.caller.bearer(key).headers["Retry-After"] == "1"


def test_the_callers_of_a_tier_share_its_limits_and_another_tier_has_its_own(limited: Limited, issuer: Issuer) -> None:
    def tokens(tier: str, count: int) -> list[str]:
        return [issuer.token(sub=f"user-{number}", tier=tier) for number in range(count)]

    assert [limited.caller.bearer(token).status for token in tokens("free", 4)] == [200, 200, 429, 429]
    gold = [limited.caller.bearer(token) for token in tokens("gold", 5)]
    assert [answer.status for answer in gold] == [200, 200, 200, 429, 429]
    assert [answer.body["plan"] for answer in gold[:3]] == ["gold"] * 3
    assert limited.statuses(issuer.token(sub="user-1"), 6) == [200] * 6


def test_a_caller_without_a_plan_counts_for_the_default_one(limited: Limited, keys: Keys) -> None:
    key = keys.create()["key"]
    assert limited.statuses(key, 6) == [200] * 6
    assert limited.caller.bearer(key).body == {"sub": "acme", "plan": None}


def test_the_header_of_a_client_selects_no_plan(limited: Limited) -> None:
    answer = limited.caller.send(DEFAULT, header="X-API-Key")
    assert answer.status == 401


@pytest.mark.parametrize("value", ["nothing0000000000000", "disabled000000000000"])
def test_a_usage_key_that_is_missing_or_disabled_has_a_response_of_its_own(value: str, limited: Limited) -> None:
    answer = limited.caller.bearer(limited.consumer("removed", value))
    assert (answer.status, answer.body) == (403, {"title": "INVALID_API_KEY"})


def test_public_routes_and_preflights_need_no_key(limited: Limited) -> None:
    assert limited.caller.send(path="/public").status == 200
    assert limited.caller.send(method="OPTIONS").status == 200


def test_a_key_has_one_plan_for_a_stage(limited: Limited) -> None:
    native = limited.native("Free", usage_key())
    for plan in ("Gold", "Free"):
        with pytest.raises(ClientError, match="ConflictException") as caught:
            limited.api.create_usage_plan_key(usagePlanId=limited.plans[plan], keyId=native, keyType="API_KEY")
        assert native in str(caught.value)
    with pytest.raises(ClientError, match="NotFoundException"):
        limited.api.create_usage_plan_key(usagePlanId=limited.plans["Free"], keyId="nothing", keyType="API_KEY")


def test_values_of_keys_are_shown_only_if_they_are_asked_for(limited: Limited) -> None:
    value = usage_key()
    native = limited.native("Free", value)
    assert "value" not in limited.api.get_api_key(apiKey=native)
    assert limited.api.get_api_key(apiKey=native, includeValue=True)["value"] == value
    assert [key.get("value") for key in limited.api.get_api_keys(nameQuery=f"test/{value}")["items"]] == [None]
    with pytest.raises(ClientError, match="ConflictException"):
        limited.api.create_api_key(name="again", value=value)


def test_a_key_that_is_disabled_is_refused_at_once_and_a_stage_can_leave_a_plan(limited: Limited) -> None:
    value = usage_key()
    key = limited.consumer("Unlimited", value)
    (native,) = limited.api.get_api_keys(nameQuery=f"test/{value}")["items"]
    assert limited.caller.bearer(key).status == 200
    enabled = {"op": "replace", "path": "/enabled"}
    limited.api.update_api_key(apiKey=native["id"], patchOperations=[enabled | {"value": "false"}])
    assert limited.caller.bearer(key).status == 403
    limited.api.update_api_key(apiKey=native["id"], patchOperations=[enabled | {"value": "true"}])
    assert limited.caller.bearer(key).status == 200


def test_an_ended_subject_is_refused_within_the_time_of_the_two_caches_and_its_later_tokens_are_accepted(
    limited: Limited, system: System, issuer: Issuer, keys: Keys
) -> None:
    assert limited
    caller = Caller(system.deployment.url)
    now = int(time.time())
    old, others = issuer.token(sub="ended", iat=now - 100), issuer.token(sub="other", iat=now - 100)
    assert [caller.bearer(token).status for token in (old, others)] == [200, 200]
    keys.put(subject_pk(issuer.url, "ended"), {"enabled": {"BOOL": True}, "not_before": {"N": str(now - 50)}})
    ended_at = last = time.monotonic()
    while True:
        begun = time.monotonic()
        if caller.bearer(old).status == 401:
            break
        last = begun
    # A request that is begun later than this must not be answered from a cache any more.
    assert last - ended_at <= 2 * CACHE_SECONDS
    assert caller.bearer(others).status == 200
    assert caller.bearer(issuer.token(sub="ended", iat=now - 20)).status == 401
    assert caller.bearer(issuer.token(sub="ended", iat=now - 19)).status == 200
