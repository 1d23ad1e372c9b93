"""Nothing but the deployed system's public side answers without the run's access key: asked with raw requests."""

import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local import http_server
from local.emulator import Endpoint, signed
from local.session import client
from local.system import System

MANAGEMENT = (
    "/",
    "/?Action=CreateUser&UserName=mallory&Version=2010-05-08",
    "/?Action=ListUsers&Version=2010-05-08",
    "/?Action=DescribeStacks&Version=2010-05-15",
    "/?Action=GetCallerIdentity&Version=2011-06-15",
    "/2015-03-31/functions",
    "/2015-03-31/functions/mallory/invocations",
    "/2018-10-31/layers",
    "/restapis",
    "/v2/apis",
    "/v2/email/identities",
    "/multi-auth-local-artifacts",
    "/multi-auth-local-artifacts?list-type=2",
    "/2020-05-31/distribution",
    "/_ministack/health",
    "/_ministack/ready",
    "/_ministack/reset",
    "/_ministack/config",
    "/_ministack/lambda-code/x",
    "/_localstack/health",
    "/health",
    "/_aws/ses",
    "/_aws/sqs/messages",
    "/_aws/lambda-url/x/",
    "/_alb/x/",
    "/iceberg/v1/config",
    "/Execute",
    "/v4/12345678/task",
    "/us-east-1_NoSuchPool/.well-known/jwks.json/?Action=CreateUser&UserName=mallory",
    "/oauth2/authorize/../../?Action=CreateUser&UserName=mallory",
)
TARGETS = (
    "DynamoDB_20120810.ListTables",
    "AWSCognitoIdentityProviderService.ListUserPools",
    "Logs_20140328.DescribeLogGroups",
)
EVIL = "https://evil.example"


def raw(system: System, *lines: str, body: str = "") -> tuple[int, str]:
    """Status and whole answer of a request that is written as it stands."""
    url = urlsplit(system.emulator.endpoint_url)
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=10) as connection:
        connection.sendall("\r\n".join((*lines, "Connection: close", "", body)).encode())
        connection.settimeout(10)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    text = answer.decode(errors="replace")
    return int(text.split(" ", 2)[1]), text


def names_of_users(system: System) -> str:
    return " ".join(user["UserName"] for user in client(system.emulator, "iam").list_users()["Users"])


def host(system: System) -> str:
    return f"Host: {urlsplit(system.emulator.endpoint_url).netloc}"


@pytest.mark.parametrize("origin", [None, EVIL, "null", "own"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", MANAGEMENT)
def test_a_management_path_is_refused_without_the_key(
    path: str, method: str, origin: str | None, system: System
) -> None:
    lines = [f"{method} {path} HTTP/1.1", host(system), "Content-Type: text/plain", "Content-Length: 0"]
    if origin:
        lines.append(f"Origin: {system.emulator.endpoint_url if origin == 'own' else origin}")
    status, answer = raw(system, *lines)
    assert status == 403, answer
    assert "access-control" not in answer.lower()


def signature(key: str, service: str = "dynamodb") -> str:
    scope = f"20260101/us-east-1/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"


FORGED = (
    *(f"Authorization: {signature(key)}" for key in ("", "test", "000000000000", "123456789012")),
    f"Authorization: {signature('test').replace('Credential', 'Credential=AKIAIOSFODNN7EXAMPLE/x, Credential')}",
    "Authorization: AWS test:c2lnbmF0dXJl",
    "X-Amz-Security-Token: test",
)
QUERIES = tuple(
    f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={key}/x&X-Amz-Signature=0" for key in ("", "test", "0" * 12)
)


def own_paths() -> list[str]:
    """The paths that the installed emulator has for itself, as its source names them."""
    (source,) = Path(".tools/emulator").glob("lib/python3*/site-packages/ministack/app.py")
    return sorted(set(re.findall(r"[\"'](/(?:_[a-z]+|health)[\w./-]*)", source.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("path", sorted({*own_paths(), *MANAGEMENT}))
def test_a_forged_request_is_refused_on_every_path(path: str, system: System) -> None:
    name, _, query = path.partition("?")
    for method in ("GET", "POST", "PUT"):
        lines = [host(system), "X-Amz-Date: 20260101T000000Z", "Content-Length: 0"]
        for authorization in FORGED:
            assert raw(system, f"{method} {path} HTTP/1.1", *lines, authorization)[0] == 403
        for forged in QUERIES:
            assert raw(system, f"{method} {name}?{query}&{forged} HTTP/1.1", *lines)[0] == 403


@pytest.mark.parametrize("path", own_paths())
def test_a_valid_user_reaches_no_path_of_the_emulators_own(path: str, administrator: Endpoint) -> None:
    for service in ("dynamodb", "s3", "execute-api"):
        for body in (None, b"{}"):
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(signed(administrator, path, body, service))
            assert caught.value.code == 403
            assert "Without the access key of this run" in caught.value.read().decode()


@pytest.mark.parametrize("target", TARGETS)
def test_an_unknown_or_badly_signed_key_of_awss_form_is_refused_by_the_emulator(
    target: str, system: System, administrator: Endpoint
) -> None:
    lines = ["POST / HTTP/1.1", host(system), f"X-Amz-Target: {target}", "Content-Type: application/x-amz-json-1.0"]
    lines += ["X-Amz-Date: 20260101T000000Z", "Content-Length: 2"]
    for key in ("AKIAIOSFODNN7EXAMPLE", administrator.access_key):
        status, answer = raw(system, *lines, f"Authorization: {signature(key)}", body="{}")
        assert status in (400, 403), answer
        assert re.search("UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch", answer), (
            answer
        )


def test_a_form_of_another_site_makes_no_function(system: System) -> None:
    before = len(client(system.emulator, "lambda").list_functions()["Functions"])
    body = (
        '{"FunctionName": "mallory", "Runtime": "python3.11", "Handler": "x.y", "Role": "x", "Code": {"ZipFile": ""}}'
    )
    lines = ["POST /2015-03-31/functions HTTP/1.1", host(system), f"Origin: {EVIL}", "Content-Type: text/plain"]
    assert raw(system, *lines, f"Content-Length: {len(body)}", body=body)[0] == 403
    assert len(client(system.emulator, "lambda").list_functions()["Functions"]) == before


def test_a_query_or_target_on_a_public_path_makes_nothing(system: System) -> None:
    stage = urlsplit(system.deployment.url).path
    for path in (f"/{system.provider.user_pool}/.well-known/jwks.json", "/us-east-1_None/.well-known/jwks.json", stage):
        raw(system, f"GET {path}?Action=CreateUser&UserName=mallory&Version=2010-05-08 HTTP/1.1", host(system))
        raw(system, f"GET {path} HTTP/1.1", host(system), "X-Amz-Target: DynamoDB_20120810.ListTables")
    assert "mallory" not in names_of_users(system)


def test_an_image_tag_makes_no_user(system: System) -> None:
    raw(system, "GET /?Action=CreateUser&UserName=mallory&Version=2010-05-08 HTTP/1.1", host(system))
    assert "mallory" not in names_of_users(system)


def test_the_public_side_answers_whoever_asks_it_by_its_own_name(system: System) -> None:
    port = urlsplit(system.emulator.endpoint_url).port
    api = urlsplit(system.deployment.url).path
    own = f"Host: {system.deployment.api_id}.execute-api.localhost:{port}"
    for name in (host(system), f"Host: localhost:{port}"):
        assert raw(system, f"GET {api}/me HTTP/1.1", name, f"Origin: {EVIL}")[0] == 401
        assert raw(system, f"GET {api}/me HTTP/1.1", name, f"Authorization: Bearer {system.api_key}")[0] == 200
        assert '"keys"' in raw(system, f"GET {urlsplit(system.provider.jwks_url).path} HTTP/1.1", name)[1]
        assert "unsupported_response_type" in raw(system, "GET /oauth2/authorize HTTP/1.1", name)[1]
    stage = system.deployment.stage
    assert raw(system, f"GET /{stage}/me HTTP/1.1", own, f"Authorization: Bearer {system.api_key}")[0] == 200
    assert raw(system, f"GET /{stage}/me HTTP/1.1", own)[0] == 401
    assert raw(system, "GET /_ministack/health HTTP/1.1", own)[0] in (403, 404)


@pytest.mark.parametrize("name", ["evil.example", "evil.example:{port}", "127.0.0.1", "localhost:1"])
def test_a_foreign_host_name_is_refused_on_public_paths_too(name: str, system: System) -> None:
    port = urlsplit(system.emulator.endpoint_url).port
    for path in (f"{urlsplit(system.deployment.url).path}/me", urlsplit(system.provider.jwks_url).path):
        assert raw(system, f"GET {path} HTTP/1.1", f"Host: {name.format(port=port)}")[0] == 403


def test_there_is_one_port_and_it_is_guarded(system: System) -> None:
    """The processes of the emulator listen on nothing else (as Linux tells it)."""
    tables = [Path(f"/proc/{system.emulator.process.pid}/net/{name}") for name in ("tcp", "tcp6")]
    if not tables[0].exists():
        pytest.skip("needs /proc")
    inodes = {
        line.split()[9]: int(line.split()[1].rsplit(":", 1)[1], 16)
        for table in tables
        if table.exists()
        for line in table.read_text(encoding="ascii").splitlines()[1:]
        if line.split()[3] == "0A"  # LISTEN
    }
    group = [
        pid for pid in Path("/proc").iterdir() if pid.name.isdigit() and _group(pid) == system.emulator.process.pid
    ]
    sockets = {
        str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]")
        for pid in group
        for descriptor in (pid / "fd").iterdir()
        if descriptor.is_symlink()
    }
    assert {inodes[inode] for inode in sockets & inodes.keys()} == {urlsplit(system.emulator.endpoint_url).port}


def _group(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[2])
    except OSError:
        return 0


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on PATH")
def test_a_web_page_in_a_browser_changes_nothing(system: System, tmp_path: Path) -> None:
    """A page of another origin that tries an image, a form and `fetch` on the emulator."""
    url = system.emulator.endpoint_url
    create = f"{url}/?Action=CreateUser&UserName=mallory&Version=2010-05-08"
    page = f"""<!doctype html><title>waiting</title><img src="{create}-image">
<iframe name="f"></iframe><form id="form" target="f" method="post" action="{create}-form"></form><script>
form.submit();
const tries = [fetch("{create}-fetch", {{mode: "no-cors"}}), fetch("{create}-cors"), fetch("{url}/_ministack/health"),
  fetch("{url}/2015-03-31/functions", {{method: "POST", mode: "no-cors", body: "{{}}"}}),
  fetch("{url}/2015-03-31/functions", {{method: "POST", headers: {{"X-Amz-Target": "x"}}, body: "{{}}"}})];
Promise.allSettled(tries).then(all => setTimeout(() => {{
  const read = all.filter(one => one.status === "fulfilled" && one.value.type !== "opaque").length;
  document.body.append("tried " + all.length + ", could read " + read); }}, 500));
</script>"""

    class Page(http_server.Handler):
        def do_GET(self) -> None:
            self.answer(200, page.encode(), {"Content-Type": "text/html"})

    with http_server.serving(Page) as url_of_page:
        seen = subprocess.run(
            [
                *(BROWSER or "", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"),
                *("--virtual-time-budget=10000", "--dump-dom", url_of_page),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
    assert "tried 5, could read 0" in seen
    assert "mallory" not in names_of_users(system)
    names = [function["FunctionName"] for function in client(system.emulator, "lambda").list_functions()["Functions"]]
    assert all(name.startswith(("multi-auth", "authorizer", "reports")) for name in names)
