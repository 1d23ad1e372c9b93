"""examples/mcp: the official MCP client finds its way from a bare 401 to the answer of a tool, with a real provider."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from local import environment, http_server
from local.build import FOLDER, HOST_WHEELS, build, target
from local.deployment import deploy_template, local_parameters, rest_api_url
from local.rules_copy import RulesCopy
from local.system import System, create_key
from tests.e2e.conftest import DIRECTORY
from tests.e2e.test_examples import outputs_of

EXAMPLE = Path("examples/mcp")
PROVIDER = Path(__file__).with_name("oidc")
BUILD = FOLDER.with_name("build-mcp")
UV = Path(".venv/bin/uv").resolve()
METADATA = "/.well-known/oauth-protected-resource"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not shutil.which("npm"), reason="needs Node"),
    pytest.mark.skipif(HOST_WHEELS, reason="sam build installs packages for Linux"),
]


class Domain(http_server.Handler):
    """A custom domain: a host whose root is the stage of an API."""

    stage = ""

    def do_GET(self) -> None:
        url = urlsplit(self.stage)
        connection = HTTPConnection(url.hostname or "", url.port, timeout=60)
        try:
            # The emulator accepts only its own host.
            sent = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            connection.request(self.command, url.path + self.path, self.body(), sent)
            response = connection.getresponse()
            names = ("Content-Type", "WWW-Authenticate", "Cache-Control", "Access-Control-Allow-Origin")
            passed = {name: value for name in names if (value := response.headers.get(name))}
            self.answer(response.status, response.read(), passed)
        finally:
            connection.close()

    do_POST = do_DELETE = do_GET


@dataclass
class Run:
    """A run of the client. `requests`: its lines on standard error. `asked`: the queries of each sign-in."""

    code: int
    answer: str
    requests: list[str] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Mcp:
    """The deployed example, and an environment with the client's packages."""

    system: System
    resource: str
    issuer: str
    table: str
    python: Path

    def call(self, tool: str, arguments: dict[str, str] | None = None, key: str | None = None) -> Run:
        words: list[str | Path] = [
            self.python,
            EXAMPLE / "client.py",
            f"{self.resource}/mcp",
            tool,
            json.dumps(arguments or {}),
        ]
        variables = environment.clean() | ({"API_KEY": key} if key else {})
        with subprocess.Popen(
            words, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            run = Run(0, "")
            for line in process.stderr or ():
                if line.startswith("Sign in: "):
                    url = line.removeprefix("Sign in: ").strip()
                    run.asked.append({name: values[0] for name, values in parse_qs(urlsplit(url).query).items()})
                    sign_in(url)
                else:
                    run.requests.append(line.strip().replace(self.resource, "API").replace(self.issuer, "PROVIDER"))
            run.answer = (process.stdout.read() if process.stdout else "").strip()
        run.code = process.returncode
        return run

    def key(self, *scopes: str) -> str:
        given = ("--consumer", "robots", "--scopes", ",".join(scopes))
        return create_key(self.system.emulator, self.table, *given)["key"]


def sign_in(url: str) -> None:
    """What the user does in a browser: sign in as ada, and consent. The last redirect leads to the client."""
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    page = browser.open(url, timeout=30)
    for prompt in ("login", "consent"):
        text = page.read().decode()
        (action,) = re.findall(r'<form[^>]* action="([^"]+)"', text)
        form = {"prompt": prompt, "login": "ada", "password": "any"}
        page = browser.open(urljoin(page.url, action), urlencode(form).encode(), timeout=30)
    assert page.read() == b"You can close this window."


@pytest.fixture(scope="module")
def mcp(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mcp]:
    folder, variables = tmp_path_factory.mktemp("mcp"), environment.download()
    shutil.copytree(PROVIDER, folder / "oidc", ignore=shutil.ignore_patterns("node_modules"))
    python = folder / "venv/bin/python"
    commands: list[list[str | Path]] = [
        ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--prefix", folder / "oidc"],
        [UV, "venv", "-q", folder / "venv"],
        [UV, "pip", "install", "-q", "--python", python, "--require-hashes", "-r", EXAMPLE / "server/requirements.txt"],
    ]
    for command in commands:
        subprocess.run(command, env=variables, check=True)
    build(variables, DIRECTORY / "mcp-build.log", BUILD, template=str(EXAMPLE / "template.yaml"))
    with ExitStack() as stack:
        resource = stack.enter_context(http_server.serving(Domain))
        errors = stack.enter_context((DIRECTORY / "oidc.log").open("w", encoding="utf-8"))
        provider = stack.enter_context(
            subprocess.Popen(
                ["node", folder / "oidc/provider.mjs", resource],  # noqa: S607 - of PATH
                env=environment.clean(),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        )
        stack.callback(provider.terminate)
        issuer = (provider.stdout.readline() if provider.stdout else "").strip()
        entry: dict[str, Any] = {"issuer": issuer, "audience": resource}
        copy = RulesCopy(DIRECTORY / "mcp-authorizer", EXAMPLE / "auth.toml", [entry])
        copy.write()
        given = local_parameters() | {"SampleApi": "None", "ResourceIdentifier": resource, "ApiKeyCacheSeconds": "0"}
        log = DIRECTORY / "mcp-deploy.log"
        authorizer = deploy_template(system.emulator, copy.template, "mcp-authorizer", given, log)
        outputs = outputs_of(system, "mcp-authorizer")
        names = ("AuthorizerFunctionArn", "MetadataFunctionArn")
        given = target() | {name: outputs[name] for name in names} | {"ResourceIdentifier": resource}
        api_id = deploy_template(system.emulator, BUILD / "template.yaml", "mcp", given, log)["Api"]
        Domain.stage = rest_api_url(system.emulator, api_id, "v1")
        yield Mcp(system, resource, issuer, authorizer["ApiKeysTable"], python)


def test_a_client_finds_its_way_from_a_bare_401_to_the_answer_of_a_tool(mcp: Mcp) -> None:
    run = mcp.call("list_reports")
    assert (run.code, run.answer) == (0, "ada has 2 reports"), run.requests
    first, second = run.requests[:2]
    assert first == (f'POST API/mcp 401 Bearer realm="api", scope="reports:read", resource_metadata="API{METADATA}"')
    assert second == f"GET API{METADATA} 200"
    (asked,) = run.asked
    assert (asked["resource"], asked["code_challenge_method"]) == (mcp.resource, "S256")
    assert "reports:read" in asked["scope"].split()
    assert "reports:write" not in asked["scope"].split()
    assert any(line.startswith("POST PROVIDER/reg 201") for line in run.requests)
    assert any(line.startswith("POST PROVIDER/token 200") for line in run.requests)


def test_a_tool_that_needs_another_scope_makes_the_client_ask_its_user_for_it(mcp: Mcp) -> None:
    run = mcp.call("write_report", {"title": "Q3"})
    assert (run.code, run.answer) == (0, "ada wrote 'Q3' with a credential of the kind jwt"), run.requests
    assert 'POST API/mcp 403 Bearer error="insufficient_scope", scope="reports:read reports:write"' in run.requests
    before, after = (set(asked["scope"].split()) for asked in run.asked)
    assert "reports:write" not in before
    assert {"reports:read", "reports:write"} <= after


def test_a_machine_uses_an_api_key_on_the_same_endpoint(mcp: Mcp) -> None:
    key = mcp.key("reports:read", "reports:write")
    assert mcp.call("list_reports", key=key).answer == "robots has 2 reports"
    assert mcp.call("write_report", {"title": "Q3"}, key).answer == (
        "robots wrote 'Q3' with a credential of the kind api_key"
    )


@pytest.mark.parametrize(
    ("scopes", "tool"), [(("reports:read",), "write_report"), (("reports:write",), "list_reports")]
)
def test_a_key_that_lacks_the_scope_of_a_tool_is_stopped(mcp: Mcp, scopes: tuple[str, ...], tool: str) -> None:
    run = mcp.call(tool, {"title": "Q3"} if tool == "write_report" else None, mcp.key(*scopes))
    assert run.code != 0
    assert run.answer == ""
    assert any('403 Bearer error="insufficient_scope"' in line for line in run.requests)
