"""Create boto3 clients of the emulator."""

from typing import Any

import boto3
from botocore.config import Config

from local.emulator import REGION, Endpoint


def client(emulator: Endpoint, service: str) -> Any:
    """Return a client of a service that can reach only the emulator."""
    make: Any = boto3.client  # The stubs require a literal service name.
    return make(
        service,
        endpoint_url=emulator.endpoint_url,
        region_name=REGION,
        aws_access_key_id=emulator.access_key,
        aws_secret_access_key=emulator.secret,
        aws_session_token=emulator.session_token,
        config=Config(proxies={}),
    )
