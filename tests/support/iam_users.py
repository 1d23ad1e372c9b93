"""Users of the emulator's IAM, which enforces their policies."""

import json
from typing import Any
from uuid import uuid4

from local.emulator import Endpoint
from local.session import client


def iam_user(emulator: Endpoint, *statements: dict[str, Any]) -> Endpoint:
    """Create an IAM user with exactly these statements, and return the endpoint with the user's access key."""
    iam = client(emulator, "iam")
    name = f"tests-{uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    if statements:
        document = {"Version": "2012-10-17", "Statement": statements}
        iam.put_user_policy(UserName=name, PolicyName="tests", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Endpoint(emulator.endpoint_url, key["AccessKeyId"], secret_key=key["SecretAccessKey"])
