"""Sends requests to an interpreter that runs an artifact, and returns their results."""

import base64
import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DRIVER = Path(__file__).with_name("driver.py")
AWS = {
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
    "HOME": "/nonexistent",
}
"""The environment of a function without access to an AWS account."""


class ArtifactError(Exception):
    """A request to the artifact failed. The text is the traceback."""


@dataclass(frozen=True)
class Decision:
    """The result or error of `decide`, the log line of the decision, all log lines, and the fetched URLs."""

    response: dict[str, Any] | None
    raised: str | None
    line: dict[str, Any]
    written: str
    fetched: list[str]

    @property
    def outcome(self) -> tuple[str, str | None]:
        """The logged outcome and its reason. The outcome must be the one that API Gateway receives.

        :raises AssertionError: API Gateway would get another one.
        """
        got = "allow" if self.response is not None else {"Unauthorized": "refuse"}.get(str(self.raised), "fail")
        assert got == self.line["outcome"]
        reason = self.line["reason"]
        return got, None if reason == "none" else reason


class Artifact:
    """An interpreter that can import only one artifact and the standard library."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def build(
        self,
        env: Mapping[str, str],
        *,
        now: float | None = None,
        key_set: bytes | None = None,
        with_table: bool = False,
    ) -> None:
        """Create another decider with `composition.build`. `key_set`: the result of every fetch, without a network.

        `with_table`: it has DynamoDB's client, which goes to the interpreter's `AWS_ENDPOINT_URL_DYNAMODB`.
        """
        encoded = base64.b64encode(key_set).decode() if key_set is not None else None
        self._ask("build", env=dict(env), now=now, key_set=encoded, with_table=with_table)

    def start(self) -> dict[str, Any]:
        """Start the handler in the environment of the interpreter. Returns the log line of the start."""
        line: dict[str, Any] = json.loads(self._ask("start")[1])
        return line

    def times(self, event: object, count: int) -> list[int]:
        """The nanoseconds of each of `count` decisions about an event, including their log lines."""
        found: list[int] = self._ask("times", event=event, count=count)[0]
        return found

    def set_clock(self, now: float) -> None:
        self._ask("set_clock", now=now)

    def decide(self, event: object) -> Decision:
        answer, written = self._ask("decide", event=event)
        lines = [json.loads(text) for text in written.splitlines()]
        (line,) = [line for line in lines if line.get("message") == "decision"]
        raised = answer.get("text") if answer.get("raised") == "Unauthorized" else answer.get("raised")
        return Decision(answer.get("response"), raised, line, written, answer["fetched"])

    def bearer(self, token: str) -> Decision:
        return self.decide(event(token))

    def verifies(self, jwk: object, algorithm: str, message: bytes, signature: bytes) -> bool:
        """The result of the authorizer's `SigningKey`."""
        encoded = {
            name: base64.b64encode(value).decode() for name, value in (("message", message), ("signature", signature))
        }
        verdict: bool = self._ask("verify", jwk=jwk, algorithm=algorithm, **encoded)[0]
        return verdict

    def threads(self) -> int:
        """The number of threads."""
        number: int = self._ask("threads")[0]
        return number

    def memory(self) -> int:
        """The resident memory of the process in bytes."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * resource.getpagesize()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the process meanwhile, as Lambda freezes an execution environment between two invocations."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def modules(self) -> dict[str, str]:
        """The files of all imported modules, by module name."""
        modules: dict[str, str] = self._ask("modules")[0]
        return modules

    def _ask(self, call: str, **arguments: object) -> tuple[Any, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"call": call, "arguments": arguments}), file=self._process.stdin, flush=True)
        text = self._process.stdout.readline()
        if not text:
            raise ArtifactError(f"The interpreter has ended with code {self._process.wait(10)}.")
        answer = json.loads(text)
        if "failed" in answer:
            raise ArtifactError(answer["failed"])
        return answer["answer"], answer["written"]


@contextmanager
def running(artifact: Path, **environment: str) -> Iterator[Artifact]:
    """An interpreter for an artifact, with only this environment and `AWS`."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", DRIVER, artifact],
        env=AWS | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    with process:
        try:
            yield Artifact(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def event(token: str) -> dict[str, Any]:
    """An authorizer event of a REST API with this bearer token."""
    return {
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/v1/GET/me",
        "httpMethod": "GET",
        "path": "/me",
        "headers": {"Authorization": f"Bearer {token}"},
        "requestContext": {"stage": "v1", "apiId": "abcdef1234", "httpMethod": "GET", "resourcePath": "/me"},
    }
