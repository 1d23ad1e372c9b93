"""What the page says and keeps when the API does not answer as usual."""

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser.states import UNAVAILABLE
from tests.support.browser import Tab
from tests.support.self_service_stub import BEA, Fault, State


def _typed(tab: Tab) -> None:
    tab.arrive()
    tab.button("Create key", "#room").click()
    tab.page.get_by_label("Name").fill("Nightly report")
    tab.page.get_by_label("Ends", exact=True).select_option("30d")
    tab.page.get_by_label("reports:write").check()


def _is_typed(tab: Tab) -> None:
    expect(tab.page.get_by_label("Name")).to_have_value("Nightly report")
    expect(tab.page.get_by_label("Ends", exact=True)).to_have_value("30d")
    expect(tab.page.get_by_label("reports:write")).to_be_checked()
    expect(tab.page.get_by_label("reports:read")).not_to_be_checked()


def test_what_was_typed_is_kept_over_a_new_sign_in(state: State, tab: Tab) -> None:
    _typed(tab)
    state.end_sessions()
    tab.button("Create key", "#create").click()
    expect(tab.text("Your session has ended.")).to_be_visible()
    tab.button("Sign in again").click()
    _is_typed(tab)
    assert "draft" not in tab.stored()
    tab.button("Create key", "#create").click()
    tab.secret()
    assert state.bodies[-1] == {"description": "Nightly report", "scopes": ["reports:write"], "expires_in": "30d"}


def test_what_was_typed_is_kept_over_a_reload(tab: Tab) -> None:
    _typed(tab)
    tab.page.reload()
    _is_typed(tab)


def test_what_one_user_typed_is_not_shown_to_another(state: State, tab: Tab) -> None:
    _typed(tab)
    state.end_sessions()
    tab.button("Create key", "#create").click()
    state.user = BEA
    tab.button("Sign in again").click()
    expect(tab.text("bea@example.com")).to_be_visible()
    expect(tab.page.locator("#none")).to_be_visible()
    expect(tab.page.locator("#create")).to_be_hidden()
    assert "Nightly report" not in tab.stored() + tab.page.content()


def test_a_session_that_ends_before_a_key_is_ended_comes_back_to_that_key(state: State, tab: Tab) -> None:
    key = state.add("Nightly report")
    tab.arrive()
    tab.button("End Nightly report").click()
    tab.page.get_by_label("to confirm").fill(key["hint"])
    state.end_sessions()
    tab.button("End key", "#end").click()
    tab.button("Sign in again").click()
    expect(tab.page.get_by_label("to confirm")).to_have_value(key["hint"])
    tab.button("End key", "#end").click()
    expect(tab.text("All your keys have ended.")).to_be_visible()


def test_a_sign_in_that_is_too_old_for_changes_is_asked_for_anew(state: State, tab: Tab) -> None:
    _typed(tab)
    state.fail("POST", "keys", Fault(401, "sign_in_again", "Sign in again."))
    tab.button("Create key", "#create").click()
    expect(tab.text("you must have signed in a short time ago")).to_be_visible()
    state.sign_in = "form"
    tab.button("Sign in again").click()
    tab.page.wait_for_url(re.compile("prompt=login"))
    tab.button("Sign in").click()
    _is_typed(tab)


def test_the_session_panel_can_be_left_without_losing_the_form(state: State, tab: Tab) -> None:
    _typed(tab)
    state.end_sessions()
    tab.button("Create key", "#create").click()
    tab.button("Not now").click()
    _is_typed(tab)


def test_a_form_is_kept_when_the_table_is_unreachable(state: State, tab: Tab) -> None:
    _typed(tab)
    state.fail("POST", "keys", UNAVAILABLE)
    tab.button("Create key", "#create").click()
    problem = tab.page.locator("#create .problem")
    expect(problem).to_contain_text("This cannot be done right now.")
    expect(problem).to_contain_text("Request ID: c6af9ac6-7b61-11e6")
    expect(problem).to_be_focused()
    _is_typed(tab)
    tab.button("Create key", "#create").click()
    tab.secret()


def test_a_form_is_kept_while_the_browser_is_offline(state: State, tab: Tab) -> None:
    _typed(tab)
    tab.page.context.set_offline(True)
    tab.button("Create key", "#create").click()
    expect(tab.page.locator("#create .problem")).to_contain_text("You are offline.")
    tab.page.context.set_offline(False)
    _is_typed(tab)
    tab.button("Create key", "#create").click()
    tab.secret()
    assert len(state.keys) == 1


def test_a_lost_answer_is_not_called_a_failure_and_the_key_is_in_the_list(tab: Tab) -> None:
    def lose(route: Route) -> None:
        if route.request.method == "POST":
            route.fetch()
            route.abort()
        else:
            route.continue_()

    _typed(tab)
    tab.page.route("**/self-service/keys", lose)
    tab.button("Create key", "#create").click()
    expect(tab.page.locator("#create .problem")).to_contain_text("It is not known whether this was done.")
    tab.button("Cancel", "#create").click()
    expect(tab.row("Nightly report")).to_be_visible()


@pytest.mark.parametrize(("seconds", "text"), [(20, "Try again in 20 seconds."), (None, "Wait a moment")])
def test_too_many_requests_say_when_to_try_again(state: State, tab: Tab, seconds: int | None, text: str) -> None:
    _typed(tab)
    state.fail("POST", "keys", Fault(429, retry_after=seconds))
    tab.button("Create key", "#create").click()
    expect(tab.page.locator("#create .problem")).to_contain_text(text)
    _is_typed(tab)


def test_too_many_keys_of_a_day_are_no_question_of_seconds(state: State, tab: Tab) -> None:
    _typed(tab)
    detail = "20 keys were made today, and 20 can be. Try again tomorrow (UTC)."
    state.fail("POST", "keys", Fault(429, "too_many_today", detail, retry_after=40_000))
    tab.button("Create key", "#create").click()
    expect(tab.page.locator("#create .problem")).to_contain_text(detail)


def test_a_limit_that_was_reached_elsewhere_is_explained(state: State, tab: Tab) -> None:
    state.max_keys = 1
    _typed(tab)
    state.add("Of another tab")
    tab.button("Create key", "#create").click()
    expect(tab.page.locator("#create .problem")).to_contain_text("as many keys as you may have")
    tab.button("Cancel", "#create").click()
    expect(tab.row("Of another tab")).to_be_visible()
    expect(tab.button("Create key", "#room")).to_have_attribute("aria-disabled", "true")


def test_a_mistake_that_the_api_finds_stands_beside_its_field(state: State, tab: Tab) -> None:
    _typed(tab)
    state.fail("POST", "keys", Fault(400, "bad_request", "Not valid.", (("description", "One line, please."),)))
    tab.button("Create key", "#create").click()
    expect(tab.page.get_by_label("Name")).to_be_focused()
    expect(tab.page.locator("#description-wrong")).to_have_text("One line, please.")


def test_a_key_that_somebody_else_removed_is_explained(state: State, tab: Tab) -> None:
    key = state.add("Nightly report")
    tab.arrive()
    tab.button("Roll Nightly report").click()
    state.keys.remove(key)
    tab.button("Roll key", "#roll").click()
    expect(tab.page.locator("#roll .problem")).to_contain_text("This key is no longer there.")
    tab.button("Roll key", "#roll").click()
    expect(tab.page.locator("#roll .problem")).to_contain_text("This key is no longer there.")
    tab.button("Cancel", "#roll").click()
    expect(tab.page.locator("#none")).to_be_visible()


def test_a_scope_that_the_session_no_longer_has_is_explained_when_a_key_is_rolled(state: State, tab: Tab) -> None:
    state.add("Nightly report", scopes=["reports:read"])
    tab.arrive()
    tab.button("Roll Nightly report").click()
    detail = "You cannot give a key these scopes: reports:read."
    state.fail("POST", "keys/.*", Fault(403, "scope_not_permitted", detail, (("scopes", detail),)))
    tab.button("Roll key", "#roll").click()
    expect(tab.page.locator("#roll .problem")).to_contain_text(detail)


def test_a_list_that_cannot_be_read_can_be_tried_again(state: State, tab: Tab) -> None:
    state.add("Nightly report")
    state.fail("GET", "keys", UNAVAILABLE)
    tab.arrive()
    tab.button("Try again").click()
    expect(tab.row("Nightly report")).to_be_visible()
    expect(tab.page.locator("#room .problem")).to_have_count(0)


def test_a_part_of_the_list_that_cannot_be_read_leaves_the_others(state: State, tab: Tab) -> None:
    state.page_size = 2
    for index in range(3):
        state.add(f"Program {index}.")
    tab.arrive()
    state.fail("GET", "keys", UNAVAILABLE)
    tab.button("Show more keys").click()
    expect(tab.page.locator("#live-keys tbody tr")).to_have_count(2)
    tab.button("Try again").click()
    expect(tab.page.locator("#live-keys tbody tr")).to_have_count(3)


def test_an_account_that_may_not_manage_keys_can_be_changed(state: State, tab: Tab) -> None:
    state.fail("GET", "me", Fault(403, "forbidden", "API keys are disabled for this account."))
    tab.open()
    tab.button("Sign in").click()
    expect(tab.text("API keys are disabled for this account.")).to_be_visible()
    tab.button("Sign in with another account").click()
    expect(tab.page.locator("#none")).to_be_visible()


def test_an_answer_that_is_not_json_is_an_outage(tab: Tab) -> None:
    tab.page.route("**/self-service/me", lambda route: route.fulfill(status=200, body="<html>"))
    tab.arrive()
    expect(tab.page.locator("#room .problem")).to_contain_text("This cannot be done right now.")
