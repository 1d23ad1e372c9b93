"""The token of the headers, in every form that an event's headers can have."""

from typing import Any

import pytest

from authorizer.bearer import bearer_token
from authorizer.refusal import Refusal


@pytest.mark.parametrize(
    ("event", "token"),
    [
        ({"headers": {"Authorization": "Bearer abc"}}, "abc"),
        ({"headers": {"authorization": "bearer abc"}}, "abc"),
        ({"headers": {"AUTHORIZATION": "BEARER   abc"}}, "abc"),
        ({"headers": None, "multiValueHeaders": {"Authorization": ["Bearer abc"]}}, "abc"),
        ({"headers": {"Authorization": "Bearer abc"}, "multiValueHeaders": None}, "abc"),
        ({"headers": {"Authorization": "Bearer abc"}, "multiValueHeaders": {}}, "abc"),
        ({"headers": {"Authorization": "Bearer !~"}}, "!~"),
    ],
)
def test_the_token_is_found_in_every_form_of_event(event: dict[str, Any], token: str) -> None:
    assert bearer_token(event) == token


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({}, "no_credential"),
        ({"headers": None}, "no_credential"),
        ({"headers": None, "multiValueHeaders": None}, "no_credential"),
        ({"headers": {}, "multiValueHeaders": {}}, "no_credential"),
        ({"headers": {"X-Authorization": "Bearer abc"}}, "no_credential"),
        ({"headers": ["Authorization"]}, "no_credential"),
        ({"headers": {"Authorization": "Basic abc"}}, "malformed_authorization"),
        ({"headers": {"Authorization": "Bearer"}}, "malformed_authorization"),
        ({"headers": {"Authorization": "Bearer "}}, "malformed_authorization"),
        ({"headers": {"Authorization": "Bearerabc"}}, "malformed_authorization"),
        ({"headers": {"Authorization": " Bearer abc"}}, "malformed_authorization"),
        ({"headers": {"Authorization": "Bearer abc "}}, "malformed_authorization"),
        ({"headers": {"Authorization": "Bearer abc\n"}}, "malformed_authorization"),
        ({"headers": {"Authorization": "Bearer\tabc"}}, "malformed_authorization"),
        ({"headers": {"Authorization": "Bearer a c"}}, "malformed_authorization"),
        ({"headers": {"Authorization": "Bearer a, Bearer c"}}, "malformed_authorization"),
        ({"headers": {"Authorization": "Bearer é"}}, "malformed_authorization"),
        ({"headers": {"Authorization": "Bearer " + "a" * 20_000}}, "malformed_authorization"),
        ({"headers": {"Authorization": None}}, "malformed_authorization"),
        ({"headers": {"Authorization": 7}}, "malformed_authorization"),
        ({"multiValueHeaders": {"Authorization": ["Bearer a", "Bearer a"]}}, "several_credentials"),
        ({"multiValueHeaders": {"Authorization": ["Bearer a"], "authorization": ["Bearer b"]}}, "several_credentials"),
        ({"headers": {"Authorization": "Bearer a", "authorization": "Bearer b"}}, "several_credentials"),
    ],
)
def test_anything_but_one_bearer_token_is_refused(event: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refusal) as caught:
        bearer_token(event)
    assert caught.value.reason == reason
