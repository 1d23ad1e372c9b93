"""For all tests: the environment, the table in moto, how many examples Hypothesis makes, which tests share a worker."""

import gc
import re
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import settings
from moto import mock_aws
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from local import environment
from tests.support.table_schema import create_table_arguments, dynamodb_client, load_template

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# The same input in each run of `make test`. `make fuzz` and `make test-long` have new input.
settings.register_profile("short", deadline=None, max_examples=100, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=1000)
settings.load_profile("short")

environment.enter()
# A shell starts background jobs with SIGINT ignored, and children inherit this. Then the tests of Ctrl-C would fail.
signal.signal(signal.SIGINT, signal.default_int_handler)
# `nohup` has SIGHUP ignored. This process still ignores it, but its children do not: a handler is not inherited.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)

SHARE_A_SYSTEM: Final = ("tests/e2e/test_[a-m]", "tests/e2e/", "tests/aws/")
"""Files that have one system for their tests: the first pattern that matches the beginning of the path. The end-to-end
tests have two, because they take as long as all others, and there is a worker for each processor."""
OWN_SYSTEM: Final = "tests/e2e/test_pasted.py"


class BySystem(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Give all tests that share the local system to one worker, and the others by file.

    It replaces `--dist loadgroup`, which does not group with pytest 9.2 (pytest-xdist issue 1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        if file == OWN_SYSTEM:
            return file
        return next((begin for begin in SHARE_A_SYSTEM if re.match(begin, file)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> BySystem:
    return BySystem(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak-seconds", type=float, default=300, help="how long tests/artifact/test_soak.py runs")
    parser.addoption(
        "--screenshots", help="a folder for pictures of the page, which tests/browser/test_states.py writes"
    )


def pytest_collection_finish() -> None:
    """Exclude the imported modules from garbage collection, which is faster."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def table_name() -> str:
    return "ApiKeys"


@pytest.fixture
def dynamodb(table_name: str) -> "Iterator[DynamoDBClient]":
    """A moto client with the template's table, which is empty."""
    with mock_aws():
        client = dynamodb_client()
        client.create_table(TableName=table_name, **create_table_arguments(load_template()))
        yield client
