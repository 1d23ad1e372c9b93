"""Whose key it is."""

from __future__ import annotations

from typing import Any

import pytest

from authorizer.attributes import MalformedRecord
from authorizer.key_record import KeyRecord
from authorizer.owner import owner_pk

ISSUER = "https://issuer.example/"
OWNED: Any = {
    "consumer": {"S": owner_pk(ISSUER, "acme")},
    "owner": {"S": "acme"},
    "owner_issuer": {"S": ISSUER},
    "key_id": {"S": "key_1a2B3c4D5e6F7g8H"},
    "enabled": {"BOOL": True},
}


def test_a_users_key_has_the_owner_as_sub_and_the_issuer() -> None:
    identity = KeyRecord.from_item(OWNED).identity
    assert (identity.kind, identity.sub, identity.issuer) == ("api_key", "acme", ISSUER)


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": None},
        {"owner_issuer": None},
        {"owner": None, "owner_issuer": None},
        {"owner": {"S": "other"}},
        {"owner_issuer": {"S": "https://other.example/"}},
        {"owner": {"S": ""}},
        {"owner": {"SS": ["acme"]}},
        {"consumer": {"S": "acme"}},
        {"consumer": {"S": owner_pk(ISSUER, "other")}},
    ],
    ids=str,
)
def test_a_key_whose_owner_is_contradictory_is_refused_and_becomes_nobody_elses(changes: dict[str, Any]) -> None:
    item = {name: value for name, value in {**OWNED, **changes}.items() if value is not None}
    with pytest.raises(MalformedRecord, match="owner"):
        KeyRecord.from_item(item)


def test_two_owners_never_have_one_item() -> None:
    assert owner_pk("https://a", "bc") != owner_pk("https://ab", "c")
