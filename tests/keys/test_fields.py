"""The valid values of the fields of keys and consumers, and the values that are stored."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authorizer.identity import Identity
from keys.cli.messages import say
from keys.core import fields
from keys.core.errors import BadInput


@pytest.mark.parametrize("name", ["a", "acme", "Acme Ltd.", "ops@example.com", "a#b", "Müller", "x" * 128])
def test_a_name_of_visible_characters_is_accepted(name: str) -> None:
    assert fields.check_name(name) == name


@pytest.mark.parametrize(
    ("check", "message", "values"),
    [
        (fields.check_name, "name", ["", " a", "a ", "a\nb", "a\x00", "\x1b[31m", "a\u200bb", "a\ud800", "x" * 129]),
        (fields.data_text, "data", ["", "x", "[1]", "null", '"a"', "1", '{"a": NaN}', '{"a": 1e999}', "{'a': 1}"]),
        (fields.data_text, "data", ['{"a": "\\ud800"}', "[" * 100_000]),
        (fields.data_text, "member 'plan' twice", ['{"a": {"plan": 1, "plan": 2}}']),
        (fields.parse_scopes, "scope", [[""], ["a b"], ['a"b'], ["a\\b"], ["a,b"], ["ä"], ["a\nx"], ["x" * 129]]),
        (fields.parse_scopes, "Separate scopes by one comma, such as read,write", [["a b"], ["a", "", "b"]]),
        (fields.parse_scopes, "100", [[str(number) for number in range(101)]]),
        (fields.parse_tags, "tag", [["env"], ["=prod"], ["a;b=c"], ["a=b\nc"], [f"{'x' * 129}=1"], [f"a={'x' * 257}"]]),
        (fields.parse_tags, "twice", [["a=1", "a=2"]]),
        (fields.parse_duration, "not a duration", ["", "1", "h", "1.5h", "-1h", "1 h", "1H", "1w", "1h30m", "²s"]),
        (fields.parse_duration, "not a duration", ["9" * 30 + "s"]),
        (fields.parse_duration, "at most 36500d", ["36501d", "9999999999h"]),
    ],
)
def test_an_invalid_value_is_refused(check: Callable[[Any], object], message: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(BadInput, match=message):
            check(value)


def test_data_is_stored_as_compact_json() -> None:
    given_data = '{ "plan" : "gold",\n "näme": [1, 2.5, null] }'
    assert fields.data_text(given_data, "acme") == '{"plan":"gold","näme":[1,2.5,null]}'
    assert fields.data_text('{"a": {"plan": 1}, "plan": 2}') == '{"a":{"plan":1},"plan":2}'


@given(
    st.dictionaries(st.text(max_size=9), st.integers() | st.text(max_size=9) | st.booleans() | st.none(), max_size=5)
)
def test_stored_data_is_what_the_authorizer_passes_on(data: dict[str, object]) -> None:
    try:
        stored = fields.data_text(data, "acme")
    except BadInput:
        return
    assert Identity("api_key", "acme", json.loads(stored)).context()["data"] == stored


def test_data_that_the_authorizer_could_not_pass_on_is_refused() -> None:
    most = 8192 - len("acme" + '{"a":""}' + "api_key" + "key_0000000000000000")
    fields.data_text(json.dumps({"a": "x" * most}), "acme")
    for length, scopes in ((most + 1, frozenset[str]()), (most, frozenset({"s"}))):
        with pytest.raises(BadInput, match="8192"):
            fields.data_text({"a": "x" * length}, "acme", scopes)


def test_scopes_are_a_set_without_the_spaces_around_them() -> None:
    assert fields.parse_scopes(["read", " write ", "read"]) == {"read", "write"}


def test_tags_are_names_with_values() -> None:
    assert fields.parse_tags(["env=prod", "note=a=b", "empty="]) == {"env": "prod", "note": "a=b", "empty": ""}


@pytest.mark.parametrize(
    "text", ["", "key_", "key_1a2B3c4D5e6F7g8", "key_1a2B3c4D5e6F7g8H9", "mak_x", "key_1a2B3c4D5e6F7g8-"]
)
def test_what_is_not_a_key_id_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        fields.check_key_id(text)
    assert "mak_x" not in str(refused.value)


@pytest.mark.parametrize("text", ["{'plan':1}", "plan=gold", "@file.json", ""])
def test_data_that_is_not_json_gets_an_example(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        fields.data_text(text, "acme")
    assert refused.value.code == "data_not_json"
    assert say(refused.value).endswith('Specify an object such as {"plan": "gold"}.')


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("0s", 0), ("30s", 30), ("15m", 900), ("72h", 259_200), ("90d", 7_776_000)]
)
def test_a_duration_is_that_many_seconds(text: str, seconds: int) -> None:
    assert fields.parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59, "59s"), (90, "1m 30s"), (93_784, "1d 2h"), (7_776_000, "90d")]
)
def test_a_duration_is_shown_in_its_two_largest_units(seconds: int, text: str) -> None:
    assert fields.duration_text(seconds) == text
