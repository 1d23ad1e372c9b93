"""For generated input: only the two documented errors, and never an identity that was not proven."""

import base64
import contextlib
import json
import string
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authorizer import auth_file
from authorizer.decision import Decider, Unauthorized, Undecided
from authorizer.entry import Entry, SettingsError
from authorizer.jwks import KeyTimes, SigningKeys
from authorizer.jwt_bearer import JwtAuthenticator
from authorizer.key_store import ApiKeyAuthenticator, KeyStore
from authorizer.policy import Responder
from authorizer.provider import MEMBERS, Provider, read_providers
from tests.authorizer.test_key_store import NOT_FOUND
from tests.support.events import Recorder
from tests.support.rules_text import EVERY_ROUTE
from tests.support.tokens import AUDIENCE, ISSUER, NOW, base64url, claims, jwk, key_set, token

ARN = "arn:aws:execute-api:eu-west-1:1:abc/v1/GET/me"
VALID = token()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["alg", "typ", "kid", "crit", "b64", "iss", "aud", "sub", "exp", "nbf", "iat", "cnf", "scope", "x"]
)
ODD_VALUES = JSON | st.sampled_from([ISSUER, AUDIENCE, "RS256", "none", "HS256", "k1", "JWT", NOW, NOW + 60, 1e308])


class EmptyTable:
    """A DynamoDB client without any key."""

    def get_item(self, **_arguments: Any) -> dict[str, Any]:
        return NOT_FOUND


def decider() -> Decider:
    def clock() -> float:
        return NOW

    table: Any = EmptyTable()
    store = KeyStore(table, "keys", cache_seconds=30, clock=clock)
    provider = Provider(ISSUER, frozenset({AUDIENCE}), "https://issuer.example/jwks.json")
    keys = SigningKeys(
        provider,
        fetch=lambda _url, _seconds: key_set(jwk()),
        clock=clock,
        report=lambda _event, _detail: None,
        times=KeyTimes(),
    )
    return Decider(
        [
            ApiKeyAuthenticator(store, "mak", accept_imported=True, clock=clock),
            JwtAuthenticator([(provider, keys)], leeway_seconds=30, clock=clock),
        ],
        Responder(EVERY_ROUTE).respond,
        Recorder().decision,
    )


DECIDER = decider()
many = settings(suppress_health_check=[HealthCheck.too_slow])


def is_refused(event: object) -> bool:
    """Whether this is one of the two documented errors. Any other error fails the test."""
    try:
        DECIDER.decide(event)
    except (Unauthorized, Undecided):
        return True
    return False


def event_with(authorization: object) -> dict[str, Any]:
    return {"headers": {"Authorization": authorization}, "methodArn": ARN}


def test_the_valid_token_that_the_others_are_made_from_is_accepted() -> None:
    assert not is_refused(event_with(f"Bearer {VALID}"))


@many
@given(JSON)
def test_no_event_is_accepted_or_breaks_the_contract(event: object) -> None:
    assert is_refused(event)


@many
@given(st.dictionaries(st.sampled_from(["headers", "multiValueHeaders", "methodArn", "requestContext"]), JSON))
def test_no_malformed_map_in_an_event_is_accepted_or_breaks_the_contract(event: dict[str, object]) -> None:
    assert is_refused(event)


@many
@given(JSON)
def test_no_header_value_is_accepted_or_breaks_the_contract(value: object) -> None:
    assert is_refused(event_with(value))


@many
@given(st.text(alphabet=string.printable + "éЖ\ud800", max_size=300))
def test_no_invented_token_is_accepted_or_breaks_the_contract(text: str) -> None:
    assert is_refused(event_with(f"Bearer {text}"))


@many
@given(st.binary(max_size=100), st.binary(max_size=200), st.binary(max_size=300))
def test_no_three_parts_of_bytes_are_accepted_or_break_the_contract(header: bytes, payload: bytes, end: bytes) -> None:
    assert is_refused(event_with(f"Bearer {base64url(header)}.{base64url(payload)}.{base64url(end)}"))


@many
@given(st.dictionaries(NAMES, ODD_VALUES), st.dictionaries(NAMES, ODD_VALUES), st.binary(max_size=256))
def test_no_json_under_a_foreign_signature_is_accepted_or_breaks_the_contract(
    header: dict[str, Any], payload: dict[str, Any], signature: bytes
) -> None:
    parts = ({"alg": "RS256", "kid": "k1"} | header, claims() | payload)
    signed = ".".join(base64url(json.dumps(part).encode()) for part in parts)
    assert is_refused(event_with(f"Bearer {signed}.{base64url(signature)}"))


@many
@given(st.dictionaries(NAMES, ODD_VALUES, max_size=3))
def test_no_claims_that_the_provider_signed_break_the_contract(changes: dict[str, Any]) -> None:
    is_refused(event_with(f"Bearer {token(claims(**changes))}"))


@many
@given(st.integers(0, len(VALID) - 1), st.integers(0, 127))
def test_a_token_with_any_one_character_changed_is_refused(position: int, code: int) -> None:
    if VALID[position] != chr(code):
        assert is_refused(event_with(f"Bearer {VALID[:position]}{chr(code)}{VALID[position + 1 :]}"))


@many
@given(st.data())
def test_a_token_with_any_one_byte_changed_is_refused(data: st.DataObject) -> None:
    parts = [bytearray(base64.urlsafe_b64decode(part + "==")) for part in VALID.split(".")]
    part = data.draw(st.sampled_from(parts))
    position = data.draw(st.integers(0, len(part) - 1))
    part[position] ^= data.draw(st.integers(1, 255))
    assert is_refused(event_with("Bearer " + ".".join(base64url(bytes(part)) for part in parts)))


PATHS = st.lists(st.sampled_from(["aud", "azp", "sub", "x.y", "https://a.example/b.c"]), min_size=1)
PROVIDER_VALUES = JSON | PATHS | st.sampled_from([ISSUER, AUDIENCE, ["RS256"], ["sig"], 4096, {"x": 1}, {"a.b": [1]}])


@given(st.dictionaries(st.sampled_from([*MEMBERS, "x"]), PROVIDER_VALUES))
def test_any_members_of_a_provider_are_read_or_told(members: dict[str, Any]) -> None:
    mistakes: list[str] = []
    whole = {"issuer": ISSUER, "audience": AUDIENCE} | members
    (read,) = read_providers([Entry(whole, lambda member: f"at {member}", Path("/nowhere"), mistakes)])
    if not mistakes:
        assert read.issuer == whole["issuer"]
        assert read.audiences
        assert "" not in read.audiences


@given(st.text(alphabet="[]{}=\"'.,#\n\\ aeinoprstuvx_0129-:/"))
def test_any_text_of_a_file_is_read_or_told(text: str) -> None:
    for header in ("", "[settings]\n", "[[provider]]\n", "[[rule]]\n"):
        with contextlib.suppress(SettingsError):
            auth_file.parse(header + text, Path("/nowhere"))
