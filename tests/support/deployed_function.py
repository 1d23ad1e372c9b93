"""A fake of Lambda and CloudWatch Logs for a deployed function with given answers."""

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from keys.deployment.stack import Deployment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:authorizer"
LOG_GROUP = "the-authorizers"
CHANGED = 1_767_225_600
"""2026-01-01, when the function was last changed."""


@dataclass(frozen=True)
class Raised:
    """The error that the function raises for an event, and the lines that it logs."""

    error: str
    message: str
    lines: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class NotRun:
    """An error of Lambda itself: the function did not run."""

    code: str


def refused(reason: str, *lines: Mapping[str, Any]) -> Raised:
    decision = {"message": "decision", "outcome": "refuse", "reason": reason}
    return Raised("Unauthorized", "Unauthorized", (*lines, decision))


def undecided(reason: str, *lines: Mapping[str, Any]) -> Raised:
    return Raised("Undecided", "The credential ...", (*lines, {"outcome": "fail", "reason": reason}))


REFUSED = refused("unknown_key")
SETTINGS_ERROR = Raised("SettingsError", "API_KEYS_TABLE is missing")


class _Either:
    """The first of two fakes that has a method."""

    def __init__(self, *fakes: Any) -> None:
        self._fakes = fakes

    def __getattr__(self, name: str) -> Any:
        return getattr(next(fake for fake in self._fakes if hasattr(fake, name)), name)


@dataclass
class DeployedFunction:
    """`key` and `jwt`: the answers to an API key and to a JWT. `starts`: (time, line) of the newest log stream.

    `apis`: a `LoggedApis`. None: the caller may not read the function's policy.
    """

    dynamodb: "DynamoDBClient"
    key: Any = REFUSED
    jwt: Any = field(default_factory=lambda: refused("unknown_signing_key"))
    starts: tuple[tuple[int, Mapping[str, Any]], ...] = ()
    log_error: str | None = None
    apis: Any = None
    sent: list[dict[str, Any]] = field(default_factory=list)

    def deployment(self, variables: Mapping[str, str], parameters: Mapping[str, str] | None = None) -> Deployment:
        return Deployment("s", ARN, variables, parameters or {}, self._client)

    def _client(self, service: str) -> Any:
        if self.apis is not None and service in ("apigateway", "apigatewayv2"):
            return self.apis
        if self.apis is not None and service == "logs":
            return _Either(self, self.apis)
        return self.dynamodb if service == "dynamodb" else self

    def get_policy(self, FunctionName: str) -> Any:  # noqa: N803 - boto3's spelling
        if self.apis is not None:
            return self.apis.get_policy(FunctionName)
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "GetPolicy")

    def get_function_configuration(self, **_arguments: str) -> Any:
        return {
            "Runtime": "python3.13",
            "Architectures": ["arm64"],
            "Version": "$LATEST",
            "LastModified": "2026-01-01T00:00:00.000+0000",
            "LoggingConfig": {"LogGroup": LOG_GROUP},
        }

    def invoke(self, FunctionName: str, LogType: str, Payload: bytes) -> Any:  # noqa: N803 - boto3's spelling
        assert (FunctionName, LogType) == (ARN, "Tail")
        event = json.loads(Payload)
        self.sent.append(event)
        answer = self.jwt if "." in event["headers"]["Authorization"] else self.key
        if isinstance(answer, NotRun):
            raise ClientError({"Error": {"Code": answer.code, "Message": ""}}, "Invoke")
        if not isinstance(answer, Raised):
            return {"Payload": io.BytesIO(json.dumps(answer).encode())}
        log = "\n".join(["half a line}", *map(json.dumps, answer.lines), "END RequestId: 1"])
        payload = {"errorType": answer.error, "errorMessage": answer.message}
        return {
            "FunctionError": "Unhandled",
            "Payload": io.BytesIO(json.dumps(payload).encode()),
            "LogResult": base64.b64encode(log.encode()).decode(),
        }

    def describe_log_streams(self, **arguments: Any) -> Any:
        assert (arguments["logGroupName"], arguments["descending"]) == (LOG_GROUP, True)
        if self.log_error:
            raise ClientError({"Error": {"Code": self.log_error, "Message": ""}}, "DescribeLogStreams")
        return {"logStreams": [{"logStreamName": "newest"}]}

    def get_log_events(self, **arguments: Any) -> Any:
        assert arguments["startFromHead"]
        events = [{"timestamp": time * 1000, "message": json.dumps(line)} for time, line in self.starts]
        return {"events": [{"timestamp": 0, "message": "INIT_START Runtime Version: python"}, *events]}
