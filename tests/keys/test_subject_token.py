"""`keys subject --jwt`: a token names its subject only if an identity provider of the settings signed it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from authorizer.refusal import Reason
from authorizer.subject_record import SubjectRecord, subject_pk
from tests.support.apigateway import FakeApiGateway
from tests.support.issuer import AUDIENCE, Issuer
from tests.support.keys_command import Clock, KeysCommand

END = ("subject", "end", "--jwt", "--yes", "--stack", "prod")


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with Issuer().serving() as made:
        yield made


@pytest.fixture
def stack(keys: KeysCommand, issuer: Issuer) -> KeysCommand:
    settings = {"JWT_ISSUER": issuer.url, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": issuer.jwks_url}
    return replace(keys, gateway=FakeApiGateway(), environment=settings, clock=Clock(int(time.time())))


def ended(stack: KeysCommand, issuer: Issuer, sub: str = "user-1") -> bool:
    pk = subject_pk(issuer.url, sub)
    item = stack.client.get_item(TableName=stack.table, Key={"pk": {"S": pk}}).get("Item")
    return item is not None and SubjectRecord.from_item(item).refusal(stack.clock(), 30) is Reason.ENDED_TOKEN


@pytest.mark.parametrize("form", ["{}", "Bearer {}\n", "Authorization: Bearer {}\r\n"])
def test_the_subject_of_a_token_is_ended(stack: KeysCommand, issuer: Issuer, form: str) -> None:
    answer = stack.run(*END, stdin=form.format(issuer.token()))
    assert answer.exit_code == 0, answer.stderr
    assert ended(stack, issuer)
    assert not ended(stack, issuer, "user-2")


def test_a_token_that_has_expired_still_names_its_subject(stack: KeysCommand, issuer: Issuer) -> None:
    now = int(time.time())
    assert stack.run(*END, stdin=issuer.token(iat=now - 900, exp=now - 600)).exit_code == 0
    assert ended(stack, issuer)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda token: f"{token[:-8]}AAAAAAAA", "bad_signature"),
        (lambda token: token.rsplit(".", 1)[0], "malformed_token"),
        (lambda _token: "opaque", "malformed_token"),
        (lambda _token: "", "No token was read"),
    ],
)
def test_a_token_that_nobody_signed_ends_nothing_and_is_not_quoted(
    stack: KeysCommand, issuer: Issuer, spoil: Callable[[str], str], told: str
) -> None:
    token = issuer.token()
    answer = stack.run(*END, stdin=spoil(token))
    assert answer.exit_code == 2
    assert told in answer.stderr
    assert token.split(".")[1] not in answer.stderr
    assert stack.items() == []


def test_a_token_of_another_issuer_or_audience_ends_nothing(stack: KeysCommand, issuer: Issuer) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"iss": "https://other.example"}, "wrong_issuer"),
        ({"aud": "other"}, "wrong_audience"),
    ]
    for claims, told in wrong:
        answer = stack.run(*END, stdin=issuer.token(**claims))
        assert answer.exit_code == 2
        assert told in answer.stderr
    assert stack.items() == []


def test_a_provider_that_cannot_be_reached_is_an_outage_and_no_refusal(stack: KeysCommand, issuer: Issuer) -> None:
    gone = replace(stack, environment={**stack.environment, "JWT_JWKS_URL": "http://127.0.0.1:9/jwks.json"})
    answer = gone.run(*END, stdin=issuer.token())
    assert answer.exit_code == 1
    assert "cannot be verified" in answer.stderr


def test_a_stack_without_a_provider_verifies_nothing(stack: KeysCommand, issuer: Issuer) -> None:
    answer = replace(stack, environment={}).run(*END, stdin=issuer.token())
    assert answer.exit_code == 2
    assert "No identity provider is configured" in answer.stderr
