"""boto3 clients of the emulator."""

from typing import Any

import boto3
from botocore.config import Config

from local.emulator import REGION, Endpoint


def client(emulator: Endpoint, service: str) -> Any:
    """A client of one service, which can reach nothing but the emulator."""
    make: Any = boto3.client  # The stubs know a service by its literal name only.
    return make(
        service,
        endpoint_url=emulator.endpoint_url,
        region_name=REGION,
        aws_access_key_id=emulator.access_key,
        aws_secret_access_key=emulator.access_key,
        config=Config(proxies={}),
    )
