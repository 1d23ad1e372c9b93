"""Routes by credentials by caches: what the sample rules say, whatever was asked before with the same credential."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from authorizer import api_key
from local.deployment import set_cache_seconds
from local.provider import sign_in
from local.session import client
from local.system import System
from tests.e2e.conftest import CACHE_SECONDS, Caller, Keys
from tests.e2e.test_logs import function_logs
from tests.support.issuer import Issuer

ROUTES = (("GET", "/me"), ("POST", "/reports"), ("GET", "/admin/whoami"))
EXPECTED = {
    "a key with the scope": (200, 200, 403),
    "a key without scopes": (200, 403, 403),
    "a key whose data names the group": (200, 403, 403),
    "an administrator's token": (200, 403, 200),
    "a user's token": (200, 403, 403),
    "a token with the scope": (200, 403, 403),
    "a token of another group": (200, 403, 403),
    "an unknown key": (401, 401, 401),
    "a token of another audience": (401, 401, 401),
}


@pytest.fixture
def credentials(system: System, keys: Keys, issuer: Issuer) -> dict[str, Callable[[], str]]:
    """Makes a credential that no cache can know yet."""

    def key(*arguments: str) -> str:
        return keys.create("--consumer", "acme", *arguments)["key"]

    def token(**claims: Any) -> str:
        return issuer.token(jti=uuid4().hex, **claims)

    return {
        "a key with the scope": lambda: key("--scopes", "reports:write"),
        "a key without scopes": key,
        "a key whose data names the group": lambda: key("--data", '{"cognito:groups": ["admins"]}'),
        "an administrator's token": lambda: sign_in(system.emulator, system.provider)["IdToken"],
        "a user's token": token,
        "a token with the scope": lambda: token(scope="reports:write"),
        "a token of another group": lambda: token(**{"cognito:groups": ["staff"]}),
        "an unknown key": lambda: api_key.generate("mak"),
        "a token of another audience": lambda: token(aud="https://other.example"),
    }


@pytest.fixture(params=[0, 300], ids=["no cache", "cached"])
def cache(request: pytest.FixtureRequest, system: System) -> Iterator[int]:
    """How long API Gateway keeps the authorizer's answers, in seconds."""
    gateway = client(system.emulator, "apigateway")
    set_cache_seconds(gateway, system.deployment.api_id, request.param)
    yield request.param
    set_cache_seconds(gateway, system.deployment.api_id, CACHE_SECONDS)


@pytest.mark.parametrize("order", [1, -1], ids=["in this order", "in reverse"])
@pytest.mark.parametrize("credential", EXPECTED)
@pytest.mark.usefixtures("cache")
def test_every_route_answers_as_the_rules_say(
    credential: str, order: int, credentials: dict[str, Callable[[], str]], caller: Caller
) -> None:
    token = credentials[credential]()
    statuses = [caller.send(f"Bearer {token}", method=method, path=path).status for method, path in ROUTES[::order]]
    assert tuple(statuses[::order]) == EXPECTED[credential]


def test_one_decision_serves_every_route_while_it_is_cached(
    cache: int, system: System, caller: Caller, keys: Keys
) -> None:
    created = keys.create("--consumer", "acme")
    for method, path in ROUTES:
        caller.send(f"Bearer {created['key']}", method=method, path=path)
    decisions = sum(created["key_id"] in line for line in function_logs(system).splitlines())
    assert decisions == (1 if cache else len(ROUTES))


def test_a_route_that_is_not_permitted_is_a_problem_document(system: System, caller: Caller) -> None:
    answer = caller.send(f"Bearer {system.jwt}", method="POST", path="/reports")
    assert answer.status == 403
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.body.keys() == {"type", "title", "status", "detail", "missing_scopes", "requestId"}
    assert (answer.body["status"], answer.body["title"]) == (403, "Forbidden")
    assert "admins" not in str(answer.body)


def test_a_slash_at_the_end_opens_no_route_that_is_not_permitted(system: System, caller: Caller) -> None:
    assert caller.send(f"Bearer {system.jwt}", method="POST", path="/reports/").status in (403, 404)
    assert caller.send(f"Bearer {system.api_key}", path="/admin/whoami/").status in (403, 404)
