"""DynamoDB as it is documented where moto differs, in this process and as an HTTP server that can lose answers."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from botocore.exceptions import ClientError

WHO = "arn:aws:sts::123456789012:assumed-role/Operators/ada"

Fault = Callable[[BaseHTTPRequestHandler], bool]
"""Called after the request was executed. True: the fault sent another answer, or none."""


class Documented:
    """A client of moto that behaves as DynamoDB in two ways that moto does not.

    A transaction with a ClientRequestToken is executed once: a repeated request with the same parameters gets the first
    result, and one with other parameters is refused (API reference, TransactWriteItems). An index is eventually
    consistent: it shows the items as they were `lag` seconds ago (developer guide, "Global secondary indexes").
    """

    def __init__(self, client: Any, lag: float = 0, clock: Callable[[], float] = time.time) -> None:
        self.client = client
        self.lag = lag
        self._clock = clock
        self._applied: dict[str, Any] = {}
        self._past: dict[str, list[tuple[float, Any]]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def transact_write_items(self, **arguments: Any) -> Any:
        token, items = arguments.get("ClientRequestToken"), arguments["TransactItems"]
        if token in self._applied:
            if self._applied[token] != items:
                error: Any = {"Code": "IdempotentParameterMismatchException", "Message": "The token was used before."}
                raise ClientError({"Error": error}, "TransactWriteItems")
            return {}
        written = [_key_of(write) for write in items]
        if self.lag:
            for table, pk in written:
                self._past.setdefault(pk, [(0, self._read(table, pk))])
        answer = self.client.transact_write_items(**arguments)
        if self.lag:
            for table, pk in written:
                self._past[pk].append((self._clock(), self._read(table, pk)))
        if token:
            self._applied[token] = items
        return answer

    def query(self, **arguments: Any) -> Any:
        return self._delayed(self.client.query(**arguments), arguments)

    def scan(self, **arguments: Any) -> Any:
        return self._delayed(self.client.scan(**arguments), arguments)

    def _read(self, table: str, pk: str) -> Any:
        return self.client.get_item(TableName=table, Key={"pk": {"S": pk}}, ConsistentRead=True).get("Item")

    def _delayed(self, page: Any, arguments: Any) -> Any:
        if not self.lag or "IndexName" not in arguments:
            return page
        shown = {item["pk"]["S"]: item for item in page["Items"]}
        wanted = arguments.get("ExpressionAttributeValues", {}).values()
        for pk, past in self._past.items():
            item = [item for at, item in past if at <= self._clock() - self.lag][-1]
            shown.pop(pk, None)
            if item and "consumer" in item and (not wanted or item["consumer"] in wanted or item["key_id"] in wanted):
                shown[pk] = item
        return {**page, "Items": list(shown.values())}


def _key_of(write: Any) -> tuple[str, str]:
    ((_, member),) = write.items()
    return member["TableName"], (member.get("Key") or member["Item"])["pk"]["S"]


class DynamoDBEndpoint:
    """Executes requests on `client`. `faults`: by operation, the faults of its next answers, in order.

    `is_gone`: no request is executed, and every connection is closed.
    """

    def __init__(self, client: Any) -> None:
        self.client = Documented(client)
        self.faults: dict[str, list[Fault]] = {}
        self.is_gone = False
        self.url = ""

    def environment(self, **more: str) -> dict[str, str]:
        """The environment variables of a process that uses the endpoint."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "API_KEYS_TABLE": "ApiKeys",
            "API_KEY_PREFIX": "mak",
            **more,
        }

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        if self.is_gone:
            lose(request)
        elif target := request.headers.get("X-Amz-Target"):
            operation = target.split(".")[1]
            status, answer = self._carry_out(operation, json.loads(body))
            fault = self.faults.get(operation, []) and self.faults[operation].pop(0)
            if not (fault and fault(request)):
                send(request, status, json.dumps(answer), "application/x-amz-json-1.0")
        else:
            send(request, 200, _IDENTITY, "text/xml")

    def _carry_out(self, operation: str, parameters: Any) -> tuple[int, Mapping[str, Any]]:
        method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)[1:]
        try:
            answer = getattr(self.client, method)(**parameters)
        except ClientError as error:
            more: Any = error.response
            named = {"__type": more["Error"]["Code"], "message": more["Error"]["Message"]}
            return 400, {**named, **{name: more[name] for name in ("CancellationReasons", "Item") if name in more}}
        return 200, {name: value for name, value in answer.items() if name != "ResponseMetadata"}


@contextmanager
def running(client: Any) -> Iterator[DynamoDBEndpoint]:
    """The endpoint, within the context."""
    endpoint = DynamoDBEndpoint(client)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            endpoint.answer(self)

        def log_message(self, *_arguments: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        endpoint.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield endpoint
        finally:
            server.shutdown()
            thread.join()


def send(request: BaseHTTPRequestHandler, status: int, text: str, content_type: str) -> None:
    body = text.encode()
    request.send_response(status)
    request.send_header("Content-Type", content_type)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def lose(request: BaseHTTPRequestHandler) -> bool:
    """Close the connection without an answer."""
    request.close_connection = True
    return True


def broken(request: BaseHTTPRequestHandler) -> bool:
    """A server error, after which it is not known whether the write was applied."""
    send(request, 500, '{"__type": "InternalServerError", "message": "try later"}', "application/x-amz-json-1.0")
    return True


_IDENTITY = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>{WHO}</Arn><UserId>A:ada</UserId><Account>123456789012</Account></GetCallerIdentityResult>
<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"""
