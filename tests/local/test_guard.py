"""Who may ask what of the emulator. The same against the emulator itself: tests/e2e/test_guard.py."""

import asyncio
from typing import Any

import pytest

from local.guard import Guard

KEY = "LOCAL0123456789ABCDEF"
PORT = 4599
HOST = f"127.0.0.1:{PORT}"
API = "/restapis/1a2b3c4d/v1/_user_request_/me"
SIGNED = f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0"


def ask(
    method: str = "GET",
    path: str = "/",
    query: str = "",
    hosts: Any = (HOST,),
    kind: str = "http",
    more: Any = (),
    **headers: str,
) -> dict[str, Any] | None:
    """What reaches the emulator of a request; None when it is refused."""
    reached: list[dict[str, Any]] = []
    sent: list[dict[str, Any]] = []

    async def emulator(scope: Any, _receive: Any, _send: Any) -> None:
        reached.append(scope)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    given = [
        *(("host", host) for host in hosts),
        *more,
        *((name.replace("_", "-"), value) for name, value in headers.items()),
    ]
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given],
    }
    asyncio.run(Guard(emulator, KEY, PORT)(scope, receive, send))
    if reached:
        assert not sent
        return reached[0]
    if kind == "http":
        assert sent[0]["status"] == 403
        assert not any(b"access-control" in name for name, _value in sent[0]["headers"])
    else:
        assert [message["type"] for message in sent] == ["websocket.close"]
    return None


@pytest.mark.parametrize("origin", [{}, {"origin": "https://evil.example"}, {"origin": f"http://{HOST}"}])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/", "Action=CreateUser&UserName=x"),
        ("/2015-03-31/functions", ""),
        ("/2015-03-31/functions/f/invocations", ""),
        ("/restapis", ""),
        ("/restapis/1a2b3c4d/stages/v1", ""),
        ("/restapis/1a2b3c4d/v1/_user_request_x", ""),
        ("/bucket/object", ""),
        ("/_ministack/reset", ""),
        ("/_ministack/health", ""),
        ("/_ministack/config", ""),
        ("/_aws/lambda-url/abc/", ""),
        ("/_aws/sqs/messages", ""),
        ("/_localstack/health", ""),
        ("/health", ""),
        ("/_aws/execute-api/1a2b3c4d/v1/@connections/1", ""),
        ("/restapis/1a2b3c4d/v1/_user_request_/@connections/1", ""),
        ("//restapis/1a2b3c4d/v1/_user_request_/me", ""),
        (f"http://{HOST}{API}", ""),
        ("/oauth2/authorize/", ""),
        ("/a/b/.well-known/jwks.json", ""),
        ("", ""),
    ],
)
def test_what_manages_is_refused_without_the_key(method: str, path: str, query: str, origin: dict[str, str]) -> None:
    assert ask(method, path, query, **origin) is None


@pytest.mark.parametrize("path", ["/", "/2015-03-31/functions", "/_ministack/reset", "/_ministack/health"])
def test_the_key_opens_everything(path: str) -> None:
    assert ask("POST", path, authorization=SIGNED) is not None


OWN_PATHS = (
    *(
        "/_ministack/reset",
        "/_ministack/health",
        "/_ministack/config",
        "/_ministack/lambda-code/f",
        "/_localstack/health",
    ),
    *("/_ministack/cfn-response/t", "/_ministack/rds/iam-auth", "/_ministack/sqs/messages", "/_aws/lambda-url/abc/"),
    *(
        "/_aws/execute-api/1a2b3c4d/v1/@connections/1",
        "/_alb/x/",
        "/health",
        "/health/",
        "/iceberg/v1/config",
        "/graphql",
    ),
    *("/v2/", "/v2/_catalog", "/v2/r/manifests/x", "/v2/email/identities", "/v1/apis/a/graphql", "/Execute"),
    *("/v4/12345678/task", "/oauth2/x", "/login/x", "/logout/x", "//", "/./", "/../", "", "/_", "*"),
    "/restapis/1a2b3c4d/v1/_user_request_/@connections/1",
)
SERVICES = (
    *(("POST", "/", service) for service in ("dynamodb", "iam", "sts", "logs", "lambda", "events")),
    ("POST", "/service/GraniteServiceVersion20100801/operation/PutMetricData", "monitoring"),
    ("POST", "/2015-03-31/functions/f/invocations", "lambda"),
    ("GET", "/restapis/1a2b3c4d/gatewayresponses", "apigateway"),
    ("GET", "/v2/apis", "apigateway"),
    ("GET", "/", "s3"),
    ("PUT", "/multi-auth-artifacts/a/../b", "s3"),
)


def signature(key: str, service: str = "dynamodb") -> str:
    scope = f"20260101/us-east-1/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"


AWS_KEYS = ("AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE")


@pytest.mark.parametrize("key", AWS_KEYS)
@pytest.mark.parametrize(("method", "path", "service"), SERVICES)
def test_a_signature_of_a_user_or_role_reaches_aws_services(method: str, path: str, service: str, key: str) -> None:
    assert ask(method, path, authorization=signature(key, service)) is not None


@pytest.mark.parametrize("key", AWS_KEYS)
@pytest.mark.parametrize("service", ["dynamodb", "s3", "execute-api", "apigateway"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("path", OWN_PATHS)
def test_a_signature_of_a_user_or_role_reaches_no_path_of_the_emulators_own(
    path: str, method: str, service: str, key: str
) -> None:
    assert ask(method, path, authorization=signature(key, service)) is None


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize("path", ["/", "/bucket/object", "/2015-03-31/functions", API, "/oauth2/token", *OWN_PATHS])
@pytest.mark.parametrize(
    "forged",
    [
        *(signature(key) for key in ("", "test", "000000000000", "123456789012", "akiaiosfodnn7example", "AKIA")),
        *(signature(key) for key in ("AKIAIOSFODNN7EXAMPLE0", "AKIAIOSFODNN7EXAMPLE/000000000000", "AKIA/test")),
        signature("test").replace("Credential", "Credential=AKIAIOSFODNN7EXAMPLE/x, Credential"),
        signature("test").replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256  "),
        signature("test").replace("AWS4-HMAC-SHA256", "aws4-hmac-sha256"),
        signature("AKIAIOSFODNN7EXAMPLE").replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        "AWS test:c2lnbmF0dXJl",
        "AWS 000000000000:c2lnbmF0dXJl",
        "AWS AKIAIOSFODNN7EXAMPLE:c2lnbmF0dXJl",
    ],
)
def test_a_forged_key_is_refused_on_every_path(forged: str, path: str, method: str) -> None:
    assert ask(method, path, authorization=forged) is None


@pytest.mark.parametrize("header", [{}, {"authorization": signature(AWS_KEYS[0])}, {"authorization": "Bearer x"}])
@pytest.mark.parametrize("key", ["", "test", "000000000000", *AWS_KEYS])
@pytest.mark.parametrize("path", ["/", "/bucket/object", "/2015-03-31/functions", API, "/oauth2/token", *OWN_PATHS])
@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=0",
        "x-amz-credential={}/20260101/us-east-1/iam/aws4_request",
        "X%2DAmz%2DCredential={}/20260101/us-east-1/iam/aws4_request",
        "AWSAccessKeyId={}&Signature=0",
    ],
)
def test_a_query_signature_is_refused_on_every_path(query: str, path: str, key: str, header: dict[str, str]) -> None:
    assert ask("GET", path, query.format(key), **header) is None


@pytest.mark.parametrize("second", [SIGNED, signature("test"), signature(AWS_KEYS[0]), "Bearer x"])
def test_a_second_signature_opens_no_service(second: str) -> None:
    for first in (SIGNED, signature(AWS_KEYS[0])):
        assert ask("POST", "/", more=[("authorization", first), ("authorization", second)]) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": SIGNED.replace(KEY, KEY + "x")},
        {"authorization": SIGNED.replace(KEY, KEY[:-1])},
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"x {SIGNED}"},
        {"x_amz_security_token": ""},
        {"x_amz_security_token": "test"},
        {"x_amz_security_token": KEY},
        {"x_access_key": KEY},
        {"cookie": f"key={KEY}"},
    ],
)
def test_another_key_or_another_place_for_it_opens_nothing(headers: dict[str, str]) -> None:
    assert ask("POST", "/2015-03-31/functions", **headers) is None


def test_the_key_in_the_query_opens_nothing() -> None:
    # It would be in logs and in the history of browsers.
    assert ask(query=f"Action=ListUsers&X-Amz-Credential={KEY}/20260101/us-east-1/iam/aws4_request") is None


def test_a_guard_without_a_key_is_not_made() -> None:
    async def emulator(*_arguments: Any) -> None:
        pass

    with pytest.raises(ValueError, match="permit every request"):
        Guard(emulator, "", PORT)


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize(
    "path", [API, "/_aws/execute-api/1a2b3c4d/v1/me", "/restapis/1a2b3c4d/v1/_user_request_", f"{API}/%2e%2e/a:b//"]
)
def test_the_deployed_api_answers_whoever_asks(method: str, path: str) -> None:
    assert ask(method, path, "q=1", origin="https://app.example") is not None
    assert ask(method, path, "q=1") is not None


@pytest.mark.parametrize(
    "hosts",
    [
        (f"evil.example:{PORT}",),
        ("evil.example",),
        ("127.0.0.1",),
        ("127.0.0.1:1",),
        (f"127.0.0.1:{PORT}", "evil.example"),
        (f"1a2b3c4d.execute-api.localhost.evil.example:{PORT}",),
        ("1a2b3c4d.execute-api.localhost:1",),
        (),
    ],
)
@pytest.mark.parametrize("path", [API, "/us-east-1_Pool/.well-known/jwks.json", "/oauth2/authorize", "/v1/me"])
def test_a_foreign_host_name_is_refused_on_every_path(path: str, hosts: tuple[str, ...]) -> None:
    assert ask("GET", path, hosts=hosts) is None


@pytest.mark.parametrize(
    "path", ["/v1/me", "/_ministack/reset", "/iceberg/v1/config", "/2015-03-31/functions", "/v2/email"]
)
def test_by_the_apis_own_host_name_nothing_but_the_api_is_reached(path: str) -> None:
    scope = ask("POST", path, "q=1", hosts=(f"1a2b3c4d.execute-api.localhost:{PORT}",), accept="x")
    stage, _, rest = path[1:].partition("/")
    assert scope is not None
    assert scope["path"] == f"/restapis/1a2b3c4d/{stage}/_user_request_/{rest}"
    assert scope["raw_path"] == scope["path"].encode()
    assert scope["headers"] == [(b"host", HOST.encode()), (b"accept", b"x")]
    assert scope["query_string"] == b"q=1"


@pytest.mark.parametrize("path", ["/", "", "/v1/@connections/1"])
def test_by_the_apis_own_host_name_there_is_a_stage(path: str) -> None:
    assert ask("GET", path, hosts=(f"1a2b3c4d.execute-api.localhost:{PORT}",)) is None


def test_of_a_request_for_the_key_set_nothing_but_its_path_counts() -> None:
    path = "/us-east-1_NoSuchPool/.well-known/jwks.json"
    scope = ask("GET", path, "Action=CreateUser&UserName=x", x_amz_target="DynamoDB_20120810.ListTables")
    assert scope is not None
    assert (scope["path"], scope["query_string"], scope["headers"]) == (path, b"", [(b"host", HOST.encode())])
    assert ask("POST", path) is None


@pytest.mark.parametrize("line", ["GET /oauth2/authorize", "POST /login", "POST /oauth2/token", "GET /logout"])
def test_the_sign_in_page_answers_whoever_asks(line: str) -> None:
    method, path = line.split()
    assert ask(method, path, "client_id=x") is not None
    assert ask("PUT", path) is None


def test_a_web_socket_is_refused_without_the_key() -> None:
    assert ask(path=API, kind="websocket") is None
    assert ask(path=API, kind="websocket", authorization=SIGNED) is not None
