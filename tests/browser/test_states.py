"""Each state of the page, in both color schemes, wide and on a telephone: axe, sizes, and pictures to look at.

For the pictures: `.venv/bin/pytest tests/browser/test_states.py --screenshots FOLDER`.
"""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.states import STATES
from tests.support.browser import Tab
from tests.support.self_service_stub import State

WIDTHS = {1280: 800, 360: 740}
_WIDER = "[...document.querySelectorAll('dialog[open]')].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.id)"


def _pictured(tab: Tab, name: str, folder: str | None) -> None:
    if not folder:
        return
    Path(folder).mkdir(exist_ok=True)
    has_dialog = tab.page.locator("dialog[open]").count() > 0
    tab.page.screenshot(path=Path(folder) / f"{name}.png", full_page=not has_dialog)


def _small_targets(tab: Tab) -> Any:
    """The buttons, fields and choices that can be seen and are less than 44 pixels high or wide."""
    return tab.page.evaluate("""() => [...document.querySelectorAll('button, select, input, summary')]
        .map((each) => each.type === 'checkbox' ? each.closest('label') : each)
        .filter((each) => each.checkVisibility({visibilityProperty: true}))
        .map((each) => [each.textContent.trim() || each.id, each.getBoundingClientRect()])
        .filter(([, box]) => box.width && (box.height < 44 || box.width < 44))
        .map(([text, box]) => `${text} ${box.width} x ${box.height}`)""")


@pytest.mark.parametrize("name", STATES)
def test_everybody_can_use_the_page(name: str, state: State, tab: Tab, pytestconfig: pytest.Config) -> None:
    folder = pytestconfig.getoption("--screenshots")
    tab.page.emulate_media(reduced_motion="reduce")
    STATES[name](state, tab)
    findings = []
    for width, height in WIDTHS.items():
        tab.page.set_viewport_size({"width": width, "height": height})
        assert tab.page.evaluate("document.documentElement.scrollWidth") == width
        assert tab.page.evaluate(_WIDER) == []
        assert _small_targets(tab) == []
        for scheme in ("light", "dark"):
            tab.page.emulate_media(color_scheme=scheme)
            found = Axe().run(tab.page)
            findings += [
                f"{scheme} {width}: {each['id']}: {node['html']} {node['failureSummary']}"
                for each in found.response["violations"]
                for node in each["nodes"]
            ]
            _pictured(tab, f"{name}-{scheme}-{width}", folder)
    assert findings == []


@pytest.mark.parametrize("name", ["keys-unfolded", "members-and-names", "create-mistakes", "secret"])
@pytest.mark.parametrize("width", [320, 600, 768, 900, 1024])
def test_no_width_needs_scrolling_sideways(name: str, width: int, state: State, tab: Tab) -> None:
    """320 pixels are 1,280 at a zoom of 400 %."""
    tab.page.set_viewport_size({"width": width, "height": 800})
    STATES[name](state, tab)
    assert tab.page.evaluate("document.documentElement.scrollWidth") == width
    assert tab.page.evaluate(_WIDER) == []


@pytest.mark.parametrize("name", ["keys-unfolded", "create-mistakes"])
def test_more_contrast_and_the_colors_of_the_system_have_no_findings(name: str, state: State, tab: Tab) -> None:
    tab.page.emulate_media(reduced_motion="reduce", contrast="more")
    STATES[name](state, tab)
    assert Axe().run(tab.page).response["violations"] == []
    tab.page.emulate_media(contrast="no-preference", forced_colors="active")
    assert Axe().run(tab.page).response["violations"] == []
