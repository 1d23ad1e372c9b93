"""The table of usage in moto, with the schema of its template, and batches of access log lines."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.template_file import load

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NAME = "usage"
GROUP = "access"


def make_table(client: DynamoDBClient) -> str:
    """Make the table, and return its name."""
    properties = load(Path("stacks/usage/template.yaml"))["Resources"]["UsageTable"]["Properties"]
    schema: dict[str, Any] = {name: properties[name] for name in ("AttributeDefinitions", "KeySchema", "BillingMode")}
    client.create_table(TableName=NAME, **schema)
    return NAME


def item(client: DynamoDBClient, subject: str, day: str) -> dict[str, Any] | None:
    """An item of the table."""
    return client.get_item(TableName=NAME, Key={"subject": {"S": subject}, "day": {"S": day}}).get("Item")


def line(second: float, message: object) -> dict[str, Any]:
    """A line as a batch has it. `message`: a text, or an object that becomes JSON."""
    text = message if isinstance(message, str) else json.dumps(message)
    return {"id": "1", "timestamp": int(second * 1000), "message": text}


def request(second: float, key_id: str = "-", status: object = "200", **members: Any) -> dict[str, Any]:
    """The line of a request with an API key."""
    return line(second, {"credential": "api_key", "keyId": key_id, "issuer": "-", "status": status, **members})


def event(*lines: dict[str, Any], group: str = GROUP, kind: str = "DATA_MESSAGE") -> dict[str, Any]:
    """The event of a batch, as CloudWatch Logs sends it."""
    batch = {"messageType": kind, "owner": "1", "logGroup": group, "logStream": "s", "subscriptionFilters": ["f"]}
    data = gzip.compress(json.dumps({**batch, "logEvents": lines}).encode())
    return {"awslogs": {"data": base64.b64encode(data).decode()}}
