"""The page on which signed-in users manage their API keys: the file `page.html`, its settings, and its HTTP headers."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

FILE: Final = Path(__file__).with_name("page.html")
_SETTINGS: Final = re.compile(r'(<script type="application/json" id="settings">).*?(</script>)', re.DOTALL)
_INLINE: Final = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)
"""The script and the style sheet: the elements that a policy must permit. The settings are data, which is not executed
(HTML, "prepare the script element")."""


@dataclass(frozen=True)
class SignIn:
    """A public client of an OAuth 2.0 authorization server, which has the page's address as redirect URI.

    `name`: for the button, if there are several. `issuer`: compared with `iss` of the response (RFC 9207), if it has
    one. `authorize_url`, `token_url`: the two endpoints. `scope`: separated by spaces. `audience`: the parameter of
    this name, which Auth0 requires for an access token that is a JWT; empty: none is sent.
    """

    name: str
    issuer: str
    authorize_url: str
    token_url: str
    client_id: str
    scope: str = "openid"
    audience: str = ""


@dataclass(frozen=True)
class Page:
    """A response: `GET` of the page's address has this body and these headers."""

    body: str
    headers: Mapping[str, str]


def page(company: str, sign_in: Sequence[SignIn], html: str | None = None) -> Page:
    """Return the page with its settings. They are public: each visitor reads them before the sign-in.

    `company`: the name in the head. `html`: the content of `page.html`, which is read if it is not given.
    """
    html = FILE.read_text(encoding="utf-8") if html is None else html
    settings = json.dumps({"company": company, "sign_in": [asdict(each) for each in sign_in]})
    # So that no text ends the element or begins a comment (HTML, "restrictions for contents of script elements").
    settings = settings.replace("<", "\\u003c")
    body = _SETTINGS.sub(lambda found: found[1] + settings + found[2], html)
    policy = content_security_policy(html, (each.token_url for each in sign_in))
    return Page(body, _HEADERS | {"Content-Security-Policy": policy})


_HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def content_security_policy(html: str, token_urls: Iterable[str]) -> str:
    """Return the policy: the page's own script and style sheet, its own API, and the token endpoints; nothing else."""
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for kind, text in _INLINE.findall(html):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        hashes[kind].append(f"'sha256-{digest}'")
    origins = sorted({"{0.scheme}://{0.netloc}".format(urlsplit(url)) for url in token_urls})
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(("script-src", *hashes["script"])),
            " ".join(("style-src", *hashes["style"])),
            " ".join(("connect-src 'self'", *origins)),
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )
