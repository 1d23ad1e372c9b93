"""The self-service API on a table in moto: requests as API Gateway sends them, and the answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from authorizer import auth_file
from authorizer.self_service import SelfService
from keys.core.history import Author
from keys.core.store import Store
from keys.core.table import Table
from self_service.app import App
from self_service.caller import user_of
from self_service.page import page
from self_service.service import Service
from self_service.use import Use

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW: Final = 1_800_000_000
ISSUER: Final = "https://issuer.example/"
OTHER_ISSUER: Final = "https://other.example/"
ORIGIN: Final = "https://app.example.com"
FILE: Final = """
[[rule]]
route = "* /self-service/*"
credentials = ["jwt"]

[[provider]]
issuer = "https://issuer.example/"
audience = "api"

[[provider]]
issuer = "https://other.example/"
audience = "api"

[self_service]
scopes = ["read", "write"]
max_keys = 3
max_keys_per_day = 5
SETTINGS

[[self_service.provider]]
issuer = "https://issuer.example/"
client_ids = ["page"]

[[self_service.provider]]
issuer = "https://other.example/"
client_ids = ["page"]
owner_claim = "OWNER"
"""


def settings(more: str = "", owner_claim: str = "sub") -> SelfService:
    """The table of a file with two providers. `more`: further lines of it. `owner_claim`: that of the second one."""
    found = auth_file.parse(FILE.replace("SETTINGS", more).replace("OWNER", owner_claim)).self_service
    assert found
    return found


def context(sub: str = "ada", issuer: str = ISSUER, scope: str = "read write", **claims: Any) -> dict[str, str]:
    """The authorizer's context for a token with these claims, which are added to `client_id`, `iat` and `auth_time`."""
    known = {"iss": issuer, "sub": sub, "client_id": "page", "iat": NOW, "auth_time": NOW}
    data = {name: value for name, value in {**known, **claims}.items() if value is not None}
    return {"credential": "jwt", "sub": sub, "issuer": issuer, "scope": scope, "data": json.dumps(data)}


@dataclass(frozen=True)
class Answer:
    """An answer, as API Gateway reads it."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        return str(self.body["code"])


@dataclass
class Api:
    """The API. `reports`: the errors that it reported. `now`: the time."""

    client: DynamoDBClient
    table_name: str
    settings: SelfService = field(default_factory=settings)
    now: float = NOW
    reports: list[Exception] = field(default_factory=list)
    part: int = 100
    use: Callable[[str, int], Use] | None = None

    def __post_init__(self) -> None:
        table = Table(self.client, self.table_name, lambda _seconds: None)
        self.store = Store(table, Author("self-service", "self-service"), lambda: self.now)
        self.app = App(
            Service(self.store, self.settings, "mak", lambda: self.now, "https://api.example/me", self.use, self.part),
            partial(user_of, settings=self.settings, leeway=30),
            page("Example", []),
            origin=ORIGIN,
            report=self.reports.append,
        )

    def call(
        self,
        method: str,
        resource: str,
        who: Mapping[str, str] | None = None,
        body: object = None,
        *,
        key_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        **event: Any,
    ) -> Answer:
        """Send a request. `resource`: after `/self-service`. `body`: as JSON, unless it is text."""
        sent = event_of(method, resource, who, body, key_id=key_id, headers=headers) | event
        answered = self.app.answer(sent, None)
        given = {name: values[0] for name, values in answered["multiValueHeaders"].items()}
        return Answer(int(answered["statusCode"]), given, answered.get("body") or "")

    def make(self, who: Mapping[str, str] | None = None, **body: Any) -> dict[str, Any]:
        """Make a key, which must succeed."""
        answer = self.call("POST", "/keys", who or context(), {"description": "a key", **body})
        assert answer.status == 201, answer
        made: dict[str, Any] = answer.body
        return made

    def listed(self, who: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", "/keys", who or context()).body["keys"]
        return found

    def items(self) -> list[Any]:
        return list(self.client.scan(TableName=self.table_name)["Items"])


def event_of(
    method: str,
    resource: str,
    who: Mapping[str, str] | None,
    body: object,
    *,
    key_id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The event of a REST API (API Gateway developer guide, "Lambda proxy integrations")."""
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    given = dict(headers or {}) if headers is not None or body is None else {"Content-Type": "application/json"}
    path = f"/self-service{resource}"
    return {
        "resource": path,
        # With a custom domain, the base path of its mapping is in it.
        "path": "/base" + path.replace("{key_id}", key_id or ""),
        "httpMethod": method,
        "headers": given or None,
        "multiValueHeaders": {name: [value] for name, value in given.items()} or None,
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None if key_id is None else {"key_id": key_id},
        "stageVariables": None,
        "requestContext": {
            "authorizer": dict(who) if who is not None else None,
            "extendedRequestId": "extended-id",
            "requestId": "chosen-by-client",
            "stage": "v1",
            "httpMethod": method,
            "resourcePath": path,
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": text,
        "isBase64Encoded": False,
    }
