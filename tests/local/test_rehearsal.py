"""What `make run` says beside the status of each route."""

from pathlib import Path

import pytest

from authorizer import auth_file
from authorizer.access import AccessRules
from authorizer.identity import Identity
from local import http_server
from local.apis import Api, ApiRoute
from local.rehearsal import Caller, Rehearsed, expected, rehearse, screen

NOBODY = Caller("no credential", None)
KEY = Caller("an API key", "mak_1", Identity("api_key", "acme", {"plan": "gold"}, frozenset({"a"})))
JWT = Caller("a JWT", "x.y.z", Identity("jwt", "ada", {"groups": ["admins"]}))
STRANGER = Caller("a JWT", "x.y.z", None, "wrong_issuer")
RULES = """
[[rule]]
route = "GET /orders/*"

[[rule]]
route = "POST /orders"
credentials = ["api_key"]
scopes = ["b"]
"""


@pytest.fixture
def access(tmp_path: Path) -> AccessRules | None:
    file = tmp_path / "mine.toml"
    file.write_text(RULES, encoding="utf-8")
    return auth_file.load(file).rules


def guarded(method: str, path: str) -> ApiRoute:
    return ApiRoute(path, method, guarded=True)


@pytest.mark.parametrize(
    ("route", "caller", "status", "why"),
    [
        (guarded("GET", "/orders/{id}"), NOBODY, 401, "refused: no credential"),
        (guarded("GET", "/orders/{id}"), KEY, None, "permitted"),
        (guarded("GET", "/orders/{id}"), STRANGER, 401, "refused: wrong_issuer"),
        (guarded("POST", "/orders"), KEY, 403, "refused by line 5: POST /orders: scopes (b)"),
        (guarded("GET", "/other"), JWT, 403, "refused: no rule matches this route"),
        (guarded("ANY", "/orders/{proxy+}"), JWT, None, "permitted"),
        (ApiRoute("/public", "GET", guarded=False), NOBODY, None, "permitted: the route has no Lambda authorizer"),
    ],
)
def test_the_rules_say_what_each_route_answers_to_each_credential(
    route: ApiRoute, caller: Caller, status: int | None, why: str, access: AccessRules
) -> None:
    assert expected(route, caller, access) == (status, why)


def test_without_rules_every_identity_is_permitted() -> None:
    assert expected(guarded("GET", "/any"), JWT, None)[0] is None
    assert expected(guarded("GET", "/any"), NOBODY, None)[0] == 401


@pytest.mark.parametrize(
    ("status", "wanted", "agrees"),
    [
        *((200, None, True), (404, None, True), (500, None, True), (401, None, False), (403, None, False)),
        *((503, None, False), (403, 403, True), (200, 403, False), (401, 401, True), (500, 401, False)),
    ],
)
def test_a_status_that_the_rules_do_not_say_is_marked(status: int, wanted: int | None, agrees: bool) -> None:
    one = Rehearsed(guarded("GET", "/a"), "a JWT", status, wanted, "why")
    assert str(one).startswith(" " if agrees else "!")
    shown = screen({"Api": [one]}, [])
    assert ("differ from the access rules" in shown) == (not agrees)


def test_each_route_is_called_with_each_credential(access: AccessRules) -> None:
    seen = []

    class Backend(http_server.Handler):
        def do_GET(self) -> None:
            seen.append((self.command, self.path, self.headers.get("Authorization")))
            self.answer(200 if self.headers.get("Authorization") else 401, b"")

        def do_POST(self) -> None:
            self.body()
            self.do_GET()

    with http_server.serving(Backend) as url:
        routes = (guarded("GET", "/orders/{id}"), guarded("POST", "/orders"))
        found = list(rehearse(Api("Api", True, "1", "v1", url, routes), (NOBODY, KEY), access))
    assert seen == [
        ("GET", "/orders/1", None),
        ("GET", "/orders/1", "Bearer mak_1"),
        ("POST", "/orders", None),
        ("POST", "/orders", "Bearer mak_1"),
    ]
    assert [one.agrees for one in found] == [True, True, True, False]
    assert "POST /orders" in str(found[3])
    assert "(expected 403)" in str(found[3])


def test_the_screen_says_where_the_emulator_differs() -> None:
    found: dict[str, list[Rehearsed]] = {"Rest": [], "Http": []}
    shown = screen(found, ["Http"])
    assert shown.count("AWS documents no status") == 1
    assert shown.index("AWS documents no status") > shown.index("Http:")
