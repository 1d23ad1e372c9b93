"""A browser with the page, in front of a server that answers as the API and as an identity provider."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.support.browser import Tab, chromium
from tests.support.self_service_stub import State, serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """It ends with its file: Playwright's event loop runs in the thread of the tests, and disturbs others there."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="en-GB", timezone_id="Europe/Berlin", viewport={"width": 1280, "height": 800})
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def state() -> State:
    return State()


@pytest.fixture
def address(state: State) -> Iterator[str]:
    with serving(state) as address:
        yield address


@pytest.fixture
def new_tab(context: BrowserContext, address: str) -> Iterator[Callable[[], Tab]]:
    """Opens tabs. At the end, none of them may have complained."""
    tabs: list[Tab] = []

    def new_tab() -> Tab:
        tabs.append(Tab(context, address))
        return tabs[-1]

    yield new_tab
    assert [each for tab in tabs for each in tab.complaints] == []


@pytest.fixture
def tab(new_tab: Callable[[], Tab]) -> Tab:
    return new_tab()
