"""What the routes answer to one user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authorizer import api_key
from authorizer.key_record import KeyRecord
from authorizer.owner import owner_pk
from authorizer.subject_record import subject_pk
from self_service.use import Uses
from tests.support.self_service import ISSUER, NOW, ORIGIN, OTHER_ISSUER, Answer, Api, context, settings
from tests.support.usage_table import GROUP, make_table, request
from usage.batch import read
from usage.counter import Counter

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DAY = 86_400
NESTED = "[" * 100_000


def item_of(api: Api, key: str) -> Any:
    return api.client.get_item(TableName=api.table_name, Key={"pk": {"S": api_key.digest(key)}})["Item"]


def test_a_new_key_is_answered_once_and_has_the_identity_of_the_users_tokens(api: Api) -> None:
    made = api.make(scopes=["read"], expires_in="30d")
    assert (made["state"], made["created_at"], made["expires_at"]) == ("active", NOW, NOW + 30 * DAY)
    assert (made["scopes"], made["created_by"], made["description"]) == (["read"], "ada", "a key")
    record = KeyRecord.from_item(item_of(api, made["key"]))
    assert record.identity.context() == {
        "sub": "ada",
        "data": "{}",
        "credential": "api_key",
        "issuer": ISSUER,
        "key_id": made["key_id"],
        "scope": "read",
    }
    (listed,) = api.listed()
    assert listed == {name: value for name, value in made.items() if name != "key"}


def test_a_user_sees_what_can_be_made(api: Api) -> None:
    api.make()
    assert api.call("GET", "/me", context(scope="write other")).body == {
        "sub": "ada",
        "issuer": ISSUER,
        "owner": "ada",
        "scopes": ["write"],
        "limits": {
            "keys": 3,
            "live": 1,
            "longest_seconds": 365 * DAY,
            "default_seconds": 90 * DAY,
            "per_day": 5,
            "made_today": 1,
        },
        "plan": None,
        "request": "https://api.example/me",
    }


def test_a_rolled_key_works_for_the_grace_period_and_the_new_one_has_its_lifetime(api: Api) -> None:
    old = api.make(scopes=["read"], expires_in="30d")
    api.now += DAY
    answer = api.call("POST", "/keys/{key_id}/roll", context(), {"grace": "2h"}, key_id=old["key_id"])
    assert answer.status == 201
    new = answer.body
    assert (new["replaces"], new["old_expires_at"]) == (old["key_id"], api.now + 7200)
    assert (new["scopes"], new["description"], new["expires_at"]) == (["read"], "a key", api.now + 30 * DAY)
    states = {key["key_id"]: key["state"] for key in api.listed()}
    assert states == {new["key_id"]: "active", old["key_id"]: "replaced"}
    again = api.call("POST", "/keys/{key_id}/roll", context(), {}, key_id=old["key_id"])
    assert (again.status, again.code) == (409, "not_active")


def test_a_roll_without_grace_ends_the_old_key_at_once(api: Api) -> None:
    old = api.make()
    api.call("POST", "/keys/{key_id}/roll", context(), {"grace": "0"}, key_id=old["key_id"])
    assert [key["state"] for key in api.listed() if key["key_id"] == old["key_id"]] == ["expired"]


def test_an_ended_key_is_revoked_and_then_unknown(api: Api) -> None:
    made = api.make()
    answer = api.call("DELETE", "/keys/{key_id}", context(), key_id=made["key_id"])
    assert (answer.status, answer.text) == (204, "")
    assert item_of(api, made["key"])["revoked_at"] == {"N": str(NOW)}
    again = api.call("DELETE", "/keys/{key_id}", context(), key_id=made["key_id"])
    assert (again.status, again.code) == (404, "not_found")


def test_an_expired_revoked_or_deleted_key_frees_its_place(api: Api) -> None:
    keys = [api.make(expires_in="1h"), api.make(), api.make()]
    full = api.call("POST", "/keys", context(), {"description": "one more"})
    assert (full.status, full.code) == (409, "limit_reached")
    api.now += 3600
    api.make()
    assert api.call("POST", "/keys", context(), {"description": "one more"}).code == "limit_reached"
    # An operator's changes do not write the owner's item.
    api.store.revoke(keys[1]["key_id"])
    api.now += DAY
    api.make()
    api.store.delete(keys[2]["key_id"])
    api.make()
    assert api.call("POST", "/keys", context(), {"description": "one more"}).code == "limit_reached"


def test_a_disabled_key_keeps_its_place(api: Api) -> None:
    keys = [api.make() for _ in range(3)]
    api.store.disable(keys[0]["key_id"])
    assert api.call("POST", "/keys", context(), {"description": "one more"}).code == "limit_reached"


def test_rolled_keys_are_bounded_too(api: Api) -> None:
    newest = api.make()["key_id"]
    for _ in range(3):
        newest = api.call("POST", "/keys/{key_id}/roll", context(), {"grace": "30d"}, key_id=newest).body["key_id"]
    answer = api.call("POST", "/keys/{key_id}/roll", context(), {"grace": "30d"}, key_id=newest)
    assert (answer.status, answer.code) == (409, "limit_reached")
    assert api.call("POST", "/keys/{key_id}/roll", context(), {"grace": "0"}, key_id=newest).status == 201


def test_only_so_many_keys_are_made_in_a_day_in_utc(api: Api) -> None:
    for _ in range(5):
        made = api.make()
        api.call("DELETE", "/keys/{key_id}", context(), key_id=made["key_id"])
    answer = api.call("POST", "/keys", context(), {"description": "a sixth"})
    assert (answer.status, answer.code) == (429, "too_many_today")
    seconds = DAY - NOW % DAY
    assert answer.headers["Retry-After"] == str(seconds)
    api.now += seconds
    api.make()


def test_a_key_never_has_more_scopes_than_the_token_and_the_file(api: Api) -> None:
    for scopes, token in ((["write"], "read"), (["admin"], "admin read"), (["read", "write"], "read"), (["read"], "")):
        answer = api.call("POST", "/keys", context(scope=token), {"description": "x", "scopes": scopes})
        assert (answer.status, answer.code) == (403, "scope_not_permitted")
    made = api.make(scopes=["write"])
    answer = api.call("POST", "/keys/{key_id}/roll", context(scope="read"), {}, key_id=made["key_id"])
    assert (answer.status, answer.code) == (403, "scope_not_permitted")
    assert len(api.listed()) == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "null",
        "[]",
        '"text"',
        NESTED,
        '{"description": ' + "[" * 70 + "]" * 70 + "}",
        '{"description": "a", "description": "b"}',
        '{"description": "\\ud800"}',
        '{"description": NaN}',
        "{}",
        {"description": ""},
        {"description": 1},
        {"description": "x" * 101},
        {"description": "two\nlines"},
        {"description": "x", "scopes": "read"},
        {"description": "x", "scopes": ["a b"]},
        {"description": "x", "scopes": ["read\n"]},
        {"description": "x", "scopes": [["read"]]},
        {"description": "x", "scopes": ["read"] * 51},
        {"description": "x", "expires_in": 5},
        {"description": "x", "expires_in": "0"},
        {"description": "x", "expires_in": "59s"},
        {"description": "x", "expires_in": "366d"},
        {"description": "x", "expires_in": "999999d"},
        {"description": "x", "expires_in": "1d\n"},
        {"description": "x", "expires_in": True},
        {"description": "x" * 20_000},
    ],
    ids=str,
)
def test_a_body_that_is_not_valid_is_a_400_and_makes_nothing(api: Api, body: object) -> None:
    answer = api.call("POST", "/keys", context(), body)
    assert (answer.status, answer.code, api.reports, api.items()) == (400, "bad_request", [], [])
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "member",
    ["userId", "owner", "owner_issuer", "issuer", "sub", "consumer", "key_id", "data", "plan", "networks", "made_by",
     "enabled", "tags", "prefix"],
)  # fmt: skip
def test_a_member_that_a_request_cannot_have_is_named(api: Api, member: str) -> None:
    answer = api.call("POST", "/keys", context(), {"description": "x", member: "eve"})
    assert answer.status == 400
    assert [each["name"] for each in answer.body["fields"]] == [member]
    assert api.items() == []


@pytest.mark.parametrize("kind", ["text/plain", "application/json-patch+json", "application/x-www-form-urlencoded", ""])
def test_another_content_type_is_a_415(api: Api, kind: str) -> None:
    answer = api.call("POST", "/keys", context(), {"description": "x"}, headers={"content-type": kind} if kind else {})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


def test_a_content_type_can_have_parameters_and_any_case(api: Api) -> None:
    headers = {"CONTENT-TYPE": "Application/JSON; charset=utf-8"}
    assert api.call("POST", "/keys", context(), {"description": "x"}, headers=headers).status == 201


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST", "HEAD"])
def test_a_method_that_a_route_has_not_is_a_404(api: Api, method: str) -> None:
    assert api.call(method, "/me", context(), {}).status == 404


def test_no_answer_can_be_kept_by_a_cache(api: Api) -> None:
    answers = [
        api.call("GET", ""),
        api.call("GET", "/me", context()),
        api.call("POST", "/keys", context(), {"description": "x"}),
        api.call("POST", "/keys", context(), {}),
        api.call("GET", "/keys", None),
        api.call("DELETE", "/keys/{key_id}", context(), key_id="x"),
    ]
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


@pytest.mark.parametrize("origin", [ORIGIN, "https://evil.example", "null", ORIGIN + ".evil.example", None])
def test_only_the_configured_origin_is_permitted(api: Api, origin: str | None) -> None:
    headers = {"origin": origin} if origin else {}
    for answer in (
        api.call("GET", "/me", context(), headers=headers),
        api.call("GET", "/me", None, headers=headers),
        api.call("OPTIONS", "/keys", None, headers=headers),
    ):
        named = {name: value for name, value in answer.headers.items() if name.startswith("Access-Control-Allow-Or")}
        assert named == ({"Access-Control-Allow-Origin": ORIGIN} if origin == ORIGIN else {})


def test_a_route_is_found_by_its_resource_whatever_the_path(api: Api) -> None:
    for path in ("/me", "/self-service/keys/../me", "/x/self-service/keys", ""):
        assert api.call("GET", "/me", context(), path=path).body["sub"] == "ada"


def after(api: Api, key_id: str) -> Answer:
    given: Any = {"queryStringParameters": {"after": key_id}, "multiValueQueryStringParameters": {"after": [key_id]}}
    return api.call("GET", "/keys", context(), **given)


def test_the_list_has_parts(dynamodb: DynamoDBClient, table_name: str) -> None:
    api = Api(dynamodb, table_name, part=2)
    made = []
    for _ in range(3):
        made.append(api.make()["key_id"])
        api.now += 1
    first = api.call("GET", "/keys", context()).body
    second = after(api, first["next"]).body
    assert [key["key_id"] for part in (first, second) for key in part["keys"]] == made[::-1]
    assert second["next"] is None


@pytest.mark.parametrize("key_id", ["x", "key_0000000000000000", "", "owner#1"])
def test_an_unknown_start_of_a_part_is_a_400(api: Api, key_id: str) -> None:
    assert after(api, key_id).status == 400


def recent(api: Api, **claims: Any) -> Answer:
    return api.call("POST", "/keys", context(**claims), {"description": "x"})


def test_a_sign_in_must_be_as_recent_as_the_file_says(dynamodb: DynamoDBClient, table_name: str) -> None:
    api = Api(dynamodb, table_name, settings("max_sign_in_minutes = 15"))
    for at in (NOW - 901, NOW + 100, None, "now", True):
        answer = recent(api, auth_time=at)
        assert (answer.status, answer.code) == (401, "sign_in_again")
        assert 'error="insufficient_user_authentication", max_age="900"' in answer.headers["WWW-Authenticate"]
    assert recent(api, auth_time=NOW - 900).status == 201


def test_data_is_made_from_the_claims_that_the_file_names(dynamodb: DynamoDBClient, table_name: str) -> None:
    api = Api(dynamodb, table_name, settings('data_claims = ["org.plan", "absent"]'))
    made = api.make(context(org={"plan": "gold", "secret": 1}, email="ada@example.com"))
    assert item_of(api, made["key"])["data"] == {"S": '{"org":{"plan":"gold"}}'}
    rolled = api.call("POST", "/keys/{key_id}/roll", context(org={"plan": "free"}), {}, key_id=made["key_id"]).body
    assert item_of(api, rolled["key"])["data"] == {"S": '{"org":{"plan":"free"}}'}


def test_a_key_is_too_large_for_the_context_before_it_is_made(dynamodb: DynamoDBClient, table_name: str) -> None:
    api = Api(dynamodb, table_name, settings('data_claims = ["org"]'))
    answer = api.call("POST", "/keys", context(org="x" * 9000), {"description": "x"})
    assert (answer.status, answer.code) == (400, "bad_request")


def test_members_of_an_organization_see_its_keys_and_who_made_each(dynamodb: DynamoDBClient, table_name: str) -> None:
    api = Api(dynamodb, table_name, settings(owner_claim="org_id"))
    ada, bob = (context(sub, OTHER_ISSUER, org_id="acme") for sub in ("ada", "bob"))
    made = [api.make(ada), api.make(bob)]
    assert {key["key_id"]: key["created_by"] for key in api.listed(bob)} == {
        made[0]["key_id"]: "ada",
        made[1]["key_id"]: "bob",
    }
    assert api.listed(context("eve", OTHER_ISSUER, org_id="other")) == []
    assert api.call("GET", "/keys", context("eve", OTHER_ISSUER)).status == 403
    assert KeyRecord.from_item(item_of(api, made[0]["key"])).identity.sub == "acme"


def test_a_disabled_owner_makes_and_rolls_nothing_and_can_still_end_keys(api: Api) -> None:
    made = api.make()
    api.store.consumers.set_enabled(owner_pk(ISSUER, "ada"), False)
    for answer in (
        api.call("POST", "/keys", context(), {"description": "x"}),
        api.call("POST", "/keys/{key_id}/roll", context(), {}, key_id=made["key_id"]),
    ):
        assert (answer.status, answer.code) == (403, "forbidden")
    assert [key["state"] for key in api.listed()] == ["disabled"]
    assert api.call("DELETE", "/keys/{key_id}", context(), key_id=made["key_id"]).status == 204


@pytest.mark.parametrize(
    "state",
    [{"enabled": {"BOOL": False}}, {"enabled": {"BOOL": True}, "not_before": {"N": str(NOW)}}, {"enabled": {"S": "x"}}],
    ids=str,
)
def test_a_user_who_is_disabled_or_whose_tokens_are_ended_makes_nothing(api: Api, state: Any) -> None:
    api.client.put_item(TableName=api.table_name, Item={"pk": {"S": subject_pk(ISSUER, "ada")}, **state})
    answer = api.call("POST", "/keys", context(), {"description": "x"})
    assert (answer.status, answer.code) == (403, "forbidden")


def test_an_outage_is_a_503_that_says_to_read_the_list_again(api: Api) -> None:
    api.client.delete_table(TableName=api.table_name)
    for answer in (
        api.call("GET", "/me", context()),
        api.call("GET", "/keys", context()),
        api.call("POST", "/keys", context(), {"description": "x"}),
    ):
        assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "unavailable", "5")
        assert answer.body["request_id"] == "extended-id"
    assert [type(error).__name__ for error in api.reports] == ["ResourceNotFoundException"] * 3


@pytest.mark.parametrize("of", ["the user", "the owner"])
def test_a_key_is_on_the_plan_of_its_user_or_owner_when_it_is_made_and_rolled(api: Api, of: str) -> None:
    first = api.make()
    plan: Any = {"plan": {"S": "gold"}, "usage_key": {"S": "u" * 30}}
    if of == "the user":
        item = {"pk": {"S": subject_pk(ISSUER, "ada")}, "enabled": {"BOOL": True}, **plan}
        api.client.put_item(TableName=api.table_name, Item=item)
    else:
        api.store.consumers.update(owner_pk(ISSUER, "ada"), {"plan": "gold", "usage_key": "u" * 30})
    assert api.call("GET", "/me", context()).body["plan"] == {"name": "gold"}
    for made in (
        api.make(),
        api.call("POST", "/keys/{key_id}/roll", context(), {}, key_id=first["key_id"]).body,
    ):
        identity = KeyRecord.from_item(item_of(api, made["key"])).identity
        assert (identity.plan, identity.usage_key) == ("gold", "u" * 30)


def test_the_list_has_the_use_of_each_key_where_it_is_recorded(dynamodb: DynamoDBClient, table_name: str) -> None:
    table = make_table(dynamodb)
    counter = Counter(dynamodb, table)
    api = Api(dynamodb, table_name, use=Uses(dynamodb, table).of)
    used, old, unused = (api.make()["key_id"] for _ in range(3))
    for key_id, ago, status in ((old, 40 * DAY, 200), (used, 29 * DAY, 200), (used, 0, 200), (used, 0, 403)):
        counter.add(read([request(NOW - ago, key_id, status)], NOW - ago), GROUP, NOW - ago)
    found = {key["key_id"]: (key["last_used"], key["usage"]) for key in api.listed()}
    assert found[used] == (NOW - NOW % 900, [1, *[0] * 28, 2])
    assert found[old] == (NOW - 40 * DAY - (NOW - 40 * DAY) % DAY, [0] * 30)
    assert found[unused] == (None, [0] * 30)


def test_a_roll_never_makes_the_old_key_work_for_longer(api: Api) -> None:
    old = api.make(expires_in="1h")
    answer = api.call("POST", "/keys/{key_id}/roll", context(), {"grace": "24h"}, key_id=old["key_id"])
    assert answer.body["old_expires_at"] == old["expires_at"]
    assert item_of(api, old["key"])["expires_at"] == {"N": str(old["expires_at"])}
