"""The sign-in: what leaves the page, what is kept, and what happens when it does not go as usual."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from tests.support.browser import Tab
from tests.support.self_service_stub import BEA, Fault, State


def _asked(tab: Tab) -> dict[str, list[str]]:
    """The parameters of the address of the provider."""
    tab.page.wait_for_url("**/authorize?**")
    return parse_qs(urlsplit(tab.page.url).query)


def test_a_sign_in_uses_a_code_with_pkce_and_leaves_no_code_in_the_address(state: State, tab: Tab) -> None:
    state.sign_in = "form"
    tab.open()
    tab.button("Sign in").click()
    asked = _asked(tab)
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["client_id"] == ["the-page"]
    assert asked["scope"] == ["openid profile"]
    assert asked["redirect_uri"] == [tab.address]
    assert "prompt" not in asked
    assert "audience" not in asked
    tab.button("Sign in").click()
    expect(tab.page.locator("#none")).to_be_visible()
    assert tab.page.url == tab.address
    assert len(state.exchanges) == 1
    assert "client_secret" not in state.exchanges[0]


def test_no_token_is_in_the_storage_or_in_the_document(state: State, tab: Tab) -> None:
    tab.arrive()
    (token,) = state.tokens
    stored = tab.stored()
    assert token not in stored
    assert "verifier" not in stored
    assert token not in tab.page.content()


def test_the_page_asks_its_own_host_alone(tab: Tab) -> None:
    tab.arrive()
    assert tab.hosts == {urlsplit(tab.address).netloc}


def test_a_reload_signs_in_again_without_a_click(state: State, tab: Tab) -> None:
    state.add("Nightly report")
    tab.arrive()
    tab.page.reload()
    expect(tab.row("Nightly report")).to_be_visible()
    assert tab.page.url == tab.address


def test_a_reload_while_the_code_is_exchanged_ends_at_a_sign_in_that_works(state: State, tab: Tab) -> None:
    state.hold_token.clear()
    tab.open()
    with tab.page.expect_request("**/token"):
        tab.button("Sign in").click()
    tab.page.reload()
    state.hold_token.set()
    tab.button("Sign in").click()
    expect(tab.page.locator("#none")).to_be_visible()


def test_back_to_the_provider_and_forward_again_ends_at_the_keys(state: State, tab: Tab) -> None:
    state.sign_in = "form"
    state.add("Nightly report")
    tab.open()
    tab.button("Sign in").click()
    tab.button("Sign in").click()
    expect(tab.row("Nightly report")).to_be_visible()
    tab.page.go_back()
    expect(tab.page).to_have_title("Sign in")
    tab.button("Sign in").click()  # With the state of the first sign-in, which the page does not accept again.
    expect(tab.page).to_have_title("Sign in")
    tab.button("Sign in").click()
    expect(tab.row("Nightly report")).to_be_visible()


def test_an_address_with_a_code_of_somebody_else_signs_nobody_in(state: State, tab: Tab) -> None:
    tab.page.goto(f"{tab.address}?code=stolen&state=made-up")
    expect(tab.text("was started in another window")).to_be_visible()
    assert state.exchanges == []
    assert tab.page.url == tab.address


def test_an_error_in_an_address_of_somebody_else_is_not_shown(tab: Tab) -> None:
    tab.page.goto(f"{tab.address}?error=x&error_description=Call+0900-1234&state=made-up")
    expect(tab.text("was started in another window")).to_be_visible()
    expect(tab.page.get_by_text("0900")).to_have_count(0)


def test_an_answer_of_another_issuer_is_not_used(state: State, tab: Tab) -> None:
    tab.open()
    with tab.page.expect_request("**/authorize?**") as request:
        tab.page.route("**/authorize?**", lambda route: route.abort())
        tab.button("Sign in").click()
    asked = parse_qs(urlsplit(request.value.url).query)
    tab.page.goto(f"{tab.address}?code=x&iss=https://evil.example&state={asked['state'][0]}")
    expect(tab.text("another sign-in service")).to_be_visible()
    assert state.exchanges == []


def test_a_refusal_of_the_provider_is_shown_and_the_next_sign_in_can_be_another_account(state: State, tab: Tab) -> None:
    state.sign_in = "access_denied"
    tab.open()
    tab.button("Sign in").click()
    expect(tab.text("Example refused the sign-in.")).to_be_visible()
    expect(tab.text("The administrator does not permit this.")).to_be_visible()
    state.sign_in = "form"
    tab.button("Sign in").click()
    assert _asked(tab)["prompt"] == ["login"]


def test_a_code_that_the_provider_does_not_accept_is_explained(tab: Tab) -> None:
    tab.page.route("**/token", lambda route: route.continue_(post_data="code=x&code_verifier=y"))
    tab.open()
    tab.button("Sign in").click()
    expect(tab.text("did not complete the sign-in")).to_be_visible()
    expect(tab.button("Sign in")).to_be_visible()


def test_a_provider_that_does_not_answer_is_explained(tab: Tab) -> None:
    tab.page.route("**/token", lambda route: route.abort())
    tab.open()
    tab.button("Sign in").click()
    expect(tab.text("Example cannot be reached")).to_be_visible()


def test_a_token_that_the_api_refuses_does_not_lead_to_endless_sign_ins(state: State, tab: Tab) -> None:
    for _ in range(2):
        state.fail("GET", "me|keys", Fault(401))
    tab.open()
    tab.button("Sign in").click()
    expect(tab.text("this API does not accept the sign-in")).to_be_visible()
    tab.page.reload()
    expect(tab.button("Sign in")).to_be_visible()
    assert len(state.exchanges) == 1


def test_after_a_sign_out_nothing_is_left_and_the_provider_asks_who_it_is(state: State, tab: Tab) -> None:
    state.add("Nightly report")
    tab.arrive()
    tab.button("Sign out").click()
    expect(tab.text("You are signed out of this page. At Example")).to_be_visible()
    assert "Nightly report" not in tab.page.content()
    assert tab.stored() == '[{},{},""]'
    state.sign_in = "form"
    tab.button("Sign in").click()
    assert _asked(tab)["prompt"] == ["login"]


def test_another_user_sees_none_of_the_keys(state: State, tab: Tab, new_tab: Callable[[], Tab]) -> None:
    tab.arrive()
    tab.create("Of the first user")
    state.user = BEA
    other = new_tab()
    other.arrive()
    expect(other.page.locator("#none")).to_be_visible()
    expect(other.page.get_by_text("bea@example.com")).to_be_visible()
    assert "Of the first user" not in other.page.content()


def test_no_other_site_can_frame_the_page(tab: Tab) -> None:
    tab.page.route("https://evil.example/", lambda route: route.fulfill(
        content_type="text/html", body=f"<iframe src='{tab.address}'></iframe>"))  # fmt: skip
    tab.page.goto("https://evil.example/")
    tab.page.wait_for_timeout(300)
    assert [frame.url for frame in tab.page.frames[1:]] == ["chrome-error://chromewebdata/"]
    tab.complaints.clear()


def test_each_provider_has_a_button_and_is_asked_by_it(state: State, tab: Tab) -> None:
    state.providers = 2
    tab.open()
    tab.button("Sign in with Partner").click()
    expect(tab.page.locator("#none")).to_be_visible()
    tab.page.reload()
    expect(tab.page.locator("#none")).to_be_visible()
    assert len(state.exchanges) == 2


def test_an_audience_is_asked_for_where_the_provider_has_one(state: State, tab: Tab) -> None:
    state.audience, state.sign_in = "https://api.example.com", "form"
    tab.open()
    tab.button("Sign in").click()
    assert _asked(tab)["audience"] == ["https://api.example.com"]


def test_an_address_that_begins_with_two_slashes_sends_nothing_to_another_host(state: State, tab: Tab) -> None:
    state.add("Nightly report")
    tab.address = tab.address.replace("/v1/", "//evil.example/v1/")
    tab.arrive()
    expect(tab.row("Nightly report")).to_be_visible()
    assert "evil.example" not in tab.hosts
