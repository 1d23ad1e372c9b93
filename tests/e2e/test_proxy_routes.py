"""An API with nothing but `{proxy+}`: routes by credentials, order and cache, under a wide rule and two narrow ones."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from local.build import FOLDER
from local.deployment import (
    deploy_template,
    local_parameters,
    rest_api_url,
    set_cache_seconds,
)
from local.session import client
from local.system import System, create_key
from tests.e2e.conftest import DIRECTORY, Caller
from tests.e2e.test_examples import REST, authorizer_of
from tests.support.issuer import Issuer

RULES = """
[[rule]]
route = "* /*"

[[rule]]
route = "POST /reports"
any = [
  { credentials = ["api_key"], scopes = ["reports:write"] },
  { credentials = ["jwt"], claims = { groups = ["admins", "editors"] } },
]

[[rule]]
route = "GET /admin/whoami"
credentials = ["jwt"]
claims = { groups = "admins" }
"""
STACK = "proxy-authorizer"
PLAIN = (("GET", "/me"), ("POST", "/reports"), ("GET", "/admin/whoami"), ("HEAD", "/admin/whoami"), ("PUT", "/a/b/c"))
ODD = ("/admin//whoami", "/admin/whoami/", "/admin/./whoami", "/x/../admin/whoami", "/x/..;/admin/whoami")
EXPECTED = {
    "a key with the scope": (201, 201, 403, 403, 201),
    "a key without scopes": (201, 403, 403, 403, 201),
    "an editor's token": (201, 201, 403, 403, 201),
    "an administrator's token": (201, 201, 201, 201, 201),
    "a token of no group": (201, 403, 403, 403, 201),
    "a token of another audience": (401,) * 5,
}


@dataclass
class Proxy:
    """The API, and what its cache can be set by."""

    caller: Caller
    api_id: str
    table: str


@pytest.fixture(scope="module")
def proxy(system: System, issuer: Issuer) -> Proxy:
    build = DIRECTORY / "proxy-build"
    shutil.copytree(FOLDER, build)
    (build / "Authorizer" / "authorizer" / "auth.toml").write_text(RULES, encoding="utf-8")
    given = local_parameters() | {
        "SampleApi": "None",
        "JwtIssuer": issuer.url,
        "JwtAudience": issuer.provider()["audience"],
        "JwtJwksUrl": issuer.jwks_url,
    }
    resources = deploy_template(system.emulator, build / "template.yaml", STACK, given, DIRECTORY / f"{STACK}.log")
    template = DIRECTORY / "proxy.yaml"
    # The emulator does not import API Gateway's ANY.
    events = "".join(
        f"        {method}: {{ Type: Api, Properties: {{ RestApiId: !Ref Api, Method: {method}, "
        'Path: "/{proxy+}" } }\n'
        for method in ("GET", "HEAD", "POST", "PUT")
    )
    before, _, after = REST.read_text(encoding="utf-8").partition("        Create:\n")
    template.write_text(before + events + after.partition("/reports }\n")[2], encoding="utf-8")
    arn = authorizer_of(system, STACK)
    log = DIRECTORY / "proxy.log"
    api_id = deploy_template(system.emulator, template, "proxy", {"AuthorizerFunctionArn": arn}, log)["Api"]
    return Proxy(Caller(rest_api_url(system.emulator, api_id, "v1")), api_id, resources["ApiKeysTable"])


@pytest.fixture
def credentials(system: System, issuer: Issuer, proxy: Proxy) -> dict[str, Callable[[], str]]:
    """Makes a credential that no cache can know yet."""

    def key(*arguments: str) -> str:
        return create_key(system.emulator, proxy.table, "--consumer", "acme", *arguments)["key"]

    def token(**claims: Any) -> str:
        return issuer.token(jti=uuid4().hex, **claims)

    return {
        "a key with the scope": lambda: key("--scopes", "reports:write"),
        "a key without scopes": lambda: key("--data", '{"groups": ["admins"]}'),
        "an editor's token": lambda: token(groups=["staff", "editors"]),
        "an administrator's token": lambda: token(groups=["admins"]),
        "a token of no group": lambda: token(scope="reports:write"),
        "a token of another audience": lambda: token(aud="https://other.example", groups=["admins"]),
    }


@pytest.fixture(params=[0, 300], ids=["no cache", "cached"])
def cache(request: pytest.FixtureRequest, system: System, proxy: Proxy) -> Iterator[int]:
    """How long API Gateway keeps the authorizer's answers, in seconds."""
    gateway = client(system.emulator, "apigateway")
    set_cache_seconds(gateway, proxy.api_id, request.param)
    yield request.param
    set_cache_seconds(gateway, proxy.api_id, 30)


@pytest.mark.parametrize("order", [1, -1], ids=["in this order", "in reverse"])
@pytest.mark.parametrize("credential", EXPECTED)
@pytest.mark.usefixtures("cache")
def test_every_request_of_a_greedy_route_answers_as_the_rules_say(
    credential: str, order: int, credentials: dict[str, Callable[[], str]], proxy: Proxy
) -> None:
    token = credentials[credential]()
    send = proxy.caller.send
    statuses = [send(f"Bearer {token}", method=method, path=path).status for method, path in PLAIN[::order]]
    assert tuple(statuses[::order]) == EXPECTED[credential]


@pytest.mark.parametrize("order", [1, -1], ids=["in this order", "in reverse"])
@pytest.mark.parametrize("credential", [name for name, statuses in EXPECTED.items() if statuses[2] == 403])
@pytest.mark.usefixtures("cache")
def test_no_other_spelling_reaches_what_is_refused(
    credential: str, order: int, credentials: dict[str, Callable[[], str]], proxy: Proxy
) -> None:
    token = credentials[credential]()
    paths = ["/me", *ODD][::order]
    statuses = {path: proxy.caller.send(f"Bearer {token}", path=path).status for path in paths}
    assert statuses == {"/me": 201} | dict.fromkeys(ODD, 403)
