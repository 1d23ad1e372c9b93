"""Claim paths and conditions: their syntax, and the values at a path."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authorizer.claims import MISSING, Claim, PathError, find, flatten, parse_path, pick, write_path

CLAIMS = {
    "sub": "user-1",
    "empty": None,
    "realm_access": {"roles": ["a"], "level": 3},
    "https://acme.example/a.b": "x",
    "a.b": "only with quotation marks",
    "kubernetes.io": {"namespace": "prod", "pod.name": {"uid": "7"}},
    "https://acme.example/org": {"id": "o1"},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sub", "user-1"),
        ("empty", None),
        ("realm_access.roles", ["a"]),
        ("https://acme.example/a.b", "x"),
        ("a.b", MISSING),
        ('"a.b"', "only with quotation marks"),
        ('"sub"', "user-1"),
        ('"kubernetes.io".namespace', "prod"),
        ('"kubernetes.io"."pod.name".uid', "7"),
        ('"https://acme.example/org".id', "o1"),
        ("https://acme.example/org.id", MISSING),
        ("nothing", MISSING),
        ("sub.deeper", MISSING),
        ("realm_access.roles.0", MISSING),
    ],
)
def test_a_full_stop_separates_names_unless_it_is_in_quotation_marks_or_a_url(text: str, value: object) -> None:
    assert find(CLAIMS, parse_path(text)) == value


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b"])
def test_a_path_with_an_empty_part_is_refused(text: str) -> None:
    with pytest.raises(PathError, match="empty part"):
        parse_path(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('"a', "quotation mark"),
        ('a"b', "quotation mark"),
        ('""', "quotation mark"),
        ('"a"b.c', "quotation mark"),
        ('a."b', "quotation mark"),
        ('"a".', "quotation mark"),
        ('"a"..b', "quotation mark"),
        ('https://acme.example/org."id"', "URL without quotation marks"),
    ],
)
def test_a_path_with_a_misplaced_quotation_mark_is_refused(text: str, problem: str) -> None:
    with pytest.raises(PathError, match=problem):
        parse_path(text)


@given(st.lists(st.text(alphabet="ab.:/ -é", min_size=1), min_size=1).map(tuple))
def test_the_text_of_a_path_is_read_as_the_same_path(path: tuple[str, ...]) -> None:
    assert parse_path(write_path(path)) == path


def test_what_is_picked_keeps_its_nesting() -> None:
    paths = [parse_path(text) for text in ("realm_access.level", "sub", "nothing", "realm_access.roles", "no.thing")]
    assert pick(CLAIMS, paths) == {"realm_access": {"level": 3, "roles": ["a"]}, "sub": "user-1"}


@pytest.mark.parametrize("texts", [("realm_access", "realm_access.level"), ("realm_access.level", "realm_access")])
def test_a_whole_and_its_part_are_picked_as_the_whole_and_the_claims_stay_as_they_are(texts: tuple[str, ...]) -> None:
    assert pick(CLAIMS, map(parse_path, texts)) == {"realm_access": {"roles": ["a"], "level": 3}}
    assert CLAIMS["realm_access"] == {"roles": ["a"], "level": 3}


def test_a_name_with_a_value_is_a_path_and_the_names_of_a_table_are_literal() -> None:
    table = {"a.b": 1, "c.d": {"e.f": [2]}, "https://x.example/y.z": 3, "f": {}, '"g.h".i': 4}
    assert dict(flatten(table)) == {
        ("a", "b"): 1,
        ("c.d", "e.f"): [2],
        ("https://x.example/y.z",): 3,
        ("f",): {},
        ("g.h", "i"): 4,
    }


@pytest.mark.parametrize(
    ("value", "found", "expected"),
    [
        (2, 2.0, True),
        (2.0, 2, True),
        (2, [1, 2.0], True),
        (1, True, False),
        (True, 1, False),
        (True, [True], True),
        (True, "true", False),
        (0, False, False),
        ("2", 2, False),
        (9007199254740993, 9007199254740992.0, False),
        ("a", {"a": 1}, False),
        ("a", [["a"]], False),
        ("null", None, False),
    ],
)
def test_values_are_compared_as_in_json(value: Any, found: Any, expected: bool) -> None:
    assert Claim(("x",), [value]).is_in({"x": found}) == expected


def test_conditions_are_equal_if_they_accept_the_same_values() -> None:
    assert Claim(("x",), [1, "a"]) == Claim(("x",), ["a", 1.0])
    assert len({Claim(("x",), [1]), Claim(("x",), [True]), Claim(("y",), [1])}) == 3


def test_a_condition_reads_each_member_of_a_long_list_once() -> None:
    compared = 0

    class Name(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return super().__eq__(other)

        __hash__ = str.__hash__

    claim = Claim(("groups",), [Name(f"wanted-{number}") for number in range(50)])
    assert not claim.is_in({"groups": [f"group-{number}" for number in range(1_100)]})
    assert compared < 1_100


def test_a_condition_in_words_names_the_path_and_the_values() -> None:
    assert str(Claim(("kubernetes.io", "x"), ["a", True, 2])) == '"kubernetes.io".x is one of "a", true, 2'
    assert str(Claim(("hd",), ["example.com"])) == 'hd is "example.com"'
