"""Usage plans and their keys: what API Gateway refuses, what it shows of a key, and how much a key has used.

| what | source |
|---|---|
| a key has one usage plan for a stage | API Gateway developer guide, "Usage plans and API keys for REST APIs" |
| ConflictException, NotFoundException | API Gateway API reference, CreateUsagePlanKey, CreateApiKey |
| two keys cannot have the same value | AWS CloudFormation template reference, AWS::ApiGateway::ApiKey, "Value" |
| `Enabled` is false by default | AWS CloudFormation template reference, AWS::ApiGateway::ApiKey, "Enabled" |
| `includeValue`, `includeValues` | API Gateway API reference, GetApiKey, GetApiKeys |
| `/enabled` of a key, `/apiStages` of a plan as API:STAGE | API Gateway API reference, "Patch operations" |
| used and remaining requests by day | API Gateway API reference, GetUsage |

AWS documents no texts of these errors, and not what GetUsage has as the remaining requests of a plan without a quota:
it is 0 here. By itself, the emulator accepts all of them, shows every value, and has no GetUsage.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from local.gateway.wrapping import Function, Wrapper

_REST: Final = "ministack.services.apigateway_v1"
_PROVISIONERS: Final = "ministack.services.cloudformation.provisioners"
_USAGE: Final = re.compile(r"/usageplans/([^/]+)/usage")
_KEYS: Final = re.compile(r"/apikeys(?:/[^/]+)?")

_used: dict[tuple[str, str, date], int] = {}
"""The requests of a key by plan and day."""


def conflict(key_id: str, plan_id: str, stages: set[tuple[str, str]]) -> str | None:
    """Why a key cannot be in a plan with these stages, or None: it is in another plan that has one of them."""
    from ministack.services import apigateway_v1

    for (_account, _region, other_id), plan in apigateway_v1._usage_plans.all_items():
        shared = stages & _stages(plan)
        if other_id != plan_id and shared and key_id in (apigateway_v1._usage_plan_keys.get(other_id) or {}):
            (api, stage), *_ = sorted(shared)
            return f"The API key {key_id} is in the usage plan {other_id}, which has the same stage {api}:{stage}."
    return None


def _stages(plan: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each.get("apiId", ""), each.get("stage", "")) for each in plan.get("apiStages") or []}


def _key_added(original: Function) -> Function:
    def _create_usage_plan_key(plan_id: str, data: dict[str, Any]) -> Any:
        from ministack.services import apigateway_v1

        key_id, plan = data.get("keyId", ""), apigateway_v1._usage_plans.get(plan_id)
        if plan is None:
            return original(plan_id, data)
        if key_id not in apigateway_v1._api_keys:
            return apigateway_v1._v1_error("NotFoundException", "Invalid API Key identifier specified", 404)
        problem = conflict(key_id, plan_id, _stages(plan))
        if key_id in apigateway_v1._usage_plan_keys.get(plan_id, {}):
            problem = f"The API key {key_id} is already in the usage plan {plan_id}."
        return apigateway_v1._v1_error("ConflictException", problem, 409) if problem else original(plan_id, data)

    return _create_usage_plan_key


def _stages_changed(original: Function) -> Function:
    def _update_usage_plan(plan_id: str, data: dict[str, Any]) -> Any:
        from ministack.services import apigateway_v1

        plan, operations = apigateway_v1._usage_plans.get(plan_id), data.get("patchOperations", [])
        if plan is None:
            return original(plan_id, data)
        stages = list(plan.get("apiStages") or [])
        for operation in operations:
            if operation.get("path") == "/apiStages":
                api, _, stage = operation.get("value", "").partition(":")
                stages = [each for each in stages if (each.get("apiId"), each.get("stage")) != (api, stage)]
                stages += [{"apiId": api, "stage": stage}] if operation.get("op") == "add" else []
        if problem := _first_conflict(plan_id, _stages({"apiStages": stages})):
            return apigateway_v1._v1_error("ConflictException", problem, 409)
        plan["apiStages"] = stages
        return original(plan_id, {"patchOperations": [op for op in operations if op.get("path") != "/apiStages"]})

    return _update_usage_plan


def _first_conflict(plan_id: str, stages: set[tuple[str, str]]) -> str | None:
    from ministack.services import apigateway_v1

    members = apigateway_v1._usage_plan_keys.get(plan_id) or {}
    return next(filter(None, (conflict(key_id, plan_id, stages) for key_id in members)), None)


def _plan_updated(original: Function) -> Function:
    def _apigw_usage_plan_update(physical_id: str, old: Any, new: dict[str, Any], stack_name: str) -> Any:
        stages = {(each.get("ApiId", ""), each.get("Stage", "")) for each in new.get("ApiStages", [])}
        if problem := _first_conflict(physical_id, stages):
            raise ValueError(problem)
        return original(physical_id, old, new, stack_name)

    return _apigw_usage_plan_update


def _key_created(original: Function) -> Function:
    def _create_api_key(data: dict[str, Any]) -> Any:
        from ministack.services import apigateway_v1

        values = [key.get("value") for _scope, key in apigateway_v1._api_keys.all_items()]
        if data.get("value") in values:
            return apigateway_v1._v1_error("ConflictException", "API Key already exists", 409)
        return original(data)

    return _create_api_key


def _key_updated(original: Function) -> Function:
    def _update_api_key(key_id: str, data: dict[str, Any]) -> Any:
        operations = [
            {**each, "value": each.get("value") in (True, "true")} if each.get("path") == "/enabled" else each
            for each in data.get("patchOperations", [])
        ]
        return original(key_id, {**data, "patchOperations": operations})

    return _update_api_key


def _disabled_by_default(original: Function) -> Function:
    def provision(*arguments: Any) -> Any:
        # Of `create`: logical ID, properties, stack. Of `update`: physical ID, old and new properties, stack.
        *before, props, stack_name = arguments
        return original(*before, {"Enabled": False, **props}, stack_name)

    return provision


def _counted(original: Function) -> Function:
    def _check_quota(key: dict[str, Any] | None, api_id: str, stage_name: str) -> Any:
        from ministack.services import apigateway_v1

        error = original(key, api_id, stage_name)
        if key is not None and error is None:
            for plan_id, _plan, _entry in apigateway_v1._usage_plans_for_key(key["id"], api_id, stage_name):
                place = plan_id, key["id"], datetime.now(UTC).date()
                _used[place] = _used.get(place, 0) + 1
        return error

    return _check_quota


def _routed(original: Function) -> Function:
    async def handle_request(method: str, path: str, headers: Any, body: Any, query_params: Any) -> Any:
        if method == "GET" and (asked := _USAGE.fullmatch(path)):
            return _usage(asked[1], query_params)
        response = await original(method, path, headers, body, query_params)
        if method == "GET" and _KEYS.fullmatch(path) and response[0] == 200:
            return _without_values(response, query_params)
        return response

    return handle_request


def _without_values(response: Any, query_params: Any) -> Any:
    from ministack.services import apigateway_v1

    if "true" in (apigateway_v1._qp(query_params, name) for name in ("includeValue", "includeValues")):
        return response
    shown = json.loads(response[2])
    for key in shown.get("item", [shown]):
        key.pop("value", None)
    return apigateway_v1._v1_response(shown)


def _usage(plan_id: str, query_params: Any) -> Any:
    from ministack.services import apigateway_v1

    plan = apigateway_v1._usage_plans.get(plan_id)
    if plan is None:
        return apigateway_v1._v1_error("NotFoundException", "Invalid Usage Plan identifier specified", 404)
    asked = {name: apigateway_v1._qp(query_params, name) for name in ("startDate", "endDate", "keyId")}
    try:
        days = list(_days(date.fromisoformat(asked["startDate"]), date.fromisoformat(asked["endDate"])))
    except (TypeError, ValueError):
        return apigateway_v1._v1_error("BadRequestException", "startDate and endDate must be days.", 400)
    limit = int((plan.get("quota") or {}).get("limit") or 0)
    items = {
        key_id: [[_used.get((plan_id, key_id, day), 0), _remaining(limit, plan_id, key_id)] for day in days]
        for key_id in apigateway_v1._usage_plan_keys.get(plan_id, {})
        if asked["keyId"] in (None, key_id)
    }
    dates = {name: asked[name] for name in ("startDate", "endDate")}
    return apigateway_v1._v1_response({"usagePlanId": plan_id, **dates, "values": items})


def _remaining(limit: int, plan_id: str, key_id: str) -> int:
    from ministack.services import apigateway_v1

    used: int
    used, _since = apigateway_v1._quota_state.get((plan_id, key_id), (0, 0))
    return max(limit - used, 0)


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(number)


WRAPPERS = (
    Wrapper(
        _REST,
        "_create_usage_plan_key",
        "f72de407686e4c7e17a993f216571d5e53a298f90477eef5f1f02560ddbe3b47",
        _key_added,
    ),
    Wrapper(
        _REST,
        "_update_usage_plan",
        "6cec672cdef6787b4532786454490172b6df95f3aa7816265fea7277a65f482f",
        _stages_changed,
    ),
    Wrapper(_REST, "_create_api_key", "e9297a251c3e40455ae08081f4ab3ee29756a4e2362ff18c980ede559ceb3796", _key_created),
    Wrapper(_REST, "_update_api_key", "7e35c61cdb311da9457af7cbaf00952746c6ca4052af7287ae135152c33444bf", _key_updated),
    Wrapper(_REST, "_check_quota", "e93d449c6cc5ae70c19f0e693e7729a69b2e7abcf6f49418888f866c3c83a376", _counted),
    Wrapper(_REST, "handle_request", "23d6feaaa1c0192195cd7c951608f7ff5a58612d14c5ff08047d3c0f74ea6400", _routed),
    Wrapper(
        _PROVISIONERS,
        "_apigw_api_key_create",
        "f09185fbf355ceb3346f4d8cafe95e446670ff993e251b3bb1d6162aa3874711",
        _disabled_by_default,
    ),
    Wrapper(
        _PROVISIONERS,
        "_apigw_api_key_update",
        "83eebd9e9d8532438f16313bd0411849fe17d35a39a43d98f1d618b0df66375e",
        _disabled_by_default,
    ),
    Wrapper(
        _PROVISIONERS,
        "_apigw_usage_plan_update",
        "24dae9d1a7e79801b57afa107118742ecea77e985a7a0350690b85847c30d31c",
        _plan_updated,
    ),
)
