"""Usage plans of API Gateway, which count the key that the authorizer returns."""

from functools import partial
from typing import Final

from keys.plans.membership import SETTLE_SECONDS
from tests.aws.api import Answer
from tests.aws.check import Failed, check, expect
from tests.aws.deployed import Deployed

PAGE: Final = "docs/limits.md"
REPORTS: Final = "/reports"
SCOPES: Final = ("--scopes", "reports:write")
"""With which the rules of the sample permit the route."""
REQUESTS: Final = 100
QUOTA: Final = 5
CALLS: Final = (
    "apigateway:DELETE",
    "apigateway:GET",
    "apigateway:PATCH",
    "apigateway:POST",
    "apigateway:PUT",
)


@check(PAGE, "the key of API Gateway is on no usage plan of this stage.", needs=CALLS)
def only_a_key_on_a_usage_plan_is_accepted(deployed: Deployed) -> None:
    key = _key(deployed, "planned", "gold")["key"]
    _expect_accepted(deployed, "a key on a usage plan", key)
    _delete_native_key(deployed, "planned")
    answer = deployed.answer_with(403, lambda: _answer(deployed, key))
    expect("status of a key on no usage plan", answer.status, 403)
    expect("title of its body", (answer.body or {}).get("title"), "No Plan")


@check(PAGE, "everybody else", needs=CALLS)
def callers_without_a_plan_have_the_default_one(deployed: Deployed) -> None:
    key = deployed.create_key(*SCOPES, consumer="without", stack=deployed.limiting)["key"]
    _expect_accepted(deployed, "a caller without a plan", key)


@check(PAGE, "waits until the stages know it", needs=CALLS)
def a_new_native_key_works_within_the_wait_of_the_command(deployed: Deployed) -> None:
    place, key = deployed.place, _key(deployed, "renewed", "gold")["key"]
    _expect_accepted(deployed, "a key on a usage plan", key)
    _delete_native_key(deployed, "renewed")
    answer = deployed.answer_with(403, lambda: _answer(deployed, key))
    expect("status without the key of API Gateway", answer.status, 403)
    # It makes a key with the same value, and so does not wait.
    deployed.keys("plan", "clean", stack=deployed.limiting)
    started = place.now()
    while (status := _answer(deployed, key).status) != 201:
        if place.now() - started > SETTLE_SECONDS:
            raise Failed(f"{SETTLE_SECONDS} s after the command, a new key of API Gateway is answered with {status}")
        place.sleep(1)


@check(PAGE, "over the rate of the plan, of the stage or of the account", needs=CALLS)
def a_burst_gets_429_and_another_consumer_does_not(deployed: Deployed) -> None:
    free, gold = (_key(deployed, f"burst-{plan}", plan)["key"] for plan in ("free", "gold"))
    for what, key in (("the plan free", free), ("the plan gold", gold)):
        _expect_accepted(deployed, what, key)
    _expect_limit(deployed, free, "Too Many Requests", "1")
    expect("status of another consumer", _answer(deployed, gold).status, 201)


@check(PAGE, "also when the authorizer cache answers", needs=(*CALLS, "logs:FilterLogEvents"))
def answers_of_the_authorizer_cache_are_limited(deployed: Deployed) -> None:
    created, started = _key(deployed, "cached", "free"), deployed.place.now()
    _expect_accepted(deployed, "the plan free", created["key"])
    _expect_limit(deployed, created["key"], "Too Many Requests", "1")
    most = 1 + int((deployed.place.now() - started) // deployed.limited_cache_seconds)
    lines = len(deployed.decisions(created["key_id"], 1, deployed.limiting))
    if not 1 <= lines <= most:
        raise Failed(f"expected 1 to {most} decisions for the requests until a 429, got {lines}")


@check(PAGE, "the quota of the period is used up", needs=CALLS)
def a_quota_ends_with_429(deployed: Deployed) -> None:
    key = _key(deployed, "quota", "gold")["key"]
    gateway, plan = deployed.place.client("apigateway"), deployed.plans.resources["Gold"]

    def set_quota(limit: int) -> int:
        before = gateway.get_usage_plan(usagePlanId=plan)["quota"]["limit"]
        change = {"op": "replace", "path": "/quota/limit", "value": str(limit)}
        gateway.update_usage_plan(usagePlanId=plan, patchOperations=[change])
        return int(before)

    _expect_accepted(deployed, "the plan gold", key)
    before = set_quota(QUOTA)
    try:
        _expect_limit(deployed, key, "Quota Exceeded", None)
    finally:
        set_quota(before)


@check(PAGE, "public routes without one", needs=CALLS)
def public_routes_and_preflights_need_no_usage_plan(deployed: Deployed) -> None:
    for method, path in (("OPTIONS", REPORTS), ("GET", "/status")):
        answer = deployed.answer_with(200, partial(deployed.limited.send, method, path))
        expect(f"status of {method} {path} without a credential", answer.status, 200)


def _key(deployed: Deployed, consumer: str, plan: str) -> dict[str, str]:
    """A new key of a consumer with this plan, which API Gateway has not seen."""
    created = deployed.create_key(*SCOPES, consumer=consumer, stack=deployed.limiting)
    # The usage plans are those of this stack.
    _ = deployed.plans
    deployed.keys("consumer", "update", consumer, "--plan", plan, stack=deployed.limiting)
    return created


def _answer(deployed: Deployed, key: str) -> Answer:
    return deployed.limited.bearer(key, REPORTS, "POST")


def _expect_accepted(deployed: Deployed, what: str, key: str) -> None:
    answer = deployed.answer_with(201, lambda: _answer(deployed, key))
    expect(f"status for {what}", answer.status, 201)


def _expect_limit(deployed: Deployed, key: str, title: str, retry_after: str | None) -> None:
    """:raises Failed: none of many requests one after the other has this answer, or one has another."""
    for _number in range(REQUESTS):
        answer = _answer(deployed, key)
        if answer.status != 201:
            break
    seen = answer.status, (answer.body or {}).get("title"), answer.headers.get("Retry-After")
    expect(f"first answer of {REQUESTS} that is not 201", seen, (429, title, retry_after))


def _delete_native_key(deployed: Deployed, consumer: str) -> None:
    gateway, name = deployed.place.client("apigateway"), f"multi-auth/{deployed.limiting.name}/{consumer}/gold"
    pages = gateway.get_paginator("get_api_keys").paginate()
    (found,) = [each["id"] for page in pages for each in page["items"] if each["name"] == name]
    gateway.delete_api_key(apiKey=found)
