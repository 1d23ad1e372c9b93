"""API Gateway's own API for API keys and usage plans, in memory, with the refusals that AWS documents."""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError


class FakeApiGateway:
    """The methods of boto3's client that `keys.plans` calls. `before`: called with the name of each operation and its
    arguments, so that a test can refuse it. `calls`: the names of all operations.
    """

    def __init__(self, before: Callable[[str, dict[str, Any]], object] = lambda _name, _arguments: None) -> None:
        self.before = before
        self.calls: list[str] = []
        self.keys: dict[str, dict[str, Any]] = {}
        self.plans: dict[str, dict[str, Any]] = {}
        self.members: dict[str, set[str]] = {}
        self.used: dict[str, dict[str, list[list[int]]]] = {}
        self.ttl = 30
        self.meta = types.SimpleNamespace(partition="aws", region_name="eu-central-1")
        self._numbers = itertools.count(1)

    def plan(self, name: str, api: str = "api1", stage: str = "v1", **more: Any) -> str:
        """Make a usage plan as an API's template does. Returns its ID."""
        plan_id = f"plan{next(self._numbers)}"
        self.plans[plan_id] = {
            "id": plan_id,
            "apiStages": [{"apiId": api, "stage": stage}],
            "throttle": {"rateLimit": 100.0, "burstLimit": 50},
            "quota": {"limit": 1000, "period": "MONTH"},
            "tags": {"multi-auth:plan": name},
            **more,
        }
        self.members[plan_id] = set()
        return plan_id

    def works(self, value: str | None, api: str = "api1", stage: str = "v1") -> bool:
        """Whether API Gateway accepts a request that the authorizer answered with this key."""
        key_id = next((key["id"] for key in self.keys.values() if key["value"] == value and key["enabled"]), None)
        return any(
            key_id in self.members[plan["id"]] and {"apiId": api, "stage": stage} in plan["apiStages"]
            for plan in self.plans.values()
        )

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or not hasattr(type(self), f"do_{name}"):
            raise AttributeError(name)

        def call(**arguments: Any) -> Any:
            self.calls.append(name)
            self.before(name, arguments)
            return getattr(self, f"do_{name}")(**arguments)

        return call

    def do_get_usage_plans(self, limit: int, position: str = "0", keyId: str = "") -> Any:  # noqa: N803
        found = [plan for plan in self.plans.values() if not keyId or keyId in self.members[plan["id"]]]
        return self._page(found, limit, position)

    def do_get_api_keys(self, includeValues: bool, limit: int, position: str = "0") -> Any:  # noqa: N803
        shown = [{**key, "value": key["value"] if includeValues else None} for key in self.keys.values()]
        return self._page(shown, limit, position)

    def do_get_api_key(self, apiKey: str, includeValue: bool) -> Any:  # noqa: N803
        key = self._key(apiKey)
        return key if includeValue else {**key, "value": None}

    def do_create_api_key(self, value: str, **given: Any) -> Any:
        if not (20 <= len(value) <= 128 and value.isalnum()):
            raise refused("CreateApiKey", "BadRequestException", "API Key value should be at least 20 characters")
        if any(key["value"] == value for key in self.keys.values()):
            raise refused("CreateApiKey", "ConflictException", "API Key already exists")
        key_id = f"key{next(self._numbers)}"
        self.keys[key_id] = {"id": key_id, "value": value, "createdDate": next(self._numbers), **given}
        return self.keys[key_id]

    def do_update_api_key(self, apiKey: str, patchOperations: list[dict[str, str]]) -> Any:  # noqa: N803
        self._key(apiKey)["enabled"] = patchOperations[0]["value"] == "true"

    def do_delete_api_key(self, apiKey: str) -> Any:  # noqa: N803
        self._key(apiKey)
        del self.keys[apiKey]
        for members in self.members.values():
            members.discard(apiKey)

    def do_create_usage_plan_key(self, usagePlanId: str, keyId: str, keyType: str) -> Any:  # noqa: N803
        assert keyType == "API_KEY"
        self._key(keyId)
        stages = self._plan(usagePlanId)["apiStages"]
        for plan_id, members in self.members.items():
            if keyId in members and any(stage in stages for stage in self.plans[plan_id]["apiStages"]):
                text = f"{keyId} can't be added to more than one usage plan of the same stage"
                raise refused("CreateUsagePlanKey", "ConflictException", text)
        self.members[usagePlanId].add(keyId)

    def do_get_usage_plan_key(self, usagePlanId: str, keyId: str) -> Any:  # noqa: N803
        self._plan(usagePlanId)
        if keyId not in self.members[usagePlanId]:
            raise refused("GetUsagePlanKey", "NotFoundException", "Invalid Usage Plan Key identifier specified")

    def do_get_usage_plan_keys(self, usagePlanId: str, limit: int, position: str = "0") -> Any:  # noqa: N803
        self._plan(usagePlanId)
        return self._page([{"id": each} for each in sorted(self.members[usagePlanId])], limit, position)

    def do_tag_resource(self, resourceArn: str, tags: dict[str, str]) -> Any:  # noqa: N803
        assert resourceArn.startswith("arn:aws:apigateway:eu-central-1::/apikeys/")
        self._key(resourceArn.rpartition("/")[2])["tags"].update(tags)

    def do_untag_resource(self, resourceArn: str, tagKeys: list[str]) -> Any:  # noqa: N803
        for name in tagKeys:
            self._key(resourceArn.rpartition("/")[2])["tags"].pop(name, None)

    def do_get_authorizers(self, restApiId: str, limit: int) -> Any:  # noqa: N803
        return {"items": [{"authorizerResultTtlInSeconds": self.ttl}]}

    def do_get_usage(self, usagePlanId: str, startDate: str, endDate: str, limit: int) -> Any:  # noqa: N803
        self._plan(usagePlanId)
        return {"items": self.used.get(usagePlanId, {})}

    def _key(self, key_id: str) -> dict[str, Any]:
        if key_id not in self.keys:
            raise refused("GetApiKey", "NotFoundException", "Invalid API Key identifier specified")
        return self.keys[key_id]

    def _plan(self, plan_id: str) -> dict[str, Any]:
        if plan_id not in self.plans:
            raise refused("GetUsagePlan", "NotFoundException", "Invalid Usage Plan identifier specified")
        return self.plans[plan_id]

    def _page(self, items: list[Any], limit: int, position: str) -> Any:
        start = int(position)
        more = {"position": str(start + limit)} if start + limit < len(items) else {}
        return {"items": items[start : start + limit], **more}


def refused(operation: str, code: str, text: str, **headers: str) -> ClientError:
    """The error of boto3 for this answer of API Gateway."""
    answer: Any = {"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPHeaders": headers}}
    return ClientError(answer, operation)
