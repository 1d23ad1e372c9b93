"""The function's role permits the calls that the routes make, on items of owners, users and keys, and nothing else.

IAM's conditions are evaluated here as the IAM user guide says, since the emulator does not know `dynamodb:LeadingKeys`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authorizer.owner import owner_pk
from authorizer.subject_record import subject_pk
from tests.support.policies import of_self_service, permits_keys
from tests.support.self_service import ISSUER, Api, context

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ACTIONS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
OWNER, USER, KEY = owner_pk(ISSUER, "ada"), subject_pk(ISSUER, "ada"), "ab" * 32
CONSUMER = "consumer#" + "x" * 55
"""It is as long as the partition key of a key."""


def permits(action: str, on: str, *keys: str) -> bool:
    arn = f"arn:${{Partition}}:dynamodb:${{Region}}:${{Account}}:table/{on}"
    return permits_keys(of_self_service(), f"dynamodb:{action}", arn, keys)


TABLE, INDEX, USAGE = "${TableName}", "${TableName}/index/by_consumer", "${UsageTableName}"


@pytest.mark.parametrize(
    ("action", "on", "permitted", "refused"),
    [
        ("GetItem", TABLE, [OWNER, USER, KEY], [CONSUMER, "consumer#acme", "deny#1", "notices#done"]),
        ("PutItem", TABLE, [OWNER, KEY], [USER, CONSUMER, "consumer#acme"]),
        ("UpdateItem", TABLE, [OWNER, KEY], [USER, CONSUMER, "consumer#acme"]),
        ("ConditionCheckItem", TABLE, [USER], [OWNER, KEY, CONSUMER]),
        ("Query", INDEX, [OWNER], ["acme", "consumer#acme", KEY]),
        ("Query", USAGE, ["key#key_1"], ["issuer#x", "user#x", "issuers"]),
        ("Query", TABLE, [], [OWNER, KEY]),
        ("Query", "${TableName}/index/by_key_id", [], [OWNER, KEY]),
        ("DeleteItem", TABLE, [], [OWNER, KEY]),
        ("Scan", TABLE, [], [OWNER, KEY]),
        ("Scan", INDEX, [], [OWNER, KEY]),
        ("PutItem", USAGE, [], ["key#key_1"]),
    ],
)
def test_the_role_permits_an_action_on_these_items_alone(
    action: str, on: str, permitted: list[str], refused: list[str]
) -> None:
    assert [key for key in permitted if not permits(action, on, key)] == []
    assert [key for key in refused if permits(action, on, key)] == []


def test_the_routes_call_what_the_role_permits(api: Api, dynamodb: DynamoDBClient) -> None:
    called: list[tuple[str, str, str]] = []

    def record(params: Any, model: Any, **_others: Any) -> None:
        if model.name == "Query":
            (key,) = params["ExpressionAttributeValues"].values()
            called.append(("Query", f"{TABLE}/index/{params['IndexName']}", key["S"]))
        for member in params.get("TransactItems", []):
            ((kind, given),) = member.items()
            called.append((ACTIONS.get(kind, "GetItem"), TABLE, given.get("Key", given.get("Item"))["pk"]["S"]))
        if model.name == "GetItem":
            called.append(("GetItem", TABLE, params["Key"]["pk"]["S"]))

    dynamodb.meta.events.register("provide-client-params.dynamodb", record)
    try:
        first = api.make()
        made = [first, api.make(), api.make()]
        rolled = api.call("POST", "/keys/{key_id}/roll", context(), {}, key_id=made[1]["key_id"])
        ended = api.call("DELETE", "/keys/{key_id}", context(), key_id=first["key_id"])
        api.listed()
        api.call("GET", "/me", context())
        full = [api.call("POST", "/keys", context(), {"description": "x"}).status for _ in range(2)]
    finally:
        dynamodb.meta.events.unregister("provide-client-params.dynamodb", record)
    assert (rolled.status, ended.status, full) == (201, 204, [201, 409])
    assert {action for action, _, _ in called} == {"GetItem", "PutItem", "UpdateItem", "ConditionCheckItem", "Query"}
    assert [each for each in called if not permits(*each)] == []
