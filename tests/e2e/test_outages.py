"""A backend that is down is a 503 for its own kind of credential, and nothing for the other kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.emulator import free_port
from local.session import client
from local.system import System
from tests.e2e.conftest import Answer, Caller, Keys
from tests.support.issuer import Issuer
from tests.support.rules_text import auth_toml


@contextmanager
def changed_environment(system: System, **variables: str) -> Iterator[None]:
    """The deployed authorizer, started anew with other environment variables, and then with its own again."""
    functions = client(system.emulator, "lambda")
    name = system.deployment.authorizer_function
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": before | variables})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": before})


def assert_unavailable(answer: Answer) -> None:
    assert answer.status == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "5"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.body["status"] == 503


def test_dynamodb_down_is_a_503_for_api_keys_while_jwts_are_accepted(
    system: System, caller: Caller, keys: Keys, issuer: Issuer
) -> None:
    key = keys.create()["key"]
    with changed_environment(system, AWS_ENDPOINT_URL_DYNAMODB=f"http://127.0.0.1:{free_port()}"):
        assert_unavailable(caller.bearer(key))
        assert caller.bearer(issuer.token()).status == 200
        assert caller.bearer(key[:-1] + ("0" if key[-1] != "0" else "1")).status == 401
    assert caller.bearer(key).status == 200


def test_a_missing_table_is_a_503_and_not_a_401(system: System, caller: Caller, keys: Keys) -> None:
    key = keys.create()["key"]
    with changed_environment(system, API_KEYS_TABLE="nothing-here"):
        assert_unavailable(caller.bearer(key))


def test_the_key_server_down_is_a_503_for_jwts_while_api_keys_are_accepted(
    system: System, caller: Caller, keys: Keys, tmp_path: Path
) -> None:
    with Issuer().serving() as other:
        token = other.token()
        file = auth_toml(tmp_path, other.provider())
        with changed_environment(system, AUTH_CONFIG=file):
            assert caller.bearer(token).status == 200
    with changed_environment(system, AUTH_CONFIG=file):
        assert_unavailable(caller.bearer(other.token(sub="user-2")))
        assert caller.bearer(other.token(exp=1_700_000_000)).status == 401
        assert caller.bearer(keys.create()["key"]).status == 200


def test_signing_keys_are_fetched_once_for_many_tokens(caller: Caller, issuer: Issuer) -> None:
    assert caller.bearer(issuer.token()).status == 200
    fetches = issuer.fetches
    assert [caller.bearer(issuer.token(jti=str(number))).status for number in range(5)] == [200] * 5
    assert issuer.fetches == fetches


@pytest.mark.parametrize("variable", ["AUTH_CONFIG", "API_KEY_PREFIX", "JWT_AUDIENCE"])
def test_a_wrong_setting_is_a_503_and_never_opens_a_route(variable: str, system: System, caller: Caller) -> None:
    with changed_environment(system, **{variable: "[nonsense"}):
        assert_unavailable(caller.bearer(system.api_key))
