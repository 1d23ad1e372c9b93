"""What one user tries with the keys of others: of a user of another issuer with the same `sub`, and of a consumer."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from authorizer.auth_file import parse
from authorizer.key_record import KeyRecord
from authorizer.owner import owner_pk
from authorizer.subject_record import subject_pk
from keys.core.errors import BadInput, Code, Conflict
from keys.core.record import DIGEST, Key
from keys.core.store import Store
from tests.support.self_service import ISSUER, NOW, OTHER_ISSUER, Answer, Api, context

if TYPE_CHECKING:
    from authorizer.identity import Identity

ADA = context("acme")
OTHER = context("acme", OTHER_ISSUER)
"""Two users. Their `sub` is the name of an operator's consumer."""
USERS = {"issuer": ADA, "other issuer": OTHER}


@pytest.fixture
def ids(api: Api) -> dict[str, str]:
    """The ID of a key of each user, and of the operator's consumer."""
    operator = api.store.create(consumer="acme", prefix="mak", scopes=frozenset(["read"]))
    return {**{name: api.make(who)["key_id"] for name, who in USERS.items()}, "operator": operator.key.key_id}


def calls(api: Api, who: dict[str, str], key_id: str, **event: Any) -> Iterator[Answer]:
    yield api.call("POST", "/keys/{key_id}/roll", who, {}, key_id=key_id, **event)
    yield api.call("DELETE", "/keys/{key_id}", who, key_id=key_id, **event)


def keys_in(api: Api) -> list[Any]:
    return sorted((item for item in api.items() if DIGEST.fullmatch(item["pk"]["S"])), key=lambda item: item["pk"]["S"])


def test_a_user_lists_no_keys_but_those_of_the_same_issuer_and_sub(api: Api, ids: dict[str, str]) -> None:
    for name, who in USERS.items():
        assert [key["key_id"] for key in api.listed(who)] == [ids[name]]


def test_the_id_of_another_owners_key_is_a_404_and_changes_nothing(api: Api, ids: dict[str, str]) -> None:
    before = keys_in(api)
    for (name, who), (owner, key_id) in itertools.product(USERS.items(), ids.items()):
        if name != owner:
            for answer in calls(api, who, key_id):
                assert (answer.status, answer.code) == (404, "not_found")
    assert keys_in(api) == before


def test_an_owners_item_that_lists_the_key_of_another_gives_no_access_to_it(api: Api, ids: dict[str, str]) -> None:
    key_id = ids["other issuer"]
    entry: Any = {"M": {"digest": {"S": api.store.find(key_id).digest}, "end": {"N": str(NOW + 1000)}}}
    api.client.update_item(
        TableName=api.table_name,
        Key={"pk": {"S": owner_pk(ISSUER, "acme")}},
        UpdateExpression="SET live.#id = :entry",
        ExpressionAttributeNames={"#id": key_id},
        ExpressionAttributeValues={":entry": entry},
    )
    assert [answer.status for answer in calls(api, ADA, key_id)] == [404, 404]


class Counting:
    """A client that records the operations."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.called: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.called.append(name)
            return getattr(self._client, name)(**arguments)

        return call


def counted(api: Api) -> tuple[Api, list[str]]:
    client: Any = Counting(api.client)
    return Api(client, api.table_name), client.called


def test_another_owners_id_costs_the_same_reads_as_an_id_that_nobody_has(api: Api, ids: dict[str, str]) -> None:
    found = []
    for key_id in (ids["other issuer"], ids["operator"], "key_0000000000000000"):
        watched, called = counted(api)
        bodies = [json.loads(answer.text) for answer in calls(watched, ADA, key_id)]
        found.append((called, bodies))
    assert found[0] == found[1] == found[2]
    assert found[0][0] == ["transact_get_items", "get_item"]


def test_a_key_is_made_with_one_read_and_one_transaction(api: Api) -> None:
    for _ in range(2):
        watched, called = counted(api)
        watched.make()
        assert called == ["transact_get_items", "transact_write_items"]


@pytest.mark.parametrize(
    "key_id", ["", "x", "../me", "key_0000000000000000\n", "owner#" + "0" * 64, "%2e%2e", "a" * 5000]
)
def test_what_is_no_key_id_is_a_404(api: Api, key_id: str) -> None:
    for answer in calls(api, ADA, key_id):
        assert (answer.status, api.reports) == (404, [])


@pytest.mark.parametrize("name", ["owner", "sub", "issuer", "userId", "x-owner", "X-Amzn-Owner", "authorizer"])
def test_no_header_parameter_or_path_changes_the_owner(api: Api, ids: dict[str, str], name: str) -> None:
    victim = owner_pk(OTHER_ISSUER, "acme")
    for value in (victim, "acme", OTHER_ISSUER, json.dumps(OTHER)):
        event: Any = {
            "queryStringParameters": {name: value},
            "multiValueQueryStringParameters": {name: [value]},
            "stageVariables": {name: value},
            "path": f"/self-service/{value}",
        }
        headers = {"Content-Type": "application/json", name: value}
        listed = api.call("GET", "/keys", ADA, headers=headers, **event)
        assert [key["key_id"] for key in listed.body["keys"]] == [ids["issuer"]]
        me = api.call("GET", "/me", ADA, headers=headers, **event).body
        assert (me["issuer"], me["owner"]) == (ISSUER, "acme")
        for answer in calls(api, ADA, ids["other issuer"], headers=headers, **event):
            assert answer.status == 404


@pytest.mark.parametrize(
    "who",
    [
        None,
        {},
        {**ADA, "credential": "api_key", "key_id": "key_0000000000000000"},
        {**ADA, "credential": "JWT"},
        {**ADA, "issuer": "https://unlisted.example/"},
        {**ADA, "issuer": ""},
        {**ADA, "sub": ""},
        context("acme", client_id="another"),
        context("acme", client_id=None),
        context("acme", client_id=None, aud=["page", "another"]),
        context("acme", client_id=None, azp="another", aud="page"),
        context("acme", client_id=["page", 1]),
        context("acme", client_id=[]),
        context("acme", client_id={"page": "page"}),
        context(sub="acme", azp="page", client_id="another"),
        context("") | {"sub": "acme"},
        {**ADA, "data": json.dumps({"client_id": "page", "sub": ["acme"]})},
        {**ADA, "data": json.dumps({"client_id": "page", "sub": "a\u0000b"})},
        {**ADA, "data": json.dumps({"client_id": "page", "sub": "a" * 256})},
        {**ADA, "data": json.dumps({"client_id": "page"})},
    ],
    ids=str,
)
def test_only_a_users_jwt_of_a_listed_client_manages_keys(api: Api, who: dict[str, str] | None) -> None:
    for method, resource, body in (
        ("GET", "/me", None),
        ("GET", "/keys", None),
        ("POST", "/keys", {"description": "x"}),
    ):
        answer = api.call(method, resource, who, body)
        assert (answer.status, answer.code, api.reports) == (403, "forbidden", [])
    assert api.items() == []


@pytest.mark.parametrize(
    "claims",
    [{"azp": "page"}, {"cid": "page"}, {"appid": "page"}, {"aud": "page"}, {"aud": ["page"]}],
    ids=str,
)
def test_the_client_is_read_from_the_claim_that_the_token_has(api: Api, claims: dict[str, Any]) -> None:
    assert api.call("GET", "/me", context(client_id=None, **claims)).status == 200


def test_claims_can_be_encoded_as_base64url(api: Api) -> None:
    data = base64.urlsafe_b64encode(ADA["data"].encode()).rstrip(b"=").decode()
    assert api.call("GET", "/me", {**ADA, "data": data}).body["owner"] == "acme"


def identity(api: Api, key_id: str) -> Identity:
    digest = api.store.find(key_id).digest
    return KeyRecord.from_item(
        api.client.get_item(TableName=api.table_name, Key={"pk": {"S": digest}})["Item"]
    ).identity


def permits(rule: str, identity: Identity) -> bool:
    rules = parse(f'[[rule]]\nroute = "GET /x"\n{rule}\n').rules
    return any(each.effect == "Allow" for each in rules.permissions(identity)[0].statements)


def test_a_rule_for_a_consumer_never_matches_a_user_of_that_name(api: Api, ids: dict[str, str]) -> None:
    rule = 'consumers = ["acme"]'
    matched = {name: permits(rule, identity(api, key_id)) for name, key_id in ids.items()}
    assert matched == {"issuer": False, "other issuer": False, "operator": True}


def test_a_rule_for_an_issuer_is_for_its_jwts_and_not_for_keys(api: Api, ids: dict[str, str]) -> None:
    assert not permits(f'issuers = ["{ISSUER}"]', identity(api, ids["issuer"]))


def test_an_operators_command_for_a_consumer_leaves_the_keys_of_users_alone(api: Api, ids: dict[str, str]) -> None:
    assert [key.key_id for key in api.store.all("acme")] == [ids["operator"]]
    api.store.consumers.set_enabled("acme", False)
    assert {name: api.store.find(key_id).enabled for name, key_id in ids.items()} == {
        "issuer": True,
        "other issuer": True,
        "operator": False,
    }
    api.store.consumers.delete("acme", with_keys=True)
    assert [key["state"] for who in USERS.values() for key in api.listed(who)] == ["active", "active"]


def test_the_owner_of_one_issuer_is_disabled_without_the_other(api: Api, ids: dict[str, str]) -> None:
    api.store.consumers.set_enabled(owner_pk(ISSUER, "acme"), False)
    states = {name: [key["state"] for key in api.listed(who)] for name, who in USERS.items()}
    assert states == {"issuer": ["disabled"], "other issuer": ["active"]}
    assert api.store.find(ids["operator"]).enabled


def changed_meanwhile(api: Api, change: Any) -> Api:
    """The API, where `change` happens once, after the items were read and before they are written."""

    class Between(Counting):
        def __getattr__(self, name: str) -> Any:
            if name == "transact_write_items" and name not in self.called:
                self.called.append(name)
                change()
            return getattr(self._client, name)

    client: Any = Between(api.client)
    return Api(client, api.table_name)


def test_two_requests_for_the_last_place_make_one_key(api: Api) -> None:
    api.make()
    api.make()
    slow = changed_meanwhile(api, api.make)
    answer = slow.call("POST", "/keys", context(), {"description": "late"})
    assert (answer.status, answer.code) == (409, "limit_reached")
    assert len(api.listed()) == 3


def test_two_first_requests_of_an_owner_are_both_counted(api: Api) -> None:
    changed_meanwhile(api, api.make).make()
    assert api.call("GET", "/me", context()).body["limits"]["live"] == 2


def test_no_key_is_made_behind_the_back_of_who_disables_the_owner_or_the_user(api: Api) -> None:
    api.make()
    disabled: Any = {"pk": {"S": subject_pk(ISSUER, "ada")}, "enabled": {"BOOL": False}}
    for change in (
        lambda: api.store.consumers.set_enabled(owner_pk(ISSUER, "ada"), False),
        lambda: api.client.put_item(TableName=api.table_name, Item=disabled),
    ):
        answer = changed_meanwhile(api, change).call("POST", "/keys", context(), {"description": "late"})
        assert (answer.status, answer.code) == (403, "forbidden")
        api.store.consumers.set_enabled(owner_pk(ISSUER, "ada"), True)
    assert len(api.listed()) == 1


def test_a_table_where_others_always_win_is_a_429(api: Api) -> None:
    class Busy(Counting):
        def __getattr__(self, name: str) -> Any:
            if name == "transact_write_items":
                api.now += 1
                api.store.consumers.update(owner_pk(ISSUER, "ada"), {"description": str(api.now)})
            return getattr(self._client, name)

    api.make()
    client: Any = Busy(api.client)
    answer = Api(client, api.table_name).call("POST", "/keys", context(), {"description": "x"})
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (429, "too_many_requests", "1")


def test_the_secret_of_a_users_key_is_for_the_user_alone(api: Api, ids: dict[str, str]) -> None:
    for change in (
        lambda: api.store.roll(ids["issuer"], prefix="mak", grace=0),
        lambda: api.store.undo_roll(ids["issuer"]),
    ):
        with pytest.raises(Conflict) as caught:
            change()
        assert caught.value.problem is Code.KEY_OF_OWNER


def test_the_history_says_who_made_and_who_ended_a_key(api: Api) -> None:
    key_id = api.make()["key_id"]
    api.call("DELETE", "/keys/{key_id}", context(), key_id=key_id)
    key = api.store.find(key_id)
    assert isinstance(key, Key)
    assert [(each.what, each.by, each.how, each.at) for each in key.history] == [
        ("created", f"{ISSUER} ada", "self-service", NOW),
        ("revoked", f"{ISSUER} ada", "self-service", NOW),
    ]


def test_a_name_of_an_owners_item_is_no_name_of_a_consumer(api: Api) -> None:
    store: Store = api.store
    with pytest.raises(BadInput) as caught:
        store.create(consumer=owner_pk(ISSUER, "acme"), prefix="mak")
    assert caught.value.problem is Code.NAME_OF_OWNER
