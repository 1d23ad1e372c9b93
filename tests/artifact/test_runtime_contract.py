"""The artifact in AWS's Runtime Interface Emulator responds to every sample event as documented."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.rie import executable, invoke, running_function
from tests.support.events import EXPECTED, load
from tests.support.interpreter import AWS

pytestmark = pytest.mark.skipif(
    executable() is None, reason="the Runtime Interface Emulator is a Linux program for x86_64 and arm64"
)


@pytest.fixture(scope="module")
def function(
    artifact: Path, sample_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A URL that invokes the function, with the sample table item and the sample provider."""
    command = [sys.executable, "-m", "awslambdaric", "authorizer.handler.lambda_handler"]
    variables = AWS | sample_environment | {"AWS_LAMBDA_FUNCTION_NAME": "Authorizer", "PATH": os.environ["PATH"]}
    log = tmp_path_factory.mktemp("rie") / "rie.log"
    with running_function(command, artifact, variables, log) as url:
        yield url


@pytest.mark.parametrize(("file", "outcome", "_reason"), EXPECTED, ids=[row[0] for row in EXPECTED])
def test_an_event_comes_out_as_its_table_says(file: str, outcome: str, _reason: str | None, function: str) -> None:
    answer = invoke(function, load(file))
    if outcome == "allow":
        assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"
        assert json.loads(answer["context"]["data"])
    else:
        assert answer["errorMessage"] == "Unauthorized"
