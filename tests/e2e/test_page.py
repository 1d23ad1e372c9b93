"""The page of stacks/self-service in a browser: signed in at the user pool, in front of the deployed API."""

import json
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Response, expect

from local.provider import USER
from local.session import client
from local.system import System
from tests.support.browser import Tab, chromium

OTHER = "bea@example.com"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(browser: Browser, system: System, self_service_page: str) -> str:
    """The address of the page, with a second user."""
    assert browser.is_connected()
    pool, cognito = system.provider.user_pool, client(system.emulator, "cognito-idp")
    cognito.admin_create_user(UserPoolId=pool, Username=OTHER, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(UserPoolId=pool, Username=OTHER, Password=system.provider.password, Permanent=True)
    return self_service_page


class SignedIn(Tab):
    """A tab of a user. `token`: what the provider gave to the page."""

    token = ""

    def sign_in(self, user: str, password: str) -> None:
        self.page.on("response", self._read)
        self.open()
        self.button("Sign in").click()
        self.identify(user, password)

    def identify(self, user: str, password: str) -> None:
        """Fill in the form of the provider, and wait for the keys."""
        self.page.locator("input[name=username]").fill(user)
        self.page.locator("input[name=password]").fill(password)
        self.page.locator("[type=submit]").click()
        self.complaints.clear()  # Those of the provider's page.
        expect(self.page.locator("#room")).to_be_visible()
        expect(self.page.locator("#waiting")).to_be_hidden(timeout=20_000)

    def _read(self, response: Response) -> None:
        if response.url.endswith("/oauth2/token") and response.ok:
            self.token = response.json()["access_token"]

    def call(self, method: str, path: str, body: Any = None) -> int:
        """Send a request from the page with the user's token. Return the status."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = {"method": method, "headers": headers} | ({} if body is None else {"body": json.dumps(body)})
        send = "([url, request]) => fetch(url, request).then((answer) => answer.status)"
        return int(self.page.evaluate(send, [f"{self.address}/{path}", request]))


@pytest.fixture
def signed_in(browser: Browser, address: str, system: System) -> Iterator[Callable[[str], SignedIn]]:
    contexts, tabs = [], []

    def signed_in(user: str) -> SignedIn:
        contexts.append(browser.new_context(locale="en-GB"))
        contexts[-1].set_default_timeout(20_000)
        tabs.append(SignedIn(contexts[-1], address))
        tabs[-1].sign_in(user, system.provider.password)
        return tabs[-1]

    yield signed_in
    for context in contexts:
        context.close()
    assert [each for tab in tabs for each in tab.complaints] == []


def _call(command: str) -> tuple[int, Any]:
    """Run the curl command of the page. Return the status and the body."""
    assert command.startswith("curl -i ")
    answer = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True, timeout=60).stdout
    head, _, body = answer.replace("\r\n", "\n").partition("\n\n")
    return int(head.split()[1]), json.loads(body)


def _refused(command: str) -> bool:
    """Whether the key of the command is refused before the caches must have ended."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if _call(command)[0] == 401:
            return True
        time.sleep(0.5)
    return False


def _key_id(system: System, name: str) -> str:
    items = client(system.emulator, "dynamodb").scan(TableName=system.deployment.table)["Items"]
    (found,) = [item["key_id"]["S"] for item in items if item.get("description", {}).get("S") == name]
    return str(found)


def test_a_user_makes_uses_rolls_and_ends_a_key_by_clicking(
    signed_in: Callable[[str], SignedIn], system: System
) -> None:
    tab = signed_in(USER)
    assert tab.page.url == tab.address
    tab.button("Create key", "#room").click()
    tab.page.get_by_label("Name").fill("Nightly report")
    tab.page.get_by_label("reports:write").check()
    tab.button("Create key", "#create").click()
    secret = tab.secret()
    first = tab.page.locator("#secret-curl").inner_text()
    assert secret in first
    status, me = _call(first)
    assert status == 200
    sub = tab.page.evaluate(
        "(token) => JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'))).sub", tab.token
    )
    assert me["sub"] == sub
    tab.button("I have stored it").click()

    tab.button("Roll Nightly report").click()
    tab.page.get_by_label("The old key ends").select_option("Now")
    tab.button("Roll key", "#roll").click()
    assert tab.secret() != secret
    second = tab.page.locator("#secret-curl").inner_text()
    tab.button("I have stored it").click()
    assert _call(second)[0] == 200
    assert _refused(first)

    tab.page.reload()
    tab.identify(USER, system.provider.password)  # The emulator's provider forgets who was there.
    tab.button("End Nightly report").click()
    tab.page.get_by_label("to confirm").fill(tab.page.locator("#end label code").inner_text())
    tab.button("End key", "#end").click()
    expect(tab.page.get_by_role("status")).to_have_text("Nightly report has ended.")
    assert _refused(second)


def test_another_user_does_not_reach_a_key(signed_in: Callable[[str], SignedIn], system: System) -> None:
    tab = signed_in(USER)
    tab.create("Of the first user")
    command = tab.page.locator("#secret-curl").inner_text()
    tab.button("I have stored it").click()
    key_id = _key_id(system, "Of the first user")
    other = signed_in(OTHER)
    expect(other.page.locator("#none")).to_be_visible()
    assert other.call("DELETE", f"keys/{key_id}") == 404
    assert other.call("POST", f"keys/{key_id}/roll", {"grace": "0"}) == 404
    assert other.call("GET", f"keys?after={key_id}") == 400
    assert other.call("GET", "me") == 200
    assert _call(command)[0] == 200
    assert tab.call("DELETE", f"keys/{key_id}") == 204


def test_a_key_opens_nothing_of_the_page(signed_in: Callable[[str], SignedIn]) -> None:
    tab = signed_in(USER)
    tab.token = tab.create("To make more keys")
    assert tab.call("GET", "keys") in (401, 403)
    assert tab.call("POST", "keys", {"description": "More"}) in (401, 403)


def test_a_session_that_the_api_refuses_keeps_what_was_typed(signed_in: Callable[[str], SignedIn]) -> None:
    tab = signed_in(USER)
    tab.page.route("**/self-service/keys", lambda route: route.continue_(
        headers=route.request.headers | {"authorization": "Bearer " + "x" * 40}))  # fmt: skip
    tab.button("Create key", "#room").click()
    tab.page.get_by_label("Name").fill("Kept")
    tab.button("Create key", "#create").click()
    expect(tab.text("Your session has ended.")).to_be_visible()
    tab.page.unroute_all()
    tab.button("Not now").click()
    tab.button("Create key", "#create").click()
    tab.secret()


def test_the_deployed_page_has_its_headers_and_no_findings_of_axe(signed_in: Callable[[str], SignedIn]) -> None:
    tab = signed_in(USER)
    answer = tab.page.request.get(tab.address)
    assert "script-src 'sha256-" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert Axe().run(tab.page).response["violations"] == []
