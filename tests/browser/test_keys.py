"""Create, roll and end by clicking and by keyboard."""

from datetime import datetime, timedelta

from playwright.sync_api import Dialog, expect

from tests.support.browser import Tab
from tests.support.self_service_stub import DAY, State


def test_a_new_key_is_shown_once_and_is_nowhere_after_it(state: State, tab: Tab) -> None:
    tab.arrive()
    key = tab.create("Nightly report")
    assert key.startswith("mak_")
    assert tab.page.locator("#secret-curl").inner_text() == (
        f"curl -i -H 'Authorization: Bearer {key}' https://api.example.com/v1/me"
    )
    assert key not in tab.stored() + tab.page.url + tab.page.title()
    tab.button("I have stored it").click()
    expect(tab.row("Nightly report")).to_be_visible()
    assert key not in tab.page.content()
    assert state.bodies == [{"description": "Nightly report", "scopes": [], "expires_in": "90d"}]
    expect(tab.text("1 of 10 keys")).to_be_visible()
    expect(tab.button("Create key", "#room")).to_be_focused()


def test_the_scopes_and_the_end_that_were_chosen_are_sent(state: State, tab: Tab) -> None:
    tab.arrive()
    tab.button("Create key", "#room").click()
    tab.page.get_by_label("Name").fill("  Nightly report ")
    tab.page.get_by_label("Ends", exact=True).select_option("30d")
    tab.page.get_by_label("reports:write").check()
    tab.button("Create key", "#create").click()
    tab.secret()
    assert state.bodies == [{"description": "Nightly report", "scopes": ["reports:write"], "expires_in": "30d"}]


def test_a_key_can_end_on_a_day_of_ones_own(state: State, tab: Tab) -> None:
    tab.arrive()
    tab.button("Create key", "#room").click()
    tab.page.get_by_label("Name").fill("Nightly report")
    tab.page.get_by_label("Ends", exact=True).select_option("date")
    tab.page.get_by_label("Last day").fill((datetime.now().astimezone() + timedelta(days=10)).date().isoformat())
    tab.button("Create key", "#create").click()
    tab.secret()
    seconds = int(state.bodies[0]["expires_in"].removesuffix("s"))
    assert 9 * DAY < seconds < 11.5 * DAY


def test_the_longest_life_bounds_what_can_be_chosen(state: State, tab: Tab) -> None:
    state.longest, state.default = 45 * DAY, 7 * DAY
    tab.arrive()
    tab.button("Create key", "#room").click()
    choices = tab.page.get_by_label("Ends", exact=True).locator("option")
    assert [text.split(" (")[0] for text in choices.all_inner_texts()] == [
        *("In 7 days", "In 30 days", "In 45 days", "On another day…")
    ]
    expect(tab.page.get_by_label("Ends", exact=True)).to_have_value("7d")
    tab.page.get_by_label("Ends", exact=True).select_option("date")
    tab.page.get_by_label("Name").fill("Nightly report")
    tab.page.get_by_label("Last day").fill("2099-01-01")
    tab.button("Create key", "#create").click()
    expect(tab.text("This is too late. A key lasts at most 45 days.")).to_be_visible()
    assert state.bodies == []


def test_a_key_without_a_name_is_not_sent(state: State, tab: Tab) -> None:
    tab.arrive()
    tab.button("Create key", "#room").click()
    tab.page.get_by_label("Name").fill("   ")
    tab.button("Create key", "#create").click()
    expect(tab.page.get_by_label("Name")).to_be_focused()
    expect(tab.page.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    assert state.bodies == []


def test_a_double_click_creates_one_key(state: State, tab: Tab) -> None:
    tab.arrive()
    tab.button("Create key", "#room").dblclick()
    tab.page.get_by_label("Name").fill("Nightly report")
    state.hold.clear()
    tab.page.locator("#create button.main").dblclick()
    tab.page.get_by_label("Name").press("Enter")
    state.hold.set()
    tab.secret()
    assert len(state.keys) == 1


def test_escape_does_not_lose_a_key_that_was_not_stored(tab: Tab) -> None:
    tab.arrive()
    key = tab.create("Nightly report")
    for _ in range(2):
        tab.page.keyboard.press("Escape")
        tab.button("Back to the key").click()
    assert tab.secret() == key
    tab.page.keyboard.press("Escape")
    tab.button("Close the key").click()
    expect(tab.page.locator("dialog[open]")).to_have_count(0)


def test_the_back_button_does_not_lose_a_key_that_was_not_stored(tab: Tab) -> None:
    tab.arrive()
    key = tab.create("Nightly report")
    for _ in range(2):
        tab.page.go_back()
        tab.button("Back to the key").click()
    assert tab.secret() == key


def test_leaving_the_page_with_a_key_that_was_not_stored_is_asked(tab: Tab) -> None:
    tab.arrive()
    tab.create("Nightly report")
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    tab.page.on("dialog", leave)
    tab.page.reload()
    expect(tab.row("Nightly report")).to_be_visible()
    assert asked == ["beforeunload"]


def test_the_back_button_closes_a_form_and_sends_nothing(state: State, tab: Tab) -> None:
    tab.arrive()
    tab.button("Create key", "#room").click()
    tab.page.go_back()
    expect(tab.page.locator("#create")).to_be_hidden()
    expect(tab.page.locator("#room")).to_be_visible()
    expect(tab.button("Create key", "#room")).to_be_focused()
    assert state.bodies == []
    assert tab.create("Nightly report")


def test_the_key_and_the_command_can_be_copied(tab: Tab) -> None:
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.arrive()
    key = tab.create("Nightly report")
    expect(tab.button("Copy key")).to_be_focused()
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("status")).to_have_text("The key is copied.")
    assert tab.page.evaluate("navigator.clipboard.readText()") == key


def test_without_the_right_to_copy_the_key_is_selected(tab: Tab) -> None:
    tab.page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error())")
    tab.arrive()
    key = tab.create("Nightly report")
    tab.button("Copy key").click()
    expect(tab.page.get_by_role("status")).to_contain_text("Copy it with the keyboard")
    assert tab.page.evaluate("getSelection().toString()") == key


def test_a_rolled_key_works_until_the_chosen_moment(state: State, tab: Tab) -> None:
    key = state.add("Nightly report", scopes=["reports:read"])
    tab.arrive()
    tab.button("Roll Nightly report").click()
    expect(tab.text("The old key works until")).to_be_visible()
    tab.page.get_by_label("The old key ends").select_option("3d")
    tab.button("Roll key", "#roll").click()
    tab.secret()
    expect(tab.page.locator("#secret-ends")).to_contain_text("The old key works until")
    assert state.bodies == [{"grace": "3d"}]
    tab.button("I have stored it").click()
    expect(tab.row("Nightly report")).to_have_count(2)
    expect(tab.row("Replaced")).to_contain_text(key["hint"])
    expect(tab.button("Roll Nightly report")).to_have_count(1)


def test_a_rolled_key_can_end_at_once(state: State, tab: Tab) -> None:
    state.add("Nightly report")
    tab.arrive()
    tab.button("Roll Nightly report").click()
    tab.page.get_by_label("The old key ends").select_option("Now")
    tab.button("Roll key", "#roll").click()
    tab.secret()
    expect(tab.page.locator("#secret-ends")).to_contain_text("The old key has ended.")
    assert state.bodies == [{"grace": "0"}]


def test_a_key_ends_after_its_beginning_was_typed(state: State, tab: Tab) -> None:
    key = state.add("Nightly report")
    tab.arrive()
    tab.button("End Nightly report").click()
    expect(tab.page.get_by_label("to confirm")).to_be_focused()
    tab.page.get_by_label("to confirm").fill("yes")
    tab.button("End key", "#end").click()
    expect(tab.page.get_by_label("to confirm")).to_be_focused()
    assert ("DELETE", f"keys/{key['key_id']}") not in state.requests
    tab.page.get_by_label("to confirm").fill(key["hint"])
    tab.page.keyboard.press("Enter")
    expect(tab.text("All your keys have ended.")).to_be_visible()
    expect(tab.page.get_by_role("status")).to_have_text("Nightly report has ended.")
    expect(tab.page.locator("#title")).to_be_focused()
    assert ("DELETE", f"keys/{key['key_id']}") in state.requests
    expect(tab.text("0 of 10 keys")).to_be_visible()


def test_at_the_limit_the_button_says_why(state: State, tab: Tab) -> None:
    state.max_keys = 1
    state.add("Nightly report")
    tab.arrive()
    button = tab.button("Create key", "#room")
    expect(button).to_have_attribute("aria-disabled", "true")
    button.focus()
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#create")).to_be_hidden()
    expect(button).to_have_accessible_description(
        "1 of 1 key You have 1 key, which is the most you may have. To create another, end one first."
    )


def test_many_keys_come_in_parts(state: State, tab: Tab) -> None:
    state.page_size, state.max_keys = 10, 100
    for index in range(25):
        state.add(f"Program {index}.")
    tab.arrive()
    rows = tab.page.locator("#live-keys tbody tr")
    for count in (10, 20):
        expect(rows).to_have_count(count)
        tab.button("Show more keys").click()
    expect(rows).to_have_count(25)
    expect(tab.button("Show more keys")).to_be_hidden()
    expect(tab.page.get_by_role("status")).to_have_text("5 more keys. These are all.")
    expect(tab.page.get_by_text("Program 4.", exact=True)).to_be_focused()


def test_names_are_text_whatever_they_contain(state: State, tab: Tab) -> None:
    names = ["<img src=x onerror=alert(1)>", "‮desrever", "مفتاح", "🗝️ & <b>"]
    for name in names:
        state.add(name)
    tab.arrive()
    assert tab.page.locator("#live-keys td.name bdi").all_inner_texts() == names[::-1]
    tab.button(f"End {names[0]}").click()
    expect(tab.text(names[0], "#end")).to_be_visible()


def test_the_form_can_be_used_by_keyboard_alone(state: State, tab: Tab) -> None:
    tab.arrive()
    tab.button("Create key", "#room").focus()
    tab.page.keyboard.press("Enter")
    tab.page.keyboard.type("Nightly report")
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Space")
    tab.page.keyboard.press("Enter")
    key = tab.secret()
    assert state.bodies[0]["scopes"] == ["reports:read"]
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#secret")).to_be_hidden()
    assert key not in tab.page.content()


def test_a_clock_that_is_wrong_ends_no_key(state: State, tab: Tab) -> None:
    state.add("Nightly report", ends_in=10 * DAY)
    tab.page.clock.install(time=datetime.now().astimezone() + timedelta(days=30))
    tab.arrive()
    expect(tab.row("Nightly report")).to_contain_text("in 10 days")


def test_after_a_panel_the_focus_is_where_it_was(state: State, tab: Tab) -> None:
    state.add("Nightly report")
    tab.arrive()
    for action, panel in (("Roll Nightly report", "#roll"), ("End Nightly report", "#end"), ("Create key", "#create")):
        tab.button(action, "#room").click()
        tab.button("Cancel", panel).click()
        expect(tab.button(action, "#room")).to_be_focused()


def test_a_form_that_was_cancelled_is_empty_the_next_time(tab: Tab) -> None:
    tab.arrive()
    tab.button("Create key", "#room").click()
    tab.page.get_by_label("Name").fill("Nightly report")
    tab.page.get_by_label("reports:write").check()
    tab.button("Cancel", "#create").click()
    tab.button("Create key", "#room").click()
    expect(tab.page.get_by_label("Name")).to_have_value("")
    expect(tab.page.get_by_label("reports:write")).not_to_be_checked()
    expect(tab.page.get_by_label("Ends", exact=True)).to_have_value("90d")
