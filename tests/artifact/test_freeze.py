"""The artifact when Lambda freezes its process between two invocations, and resumes it minutes later."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from authorizer import api_key
from tests.support import dynamodb
from tests.support.interpreter import Artifact, running
from tests.support.tokens import AUDIENCE, ISSUER, NOW, jwk, key_set, token

KEY = api_key.generate("mak")
DIGEST = api_key.digest(KEY)
ITEM = {
    "pk": {"S": DIGEST},
    "key_id": {"S": "key_1"},
    "consumer": {"S": "acme"},
    "enabled": {"BOOL": True},
}
REVOKED = ITEM | {"revoked_at": {"N": "1"}}


@pytest.fixture
def table() -> Iterator[dynamodb.Server]:
    with dynamodb.serving(ITEM) as table:
        yield table


@pytest.fixture
def function(artifact: Path, table: dynamodb.Server) -> Iterator[Artifact]:
    with running(artifact, AWS_ENDPOINT_URL_DYNAMODB=table.url) as function:
        yield function


def test_after_a_freeze_a_key_that_was_revoked_meanwhile_is_refused_with_one_quiet_reconnect(
    table: dynamodb.Server, function: Artifact
) -> None:
    function.build({"API_KEYS_TABLE": "keys", "API_KEY_CACHE_SECONDS": "30"}, now=NOW, with_table=True)
    assert function.bearer(KEY).outcome == ("allow", None)
    with function.frozen():
        table.items[DIGEST] = REVOKED
        table.cut_connections()
    function.set_clock(NOW + 29)
    assert function.bearer(KEY).outcome == ("allow", None)
    function.set_clock(NOW + 30)
    assert function.bearer(KEY).outcome == ("refuse", "revoked_key")
    assert (table.reads, len(table.connections)) == (2, 2)


def test_an_answer_that_arrives_after_a_freeze_is_as_old_as_its_read(
    table: dynamodb.Server, function: Artifact
) -> None:
    function.build(
        {"API_KEYS_TABLE": "keys", "API_KEY_CACHE_SECONDS": "1", "API_KEY_TIMEOUT_SECONDS": "5.5"}, with_table=True
    )

    def freeze() -> None:
        with function.frozen():
            table.items[DIGEST] = REVOKED
            time.sleep(1.1)  # The process's own clock goes on while it is stopped; it is that which is tried.

    table.before_answer = freeze
    assert function.bearer(KEY).outcome == ("allow", None)
    table.before_answer = lambda: None
    assert function.bearer(KEY).outcome == ("refuse", "revoked_key")


def test_a_read_that_failed_does_not_hold_up_the_next(table: dynamodb.Server, function: Artifact) -> None:
    function.build({"API_KEYS_TABLE": "keys", "API_KEY_TIMEOUT_SECONDS": "0.4"}, with_table=True)
    table.before_answer = lambda: time.sleep(1)  # Longer than both attempts.
    assert function.bearer(KEY).outcome[0] == "fail"
    table.before_answer = lambda: None
    assert function.bearer(KEY).outcome == ("allow", None)


def test_the_function_has_one_thread(function: Artifact) -> None:
    variables = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": "http://127.0.0.1:9/"}
    function.build({"API_KEYS_TABLE": "keys", "JWKS_TIMEOUT_SECONDS": "0.3"} | variables, now=NOW, with_table=True)
    assert function.bearer(token()).outcome == ("fail", "KeysUnavailable")
    assert function.bearer(KEY).outcome == ("allow", None)
    function.build({"API_KEYS_TABLE": "keys"} | variables, now=NOW, key_set=key_set(jwk()), with_table=True)
    assert function.bearer(token()).outcome == ("allow", None)
    assert function.threads() == 1
