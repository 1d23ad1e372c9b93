"""The entry point of the function for `protected_resource.PATH`. It reads the environment when it is imported.

It has the files of the authorizer's function, and no permission but to write its log.
"""

import json
import os
from pathlib import Path
from typing import Any

from authorizer import configuration

_BODY = json.dumps(configuration.read_resource(os.environ, Path(__file__).parent).metadata())


def lambda_handler(_event: object, _context: object) -> dict[str, Any]:
    """Return the response of a REST API or an HTTP API. Browsers of any origin can read it, and keep it for an hour."""
    headers = {
        "Content-Type": "application/json",
        "Cache-Control": "max-age=3600",
        "Access-Control-Allow-Origin": "*",
    }
    return {"statusCode": 200, "headers": headers, "body": _BODY}
