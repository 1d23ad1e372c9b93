"""A deployed system in memory that behaves as the pages say, and in which one fault can be put."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.message import Message
from pathlib import Path
from types import MappingProxyType
from typing import Any

from authorizer import VERSION, api_key
from tests.aws.api import Answer
from tests.aws.stacks import Stack
from tests.support.policies import permits, permits_keys

ACCOUNT = "123456789012"
CLAIMS = {"sub": "ada", "token_use": "access"}
KMS_KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1"
OWN_API, HTTP_API = "a1", "h1"
TTL = 30
KEY_CACHE = 30


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


JWT = f"{_part({'alg': 'RS256'})}.{_part(CLAIMS)}.c2lnbmF0dXJl"
PROBLEMS = {
    401: {
        "title": "Unauthorized",
        "status": 401,
        "detail": "A valid API key or JWT is required, as Authorization: Bearer <credential>.",
    },
    403: {"title": "Forbidden", "status": 403, "detail": "This credential does not permit this route."},
    404: {"title": "Not Found", "status": 404, "detail": "There is no such route."},
    503: {"title": "Service Unavailable", "status": 503, "detail": "The credential could not be checked just now."},
}


def answer(status: int, body: Mapping[str, object], **headers: str) -> Answer:
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return Answer(status, message, json.dumps(body))


def problem(status: int, more_headers: Mapping[str, str] = MappingProxyType({}), /, **others: str) -> Answer:
    headers = {"Content_Type": "application/problem+json", "Cache_Control": "no-store"}
    headers |= {"Access_Control_Allow_Origin": "*"}
    headers |= {401: {"WWW_Authenticate": 'Bearer realm="api"'}, 503: {"Retry_After": "5"}}.get(status, {})
    headers |= more_headers
    return answer(status, {"type": "about:blank", **PROBLEMS[status], **others, "requestId": "r"}, **headers)


@dataclass
class Key:
    key_id: str
    scopes: frozenset[str]
    table: str
    data: object
    networks: str = "0.0.0.0/0,::/0"
    consumer: str = "acme"
    revoked_at: float | None = None


@dataclass
class Place:
    """With a clock that only `sleep` and requests move."""

    clients: Mapping[str, Any]
    is_emulator: bool = False
    account: str = ACCOUNT
    region: str = "eu-central-1"
    artifact: Path = Path("template.yaml")
    log_seconds: float = 1
    seconds: float = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    def optional_artifact(self, name: str) -> Path:
        return Path(name)

    def client(self, service: str) -> Any:
        return self.clients[service]

    def http_api_url(self, api_id: str) -> str:
        return f"https://{api_id}.example"

    def api_url(self, api_id: str, stage: str) -> str:
        return f"https://{api_id}.example/{stage}"

    def issuer_parameters(self, issuer: str, audience: str) -> Mapping[str, str]:
        return {"JwtIssuer": issuer, "JwtAudience": audience}

    def complete(self, template: Path, api_id: str, stage: str, parameters: Mapping[str, str]) -> None: ...

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Services:
    """The AWS clients of the checks: all services in one object."""

    def __init__(self, model: "Model") -> None:
        self._model = model
        self.granted: tuple[str, ...] = ("dynamodb:GetItem",)
        self.leading_keys = True
        """The actions of the authorizer's role on its table."""
        self.findings: list[dict[str, str]] = []
        self.snapshots = "On"
        self.publishes = True
        self.metrics = ["Decisions", "FailedDecisions", "ColdStart"]
        self.fails_at: float | None = None
        """When the alarm's metric was last above its threshold."""
        self.alarms_after = 1.0
        self.widgets: list[dict[str, str]] = [{}]
        self.query_status = "Complete"
        self.key_of_table = self.key_of_logs = KMS_KEY
        self.stream = "NEW_AND_OLD_IMAGES"
        self.provisioned = "READY"
        self.code_is_denied = True

    def get_function_configuration(self, **_arguments: str) -> Any:
        return {
            "Role": f"arn:aws:iam::{ACCOUNT}:role/authorizer",
            "SnapStart": {"OptimizationStatus": self.snapshots},
            "Version": self._model.release if self.publishes else "1",
            "Environment": {"Variables": {"RELEASE": self._model.release}},
        }

    def get_paginator(self, _operation: str) -> Any:
        return self

    def paginate(self, **_arguments: object) -> Any:
        natives = [{"id": name, "name": f"multi-auth/limiting/{name}/gold"} for name in self._model.natives]
        return [{"Metrics": [{"MetricName": name} for name in self.metrics], "items": natives}]

    def delete_api_key(self, **arguments: str) -> None:
        del self._model.natives[arguments["apiKey"]]

    def get_usage_plan(self, **_arguments: str) -> Any:
        return {"quota": {"limit": self._model.quota}}

    def update_usage_plan(self, **arguments: Any) -> None:
        (change,) = arguments["patchOperations"]
        self._model.quota = int(change["value"])

    def simulate_principal_policy(self, **arguments: Any) -> Any:
        (resource,) = arguments["ResourceArns"]
        allowed = self.granted if resource.endswith("table/keys") else ()
        return _decisions({name: name in allowed for name in arguments["ActionNames"]})

    def simulate_custom_policy(self, **arguments: Any) -> Any:
        (text,), (resource,) = arguments["PolicyInputList"], arguments["ResourceArns"]
        if (entries := arguments.get("ContextEntries")) and entries[0]["ContextKeyName"] == "lambda:SourceFunctionArn":
            return _decisions(dict.fromkeys(arguments["ActionNames"], not self.code_is_denied))
        if entries:
            keys = entries[0]["ContextKeyValues"] if self.leading_keys else ["0" * 64]
            policy = json.loads(text)
            return _decisions({name: permits_keys(policy, name, resource, keys) for name in arguments["ActionNames"]})
        return _decisions({name: permits(json.loads(text), name, resource) for name in arguments["ActionNames"]})

    def describe_alarms(self, **_arguments: object) -> Any:
        now = self._model.place.seconds
        is_failing = self.fails_at is not None and now - self.fails_at < 60 and now > self.alarms_after
        alarm = {"Namespace": "MultiAuth", "MetricName": "FailedDecisions", "Dimensions": []}
        return {"MetricAlarms": [{**alarm, "StateValue": "ALARM" if is_failing else "OK"}]}

    def put_metric_data(self, **_arguments: object) -> None:
        self.fails_at = self._model.place.seconds

    def get_dashboard(self, **_arguments: str) -> Any:
        return {"DashboardBody": json.dumps({"widgets": self.widgets})}

    def describe_query_definitions(self, **_arguments: str) -> Any:
        return {"queryDefinitions": [{"name": name, "queryString": "fields", "logGroupNames": []} for name in "ab"]}

    def start_query(self, **_arguments: object) -> Any:
        return {"queryId": "1"}

    def get_query_results(self, **_arguments: str) -> Any:
        return {"status": self.query_status}

    def describe_table(self, **_arguments: str) -> Any:
        table = {"SSEDescription": {"KMSMasterKeyArn": self.key_of_table}, "TableStatus": "ACTIVE"}
        stream = {"StreamSpecification": {"StreamViewType": self.stream}}
        return {"Table": {**table, **stream, "GlobalSecondaryIndexes": [{"IndexName": "by_end_day"}]}}

    def describe_log_groups(self, **_arguments: str) -> Any:
        return {"logGroups": [{"kmsKeyId": self.key_of_logs}]}

    def get_provisioned_concurrency_config(self, **_arguments: str) -> Any:
        return {"Status": self.provisioned, "AvailableProvisionedConcurrentExecutions": 1}

    def validate_policy(self, **_arguments: str) -> Any:
        return {"findings": self.findings}

    def flush_stage_authorizers_cache(self, **_arguments: str) -> None:
        self._model.cache.clear()

    def update_gateway_response(self, **arguments: Any) -> None:
        (change,) = arguments["patchOperations"]
        name = change["path"].rpartition(".")[2].replace("-", "_")
        self._model.headers_of_403 = {name: "reports:write"} if change["op"] == "add" else {}

    def create_deployment(self, **_arguments: str) -> None: ...

    def put_function_concurrency(self, **_arguments: object) -> None:
        self._model.concurrency = 0

    def delete_function_concurrency(self, **_arguments: object) -> None:
        self._model.concurrency = 1


def _decisions(allowed: Mapping[str, bool]) -> Any:
    words = {True: "allowed", False: "implicitDeny"}
    return {
        "EvaluationResults": [{"EvalActionName": name, "EvalDecision": words[yes]} for name, yes in allowed.items()]
    }


@dataclass
class Request:
    """One of the two APIs. `table`: of its authorizer. `alter`: the fault in its answers."""

    model: "Model"
    table: Callable[[], str]
    alter: Callable[[Answer], Answer] = lambda given: given
    is_http: bool = False

    def send(self, method: str, path: str, headers: Iterable[tuple[str, str]] = ()) -> Answer:
        self.model.place.seconds += 0.1
        given = self._answer(method, path, [value for name, value in headers if name == "Authorization"])
        return self.alter(replace(given, status=500) if self.is_http and given.status == 503 else given)

    def bearer(self, token: str, path: str = "/me", method: str = "GET") -> Answer:
        return self.send(method, path, [("Authorization", f"Bearer {token}")])

    def _answer(self, method: str, path: str, sent: list[str]) -> Answer:
        if method == "OPTIONS":
            headers = {"Access_Control_Allow_Origin": "*", "Access_Control_Allow_Headers": "Authorization,Content-Type"}
            return answer(200, {}, **headers)
        if path == "/nothing":
            return problem(404)
        if len(sent) != 1 or not sent[0].startswith("Bearer "):
            return problem(401)
        token, model = sent[0].removeprefix("Bearer "), self.model
        if not model.concurrency:
            return problem(503)
        known = model.keys_by_text.get(token)
        key = known if known and known.table == self.table() else None
        if key and model.table_is_missing:
            return problem(503)
        if not (key and model.decide(token, key)) and token != JWT:
            return problem(401)
        if key and "0.0.0.0/0" not in key.networks:
            return problem(403)
        given = self._permitted(method, path, key)
        if key:
            line = {"keyId": key.key_id, "credential": "api_key", "requestId": f"r-{key.key_id}"}
            model.access_log.append(line | {"status": str(given.status)})
        return given

    def _permitted(self, method: str, path: str, key: Key | None) -> Answer:
        if path == "/reports":
            if key is None or "reports:write" not in key.scopes:
                return problem(403, self.model.headers_of_403, missing_scopes="reports:write")
            return answer(200 if self is self.model.sample else 201, {"report_of": "acme"})
        if path == "/admin/whoami":
            return problem(403, missing_scopes="" if key is None or key.scopes else "reports:write")
        sub, data = ("acme", key.data) if key else (CLAIMS["sub"], CLAIMS)
        return answer(200, {"message": "Authenticated", "sub": sub, "data": data})


class Limited(Request):
    """The API with usage plans."""

    def _answer(self, method: str, path: str, sent: list[str]) -> Answer:
        if path == "/status":
            return answer(200, {"status": "ok"})
        given = super()._answer(method, path, sent)
        return given if given.status != 201 else self._counted(given, sent[0])

    def _counted(self, given: Answer, sent: str) -> Answer:
        model = self.model
        consumer = model.keys_by_text[sent.removeprefix("Bearer ")].consumer
        plan = model.plan_of.get(consumer)
        if plan is None:
            return given
        if model.natives.get(consumer, float("inf")) > model.place.seconds:
            return answer(403, {"title": "No Plan"})
        model.used[consumer] = model.used.get(consumer, 0) + 1
        if plan == "free" and model.used[consumer] > model.burst:
            return answer(429, {"title": "Too Many Requests"}, Retry_After="1")
        if plan == "gold" and model.used[consumer] > model.quota:
            return answer(429, {"title": "Quota Exceeded"})
        return given


class Model:
    """Stands for `Deployed`."""

    def __init__(self) -> None:
        services = Services(self)
        self.services: Any = services
        names = ("iam", "lambda", "apigateway", "accessanalyzer", "cloudwatch", "logs", "dynamodb")
        self.place = Place(dict.fromkeys(names, services))
        self.keys_by_text: dict[str, Key] = {}
        self.cache: dict[str, tuple[float, bool]] = {}
        self.lines: list[dict[str, Any]] = []
        self.access_log: list[dict[str, str]] = []
        self.texts: list[str] = ['{"message":"started"}']
        self.doctor = [{"check": "function", "state": "ok", "detail": ""}]
        self.table_is_missing = False
        self.concurrency = 1
        self.ttl, self.key_cache = TTL, KEY_CACHE
        self.last_day = "2027-01-15"
        self.alone_table = "own"
        self.release = ""
        self.sample = Request(self, self.main_table)
        self.reports = Request(self, lambda: self.alone_table)
        self.http_reports = Request(self, self.main_table, is_http=True)
        self.http_1_0_reports = Request(self, self.main_table, is_http=True)
        self.limited = Limited(self, lambda: "limiting")
        self.plan_of: dict[str, str] = {}
        self.natives: dict[str, float] = {}
        """From when on the stages know the native key of a consumer."""
        self.used: dict[str, int] = {}
        self.burst, self.quota, self.settling = 5, 10**6, 5.0
        self.headers_of_403: dict[str, str] = {}
        """Headers of the gateway response ACCESS_DENIED, and their values from the context."""
        self.main = self._stack("main", ApiKeysTableName="keys", AccessLogGroup="access")
        self.alone = self._stack("alone")
        self.limiting = self._stack("limiting")
        self.plans = replace(self._stack("plans"), resources={"Gold": "gold"})
        self.http = replace(self._stack("http"), resources={"Api": HTTP_API})
        self.monitoring = replace(self._stack("monitoring"), resources={"FailedDecisions": "failed"})
        self.usage = self._stack("usage")
        self.last_use: str | None = "2027-01-15T08:00:00Z"
        self.events = self._stack("events", RecordLogGroup="record")
        self.encrypted = self._stack("encrypted", ApiKeysTableName="keys")
        self.record: list[str] = []
        self.route_callers = dict.fromkeys(("GET /me", "POST /reports", "GET /admin/whoami"), "this authorizer")
        self.referring = [{"id": HTTP_API, "kind": "HTTP API"}]
        self.table_after_upgrade = "keys"

    jwt = JWT
    stage = "v1"
    kms_key = KMS_KEY
    version = VERSION
    cache_seconds = limited_cache_seconds = TTL
    revocation_seconds = TTL + KEY_CACHE

    def main_table(self) -> str:
        return "keys"

    def update_alone(self, **parameters: str) -> Stack:
        self.alone_table = parameters.get("ExistingTable", self.alone_table)
        self.release = parameters.get("Release", self.release)
        return self.alone

    def old(self) -> Stack:
        return self._stack("old", ApiKeysTableName="keys")

    def upgraded(self) -> Stack:
        return self._stack("old", ApiKeysTableName=self.table_after_upgrade, Version=VERSION)

    def restore(self, table: str, _seconds: float) -> str:
        return table

    @staticmethod
    def wall_clock() -> int:
        return 0

    def create_key(self, *arguments: str, consumer: str = "acme", stack: Stack | None = None) -> dict[str, str]:
        text, key_id = api_key.generate("mak"), f"k{len(self.keys_by_text)}"
        options = dict(zip(arguments[::2], arguments[1::2], strict=True))
        table = self.alone_table if stack is self.alone else "limiting" if stack is self.limiting else "keys"
        scopes = frozenset(options["--scopes"].split(",")) if "--scopes" in options else frozenset()
        networks = options.get("--networks", Key.networks)
        data = json.loads(options.get("--data", "{}"))
        self.keys_by_text[text] = Key(key_id, scopes, table, data, networks, consumer)
        return {"key": text, "key_id": key_id}

    def keys(self, command: str, *arguments: str, stack: Stack | None = None, codes: Sequence[int] = (0,)) -> Any:
        if command in ("doctor", "list"):
            return self.doctor
        if command == "usage":
            return self.counted(arguments[1])
        if command == "show" and "--usage-stack" in arguments:
            return {"last_used": self.last_use}
        if command == "check":
            routes = [{"route": route, "caller": caller} for route, caller in self.route_callers.items()]
            return {"routes": [*routes, {"route": "OPTIONS /me", "caller": "anyone"}]}
        if command == "consumer":
            self.plan_of[arguments[1]] = arguments[3]
            self.natives[arguments[1]] = self.place.seconds
            return {}
        if command == "plan":
            known = self.place.seconds + self.settling
            self.natives = {name: self.natives.get(name, known) for name in self.plan_of}
            return {}
        if command == "stack":
            return self.referring
        (key,) = [each for each in self.keys_by_text.values() if each.key_id == arguments[0]]
        if command == "revoke":
            key.revoked_at = self.place.seconds
            self.record.append(f"key.revoked {key.key_id}")
        return {"key_id": key.key_id}

    def counted(self, key_id: str) -> Any:
        classes = [f"{line['status'][0]}xx" for line in self.log_lines("access") if line["keyId"] == key_id]
        counts = {name: classes.count(name) for name in ("2xx", "4xx")}
        row = {**counts, "day": "2027-01-15", "last_used": f"{self.last_day}T08:00:00Z"}
        return {"requests": len(classes), "rows": [row]}

    def decide(self, token: str, key: Key) -> bool:
        """The cached decision, or a new one with its line in the log."""
        now = self.place.seconds
        if token not in self.cache or now >= self.cache[token][0] + self.ttl:
            is_revoked = key.revoked_at is not None and now >= key.revoked_at + self.key_cache
            self.cache[token] = (now, not is_revoked)
            self.lines.append({"key_id": key.key_id, "outcome": "allow", "request_id": f"r-{key.key_id}"})
        return self.cache[token][1]

    @contextmanager
    def changed_environment(self, **_variables: str) -> Iterator[None]:
        self.table_is_missing = True
        yield
        self.table_is_missing = False

    def answer_with(self, status: int, send: Callable[[], Answer]) -> Answer:
        return send()

    def answer_when(self, is_it: Callable[[Answer], bool], send: Callable[[], Answer]) -> Answer:
        return send()

    def decisions(self, key_id: str, at_least: int, stack: Stack | None = None) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["key_id"] == key_id]

    def log_lines(self, group: str) -> list[dict[str, str]]:
        return list(self.access_log) if group == "access" else self.lines

    def log_texts(self, group: str) -> list[str]:
        if group == "record":
            return self.record
        return [*self.texts, *map(json.dumps, self.log_lines(group))]

    def alter(self, change: Callable[[Answer], Answer]) -> None:
        """Put a fault into the answers of all APIs."""
        for api in (self.sample, self.reports, self.limited, self.http_reports, self.http_1_0_reports):
            api.alter = change

    @staticmethod
    def _stack(name: str, **outputs: str) -> Stack:
        arn = f"arn:aws:cloudformation:eu-central-1:{ACCOUNT}:stack/{name}/1"
        given = {
            "AuthorizerFunctionName": "authorizer",
            "AuthorizerFunctionArn": "arn",
            "AuthorizerLogGroup": "decisions",
            **outputs,
        }
        return Stack(name, arn, given, {"Api": OWN_API}, {})
