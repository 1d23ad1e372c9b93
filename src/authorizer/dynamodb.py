"""The client for DynamoDB, made as fast as botocore allows: it is most of a cold start."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_GET_ITEM: Final = Path(__file__).with_name("get_item.json")
_HOSTNAME: Final = "{service}.{region}.{dnsSuffix}"


def client(timeout_seconds: float) -> "DynamoDBClient":
    """A client whose two attempts together stay within the time, with a connection kept open between requests."""
    attempt = timeout_seconds / 4
    session = botocore.session.Session(include_builtin_handlers=False)  # They are for other services.
    session.register_component("data_loader", _OneService())
    made: Any = session.create_client(
        "dynamodb",
        config=Config(
            connect_timeout=attempt,
            read_timeout=attempt,
            retries={"total_max_attempts": 2, "mode": "legacy"},
            tcp_keepalive=True,
            parameter_validation=False,
        ),
    )
    return cast("DynamoDBClient", made)


class _OneService(Loader):
    """Reads what botocore knows of DynamoDB, and not what it knows of all other services: a fifth of a cold start.

    Where DynamoDB is in a region, botocore reckons from the service's own rules. Of its list of all services'
    endpoints, it only takes what the partition of a region is, which stands in a shorter file as well.
    """

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """Of the service, the one operation that is called; `artifact/get_item.py` takes it out of botocore's own."""
        if type_name == "service-2":
            return json.loads(_GET_ITEM.read_text(encoding="utf-8"))
        return super().load_service_model(service_name, type_name, api_version)

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's signature
        return ["dynamodb"]

    def load_data_with_path(self, name: str) -> tuple[Any, str]:
        if name != "endpoints":
            found: tuple[Any, str] = super().load_data_with_path(name)
            return found
        partitions, path = super().load_data_with_path("partitions")
        return {"version": 3, "partitions": [_partition(partition) for partition in partitions["partitions"]]}, path


def _partition(partition: dict[str, Any]) -> dict[str, Any]:
    """One of `partitions.json` in the form that `endpoints.json` has for it."""
    outputs = partition["outputs"]
    suffix, dualstack = outputs["dnsSuffix"], outputs["dualStackDnsSuffix"]
    variants = [
        {"tags": ["fips"], "hostname": "{service}-fips.{region}.{dnsSuffix}", "dnsSuffix": suffix},
        {"tags": ["dualstack"], "hostname": _HOSTNAME, "dnsSuffix": dualstack},
        {"tags": ["dualstack", "fips"], "hostname": "{service}-fips.{region}.{dnsSuffix}", "dnsSuffix": dualstack},
    ]
    return {
        "partition": partition["id"],
        "dnsSuffix": suffix,
        "regionRegex": partition["regionRegex"],
        "regions": {},
        "services": {},
        "defaults": {
            "hostname": _HOSTNAME,
            "protocols": ["https"],
            "signatureVersions": ["v4"],
            "variants": variants,
        },
    }
