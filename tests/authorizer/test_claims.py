"""Claim paths: their syntax, and the values at a path."""

import pytest

from authorizer.claims import MISSING, PathError, find, flatten, parse_path, pick

CLAIMS = {
    "sub": "user-1",
    "empty": None,
    "realm_access": {"roles": ["a"], "level": 3},
    "https://acme.example/a.b": "x",
    "a.b": "never reached by a path",
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sub", "user-1"),
        ("empty", None),
        ("realm_access.roles", ["a"]),
        ("https://acme.example/a.b", "x"),
        ("a.b", MISSING),
        ("nothing", MISSING),
        ("sub.deeper", MISSING),
        ("realm_access.roles.0", MISSING),
    ],
)
def test_a_path_leads_inwards_at_each_full_stop_unless_it_is_a_url(text: str, value: object) -> None:
    assert find(CLAIMS, parse_path(text)) == value


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b"])
def test_a_path_with_an_empty_part_is_refused(text: str) -> None:
    with pytest.raises(PathError, match="empty part"):
        parse_path(text)


def test_what_is_picked_keeps_its_nesting() -> None:
    paths = [parse_path(text) for text in ("realm_access.level", "sub", "nothing", "realm_access.roles", "no.thing")]
    assert pick(CLAIMS, paths) == {"realm_access": {"level": 3, "roles": ["a"]}, "sub": "user-1"}


@pytest.mark.parametrize("texts", [("realm_access", "realm_access.level"), ("realm_access.level", "realm_access")])
def test_a_whole_and_its_part_are_picked_as_the_whole_and_the_claims_stay_as_they_are(texts: tuple[str, ...]) -> None:
    assert pick(CLAIMS, map(parse_path, texts)) == {"realm_access": {"roles": ["a"], "level": 3}}
    assert CLAIMS["realm_access"] == {"roles": ["a"], "level": 3}


def test_dots_and_tables_within_a_table_are_the_same() -> None:
    table = {"a.b": 1, "c": {"d.e": [2]}, "https://x.example/y.z": 3, "f": {}}
    assert dict(flatten(table)) == {
        ("a", "b"): 1,
        ("c", "d", "e"): [2],
        ("https://x.example/y.z",): 3,
        ("f",): {},
    }
