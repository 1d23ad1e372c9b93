"""Synthetic credentials that are sent to the deployed function, and its answers."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from authorizer import claims
from authorizer.provider import Provider

REQUEST_ID: Final = "keys-doctor"
"""The request ID of these decisions in the log."""
LIFETIME_SECONDS: Final = 300
NEWEST_STREAMS: Final = 5
FIRST_EVENTS: Final = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """The function's answer to one event.

    `error`: the class of the error that it raised, None if it raised none. `message`: the text of the error. `lines`:
    its JSON log lines, of the last 4 KB of the log that Lambda returns.
    """

    error: str | None
    message: str = ""
    lines: tuple[Mapping[str, Any], ...] = ()

    @property
    def is_refusal(self) -> bool:
        """Whether the function refused the credential. API Gateway answers only this exact text with 401."""
        return self.error is not None and self.message == "Unauthorized"

    @property
    def reason(self) -> str | None:
        """The reason code of the decision in the log."""
        return next((str(line.get("reason")) for line in reversed(self.lines) if "outcome" in line), None)

    @property
    def fetch_failure(self) -> str | None:
        """Why a key set could not be fetched, from the log."""
        return next((line.get("detail") for line in self.lines if line.get("message") == "jwks_fetch_failed"), None)


def send(client: Any, function: str, token: str) -> Answer:
    """Invoke the function with the event that API Gateway sends for this bearer token.

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
    log = base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace")
    # Lambda truncates the first line, and adds lines of other formats.
    lines = tuple(filter(None, map(_object, log.splitlines())))
    raised = _object(answer["Payload"].read())
    if "FunctionError" not in answer:
        return Answer(None, lines=lines)
    return Answer(str(raised.get("errorType")), str(raised.get("errorMessage", "")), lines)


def synthetic_jwt(provider: Provider, now: float) -> str:
    """A JWT that is valid except for its signature. To refuse it, the function needs the provider's key set."""
    header = {"alg": min(provider.algorithms), "typ": min(provider.token_types), "kid": secrets.token_hex(8)}
    payload: dict[str, Any] = {"iss": provider.issuer, "exp": int(now) + LIFETIME_SECONDS}
    _put(payload, provider.audience_claims[0], min(provider.audiences))
    _put(payload, provider.subject_claims[0], REQUEST_ID)
    if provider.authorized_parties:
        payload["azp"] = min(provider.authorized_parties)
    for claim in provider.required_claims:
        _put(payload, claim.path, claim.values[0])
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), secrets.token_bytes(64))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@dataclass(frozen=True, slots=True)
class Start:
    """The start line in the function's log: a summary of the settings, and the versions."""

    detail: str
    versions: Mapping[str, str]


def newest_start(logs: Any, configuration: Mapping[str, Any]) -> Start | None:
    """The newest start line since the function was last changed; None if none is found.

    `configuration`: the response of Lambda's GetFunctionConfiguration. Each execution environment has its own log
    stream, which begins with the start line. The streams with the newest events are read.

    :raises botocore.exceptions.ClientError: CloudWatch Logs refused the request.
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


def _object(text: str | bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(text)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
