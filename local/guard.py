"""Guard the emulator, which has no authentication and runs code for every client.

The guard permits a request that has this run's access key. Without the key, it permits only what a deployed system
offers to the internet: its APIs, its key set, its sign-in page. Web pages, other users and other hosts cannot do more.
The guard wraps the emulator's application in the emulator's process, so that there is no unguarded port.

As a program, with the emulator's interpreter, it serves the emulator on an inherited listening socket:

    python -I local/guard.py FILE_DESCRIPTOR PORT      (the access key is the variable AWS_SESSION_TOKEN)

It leads a process group, and ends it when its standard input ends. The process that started it holds the other end of
that pipe, so that nothing continues to run without it.
"""

import asyncio
import hmac
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Callable[[], Awaitable[Any]], Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

_SIGNATURE = re.compile(rb"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/")
# As the emulator parses it: API ID, stage, and path.
_API_PATH: Final = re.compile(
    r"/(?:restapis/[^/]+/[^/]+/_user_request_|_aws/execute-api/[^/]+/[^/]+)(?P<path>/.*)?", re.DOTALL
)
_API_HOST: Final = re.compile(r"([a-f0-9]{8})\.execute-api\.localhost:(\d+)")
# The management path of WebSocket APIs, for which AWS requires IAM authorization.
_CONNECTIONS: Final = "/@connections"
_KEY_SET: Final = re.compile(r"/[\w-]+/\.well-known/(?:jwks\.json|openid-configuration)")
_SIGN_IN: Final = frozenset(
    {
        ("GET", "/oauth2/authorize"),
        ("POST", "/oauth2/login"),
        ("POST", "/login"),
        ("POST", "/oauth2/token"),
        ("GET", "/oauth2/userInfo"),
        ("POST", "/oauth2/userInfo"),
        ("GET", "/logout"),
    }
)


def carries_key(headers: Headers, access_key: str) -> bool:
    """Return whether a request has this access key in the credential of its signature, as AWS tools send it.

    Functions of the emulator have an account number there, and send the key as their session token. The signature is
    not checked, because only permitted clients know the key.
    """
    for name, value in headers:
        signature = _SIGNATURE.match(value) if name == b"authorization" else None
        given = signature[1] if signature else value if name == b"x-amz-security-token" else b""
        if hmac.compare_digest(given, access_key.encode()):
            return True
    return False


class Guard:
    """An ASGI application before the emulator's own."""

    def __init__(self, application: Application, access_key: str, port: int) -> None:
        """`port` is the port that every Host header must have.

        :raises ValueError: the access key is empty.
        """
        if not access_key:
            raise ValueError("An empty access key would permit every request.")
        self._application = application
        self._access_key = access_key
        self._hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost")}
        self._port = port

    async def __call__(self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        if scope["type"] == "lifespan" or carries_key(scope["headers"], self._access_key):
            await self._application(scope, receive, send)
            return
        permitted = self._permitted(scope) if scope["type"] == "http" else None
        if permitted is not None:
            await self._application(permitted, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _refuse(send)

    def _permitted(self, scope: Scope) -> Scope | None:
        """Return the request to pass to the emulator for a request without the key, or None to refuse it."""
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1:
            return None
        method, path = scope["method"], scope["path"]
        if hosts[0] not in self._hosts:
            return self._by_api_host(scope, hosts[0].decode("latin-1"), path)
        api = _API_PATH.fullmatch(path)
        if api is not None:
            return None if (api["path"] or "").startswith(_CONNECTIONS) else scope
        if method == "GET" and _KEY_SET.fullmatch(path):
            # For an unknown pool, the emulator would run any action that query and headers name.
            return {**scope, "query_string": b"", "headers": [(b"host", hosts[0])]}
        return scope if (method, path) in _SIGN_IN else None

    def _by_api_host(self, scope: Scope, host: str, path: str) -> Scope | None:
        """Rewrite a request by host name to one by path, because the emulator tries other paths first."""
        api = _API_HOST.fullmatch(host)
        if api is None or int(api[2]) != self._port:
            return None
        stage, _, rest = path.removeprefix("/").partition("/")
        if not stage or f"/{rest}".startswith(_CONNECTIONS):
            return None
        prefix = f"/restapis/{api[1]}/{stage}/_user_request_/"
        raw = scope.get("raw_path", b"").removeprefix(b"/").partition(b"/")[2]
        headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
        return {
            **scope,
            "path": prefix + rest,
            "raw_path": prefix.encode() + raw,
            "headers": [(b"host", f"127.0.0.1:{self._port}".encode()), *headers],
        }


async def _refuse(send: Send) -> None:
    """Refuse with 403 and JSON, without CORS headers, as AWS does."""
    message = "Without the access key of this run (.local/outputs.json), only the deployed API, its key set and its"
    body = json.dumps({"__type": "AccessDeniedException", "message": f"{message} sign-in page are available."}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve the guarded emulator until its standard input ends."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    threading.Thread(target=_end_with_input, daemon=True).start()
    descriptor, port = sys.argv[1:]
    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.keep_alive_timeout = 75
    asyncio.run(serve(Guard(app, os.environ["AWS_SESSION_TOKEN"], int(port)), config))


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os.killpg(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
