"""The access logs of the APIs that can invoke the authorizer: which there are, and whether they name the key."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

FORMAT: Final[Mapping[str, str]] = {
    "status": "$context.status",
    "credential": "$context.authorizer.credential",
    "keyId": "$context.authorizer.key_id",
    "issuer": "$context.authorizer.issuer",
}
"""The members of a line that usage is read from, and their variables. `method` and `resource` name the route."""

SUBJECT: Final = ("subjectHash", "$context.authorizer.subject_hash")
"""The member that usage of a JWT's subject is read from, and its variable. No stage must have it."""

_SOURCE: Final = re.compile(r":execute-api:[^:]*:[^:]*:([^/]+)/")
_GROUP: Final = re.compile(r"arn:[^:]*:logs:[^:]*:[^:]*:log-group:([^:]+)(?::\*)?")
SAM_STAGE: Final = "Stage"


@dataclass(frozen=True, slots=True)
class AccessLog:
    """The access log of a stage. `began`: in seconds since 1970, when the log group was created, or since when it
    keeps lines. `has_subjects`: its format has `SUBJECT`.
    """

    api: str
    stage: str
    group: str
    began: int
    has_subjects: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """A stage whose requests are not known, and why. `is_spare`: the API has another stage whose log is read, and this
    is the one that SAM adds to each REST API.
    """

    api: str
    stage: str
    reason: str
    is_spare: bool = False

    def __str__(self) -> str:
        return f"API {self.api}, stage {self.stage}: {self.reason}" if self.stage else f"API {self.api}: {self.reason}"


@dataclass(frozen=True, slots=True)
class AccessLogs:
    """The stages of all APIs that can invoke the authorizer."""

    read: tuple[AccessLog, ...] = ()
    unread: tuple[Unread, ...] = ()

    @property
    def groups(self) -> list[str]:
        """The names of the log groups, each once: several stages can write into one."""
        return sorted({log.group for log in self.read})

    def with_subjects(self) -> AccessLogs:
        """Those whose format has the hash of the subject. The others count as not read."""
        lacking = 'the format of its access log lacks "{}":"{}"'.format(*SUBJECT)
        others = [Unread(log.api, log.stage, lacking) for log in self.read if not log.has_subjects]
        return AccessLogs(tuple(log for log in self.read if log.has_subjects), (*self.unread, *others))

    @property
    def began(self) -> int:
        """Since when every one of them has lines; 0 without any."""
        return max((log.began for log in self.read), default=0)


def find(client: Callable[[str], Any], function: str, now: float) -> AccessLogs:
    """The access logs of the APIs that the policy of the function permits to invoke it.

    An API that invokes the function with a role of its own is not in that policy, and so is not found.

    :raises botocore.exceptions.ClientError: AWS refused a request.
    """
    read, unread = list[AccessLog](), list[Unread]()
    groups = dict[str, dict[str, Any] | None]()
    for api in _apis(client("lambda"), function):
        if "*" in api or "?" in api:
            unread.append(Unread(api, "", "the policy of the function permits APIs that it does not name"))
            continue
        for stage, settings in _stages(client, api):
            found = _GROUP.fullmatch(settings.get("destinationArn", ""))
            problem = problem_of(settings)
            if problem is None and found:
                group = found[1]
                if group not in groups:
                    groups[group] = _describe(client("logs"), group)
                about = groups[group]
                if about:
                    has_subjects = SUBJECT[0] not in missing_members(settings["format"], dict([SUBJECT]))
                    read.append(AccessLog(api, stage, group, _began(about, now), has_subjects))
                    continue
                problem = f"its log group {group} does not exist"
            unread.append(Unread(api, stage, problem or "its access log is not in CloudWatch Logs"))
    known = {log.api for log in read}
    spare = [
        Unread(each.api, each.stage, each.reason, is_spare=each.stage == SAM_STAGE and each.api in known)
        for each in unread
    ]
    return AccessLogs(tuple(read), tuple(spare))


def problem_of(settings: Mapping[str, Any]) -> str | None:
    """Why usage cannot be read from a stage with these access log settings; None if it can."""
    if not settings.get("destinationArn"):
        return "it has no access log"
    if not _GROUP.fullmatch(settings["destinationArn"]):
        return "its access log is not in CloudWatch Logs"
    return format_problem(settings.get("format", ""))


def format_problem(form: str) -> str | None:
    """What the format of an access log lacks for usage; None if it lacks nothing."""
    lines = ", ".join(f'"{name}":"{FORMAT[name]}"' for name in missing_members(form))
    return f"the format of its access log lacks {lines}" if lines else None


def missing_members(form: str, wanted: Mapping[str, str] = FORMAT) -> list[str]:
    """Those of the members that a format lacks, in their order. All of them, if it is not one JSON object."""
    try:
        members = json.loads(form)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        return list(wanted)
    return [name for name, variable in wanted.items() if members.get(name) not in (variable, _braced(variable))]


def _braced(variable: str) -> str:
    return "${" + variable[1:] + "}"


def _apis(client: Any, function: str) -> list[str]:
    """The IDs of the APIs, from the conditions of the function's policy. They can have wildcards."""
    try:
        policy = json.loads(client.get_policy(FunctionName=function)["Policy"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return []
        raise
    found = set[str]()
    for statement in policy.get("Statement", []):
        principal = statement.get("Principal")
        named = principal.get("Service", []) if isinstance(principal, dict) else principal
        if not {"apigateway.amazonaws.com", "*"} & set(named if isinstance(named, list) else [named]):
            continue
        sources = [
            str(value)
            for condition in statement.get("Condition", {}).values()
            for name, value in condition.items()
            if name.lower() == "aws:sourcearn"
        ]
        found.update(match[1] if (match := _SOURCE.search(source)) else "*" for source in sources or ["*"])
    return sorted(found)


def _stages(client: Callable[[str], Any], api: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The stages of a REST or HTTP API, with their access log settings. An API that was deleted has none."""
    try:
        for stage in client("apigateway").get_stages(restApiId=api)["item"]:
            yield stage["stageName"], stage.get("accessLogSettings") or {}
        return
    except ClientError as error:
        if error.response["Error"]["Code"] != "NotFoundException":
            raise
    try:
        pages = client("apigatewayv2").get_paginator("get_stages").paginate(ApiId=api)
        for stage in [stage for page in pages for stage in page["Items"]]:
            given = stage.get("AccessLogSettings") or {}
            yield (
                stage["StageName"],
                {"destinationArn": given.get("DestinationArn", ""), "format": given.get("Format", "")},
            )
    except ClientError as error:
        if error.response["Error"]["Code"] != "NotFoundException":
            raise


def _describe(client: Any, group: str) -> dict[str, Any] | None:
    pages = client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=group)
    found = (each for page in pages for each in page["logGroups"] if each["logGroupName"] == group)
    return next(found, None)


def _began(group: Mapping[str, Any], now: float) -> int:
    created = int(group["creationTime"]) // 1000
    days = group.get("retentionInDays")
    return created if days is None else max(created, int(now) - days * 86_400)
