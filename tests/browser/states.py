"""Each state of the page by name: what the server has, and what is done in the tab to get there."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from playwright.sync_api import expect

from tests.support.browser import Tab
from tests.support.self_service_stub import ADA, DAY, Fault, State, sample

Reach = Callable[[State, Tab], None]
UNAVAILABLE: Final = Fault(503, "unavailable", "The table did not answer.", retry_after=1)


def _door(_state: State, tab: Tab) -> None:
    tab.open()
    expect(tab.page.locator("#door")).to_be_visible()


def _two_providers(state: State, tab: Tab) -> None:
    state.providers = 2
    tab.open()
    expect(tab.button("Sign in with Partner")).to_be_visible()


def _no_provider(state: State, tab: Tab) -> None:
    state.providers = 0
    tab.open()
    expect(tab.text("No sign-in is configured")).to_be_visible()


def _refused(state: State, tab: Tab) -> None:
    state.sign_in = "access_denied"
    tab.open()
    tab.button("Sign in").click()
    expect(tab.text("refused the sign-in")).to_be_visible()


def _signed_out(state: State, tab: Tab) -> None:
    _listed(state, tab)
    tab.button("Sign out").click()
    expect(tab.text("You are signed out of this page. At Example, you can still be signed in.")).to_be_visible()


def _forbidden(state: State, tab: Tab) -> None:
    state.fail("GET", "me", Fault(403, "forbidden", "This account belongs to no customer."))
    tab.open()
    tab.button("Sign in").click()
    expect(tab.text("This account cannot manage API keys")).to_be_visible()


def _waiting(state: State, tab: Tab) -> None:
    state.hold.clear()
    tab.open()
    tab.button("Sign in").click()
    expect(tab.page.locator("#waiting")).to_be_visible()


def _none(_state: State, tab: Tab) -> None:
    tab.arrive()


def _one(state: State, tab: Tab) -> None:
    state.add("Nightly report on server 3", scopes=["reports:read"])
    tab.arrive()


def _listed(state: State, tab: Tab) -> None:
    sample(state)
    tab.arrive()


def _unfolded(state: State, tab: Tab) -> None:
    _listed(state, tab)
    tab.page.get_by_text("Ended keys").click()
    tab.page.get_by_text("+3").click()


def _many(state: State, tab: Tab) -> None:
    state.max_keys, state.page_size = 100, 10
    for index in range(35):
        state.add(f"Program {index + 1}", ends_in=(20 + index) * DAY)
    tab.arrive()
    tab.button("Show more keys").click()
    expect(tab.row("Program 16")).to_be_visible()


def _members(state: State, tab: Tab) -> None:
    state.user = replace(ADA, name="نور الهدى", owner="org_7Hk2")
    state.add("مفتاح التقرير الليلي ‎(server 3)", created_by="auth0|64f1c2", scopes=["reports:read"])
    state.add("🗝️ " + "a-very-long-name-without-any-space-" * 5, created_by=ADA.sub)
    state.add("‮txet desrever", created_by="auth0|64f1c2")
    state.add(
        "<img src=x onerror=alert(1)>",
        created_by=ADA.sub,
        scopes=["https://api.example.com/auth/a.very.long.scope.readonly"],
    )
    tab.arrive()


def _not_recorded(state: State, tab: Tab) -> None:
    state.records_use = False
    state.add("Nightly report on server 3")
    state.add("Monitoring", ends_in=None)
    tab.arrive()


def _limit(state: State, tab: Tab) -> None:
    state.max_keys = 5
    _listed(state, tab)


def _limit_today(state: State, tab: Tab) -> None:
    state.made_today = state.per_day
    _listed(state, tab)


def _all_ended(state: State, tab: Tab) -> None:
    state.add("Old laptop", ends_in=-9 * DAY)
    state.add("Trial", state="revoked")
    tab.arrive()


def _unavailable(state: State, tab: Tab) -> None:
    state.fail("GET", "keys", UNAVAILABLE)
    tab.arrive()
    expect(tab.text("Nothing was changed")).to_be_visible()


def _too_many(state: State, tab: Tab) -> None:
    state.fail("GET", "keys", Fault(429, "", retry_after=20))
    tab.arrive()
    expect(tab.text("Try again in 20 seconds")).to_be_visible()


def _create(state: State, tab: Tab) -> None:
    _listed(state, tab)
    tab.button("Create key", "#room").click()
    tab.page.get_by_label("Name").fill("Nightly report on server 4")
    tab.page.get_by_label("reports:read").check()


def _create_date(state: State, tab: Tab) -> None:
    _create(state, tab)
    tab.page.get_by_label("Ends", exact=True).select_option("date")


def _create_wrong(state: State, tab: Tab) -> None:
    _create_date(state, tab)
    tab.page.get_by_label("Name").fill("")
    tab.button("Create key", "#create").click()


def _create_no_scopes(state: State, tab: Tab) -> None:
    state.user = replace(ADA, scopes=())
    tab.arrive()
    tab.button("Create key", "#room").click()


def _create_refused(state: State, tab: Tab) -> None:
    _create(state, tab)
    wrong = ("scopes", "You no longer have the scope reports:read. Choose others.")
    state.fail("POST", "keys", Fault(400, "scope_not_permitted", "A scope is not permitted.", (wrong,)))
    tab.button("Create key", "#create").click()
    expect(tab.text("You no longer have")).to_be_visible()


def _create_unavailable(state: State, tab: Tab) -> None:
    _create(state, tab)
    state.fail("POST", "keys", UNAVAILABLE)
    tab.button("Create key", "#create").click()
    expect(tab.text("Nothing was changed")).to_be_visible()


def _create_offline(state: State, tab: Tab) -> None:
    _create(state, tab)
    tab.page.context.set_offline(True)
    tab.button("Create key", "#create").click()
    expect(tab.text("You are offline", "#create")).to_be_visible()


def _create_unknown(state: State, tab: Tab) -> None:
    _create(state, tab)
    state.fail("POST", "keys", Fault(504, after=True))
    tab.button("Create key", "#create").click()
    expect(tab.text("It is not known", "#create")).to_be_visible()


def _session(state: State, tab: Tab) -> None:
    _create(state, tab)
    state.end_sessions()
    tab.button("Create key", "#create").click()
    expect(tab.page.locator("#session")).to_be_visible()


def _secret(state: State, tab: Tab) -> None:
    _listed(state, tab)
    tab.create("Nightly report on server 4")


def _leave(state: State, tab: Tab) -> None:
    _secret(state, tab)
    tab.page.keyboard.press("Escape")


def _roll(state: State, tab: Tab) -> None:
    _listed(state, tab)
    tab.button("Roll Monitoring").click()


def _rolled(state: State, tab: Tab) -> None:
    _roll(state, tab)
    tab.button("Roll key", "#roll").click()
    tab.secret()


def _end(state: State, tab: Tab) -> None:
    _listed(state, tab)
    tab.button("End Monitoring").click()


def _end_wrong(state: State, tab: Tab) -> None:
    _end(state, tab)
    tab.page.get_by_label("to confirm").fill("mak")
    tab.button("End key", "#end").click()


STATES: Final[Mapping[str, Reach]] = {
    "signed-out-at-first": _door,
    "two-providers": _two_providers,
    "no-provider": _no_provider,
    "refused-by-the-provider": _refused,
    "signed-out": _signed_out,
    "forbidden": _forbidden,
    "waiting": _waiting,
    "no-keys": _none,
    "one-key": _one,
    "keys": _listed,
    "keys-unfolded": _unfolded,
    "many-keys": _many,
    "members-and-names": _members,
    "use-not-recorded": _not_recorded,
    "limit": _limit,
    "limit-of-the-day": _limit_today,
    "all-ended": _all_ended,
    "unavailable": _unavailable,
    "too-many-requests": _too_many,
    "create": _create,
    "create-date": _create_date,
    "create-mistakes": _create_wrong,
    "create-without-scopes": _create_no_scopes,
    "create-refused": _create_refused,
    "create-unavailable": _create_unavailable,
    "create-offline": _create_offline,
    "create-unknown": _create_unknown,
    "session-over": _session,
    "secret": _secret,
    "secret-leave": _leave,
    "roll": _roll,
    "rolled": _rolled,
    "end": _end,
    "end-mistake": _end_wrong,
}
