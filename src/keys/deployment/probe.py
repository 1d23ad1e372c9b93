"""Made-up credentials, sent to the deployed function, and what it made of them."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from authorizer import claims
from authorizer.provider import Provider

REQUEST_ID: Final = "keys-doctor"
"""What the decisions about them have in the log in place of API Gateway's request id."""
LIFETIME_SECONDS: Final = 300
NEWEST_STREAMS: Final = 5
FIRST_EVENTS: Final = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one event. `error`: the class of what the function raised, None when it answered. `message`: its
    text. `lines`: the JSON lines that it logged meanwhile, as far as Lambda hands them out.
    """

    error: str | None
    message: str = ""
    lines: tuple[Mapping[str, Any], ...] = ()

    @property
    def is_refusal(self) -> bool:
        """API Gateway makes a 401 of exactly this text, and a 503 of any other."""
        return self.error is not None and self.message == "Unauthorized"

    @property
    def reason(self) -> str | None:
        """The decision's reason, as the log has it."""
        return next((str(line.get("reason")) for line in reversed(self.lines) if "outcome" in line), None)

    @property
    def fetch_failure(self) -> str | None:
        """Why a provider's keys could not be had, as the log has it."""
        return next((line.get("detail") for line in self.lines if line.get("message") == "jwks_fetch_failed"), None)


def send(client: Any, function: str, token: str) -> Answer:
    """Invokes the function with an event as API Gateway makes it for this bearer token.

    :raises botocore.exceptions.ClientError: Lambda did not run it.
    """
    region, account = function.split(":")[3:5]
    event = {
        "type": "REQUEST",
        "methodArn": f"{function.split(':lambda:')[0]}:execute-api:{region}:{account}:doctor/doctor/GET/",
        "headers": {"Authorization": f"Bearer {token}"},
        "requestContext": {"requestId": REQUEST_ID},
    }
    answer = client.invoke(FunctionName=function, LogType="Tail", Payload=json.dumps(event).encode())
    lines = tuple(_json_lines(_text(answer.get("LogResult", ""))))
    raised = _object(answer["Payload"].read())
    if "FunctionError" not in answer:
        return Answer(None, lines=lines)
    return Answer(str(raised.get("errorType")), str(raised.get("errorMessage", "")), lines)


def made_up_jwt(provider: Provider, now: float) -> str:
    """A token that is in order but for its key, which there is not: the provider's keys are needed to refuse it."""
    header = {"alg": min(provider.algorithms), "typ": min(provider.token_types), "kid": secrets.token_hex(8)}
    payload: dict[str, Any] = {"iss": provider.issuer, "exp": int(now) + LIFETIME_SECONDS}
    _put(payload, provider.audience_claims[0], min(provider.audiences))
    _put(payload, provider.subject_claims[0], REQUEST_ID)
    if provider.authorized_parties:
        payload["azp"] = min(provider.authorized_parties)
    for path, value in provider.required_claims.items():
        _put(payload, path, value)
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), secrets.token_bytes(64))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@dataclass(frozen=True, slots=True)
class Start:
    """What the function logged when it started: with what settings, and in which versions."""

    detail: str
    versions: Mapping[str, str]


def newest_start(logs: Any, configuration: Mapping[str, Any]) -> Start | None:
    """The start of the function, since it was last changed, whose instance has logged last; None if none is found.

    `configuration`: as Lambda's GetFunctionConfiguration has it. An instance has a log stream of its own, and says
    what it is at the beginning; those that logged last are looked at.

    :raises botocore.exceptions.ClientError: CloudWatch Logs refused.
    """
    group = configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{configuration['FunctionName']}"
    changed = datetime.strptime(configuration["LastModified"], "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
    streams = logs.describe_log_streams(
        logGroupName=group, orderBy="LastEventTime", descending=True, limit=NEWEST_STREAMS
    )["logStreams"]
    for stream in streams:
        events = logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True, limit=FIRST_EVENTS
        )["events"]
        for event in events:
            line = _object(event["message"])
            if line.get("message") == "started" and event["timestamp"] >= int(changed) * 1000:
                return Start(str(line.get("detail")), line.get("versions", {}))
    return None


def _put(payload: dict[str, Any], path: claims.Path, value: object) -> None:
    *outer, last = path
    for name in outer:
        payload = payload.setdefault(name, {})
    payload[last] = value


def _json_lines(text: str) -> Iterator[Mapping[str, Any]]:
    """Those of a text's lines that are JSON objects; Lambda cuts the first one, and adds some of its own."""
    yield from filter(None, map(_object, text.splitlines()))


def _text(encoded: str) -> str:
    try:
        return base64.b64decode(encoded).decode("utf-8", "replace")
    except binascii.Error:
        return ""


def _object(text: str | bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(text)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
