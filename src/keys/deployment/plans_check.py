"""What is often forgotten about usage plans: on the deployed APIs of an authorizer, as API Gateway answers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from keys.deployment import live_api
from keys.deployment.guard import Caller, Guard
from keys.deployment.words import plural
from keys.plans.gateway import MOST_NATIVE_KEYS, Gateway, is_not_found
from keys.plans.usage_plan import UsagePlan

MOST_NAMED: Final = 5
NEARLY: Final = 0.8
"""The part of the account's keys from which on it is told that they run out."""


@dataclass(frozen=True, slots=True)
class Remark:
    """`is_fault`: whether callers are refused or not limited, so that `detail` has a remedy."""

    about: str
    detail: str
    is_fault: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    """A method of a REST API: who can call it, and whether it requires a key of API Gateway."""

    name: str
    guard: Guard
    requires_key: bool


def examine(
    client: Any, gateway: Gateway, function: str, stages: Collection[tuple[str, str]], default_key: str
) -> Iterator[Remark]:
    """Check the stages, pairs of API ID and stage, of an authorizer. `default_key`: its `DEFAULT_USAGE_KEY`, or empty.

    :raises ClientError: API Gateway refused a request.
    """
    plans, requiring = gateway.usage_plans(), set[str]()
    covering = gateway.stages_of_all_plans()
    for api in sorted({api for api, _ in stages}):
        try:
            source = client.get_rest_api(restApiId=api).get("apiKeySource", "HEADER")
        except ClientError as error:
            if not is_not_found(error):
                raise
            continue
        routes = [Route(name, guard, asks) for name, guard, asks in live_api.rest_routes(api, function, client)]
        if any(route.requires_key for route in routes):
            requiring.add(api)
        yield from of_api(
            f"usage plans of API {api}", source, routes, has_default=bool(default_key),
            has_plans=any(api == each for each, _ in covering),
        )  # fmt: skip
    if not requiring and not plans:
        return
    default = gateway.stages_of_value(default_key) if default_key else None
    for api, stage in sorted(stages):
        if api in requiring:
            yield from of_stage(api, stage, covering, default)
    yield from of_keys(plans, gateway)


def of_api(
    about: str, source: str, routes: Collection[Route], *, has_default: bool, has_plans: bool
) -> Iterator[Remark]:
    """What is forgotten in the definition of an API."""
    requiring = [route for route in routes if route.requires_key]
    behind = [route for route in routes if route.guard.caller is Caller.THIS]
    if not requiring:
        if has_plans and behind:
            yield Remark(about, "no route requires a key, so no plan limits its callers: set ApiKeyRequired: true")
        return
    if source != "AUTHORIZER":
        yield Remark(about, f"the source of keys is {source}, so clients would have to send them: set AUTHORIZER")
    elif not has_default:
        yield Remark(about, "routes require a key, and the stack has no DefaultUsageKey: each request gets 403. Set it")
    if lacking := [route.name for route in behind if not route.requires_key]:
        yield Remark(about, f"no plan limits {_named(lacking)}: set ApiKeyRequired: true there")
    if public := [route.name for route in requiring if route.guard.caller is Caller.ANYONE]:
        remedy = "set ApiKeyRequired: false there (AddApiKeyRequiredToCorsPreflight: false for preflights)"
        yield Remark(about, f"nobody names a key for the public {_named(public)}, so each request gets 403: {remedy}")


def of_stage(
    api: str, stage: str, covering: Collection[tuple[str, str]], default: Collection[tuple[str, str]] | None
) -> Iterator[Remark]:
    """Whether a stage that requires keys accepts those of its callers. `default`: the stages that accept the default
    key; None if there is no such setting."""
    about = f"usage plans of API {api}, stage {stage}"
    if (api, stage) not in covering:
        yield Remark(about, "no usage plan has this stage, so each request gets 403: add it to one")
    elif default is not None and (api, stage) not in default:
        remedy = "put the enabled key of API Gateway with the value DefaultUsageKey on a usage plan of it"
        yield Remark(about, f"it does not accept the default key, so callers without a plan get 403: {remedy}")


def of_keys(plans: Collection[UsagePlan], gateway: Gateway) -> Iterator[Remark]:
    """The keys and limits of the account."""
    if unlimited := sorted({plan.name for plan in plans if not plan.is_limited}):
        yield Remark("usage plans", f"these plans have neither rate nor quota: {', '.join(unlimited)}", is_fault=False)
    disabled = [key for key in gateway.native_keys() if not key.enabled]
    if disabled:
        keys = plural(len(disabled), "key")
        yield Remark("usage plans", f"{keys} of consumers or subjects disabled in API Gateway: run `keys plan clean`")
    count = gateway.count_keys()
    text = f"the account has {count:,} of {MOST_NATIVE_KEYS:,} keys of API Gateway in this Region"
    if count >= NEARLY * MOST_NATIVE_KEYS:
        yield Remark("keys of API Gateway", f"{text}: put JWTs on tiers, and consumers without a paid plan on none")
    else:
        yield Remark("keys of API Gateway", text, is_fault=False)


def _named(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(sorted(names)[:MOST_NAMED])}{more}"
