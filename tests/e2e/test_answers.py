"""What a client of the deployed API gets, for every kind of credential."""

import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authorizer import api_key
from local.provider import sign_in
from local.system import System
from tests.e2e.conftest import Answer, Caller, Keys
from tests.support.issuer import Issuer
from tests.support.tokens import ALGORITHMS, base64url, token


def assert_refused(answer: Answer) -> None:
    assert answer.status == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert {name: value for name, value in answer.body.items() if name != "requestId"} == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "A valid API key or JWT is required, as Authorization: Bearer <credential>.",
    }


def test_an_api_key_is_answered_with_its_consumer_and_data(caller: Caller, keys: Keys) -> None:
    key = keys.create("--consumer", "globex", "--data", '{"plan": "gold", "seats": 3}')["key"]
    answer = caller.bearer(key)
    assert (answer.status, answer.body) == (
        200,
        {"message": "Authenticated", "sub": "globex", "data": {"plan": "gold", "seats": 3}},
    )


@pytest.mark.parametrize("token", ["IdToken", "AccessToken"])
def test_a_cognito_token_is_answered_with_its_claims(token: str, system: System, caller: Caller) -> None:
    credential = sign_in(system.emulator, system.provider)[token]
    claims = jwt.decode(credential, options={"verify_signature": False})
    answer = caller.bearer(credential)
    assert (answer.status, answer.body) == (200, {"message": "Authenticated", "sub": claims["sub"], "data": claims})


def test_a_second_provider_is_accepted_beside_the_first(caller: Caller, issuer: Issuer) -> None:
    answer = caller.bearer(issuer.token(sub="Zoë"))
    assert (answer.status, answer.body["sub"]) == (200, "Zoë")


@pytest.mark.parametrize(("algorithm", "kind"), ALGORITHMS.items())
def test_a_token_of_each_algorithm_is_accepted_and_a_forged_one_is_not(
    algorithm: str, kind: str, caller: Caller, issuer: Issuer
) -> None:
    right = token(issuer.claims(), {"kid": f"the {kind} key"}, alg=algorithm)
    header, _claims, signature = right.split(".")
    forged = f"{header}.{base64url(json.dumps(issuer.claims(sub='admin')).encode())}.{signature}"
    assert caller.bearer(right).status == 200
    assert_refused(caller.bearer(forged))


@pytest.mark.parametrize(("scheme", "header"), [("bearer", "authorization"), ("BEARER", "AUTHORIZATION")])
def test_scheme_and_header_name_may_have_any_case(scheme: str, header: str, system: System, caller: Caller) -> None:
    assert caller.send(f"{scheme} {system.api_key}", header=header).status == 200


@pytest.mark.parametrize("value", ["Basic dXNlcjpwYXNz", "Bearer", "Bearer hello", "Bearer a.b.c", "Token x"])
def test_another_scheme_or_a_malformed_token_is_refused(value: str, caller: Caller) -> None:
    assert_refused(caller.send(value))


def test_a_request_without_credential_is_refused(caller: Caller) -> None:
    assert_refused(caller.send())


def test_two_authorization_headers_are_refused(system: System, caller: Caller) -> None:
    assert_refused(caller.send(f"Bearer {system.api_key}", f"Bearer {system.jwt}"))


@pytest.mark.parametrize("position", [0, 4, 20, 36, 42])
def test_an_api_key_with_one_character_changed_is_refused(position: int, system: System, caller: Caller) -> None:
    key = system.api_key
    changed = "x" if key[position] != "x" else "y"
    assert_refused(caller.bearer(key[:position] + changed + key[position + 1 :]))


def test_an_unknown_api_key_is_refused(caller: Caller) -> None:
    assert_refused(caller.bearer(api_key.generate("mak")))
    assert_refused(caller.bearer(api_key.generate("other")))


def test_an_api_key_stops_when_it_is_revoked(caller: Caller, keys: Keys) -> None:
    created = keys.create()
    assert caller.bearer(created["key"]).status == 200
    keys.run("revoke", created["key_id"], "--yes")
    assert_refused(_first_refusal(caller, created["key"]))


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("SET enabled = :v", {":v": {"BOOL": False}}),
        ("SET expires_at = :v", {":v": {"N": "1700000000"}}),
        ("SET enabled = :v", {":v": {"S": "true"}}),
        ("SET unused = :v REMOVE key_id", {":v": {"N": "1"}}),
        ("SET expires_at = :v", {":v": {"S": "never"}}),
    ],
    ids=["disabled", "expired", "malformed enabled", "no key id", "malformed expiry"],
)
def test_an_api_key_that_its_record_does_not_permit_is_refused(
    expression: str, values: dict[str, Any], caller: Caller, keys: Keys
) -> None:
    key = keys.create()["key"]
    keys.update(api_key.digest(key), expression, values)
    assert_refused(caller.bearer(key))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"aud": "https://other.example"},
        {"exp": int(time.time()) - 60},
        {"nbf": int(time.time()) + 600},
        {"sub": ""},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_jwt_with_a_wrong_claim_is_refused(changes: dict[str, Any], caller: Caller, issuer: Issuer) -> None:
    assert_refused(caller.bearer(issuer.token(**changes)))


def test_a_tampered_jwt_is_refused(caller: Caller, issuer: Issuer) -> None:
    header, _payload, signature = issuer.token().split(".")
    payload = _base64url(json.dumps(issuer.claims(sub="admin")).encode())
    assert_refused(caller.bearer(f"{header}.{payload}.{signature}"))


def test_a_jwt_signed_by_somebody_else_is_refused(caller: Caller, issuer: Issuer) -> None:
    stranger = generate_private_key(65537, 2048)
    assert_refused(caller.bearer(jwt.encode(issuer.claims(), stranger, algorithm="RS256", headers={"kid": "k1"})))


def test_a_jwt_without_signature_or_with_the_public_key_as_secret_is_refused(caller: Caller, issuer: Issuer) -> None:
    assert_refused(caller.bearer(jwt.encode(issuer.claims(), "", algorithm="none")))
    secret = issuer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = ".".join(
        _base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "kid": "k1"}, issuer.claims())
    )
    assert_refused(caller.bearer(f"{signed}.{_base64url(hmac.digest(secret, signed.encode(), 'sha256'))}"))


def test_a_route_that_does_not_exist_is_a_404(system: System, caller: Caller) -> None:
    answer = caller.send(f"Bearer {system.api_key}", path="/nothing")
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_the_preflight_needs_no_credential(caller: Caller) -> None:
    answer = caller.send(method="OPTIONS")
    assert answer.status == 200
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


def _first_refusal(caller: Caller, key: str) -> Answer:
    """Asks until the caches' time is up."""
    deadline = time.monotonic() + 20
    while (answer := caller.bearer(key)).status == 200 and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def _base64url(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
