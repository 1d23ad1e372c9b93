"""The calls to API Gateway's own API, within its limits: each is repeated while API Gateway asks to wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from keys.plans.native_key import END_TAG, Holder, NativeKey, tags
from keys.plans.usage_plan import UsagePlan

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient

LONGEST_WAIT_SECONDS: Final = 120
MOST_NATIVE_KEYS: Final = 10_000
"""The API keys of an account and Region, which cannot be raised (API Gateway quotas, "API keys")."""
MOST_CACHE_SECONDS: Final = 3600
"""The longest time to live of an authorizer cache (CreateAuthorizer, authorizerResultTtlInSeconds)."""

_PAGE: Final = 500
_THROTTLED: Final = "TooManyRequestsException"
_CONFLICT: Final = "ConflictException"
_CONCURRENT: Final = "concurrent modification"
"""API Gateway adds one key to a usage plan at a time. It refuses another one meanwhile with a conflict."""

Usage = Mapping[str, tuple[int, int]]
"""By the ID of a native key: the requests in the asked days, and those left at the end of the last one."""


class Gateway:
    """API Gateway, for the usage plans of one stack. `tell` is called with why it waits, and how long."""

    def __init__(
        self,
        client: APIGatewayClient,
        stack: str,
        sleep: Callable[[float], None],
        tell: Callable[[str], object] = lambda _text: None,
    ) -> None:
        self._client: Any = client
        self.stack: Final = stack
        self._sleep = sleep
        self._tell = tell

    def usage_plans(self) -> list[UsagePlan]:
        """The usage plans that are for this stack."""
        read = (UsagePlan.read(each, self.stack) for each in self._all("get_usage_plans"))
        return [plan for plan in read if plan]

    def native_keys(self, *, values: bool = False) -> list[NativeKey]:
        """The native keys of this stack. `values`: with their values."""
        # All keys of the account, without nameQuery: AWS does not document which names it matches.
        read = (NativeKey.read(each, self.stack) for each in self._all("get_api_keys", includeValues=values))
        return [key for key in read if key]

    def count_keys(self) -> int:
        """How many API keys the account has in this Region, of this product or not."""
        return sum(1 for _ in self._all("get_api_keys", includeValues=False))

    def value(self, key_id: str) -> str:
        """The value of a native key."""
        return str(self._call("get_api_key", apiKey=key_id, includeValue=True)["value"])

    def create(self, holder: Holder, plan: str, value: str) -> NativeKey:
        """Create an enabled native key.

        :raises ClientError: API Gateway refused it.
        """
        answer = self._call(
            "create_api_key",
            name=holder.name(self.stack, plan),
            description=f"Counts the requests of {holder.label} on the plan {plan}",
            enabled=True,
            value=value,
            tags=tags(self.stack, holder, plan),
        )
        return NativeKey(answer["id"], holder.digest, plan, True, 0, value=value)

    def enable(self, key_id: str) -> None:
        """Enable a native key that somebody disabled."""
        self._call(
            "update_api_key", apiKey=key_id, patchOperations=[{"op": "replace", "path": "/enabled", "value": "true"}]
        )

    def put(self, plan: UsagePlan, key_id: str) -> None:
        """Add the key to the usage plan."""
        self._call("create_usage_plan_key", usagePlanId=plan.id, keyId=key_id, keyType="API_KEY")

    def has(self, plan: UsagePlan, key_id: str) -> bool:
        """Whether the key is on the usage plan."""
        try:
            self._call("get_usage_plan_key", usagePlanId=plan.id, keyId=key_id)
        except ClientError as error:
            if not is_not_found(error):
                raise
            return False
        return True

    def members(self, plan: UsagePlan) -> set[str]:
        """The IDs of the keys on the usage plan."""
        return {each["id"] for each in self._all("get_usage_plan_keys", usagePlanId=plan.id)}

    def stages_of_all_plans(self) -> set[tuple[str, str]]:
        """The stages that have a usage plan, of this product or not: pairs of API ID and stage."""
        plans = self._all("get_usage_plans")
        return {(each["apiId"], each["stage"]) for plan in plans for each in plan.get("apiStages") or ()}

    def stages_of_value(self, value: str) -> set[tuple[str, str]]:
        """The stages that accept the enabled API key of this value, of this product or not."""
        keys = self._all("get_api_keys", includeValues=True)
        key_id = next((key["id"] for key in keys if key.get("value") == value and key.get("enabled")), None)
        if key_id is None:
            return set()
        return {
            (each["apiId"], each["stage"])
            for plan in self._all("get_usage_plans", keyId=key_id)
            if key_id in {member["id"] for member in self._all("get_usage_plan_keys", usagePlanId=plan["id"])}
            for each in plan.get("apiStages") or ()
        }

    def set_end(self, key_id: str, at: int | None) -> None:
        """Note from when on the key can be removed; None: it is in use."""
        arn = f"arn:{self._client.meta.partition}:apigateway:{self._client.meta.region_name}::/apikeys/{key_id}"
        if at is None:
            self._call("untag_resource", resourceArn=arn, tagKeys=[END_TAG])
        else:
            self._call("tag_resource", resourceArn=arn, tags={END_TAG: str(at)})

    def delete(self, key_id: str) -> None:
        """Delete a native key, which also takes it from its usage plans. It can be gone already."""
        try:
            self._call("delete_api_key", apiKey=key_id)
        except ClientError as error:
            if not is_not_found(error):
                raise

    def usage(self, plan: UsagePlan, first: date, last: date) -> Usage:
        """What the keys of the usage plan have used on these days, in UTC."""
        found: dict[str, tuple[int, int]] = {}
        days = {"startDate": first.isoformat(), "endDate": last.isoformat()}
        for page in self._pages("get_usage", usagePlanId=plan.id, **days):
            for key_id, counts in (page.get("items") or {}).items():
                used, left = found.get(key_id, (0, 0))
                found[key_id] = used + sum(each[0] for each in counts), counts[-1][1] if counts else left
        return found

    def longest_cache(self, plans: list[UsagePlan]) -> int:
        """The longest time to live in seconds of an authorizer cache of the APIs of these plans.

        The longest that there is, if it cannot be read.
        """
        longest = 0
        for api in sorted({api for plan in plans for api, _ in plan.stages}):
            try:
                for each in self._call("get_authorizers", restApiId=api, limit=_PAGE)["items"]:
                    longest = max(longest, int(each.get("authorizerResultTtlInSeconds", 300)))
            except ClientError as error:
                if not is_not_found(error):
                    return MOST_CACHE_SECONDS
        return longest

    def _all(self, operation: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
        return (each for page in self._pages(operation, **arguments) for each in page.get("items") or ())

    def _pages(self, operation: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
        position: dict[str, str] = {}
        while True:
            page = self._call(operation, limit=_PAGE, **arguments, **position)
            yield page
            if not page.get("position"):
                return
            position = {"position": page["position"]}

    def _call(self, operation: str, **arguments: Any) -> Any:
        waited, wait = 0.0, 1.0
        while True:
            try:
                return getattr(self._client, operation)(**arguments)
            except ClientError as error:
                if not _can_be_repeated(error) or waited >= LONGEST_WAIT_SECONDS:
                    raise
                pause = _asked_wait(error) or wait
                named = error.operation_name
            self._tell(f"API Gateway limits {named}. Waiting {pause:g} s.")
            self._sleep(pause)
            waited, wait = waited + pause, min(2 * wait, 20)


def is_not_found(error: ClientError) -> bool:
    """Whether what was asked for does not exist."""
    return error.response["Error"]["Code"] == "NotFoundException"


def is_conflict(error: ClientError) -> bool:
    """Whether something with this value exists."""
    return error.response["Error"]["Code"] == _CONFLICT


def _can_be_repeated(error: ClientError) -> bool:
    code, text = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    return code == _THROTTLED or (code == _CONFLICT and _CONCURRENT in text.lower())


def _asked_wait(error: ClientError) -> float | None:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    text = headers.get("retry-after", "")
    return min(float(text), 60.0) if text.isdecimal() and text != "0" else None
