"""`make invoke`: every event has the outcome of events/README.md, by Docker where it is and without it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from local.docker import has_docker, has_image, image
from local.invoke import WAYS, Invocation, Invoker, invoker
from local.rie import executable
from tests.support import lambda_image
from tests.support.events import EVENTS, EXPECTED, EXPECTED_OF_ME, load

# No server answers for the sample provider, which could have published a newer key set.
OF_INVOKE = [
    (file, *(("503", "KeysUnavailable") if reason == "unknown_signing_key" else (outcome, reason)))
    for file, outcome, reason in EXPECTED
]
REASONS = {
    "docker": None if has_docker() else "no Docker daemon answers",
    "rie": None if executable() else "the Runtime Interface Emulator is a Linux program for x86_64 and arm64",
}
BY_EVERY_WAY = pytest.mark.parametrize(
    "way", [pytest.param(way, marks=pytest.mark.skipif(bool(REASONS[way]), reason=str(REASONS[way]))) for way in WAYS]
)


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str | None]:
    """The name of an image that stands in for AWS's, where Docker is there and AWS's is not."""
    if not has_docker() or has_image(image()):
        yield None
        return
    lambda_image.make()
    yield lambda_image.NAME
    lambda_image.remove()


@pytest.fixture(scope="module")
def functions(stand_in: str | None) -> Iterator[Invoker]:
    with invoker(Path(".local") / f"test-invoke-{uuid4().hex[:8]}", stand_in) as functions:
        yield functions


@BY_EVERY_WAY
@pytest.mark.parametrize(("file", "outcome", "reason"), OF_INVOKE, ids=[row[0] for row in OF_INVOKE])
def test_the_authorizer_answers_an_event_as_its_table_says(
    file: str, outcome: str, reason: str | None, way: str, functions: Invoker
) -> None:
    made = functions.invoke("Authorizer", load(file), way)
    assert made.outcome == outcome, made.log
    assert made.decision is not None, made.log
    assert made.decision.reason == (reason or "-")


@BY_EVERY_WAY
@pytest.mark.parametrize(("file", "status", "sub"), EXPECTED_OF_ME, ids=[row[0] for row in EXPECTED_OF_ME])
def test_me_answers_an_event_as_its_table_says(
    file: str, status: int, sub: str | None, way: str, functions: Invoker
) -> None:
    made = functions.invoke("Me", load(file), way)
    assert (made.outcome, json.loads(made.answer["body"]).get("sub")) == (str(status), sub), made.log


@pytest.mark.parametrize(
    ("function", "answer", "outcome"),
    [
        ("Authorizer", {"policyDocument": {}}, "allow"),
        ("Authorizer", {"errorMessage": "Unauthorized"}, "401"),
        ("Authorizer", {"errorMessage": "unauthorized"}, "503"),
        ("Authorizer", None, "503"),
        ("Me", {"statusCode": 401}, "401"),
        ("Me", {"errorMessage": "x"}, "502"),
    ],
)
def test_an_answer_is_read_as_api_gateway_reads_it(function: str, answer: Any, outcome: str) -> None:
    assert Invocation(function, answer, "").outcome == outcome


def invoke(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "local", "invoke", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@BY_EVERY_WAY
def test_the_command_prints_the_answer_and_the_decision_and_leaves_nothing_behind(
    way: str, stand_in: str | None
) -> None:
    image = ["--image", stand_in] if stand_in else []
    finished = invoke(
        "events/api_key.json", "--with", way, *image, HTTP_PROXY="http://127.0.0.1:9", AWS_PROFILE="nobody"
    )
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["context"]["sub"] == "acme"
    assert "Authorizer: allow" in finished.stderr
    assert "api_key" in finished.stderr.splitlines()[-1]
    assert not list(Path(".local").glob("invoke-*"))


LINES = re.findall(r"^make (invoke .*)$", (EVENTS / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_page_works(line: str, stand_in: str | None) -> None:
    if all(REASONS.values()):
        pytest.skip(", ".join(filter(None, REASONS.values())))
    # What set this checkout up is not to be done again under the running tests.
    command = ["make", "-o", ".venv/ready", "-o", ".tools/ready", *line.split()]
    finished = subprocess.run(
        [*command, *([f"IMAGE={stand_in}"] if stand_in else [])], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read as JSON"), ("{", "cannot be read as JSON"), ("[]", "no JSON object")]
)
def test_what_is_no_event_is_said_in_one_line(content: str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    finished = invoke(str(file))
    assert (finished.returncode, finished.stdout) == (1, "")
    assert said in finished.stderr
    assert "Traceback" not in finished.stderr
