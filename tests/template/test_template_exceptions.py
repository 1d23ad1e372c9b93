"""What `make check` makes of findings in the templates, and of the exceptions that are written down."""

import tomllib

import pytest

from tests.template.__main__ import EXCEPTIONS, Finding, idle, unexplained

NO_QUEUE = Finding("template.yaml:Me", "CKV_AWS_116", "no dead letter queue")


@pytest.mark.parametrize(
    ("check", "where", "explains"),
    [
        ("CKV_AWS_116", "template.yaml:Me", True),
        ("CKV_AWS_116", "*:Me", True),
        ("CKV_AWS_116", "*:Authorizer", False),
        ("CKV_AWS_117", "*:Me", False),
    ],
)
def test_a_finding_needs_an_exception_for_its_check_and_its_place(check: str, where: str, explains: bool) -> None:
    exceptions = [{"check": ["X1", check], "where": [where]}]
    assert unexplained([NO_QUEUE], exceptions) == ([] if explains else [NO_QUEUE])


def test_an_exception_without_a_finding_is_told() -> None:
    exceptions = [{"check": ["CKV_AWS_116", "X1"], "where": ["*:Me", "*:Gone"]}]
    assert idle([NO_QUEUE], exceptions) == ["X1", "*:Gone"]


def test_each_exception_has_its_reason() -> None:
    exceptions = tomllib.loads(EXCEPTIONS.read_text(encoding="utf-8"))["exception"]
    assert exceptions
    assert all(exception.keys() == {"check", "where", "reason"} for exception in exceptions)
    assert all(len(exception["reason"].split()) > 5 for exception in exceptions)
