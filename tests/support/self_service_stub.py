"""A server that answers as the self-service API does and as an identity provider does, for the states of the page.

It keeps keys in memory. `faults` are answers in place of the usual ones, for states that the running system seldom has:
an outage, too many requests, an ended session. `python -m tests.support.self_service_stub` serves it for a browser.
"""

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from self_service.page import SignIn, page

DAY: Final = 86_400
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": DAY}
STAGE: Final = "/v1"


@dataclass(frozen=True)
class User:
    """Who signs in. `owner`: whose keys these are; empty: the user's own."""

    sub: str
    name: str
    owner: str = ""
    scopes: tuple[str, ...] = ("reports:read", "reports:write")

    @property
    def owns(self) -> str:
        return self.owner or self.sub


ADA: Final = User("6b785af5-fab2-4ff2-96b9-6a4afa8a6e11", "ada@example.com")
BEA: Final = User("0c2d64a4-5d0b-4e53-8a68-0d1d3cf7a3f2", "bea@example.com")


@dataclass(frozen=True)
class Fault:
    """An answer in place of the usual one. `after`: the request is carried out before it."""

    status: int
    code: str = ""
    detail: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    retry_after: int | None = None
    after: bool = False


@dataclass
class State:
    """What the server has, and how it behaves. Times are in seconds since 1970.

    `faults`: by method and pattern of the path, as often as they are there. `hold`, `hold_token`: requests to the API
    and to the token endpoint wait until it is set. `providers`: how many there are.
    `audience`: theirs. `sign_in`: how they answer: "form",
    "silent" or an OAuth error. `requests`: those to the API.
    """

    user: User = ADA
    keys: list[dict[str, Any]] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)
    max_keys: int = 10
    per_day: int = 20
    made_today: int = 0
    longest: int = 365 * DAY
    default: int = 90 * DAY
    page_size: int = 20
    plan: dict[str, Any] | None = None
    records_use: bool = True
    sign_in: str = "silent"
    providers: int = 1
    audience: str = ""
    faults: list[tuple[str, str, Fault]] = field(default_factory=list)
    hold: Event = field(default_factory=Event)
    hold_token: Event = field(default_factory=Event)
    requests: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    exchanges: list[dict[str, str]] = field(default_factory=list)
    tokens: dict[str, User] = field(default_factory=dict)
    codes: dict[str, tuple[str, User]] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.hold.set()
        self.hold_token.set()

    def add(
        self, description: str, *, ends_in: float | None = 60 * DAY, owner: str | None = None, **given: Any
    ) -> dict[str, Any]:
        """A key. `ends_in`: seconds from now, negative for an ended key."""
        now = int(self.clock())
        secret = secrets.token_hex(2)
        key: dict[str, Any] = {
            "key_id": f"key_{secrets.token_hex(8)}",
            "description": description,
            "hint": f"mak_{secret}",
            "scopes": [],
            "state": "active" if ends_in is None or ends_in > 0 else "expired",
            "created_at": now - 40 * DAY,
            "created_by": self.user.sub,
            "expires_at": None if ends_in is None else now + int(ends_in),
            "rolled_to": None,
            "last_used": None,
            "usage": [0] * 30 if self.records_use else None,
        } | given
        self.keys.append(key)
        self.owners[key["key_id"]] = owner or self.user.owns
        return key

    def fail(self, method: str, path: str, fault: Fault) -> None:
        self.faults.append((method, path, fault))

    def mine(self, user: User) -> list[dict[str, Any]]:
        return [key for key in self.keys if self.owners[key["key_id"]] == user.owns]

    def end_sessions(self) -> None:
        self.tokens.clear()


class Problem(Exception):
    def __init__(self, fault: Fault) -> None:
        self.fault = fault


def _refuse(status: int, code: str, detail: str = "", *fields: tuple[str, str]) -> Problem:
    return Problem(Fault(status, code, detail, fields))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: ClassVar[State]
    origin: ClassVar[str]
    providers: ClassVar[tuple[SignIn, ...]]

    def do_GET(self) -> None:
        self._route("GET")

    def do_POST(self) -> None:
        self._route("POST")

    def do_DELETE(self) -> None:
        self._route("DELETE")

    def _route(self, method: str) -> None:
        url = urlsplit(self.path)
        # What stands before it can be the base path of a custom domain.
        _, is_own, path = url.path.partition(f"{STAGE}/self-service")
        self._content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if url.path == "/authorize":
            self._authorize(parse_qs(url.query, keep_blank_values=True))
        elif url.path == "/token":
            self._token({name: values[0] for name, values in parse_qs(self._content.decode()).items()})
        elif is_own and not path:
            answer = page(
                "Example Ltd",
                [replace(each, audience=self.state.audience) for each in self.providers[: self.state.providers]],
            )
            self._send(200, answer.body.encode(), answer.headers)
        elif is_own:
            self._api(method, path.removeprefix("/"), parse_qs(url.query))
        else:
            self._send(404, b"", {})

    # The identity provider. https://www.rfc-editor.org/rfc/rfc6749#section-4.1

    def _authorize(self, query: dict[str, list[str]]) -> None:
        asked = {name: values[0] for name, values in query.items()}
        if self.state.sign_in == "form" and "user" not in asked:
            fields = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in asked.items())
            form = (
                f'<!doctype html><title>Sign in</title><form>{fields}<input name="user"><button>Sign in</button></form>'
            )
            self._send(200, form.encode(), {"Content-Type": "text/html"})
            return
        if self.state.sign_in in ("form", "silent"):
            code = secrets.token_urlsafe(16)
            self.state.codes[code] = (asked["code_challenge"], self.state.user)
            answer = {"code": code}
        else:
            answer = {"error": self.state.sign_in, "error_description": "The administrator does not permit this."}
        location = asked["redirect_uri"] + "?" + urlencode(answer | {"state": asked["state"]})
        self._send(302, b"", {"Location": location})

    def _token(self, form: dict[str, str]) -> None:
        self.state.exchanges.append(form)
        self.state.hold_token.wait(30)
        challenge, user = self.state.codes.pop(form["code"], ("", ADA))
        digest = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if not challenge or digest.decode() != challenge:
            self._json(400, {"error": "invalid_grant", "error_description": "The code is not valid."})
            return
        token = secrets.token_urlsafe(24)
        self.state.tokens[token] = user
        claims = base64.urlsafe_b64encode(json.dumps({"name": user.name}).encode()).rstrip(b"=").decode()
        self._json(200, {"access_token": token, "token_type": "Bearer", "id_token": f"e30.{claims}.x"})

    # The API.

    def _api(self, method: str, path: str, query: dict[str, list[str]]) -> None:
        self.state.requests.append((method, path))
        self.state.hold.wait(30)
        fault = self._fault(method, path)
        if fault and not fault.after:
            self._fail(fault)
            return
        try:
            user = self.state.tokens.get((self.headers["Authorization"] or "").removeprefix("Bearer "))
            if user is None:
                raise _refuse(401, "", "A valid API key or JWT is required.")
            with self.state.lock:
                status, answer = self._answer(method, path, query, user)
        except Problem as problem:
            self._fail(problem.fault)
            return
        if fault:
            self._fail(fault)
        else:
            self._json(status, answer)

    def _answer(self, method: str, path: str, query: dict[str, list[str]], user: User) -> tuple[int, Any]:
        state = self.state
        if (method, path) == ("GET", "me"):
            return 200, self._me(user)
        if (method, path) == ("GET", "keys"):
            start = int(query.get("after", ["0"])[0])
            mine = list(reversed(state.mine(user)))
            end = start + state.page_size
            return 200, {"keys": mine[start:end]} | {"next": str(end) if end < len(mine) else None}
        if (method, path) == ("POST", "keys"):
            body = self._body()
            if self._me(user)["limits"]["live"] >= state.max_keys:
                raise _refuse(409, "limit_reached")
            if set(body["scopes"]) - set(user.scopes):
                raise _refuse(403, "scope_not_permitted", "You do not have this scope.", ("scopes", "Not permitted."))
            return 201, self._make(user, body["description"], body["scopes"], _seconds(body["expires_in"]))
        found = re.fullmatch(r"keys/([^/]+)(/roll)?", path)
        key = next((each for each in state.mine(user) if found and each["key_id"] == found[1]), None)
        if key is None:
            raise _refuse(404, "not_found")
        if method == "DELETE":
            key["state"] = "revoked"
            return 204, None
        made = self._make(user, key["description"], key["scopes"], 60 * DAY)
        until = min(key["expires_at"], int(state.clock()) + _seconds(self._body()["grace"]))
        key |= {"state": "replaced", "rolled_to": made["key_id"], "expires_at": until}
        return 201, made | {"replaces": key["key_id"], "old_expires_at": until}

    def _make(self, user: User, description: str, scopes: list[str], seconds: int) -> dict[str, Any]:
        now = int(self.state.clock())
        secret = f"mak_{secrets.token_hex(16)}{secrets.token_hex(3)}"
        key = self.state.add(
            description,
            ends_in=seconds,
            owner=user.owns,
            scopes=scopes,
            created_at=now,
            created_by=user.sub,
            hint=secret[:8],
        )
        self.state.made_today += 1
        return key | {"key": secret}

    def _me(self, user: User) -> dict[str, Any]:
        state = self.state
        live = sum(key["state"] in ("active", "replaced", "disabled") for key in state.mine(user))
        return {
            "sub": user.sub,
            "issuer": self.origin,
            "owner": user.owns,
            "scopes": list(user.scopes),
            "limits": {
                "keys": state.max_keys,
                "live": live,
                "longest_seconds": state.longest,
                "default_seconds": state.default,
                "per_day": state.per_day,
                "made_today": state.made_today,
            },
            "request": "https://api.example.com/v1/me",
        } | ({"plan": state.plan} if state.plan else {})

    def _fault(self, method: str, path: str) -> Fault | None:
        for each in self.state.faults:
            if each[0] == method and re.fullmatch(each[1], path):
                self.state.faults.remove(each)
                return each[2]
        return None

    def _body(self) -> Any:
        body = json.loads(self._content)
        self.state.bodies.append(body)
        return body

    def _fail(self, fault: Fault) -> None:
        problem: dict[str, Any] = {"type": "about:blank", "status": fault.status, "request_id": "c6af9ac6-7b61-11e6"}
        problem |= {"code": fault.code} if fault.code else {}
        problem |= {"detail": fault.detail} if fault.detail else {}
        problem |= {"fields": [{"name": name, "detail": text} for name, text in fault.fields]} if fault.fields else {}
        headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after else {}
        self._json(fault.status, problem, {"Content-Type": "application/problem+json"} | headers)

    def _json(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self._send(status, content, {"Content-Type": "application/json"} | dict(headers or {}))

    def _send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        pass


def _seconds(text: str) -> int:
    return 0 if text == "0" else int(text[:-1]) * _UNITS[text[-1]]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        """Ignore a browser that has disconnected."""


@contextmanager
def serving(state: State, port: int = 0) -> Iterator[str]:
    """Serve the page, the API and the provider. Yield the page's address."""

    class Handler(_Handler):
        pass

    Handler.state = state
    with _Server(("127.0.0.1", port), Handler) as server:
        origin = f"http://127.0.0.1:{server.server_port}"
        one = SignIn("Example", origin, f"{origin}/authorize", f"{origin}/token", "the-page", "openid profile")
        Handler.origin = origin
        Handler.providers = tuple(replace(one, name=name) for name in ("Example", "Partner"))
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"{origin}{STAGE}/self-service"
        finally:
            state.hold.set()
            state.hold_token.set()
            server.shutdown()
            thread.join()


def sample(state: State) -> State:
    """Add keys in all states."""
    now = int(state.clock())
    usage = [
        0,
        3,
        8,
        20,
        14,
        0,
        0,
        31,
        28,
        40,
        22,
        35,
        2,
        0,
        44,
        52,
        47,
        39,
        61,
        5,
        0,
        58,
        63,
        71,
        66,
        80,
        4,
        1,
        77,
        83,
    ]
    state.add("Old laptop", ends_in=-9 * DAY, last_used=now - 40 * DAY)
    state.add("Trial", state="revoked", scopes=["reports:read"], last_used=None)
    state.add("Batch import", state="disabled", scopes=["reports:write"], last_used=now - 3 * DAY, usage=[0] * 30)
    state.add(
        "Build server", ends_in=2 * DAY, state="replaced", rolled_to="key_x", last_used=now - 4000, usage=usage[::-1]
    )
    state.add("Monitoring", ends_in=2.2 * DAY, scopes=["reports:read"], last_used=now - 90, usage=usage)
    state.add(
        "Mobile app (staging)", ends_in=11 * DAY, scopes=["reports:read", "reports:write"], last_used=now - 5 * 3600
    )
    scopes = ["reports:read", "reports:write", "invoices:read", "invoices:write", "customers:read", "webhooks:manage"]
    state.add("Nightly report on server 3", scopes=scopes, last_used=now - 7200, usage=usage, created_at=now - 90 * DAY)
    state.plan = {
        "name": "gold",
        "rate": 10,
        "quota": {"limit": 10_000, "period": "MONTH"},
        "used": 5_800,
        "left": 4_200,
    }
    return state


if __name__ == "__main__":
    with serving(sample(State()), 8765) as address:
        print(address, flush=True)  # noqa: T201
        Event().wait()
