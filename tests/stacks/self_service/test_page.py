"""The page's settings and headers. tests/browser shows the page in a browser."""

import base64
import hashlib
import json
import re

import pytest

from self_service.page import FILE, SignIn, content_security_policy, page

AUTH0 = SignIn(
    name="Example",
    issuer="https://tenant.eu.auth0.com/",
    authorize_url="https://tenant.eu.auth0.com/authorize",
    token_url="https://tenant.eu.auth0.com/oauth/token",
    client_id="abc",
    scope="openid email",
    audience="https://api.example.com",
)
SETTINGS = re.compile(r'<script type="application/json" id="settings">(.*?)</script>', re.DOTALL)


def policy(csp: str) -> dict[str, list[str]]:
    return {name: values for name, *values in (each.split() for each in csp.split("; "))}


def test_the_settings_are_in_the_page() -> None:
    found = SETTINGS.search(page("Example Ltd", [AUTH0]).body)
    assert found
    assert json.loads(found[1]) == {
        "company": "Example Ltd",
        "sign_in": [
            {
                "name": "Example",
                "issuer": "https://tenant.eu.auth0.com/",
                "authorize_url": "https://tenant.eu.auth0.com/authorize",
                "token_url": "https://tenant.eu.auth0.com/oauth/token",
                "client_id": "abc",
                "scope": "openid email",
                "audience": "https://api.example.com",
            }
        ],
    }


@pytest.mark.parametrize("name", ["</script><script>alert(1)</script>", "<!--<script>", "\\1 \\g<2>", '"}'])
def test_no_name_ends_the_settings(name: str) -> None:
    body = page(name, []).body
    found = SETTINGS.search(body)
    assert found
    assert json.loads(found[1])["company"] == name
    assert len(body.split("<script")) == len(FILE.read_text(encoding="utf-8").split("<script"))


def test_only_the_pages_own_script_and_style_sheet_are_permitted() -> None:
    answer = page("Example Ltd", [AUTH0])
    found = policy(answer.headers["Content-Security-Policy"])
    for kind in ("script", "style"):
        (text,) = re.findall(rf"<{kind}>(.*?)</{kind}>", answer.body, re.DOTALL)
        assert found[f"{kind}-src"] == [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"]
    assert found["default-src"] == ["'none'"]
    assert found["frame-ancestors"] == ["'none'"]


def test_the_page_can_connect_to_its_own_origin_and_to_the_token_endpoints_alone() -> None:
    urls = ["https://b.example/oauth2/token", "https://a.example:8443/token?x=1", "https://b.example/other"]
    found = policy(content_security_policy("", urls))
    assert found["connect-src"] == ["'self'", "https://a.example:8443", "https://b.example"]


def test_the_page_is_not_framed_not_kept_and_sends_no_referrer() -> None:
    headers = page("Example Ltd", []).headers
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
