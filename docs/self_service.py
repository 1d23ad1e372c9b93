"""The OpenAPI description of the self-service API, from the routes and models of its function."""

import json
from pathlib import Path
from typing import Any, Final

from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer

from authorizer import VERSION
from self_service.app import resolver

FILE: Final = Path("docs/self-service.openapi.json")

_OF_POWERTOOLS: Final = ("HTTPValidationError", "ResponseValidationError", "ValidationError")
"""The schemas of Powertools' own answers, which the function replaces."""


def document() -> dict[str, Any]:
    """Return the description."""
    nobody: Any = None
    made: dict[str, Any] = json.loads(
        resolver(nobody, nobody).get_openapi_json_schema(
            title="API keys of signed-in users",
            version=VERSION,
            description="Each request has a JWT of the user as its bearer token. Keys are those of the token's owner.",
            security_schemes={"jwt": HTTPBearer(bearerFormat="JWT")},
            security=[{"jwt": []}],
        )
    )
    for path in made["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"].get("204", {}).pop("content", None)
    for name in _OF_POWERTOOLS:
        made["components"]["schemas"].pop(name, None)
    return made


def text() -> str:
    """Return the content of `FILE`."""
    return json.dumps(document(), indent=2, sort_keys=True) + "\n"
