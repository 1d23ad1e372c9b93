"""The template as data, and a moto client for its table of API keys, so that tests use the deployed schema."""

import functools
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import boto3
import yaml

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
_CREATE_TABLE_PROPERTIES = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema")


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref X` becomes `{"Ref": X}`."""


def _short_form(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    name = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _short_form)


@functools.cache
def load_template() -> dict[str, Any]:
    """The content of template.yaml."""
    template: dict[str, Any] = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - it is safe
    return template


class _Serialized:
    """A client that runs one request at a time. Unlike DynamoDB, moto is not thread-safe."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self._client = client
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def locked(**arguments: Any) -> Any:
            with self._lock:
                return method(**arguments)

        return (
            locked
            if name in ("put_item", "get_item", "transact_write_items", "scan", "query", "batch_get_item")
            else method
        )


@functools.cache
def dynamodb_client() -> "DynamoDBClient":
    """One client for all tests, since creating a client takes longer than most tests."""
    client = boto3.client(
        "dynamodb", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    serialized: Any = _Serialized(client)
    return cast("DynamoDBClient", serialized)


def create_table_arguments(template: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of CreateTable for the template's table, without the name."""
    properties = template["Resources"]["ApiKeysTable"]["Properties"]
    return {name: properties[name] for name in _CREATE_TABLE_PROPERTIES}
