"""The checked-in OpenAPI description, and generated requests against it."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import one_of
from schemathesis import GenerationMode
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import positive_data_acceptance

from docs import self_service
from tests.support.self_service import Api, context
from tests.support.self_service import settings as self_service_settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REQUESTS = 125
"""For each of the four operations that take input."""

DOCUMENT = json.loads(self_service.FILE.read_text(encoding="utf-8"))
OPERATIONS = [(path, method) for path, operations in DOCUMENT["paths"].items() for method in operations]


def test_the_description_is_that_of_the_routes() -> None:
    assert self_service.text() == self_service.FILE.read_text(encoding="utf-8")
    assert DOCUMENT["openapi"] == "3.1.0"


def send(api: Api, case: Any, path: str) -> Response:
    """Send a generated request to the API. What API Gateway would not pass on is not in the event."""
    sent = case.as_transport_kwargs(base_url="https://api.example")
    body = sent.get("json", sent.get("data"))
    if "json" in sent:
        body = json.dumps(body)
    elif isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    query: dict[str, list[str]] = {
        name: [str(each) for each in (value if isinstance(value, list) else [value])]
        for name, value in (sent.get("params") or {}).items()
        if value != []
    } or parse_qs(urlsplit(sent["url"]).query, keep_blank_values=True)
    headers = {str(name): str(value) for name, value in (sent.get("headers") or {}).items()}
    if "json" in sent:
        headers["Content-Type"] = "application/json"
    answer = api.call(
        sent["method"],
        path.removeprefix("/self-service"),
        context(),
        body,
        key_id=(case.path_parameters or {}).get("key_id"),
        headers=headers,
        queryStringParameters={name: values[-1] for name, values in query.items()} or None,
        multiValueQueryStringParameters=query or None,
    )
    request = requests.Request(sent["method"], "https://api.example").prepare()
    return Response(
        status_code=answer.status,
        headers={name.lower(): [value] for name, value in answer.headers.items()},
        content=answer.text.encode(),
        request=request,
        elapsed=0.0,
        verify=False,
    )


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_generated_request_gets_a_5xx_or_an_answer_that_is_not_described(
    path: str, method: str, dynamodb: DynamoDBClient, table_name: str
) -> None:
    api = Api(dynamodb, table_name, self_service_settings()._replace(max_keys=100, max_keys_per_day=1000))
    statuses = Counter[int]()
    known = [api.make()["key_id"] for _ in range(3)]
    # The authorizer is before the function, and decides about credentials.
    schema = schemathesis.openapi.from_dict({name: DOCUMENT[name] for name in DOCUMENT if name != "security"})

    operation = schema[path][method.upper()]

    @given(
        case=one_of(
            operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        )
    )
    @settings(
        max_examples=REQUESTS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(case: Any) -> None:
        if case.path_parameters and statuses.total() % 2:
            case.path_parameters["key_id"] = known[statuses.total() % len(known)]
        response = send(api, case, path)
        statuses[response.status_code] += 1
        assert response.status_code < 500
        # What the file of the deployment permits, such as the longest life, is not in the description.
        case.validate_response(response, excluded_checks=[positive_data_acceptance])

    run()
    assert statuses.total() >= (1 if path.endswith("/me") else REQUESTS)
    assert api.reports == []
