"""The authorizer decides the sample events as events/README.md says."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from authorizer import configuration
from authorizer.decision import Decider, Unauthorized
from authorizer.jwks import KeyTimes, SigningKeys
from authorizer.jwt_bearer import JwtAuthenticator
from authorizer.key_store import ApiKeyAuthenticator, KeyStore
from authorizer.policy import Responder
from me.handler import lambda_handler as me
from tests.support.events import EVENTS, EXPECTED, EXPECTED_OF_ME, Recorder, load
from tests.support.rules_text import EVERY_ROUTE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = 1_790_000_000.0


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def decider(dynamodb: "DynamoDBClient", table_name: str, recorder: Recorder) -> Decider:
    """The authorizer with the sample table and the sample provider, as events/README.md describes them."""
    dynamodb.put_item(TableName=table_name, Item=load("api_key_item.json"))
    settings = configuration.read(
        {
            "API_KEYS_TABLE": table_name,
            "JWT_ISSUER": "https://issuer.example/",
            "JWT_AUDIENCE": "https://api.example",
            "JWT_JWKS_URL": "https://issuer.example/jwks.json",
        },
        Path("src/authorizer"),
    )
    store = KeyStore(dynamodb, table_name, cache_seconds=30, clock=lambda: NOW)
    provider = settings.providers[0]
    keys = SigningKeys(
        provider,
        fetch=lambda _url, _seconds: (EVENTS / "jwks.json").read_bytes(),
        clock=lambda: NOW,
        report=lambda _event, _detail: None,
        times=KeyTimes(),
    )
    return Decider(
        [
            ApiKeyAuthenticator(store, settings.api_key_prefix, accept_imported=False, clock=lambda: NOW),
            JwtAuthenticator([(provider, keys)], leeway_seconds=30, clock=lambda: NOW),
        ],
        Responder(EVERY_ROUTE).respond,
        recorder.decision,
    )


def test_every_event_is_in_the_table() -> None:
    events = {path.name for path in EVENTS.glob("*.json")} - {"api_key_item.json", "jwks.json"}
    events -= {file for file, _status, _sub in EXPECTED_OF_ME}
    assert {file for file, _outcome, _reason in EXPECTED} == events


@pytest.mark.parametrize(("file", "outcome", "reason"), EXPECTED, ids=[row[0] for row in EXPECTED])
def test_an_event_comes_out_as_its_table_says(
    file: str, outcome: str, reason: str | None, decider: Decider, recorder: Recorder
) -> None:
    event = load(file)
    if outcome == "allow":
        response = decider.decide(event)
        stage = event["requestContext"]["stage"]
        assert response["policyDocument"]["Statement"] == [
            {
                "Action": "execute-api:Invoke",
                "Effect": "Allow",
                "Resource": [f"arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/{stage}/*"],
            }
        ]
        proof = "key_id" if file.startswith(("api_key", "http2", "http_api_api")) else "issuer"
        assert response["context"].keys() - {"scope"} == {"sub", "data", "credential", proof}
        assert all(isinstance(value, str) for value in response["context"].values())
    else:
        with pytest.raises(Unauthorized, match=r"\AUnauthorized\Z"):
            decider.decide(event)
    assert [decision["reason"] for decision in recorder.decisions] == [reason]


def test_nothing_of_a_credential_or_claim_is_recorded(decider: Decider, recorder: Recorder) -> None:
    for file, outcome, _reason in EXPECTED:
        if outcome == "allow":
            decider.decide(load(file))
        else:
            with pytest.raises(Unauthorized):
                decider.decide(load(file))
    written = json.dumps(recorder.decisions)
    for secret in ("mak_", "eyJ", "user-42", "user@example.com", "acme", "gold"):
        assert secret not in written


@pytest.mark.parametrize(("file", "status", "sub"), EXPECTED_OF_ME, ids=[row[0] for row in EXPECTED_OF_ME])
def test_an_event_for_me_is_answered_as_its_table_says(file: str, status: int, sub: str | None) -> None:
    answer = me(load(file), None)
    assert (answer["statusCode"], json.loads(answer["body"]).get("sub")) == (status, sub)


def test_there_is_an_event_for_each_answer_of_me() -> None:
    assert {(status, sub is None) for _file, status, sub in EXPECTED_OF_ME} == {(200, False), (401, True)}
