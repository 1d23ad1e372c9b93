"""An HTTP server in front of moto that can lose answers, and that behaves as DynamoDB does where moto does not.

A transaction with a ClientRequestToken is executed once: a repeated request with the same parameters gets the first
result, and one with other parameters is refused (API reference, TransactWriteItems). moto ignores the token.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from botocore.exceptions import ClientError

WHO = "arn:aws:sts::123456789012:assumed-role/Operators/ada"

Fault = Callable[[BaseHTTPRequestHandler], bool]
"""Called after the request was executed. True: the fault sent another answer, or none."""


class DynamoDBEndpoint:
    """Executes requests on `client`. `faults`: by operation, the faults of its next answers, in order.

    `is_gone`: no request is executed, and every connection is closed.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.faults: dict[str, list[Fault]] = {}
        self._applied: dict[str, Any] = {}
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
        token = parameters.get("ClientRequestToken")
        if token in self._applied:
            is_same = self._applied[token] == parameters["TransactItems"]
            mismatch = {"__type": "IdempotentParameterMismatchException", "message": "The token was used before."}
            return (200, {}) if is_same else (400, mismatch)
        method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)[1:]
        try:
            answer = getattr(self.client, method)(**parameters)
        except ClientError as error:
            more: Any = error.response
            named = {"__type": more["Error"]["Code"], "message": more["Error"]["Message"]}
            return 400, {**named, **{name: more[name] for name in ("CancellationReasons", "Item") if name in more}}
        if token:
            self._applied[token] = parameters["TransactItems"]
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
