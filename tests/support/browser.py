"""Chromium for the tests of the page, and a tab that notices what the page must not do."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

NAMES: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
MISSING: Final = (
    f"No browser: none of {', '.join(NAMES)} is on PATH. On Debian: apt-get install chromium-headless-shell"
)
_EXPECTED: Final = "Failed to load resource"
"""What Chromium itself writes for each response of 400 or more."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; the test is skipped where none is installed."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        # Chromium's sandbox does not work for root, as whom containers run.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """A tab that shows the page at `address`. `complaints`: what scripts and the content security policy reported."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.address = address
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("console", self._write)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def _write(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and _EXPECTED not in message.text:
            self.complaints.append(message.text)

    def open(self) -> None:
        self.page.goto(self.address)

    def arrive(self) -> None:
        """Open the page, sign in, and wait for the keys."""
        self.open()
        self.button("Sign in").click()
        expect(self.page.locator("#room")).to_be_visible()
        expect(self.page.locator("#waiting")).to_be_hidden()

    def button(self, name: str, place: str = "body") -> Any:
        return self.page.locator(place).get_by_role("button", name=name, exact=True)

    def text(self, text: str, place: str = "body") -> Any:
        """The element with this text. The live region, which repeats some texts, is the last element."""
        return self.page.locator(place).get_by_text(text).first

    def row(self, name: str) -> Any:
        return self.page.get_by_role("row").filter(has_text=name)

    def create(self, name: str) -> str:
        """Create a key by clicking, up to the panel that shows it. Return the key."""
        self.button("Create key", "#room").click()
        self.page.get_by_label("Name").fill(name)
        self.button("Create key", "#create").click()
        return self.secret()

    def secret(self) -> str:
        """The key in the open panel."""
        expect(self.page.locator("#secret")).to_be_visible()
        return str(self.page.locator("#secret-key").inner_text())

    def stored(self) -> Any:
        """What the tab keeps over a reload."""
        return self.page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])")
