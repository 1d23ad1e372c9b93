"""An API with nothing but `{proxy+}`: routes by credentials, order and cache, under a wide rule and two narrow ones."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from keys.core import Author, Store, Table
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

[[rule]]
route = "GET /office/*"
networks = ["127.0.0.1/32"]
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


@pytest.fixture
def cached(system: System, proxy: Proxy) -> None:
    set_cache_seconds(client(system.emulator, "apigateway"), proxy.api_id, 300)


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


def decisions(system: System, key_id: str) -> int:
    """How many decisions the authorizer of this API has made about a key."""
    group = client(system.emulator, "cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
    name = next(each["OutputValue"] for each in group if each["OutputKey"] == "AuthorizerLogGroup")
    events = client(system.emulator, "logs").filter_log_events(logGroupName=name)["events"]
    return sum(f'"{key_id}"' in event["message"] for event in events)


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize("first", ["127.0.0.1", "127.0.0.2"])
def test_one_cached_policy_permits_one_address_and_refuses_another(first: str, system: System, proxy: Proxy) -> None:
    made = create_key(system.emulator, proxy.table, "--consumer", "acme")
    for source in (first, "127.0.0.1", "127.0.0.2"):
        inside = source == "127.0.0.1"
        paths = {"/me": 201, "/office/x": 201 if inside else 403, "/office//x": 403, "/x/../office/x": 403}
        for path, status in paths.items():
            assert proxy.caller.send(f"Bearer {made['key']}", path=path, source=source).status == status
    assert decisions(system, made["key_id"]) == 1


@pytest.mark.usefixtures("cached")
def test_a_key_with_networks_is_accepted_from_them_alone_whatever_a_header_says(system: System, proxy: Proxy) -> None:
    store = Store(Table(client(system.emulator, "dynamodb"), proxy.table), Author("tester", "test"))
    made = store.create(consumer="acme", prefix="mak", networks=frozenset(["127.0.0.2/32"]))
    send = proxy.caller.send
    for source, spoofed, status in (
        ("127.0.0.2", None, 201),
        ("127.0.0.1", None, 403),
        ("127.0.0.1", "127.0.0.2", 403),
        ("127.0.0.2", "127.0.0.1", 201),
    ):
        assert send(f"Bearer {made.secret}", source=source, forwarded_for=spoofed).status == status
    assert decisions(system, made.key.key_id) == 1
