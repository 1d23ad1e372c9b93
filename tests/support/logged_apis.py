"""A fake of the AWS clients for the access logs of APIs: the policy of the function, stages, log groups and queries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from keys.deployment.stack import Deployment
from local.gateway import insights

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:authorizer"
COUNTER = "arn:aws:lambda:eu-west-1:123456789012:function:usage"
FORMAT = json.dumps(
    {
        "requestId": "$context.extendedRequestId",
        "method": "$context.httpMethod",
        "resource": "$context.resourcePath",
        "status": "$context.status",
        "credential": "$context.authorizer.credential",
        "keyId": "$context.authorizer.key_id",
        "issuer": "$context.authorizer.issuer",
        "subjectHash": "$context.authorizer.subject_hash",
    }
)


def destination(group: str) -> str:
    return f"arn:aws:logs:eu-west-1:123456789012:log-group:{group}"


@dataclass
class Group:
    """A log group: when it was created, its retention, and its lines as (second, message)."""

    created: int
    days: int | None = None
    lines: list[tuple[float, str]] = field(default_factory=list)

    def request(self, second: float, key_id: str = "-", status: int = 200, **members: str) -> None:
        """Add the line of a request with an API key, or of one with a JWT if `issuer` is given."""
        jwt = "issuer" in members
        kind = "jwt" if jwt else "api_key" if key_id != "-" else "-"
        line = {"method": "GET", "resource": "/me", "status": str(status), "credential": kind, "keyId": key_id}
        self.lines.append((second, json.dumps({**line, "issuer": "-", **members})))


@dataclass
class LoggedApis:
    """`rest` and `http`: the stages by API, each with its access log settings. `permitted`: the policy's API IDs.

    `usage_table`: of the stack of usage, if it is deployed. `subscribed`: the log groups that are sent to it.
    `waiting`: the messages in its queue of failures. `environment`: of the authorizer.
    """

    permitted: list[str] = field(default_factory=list)
    rest: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    http: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    status: str = "Complete"
    dynamodb: Any = None
    usage_table: str | None = None
    subscribed: set[str] = field(default_factory=set)
    waiting: int = 0
    function: str = FUNCTION
    environment: dict[str, str] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    _results: dict[str, Any] = field(default_factory=dict)

    def log(self, api: str, stage: str, group: str, form: str = FORMAT) -> None:
        """Permit a REST API whose stage writes into a log group."""
        self.permitted.append(api)
        self.rest.setdefault(api, {})[stage] = {"destinationArn": destination(group), "format": form}

    def deployment(self) -> Deployment:
        return Deployment("s", FUNCTION, self.environment, {}, self.client)

    def client(self, service: str, **_options: Any) -> Any:
        return self.dynamodb if service == "dynamodb" else self

    def describe_stacks(self, StackName: str) -> Any:  # noqa: N803 - boto3's spelling
        if self.usage_table is None or StackName != "s-usage":
            raise ClientError({"Error": {"Code": "ValidationError", "Message": ""}}, "DescribeStacks")
        outputs = {"UsageTableName": self.usage_table, "UsageFunctionArn": COUNTER, "FailuresQueueUrl": "queue"}
        return {"Stacks": [{"Outputs": [{"OutputKey": name, "OutputValue": outputs[name]} for name in outputs]}]}

    @property
    def meta(self) -> Any:
        return Pages(None)

    def describe_subscription_filters(self, logGroupName: str) -> Any:  # noqa: N803 - boto3's spelling
        return {"subscriptionFilters": [{"destinationArn": COUNTER}] if logGroupName in self.subscribed else []}

    def get_queue_attributes(self, **_arguments: Any) -> Any:
        return {"Attributes": {"ApproximateNumberOfMessages": str(self.waiting)}}

    def get_policy(self, FunctionName: str) -> Any:  # noqa: N803 - boto3's spelling
        assert FunctionName == self.function
        if not self.permitted:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "GetPolicy")
        statements = [
            {
                "Principal": {"Service": "apigateway.amazonaws.com"},
                "Condition": {
                    "ArnLike": {"AWS:SourceArn": f"arn:aws:execute-api:eu-west-1:123456789012:{api}/authorizers/*"}
                },
            }
            for api in self.permitted
        ]
        return {"Policy": json.dumps({"Statement": statements})}

    def get_usage_plans(self, **_given: Any) -> dict[str, Any]:
        """No API has usage plans."""
        return {"items": []}

    def get_rest_api(self, restApiId: str) -> dict[str, Any]:  # noqa: N803
        """The APIs are not described: they have no methods to look at."""
        answer: Any = {"Error": {"Code": "NotFoundException", "Message": restApiId}}
        raise ClientError(answer, "GetRestApi")

    def get_stages(self, restApiId: str) -> Any:  # noqa: N803 - boto3's spelling
        if restApiId not in self.rest:
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": ""}}, "GetStages")
        stages = self.rest[restApiId].items()
        return {"item": [{"stageName": name, "accessLogSettings": settings} for name, settings in stages]}

    def get_paginator(self, operation: str) -> Any:
        return Pages({"get_stages": self._http_stages, "describe_log_groups": self._log_groups}[operation])

    def _http_stages(self, ApiId: str) -> Iterator[Any]:  # noqa: N803 - boto3's spelling
        if ApiId not in self.http:
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": ""}}, "GetStages")
        for name, settings in self.http[ApiId].items():
            given = {f"{member[0].upper()}{member[1:]}": value for member, value in settings.items()}
            yield {"Items": [{"StageName": name, "AccessLogSettings": given}]}

    def _log_groups(self, logGroupNamePrefix: str) -> Iterator[Any]:  # noqa: N803 - boto3's spelling
        for name, group in self.groups.items():
            if name.startswith(logGroupNamePrefix):
                days = {} if group.days is None else {"retentionInDays": group.days}
                yield {"logGroups": [{"logGroupName": name, "creationTime": group.created * 1000, **days}]}

    def start_query(self, logGroupName: str, startTime: int, endTime: int, queryString: str) -> Any:  # noqa: N803
        self.queries.append(queryString)
        lines = sorted(line for line in self.groups[logGroupName].lines if startTime <= line[0] <= endTime)
        found = insights.rows(queryString, [_record(*line) for line in lines])
        assert found is not None, queryString
        self._results[str(len(self.queries))] = found
        return {"queryId": str(len(self.queries))}

    def get_query_results(self, queryId: str) -> Any:  # noqa: N803 - boto3's spelling
        return {"status": self.status, "results": self._results[queryId]}


@dataclass(frozen=True)
class Pages:
    paginate: Any
    region_name: str = "eu-west-1"


def _record(second: float, message: str) -> dict[str, Any]:
    shown = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S.000")
    return {"@timestamp": shown, "@message": message, "_timestamp_ms": int(second * 1000)}
