"""Guard the emulator, which takes several access keys for root, and serves paths of its own without any check.

The guard permits three kinds of requests:

- Everything, to a request whose signature names this run's access key, which is the emulator's root.
- What a deployed system offers to the internet: its APIs, its key set, its sign-in page.
- The paths of AWS services, to a request whose signature header names an access key of AWS's form: of an IAM user
  (AKIA) or of a session, such as a function's (ASIA). The emulator checks the signature and the permissions.

Web pages, other users and other hosts cannot do more. The guard wraps the emulator's application in the emulator's
process, so that there is no unguarded port.
"""

import hmac
import json
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

Scope = MutableMapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Callable[[], Awaitable[Any]], Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

_SIGNATURE: Final = re.compile(rb"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/")
# The forms of access keys in AWS's documentation (IAM user guide, "IAM identifiers": unique IDs), and the scope.
_AWS_SIGNATURE: Final = re.compile(
    rb"AWS4-HMAC-SHA256 Credential=A[KS]IA[A-Z0-9]{16}/\d{8}/[a-z0-9-]+/(?P<service>[a-z0-9-]+)/aws4_request, ?"
    rb"SignedHeaders=[a-z0-9;-]+, ?Signature=[0-9a-f]{64}"
)
_SIGNED_QUERY: Final = frozenset({"x-amz-credential", "x-amz-algorithm", "x-amz-security-token", "awsaccesskeyid"})
# Paths of AWS APIs: of the JSON and Query protocols, of RPC over CBOR, of APIs with a date (AWS Lambda), and of API
# Gateway. Everything else that the emulator serves at a path is refused.
_SERVICE_PATH: Final = re.compile(
    r"/|/service/\w+/operation/\w+|/\d{4}-\d{2}-\d{2}/.+"
    r"|/(?:restapis|v2/apis|apikeys|usageplans|account|domainnames|tags|clientcertificates|vpclinks)(?:/.*)?",
    re.DOTALL,
)
# A bucket, as Amazon S3 permits names ("General purpose bucket naming rules"), and an object in it.
_BUCKET_PATH: Final = re.compile(r"/(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/.*)?", re.DOTALL)
_NO_BUCKETS: Final = frozenset({"graphql", "health", "iceberg", "login", "logout", "oauth2"})
"""First segments of paths of the emulator's own that have the form of a bucket."""
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

    The signature is not checked, because only permitted clients know the key.
    """
    signatures = [_SIGNATURE.match(value) for name, value in headers if name == b"authorization"]
    named = [signature[1] for signature in signatures if signature]
    return len(signatures) == 1 and bool(named) and hmac.compare_digest(named[0], access_key.encode())


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
        service = _aws_service(scope)
        if service is None and _names_a_key(scope):
            return None  # The emulator takes twelve digits, `test` and no key at all for root.
        method, path = scope["method"], scope["path"]
        if hosts[0] not in self._hosts:
            return self._by_api_host(scope, hosts[0].decode("latin-1"), path)
        api = _API_PATH.fullmatch(path)
        if api is not None:
            return None if (api["path"] or "").startswith(_CONNECTIONS) else scope
        if method == "GET" and _KEY_SET.fullmatch(path):
            # For an unknown pool, the emulator would run any action that query and headers name.
            return {**scope, "query_string": b"", "headers": [(b"host", hosts[0])]}
        if (method, path) in _SIGN_IN:
            return scope
        return scope if service is not None and method != "OPTIONS" and _is_service_path(service, path) else None

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


def _aws_service(scope: Scope) -> str | None:
    """Return the service in the signature header of a request whose access key has AWS's form, or None."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    signature = _AWS_SIGNATURE.fullmatch(given[0]) if len(given) == 1 else None
    return signature["service"].decode() if signature and not _has_signed_query(scope) else None


def _names_a_key(scope: Scope) -> bool:
    """Return whether the emulator could find an access key in a request, in any form that AWS has had."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    return any(value.lstrip().upper().startswith((b"AWS4-", b"AWS ")) for value in given) or _has_signed_query(scope)


def _has_signed_query(scope: Scope) -> bool:
    query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    return any(name.lower() in _SIGNED_QUERY for name, _value in query)


def _is_service_path(service: str, path: str) -> bool:
    if _SERVICE_PATH.fullmatch(path):
        return True
    bucket = _BUCKET_PATH.fullmatch(path) if service == "s3" else None
    return bucket is not None and bucket["bucket"] not in _NO_BUCKETS


async def _refuse(send: Send) -> None:
    """Refuse with 403 and JSON, without CORS headers, as AWS does."""
    message = (
        "Without the access key of this run (.local/outputs.json), only the deployed APIs, their key set and sign-in "
        "page, and AWS services for signed requests of IAM users and roles are available."
    )
    body = json.dumps({"__type": "AccessDeniedException", "message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
