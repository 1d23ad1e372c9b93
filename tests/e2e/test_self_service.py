"""The API of stacks/self-service on the local system: the life of a key, and what one user tries with another's."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from local.provider import SCOPES
from local.session import client
from local.system import System, run_keys
from tests.e2e.conftest import Keys
from tests.support.issuer import Issuer

PASSWORD = "Aa1-a-password-of-the-tests"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class User:
    """Calls the API, whose URL ends in a slash, with this token."""

    url: str
    token: str

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        for name, value in {"Authorization": f"Bearer {self.token}", **headers}.items():
            request.add_header(name, value)
        if data:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                return Answer(answer.status, dict(answer.headers), json.loads(text) if text else None)
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), json.loads(error.read()))

    def make(self) -> Any:
        answer = self.call("POST", "keys", {"description": "a key", "expires_in": "1h"})
        assert answer.status == 201, answer
        return answer.body


@pytest.fixture(scope="module")
def url(self_service_page: str) -> str:
    return f"{self_service_page}/"


def sign_up(system: System, url: str, name: str) -> User:
    cognito: Any = client(system.emulator, "cognito-idp")
    pool, client_id = system.provider.user_pool, system.provider.audience
    cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)
    answer = cognito.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
    )
    return User(url, answer["AuthenticationResult"]["AccessToken"])


def status_of(key: str, url: str) -> int:
    """The status of a request with a key, to the API that the page tells."""
    return User(url, key).call("GET", "").status


def test_a_user_makes_uses_rolls_and_ends_a_key(system: System, url: str) -> None:
    user = sign_up(system, url, "grace@example.com")
    me = user.call("GET", "me").body
    made = user.make()
    assert status_of(made["key"], me["request"]) == 200
    rolled = user.call("POST", f"keys/{made['key_id']}/roll", {"grace": "1h"})
    assert (rolled.status, rolled.body["replaces"]) == (201, made["key_id"])
    assert [status_of(key, me["request"]) for key in (made["key"], rolled.body["key"])] == [200, 200]
    assert user.call("DELETE", f"keys/{made['key_id']}").status == 204
    end = time.monotonic() + 20
    while status_of(made["key"], me["request"]) == 200 and time.monotonic() < end:
        time.sleep(0.5)  # The caches of the authorizer.
    assert status_of(made["key"], me["request"]) == 401
    assert status_of(rolled.body["key"], me["request"]) == 200


def test_twenty_requests_at_once_make_no_more_keys_than_allowed(system: System, url: str) -> None:
    user = sign_up(system, url, "alan@example.com")
    limits = user.call("GET", "me").body["limits"]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: user.call("POST", "keys", {"description": "at once"}), range(20)))
    statuses = Counter(answer.status for answer in answers)
    assert statuses.keys() <= {201, 409, 429}
    assert statuses[201] <= limits["keys"] == 10
    while (answer := user.call("POST", "keys", {"description": "one more"})).status == 201:
        pass
    assert (answer.status, answer.body["code"]) == (409, "limit_reached")
    assert user.call("GET", "me").body["limits"]["live"] == 10
    assert len([key for key in user.call("GET", "keys").body["keys"] if key["state"] == "active"]) == 10


def test_a_second_user_can_do_nothing_with_the_keys_of_the_first(system: System, url: str) -> None:
    first, second = (sign_up(system, url, f"{name}@example.com") for name in ("first", "second"))
    made = first.make()
    for method, path, body in (
        ("DELETE", f"keys/{made['key_id']}", None),
        ("POST", f"keys/{made['key_id']}/roll", {}),
        ("POST", f"keys/{made['key_id']}%2F..%2F{made['key_id']}/roll", {}),
        ("DELETE", f"keys/{made['key_id']}?owner={first.call('GET', 'me').body['owner']}", None),
    ):
        answer = second.call(method, path, body)
        assert answer.status == 404, answer
    assert second.call("GET", "keys").body["keys"] == []
    assert [key["state"] for key in first.call("GET", "keys").body["keys"]] == ["active"]


def test_no_key_and_no_user_of_another_provider_manages_keys(
    system: System, url: str, keys: Keys, issuer: Issuer
) -> None:
    made = sign_up(system, url, "barbara@example.com").make()
    for token in (made["key"], keys.create()["key"], issuer.token()):
        for method, path, body in (("GET", "keys", None), ("POST", "keys", {"description": "x"})):
            assert User(url, token).call(method, path, body).status == 403
    for token in ("", "nonsense"):
        assert User(url, token).call("GET", "me").status == 401


def test_an_operator_disables_an_owner_who_then_makes_no_key(system: System, url: str) -> None:
    user = sign_up(system, url, "edsger@example.com")
    user.make()
    me = user.call("GET", "me").body
    owner = ("--owner", me["issuer"], me["owner"])
    table = system.deployment.table
    disabled = run_keys(system.emulator, table, "consumer", "disable", *owner, "--yes")
    assert (disabled.returncode, json.loads(disabled.stdout)["keys_changed"]) == (0, 1), disabled.stderr
    answer = user.call("POST", "keys", {"description": "x"})
    assert (answer.status, answer.body["code"]) == (403, "forbidden")
    listed = json.loads(run_keys(system.emulator, table, "list", *owner).stdout)
    assert [(key["state"], key["owner"]) for key in listed] == [("disabled", me["owner"])]


def test_the_client_of_the_pool_can_return_to_the_page_alone(system: System, url: str) -> None:
    cognito: Any = client(system.emulator, "cognito-idp")
    found = cognito.describe_user_pool_client(UserPoolId=system.provider.user_pool, ClientId=system.provider.audience)
    settings = found["UserPoolClient"]
    assert (settings["CallbackURLs"], settings["AllowedOAuthFlows"]) == ([url.removesuffix("/")], ["code"])
    assert sorted(settings["AllowedOAuthScopes"]) == sorted(SCOPES)
