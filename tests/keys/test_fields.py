"""The valid values of the fields of keys and consumers, and the values that are stored."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authorizer.identity import Identity
from keys.cli.messages import say
from keys.core import fields
from keys.core.errors import BadInput


@pytest.mark.parametrize("name", ["a", "acme", "Acme Ltd.", "ops@example.com", "a#b", "Müller", "x" * 128])
def test_a_name_of_visible_characters_is_taken(name: str) -> None:
    assert fields.check_name(name) == name


@pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "a\x00", "a\x1b[31m", "a\u200bb", "a\ud800", "x" * 129])
def test_a_name_with_anything_invisible_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="name"):
        fields.check_name(name)


def test_data_is_stored_as_compact_json() -> None:
    assert (
        fields.data_text('{ "plan" : "gold",\n "näme": [1, 2.5, null] }', "acme")
        == '{"plan":"gold","näme":[1,2.5,null]}'
    )


@pytest.mark.parametrize(
    "text",
    ["", "x", "[1]", "null", '"a"', "1", '{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', "{'a': 1}", "[" * 100_000],
)
def test_data_that_is_not_a_json_object_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="data"):
        fields.data_text(text, "acme")


def test_data_with_a_member_twice_is_refused_by_its_name() -> None:
    with pytest.raises(BadInput, match="member 'plan' twice"):
        fields.data_text('{"a": {"plan": 1, "plan": 2}}', "acme")
    assert fields.data_text('{"a": {"plan": 1}, "plan": 2}', "acme") == '{"a":{"plan":1},"plan":2}'


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
    with pytest.raises(BadInput, match="8192"):
        fields.data_text(json.dumps({"a": "x" * (most + 1)}), "acme")
    with pytest.raises(BadInput, match="8192"):
        fields.data_text({"a": "x" * most}, "acme", frozenset({"s"}))


def test_scopes_are_a_set_without_the_spaces_around_them() -> None:
    assert fields.parse_scopes(["read", " write ", "read"]) == {"read", "write"}


@pytest.mark.parametrize("scope", ["", "a b", 'a"b', "a\\b", "a,b", "ä", "a\n", "x" * 129])
def test_a_scope_outside_the_token_characters_is_refused(scope: str) -> None:
    with pytest.raises(BadInput, match="scope"):
        fields.parse_scopes([scope + "x" if scope == "a\n" else scope])


def test_too_many_scopes_are_refused() -> None:
    with pytest.raises(BadInput, match="100"):
        fields.parse_scopes(str(number) for number in range(101))


def test_tags_are_names_with_values() -> None:
    assert fields.parse_tags(["env=prod", "note=a=b", "empty="]) == {"env": "prod", "note": "a=b", "empty": ""}


@pytest.mark.parametrize("text", ["env", "=prod", "a;b=c", "a=b\nc", "x" * 129 + "=1", "a=" + "x" * 257])
def test_a_tag_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="tag"):
        fields.parse_tags([text])


def test_a_tag_given_twice_is_refused() -> None:
    with pytest.raises(BadInput, match="twice"):
        fields.parse_tags(["a=1", "a=2"])


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


@pytest.mark.parametrize("text", ["a b", "a,,b"])
def test_scopes_that_are_not_separated_by_commas_get_an_example(text: str) -> None:
    with pytest.raises(BadInput, match="Separate scopes by one comma, such as read,write"):
        fields.parse_scopes(text.split(","))


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("0s", 0), ("30s", 30), ("15m", 900), ("72h", 259_200), ("90d", 7_776_000)]
)
def test_a_duration_is_that_many_seconds(text: str, seconds: int) -> None:
    assert fields.parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "1.5h", "-1h", "1 h", "1H", "1w", "1h30m", "9" * 30 + "s", "²s"])
def test_another_duration_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not a duration"):
        fields.parse_duration(text)


@pytest.mark.parametrize("text", ["36501d", "9999999999h"])
def test_a_duration_beyond_a_hundred_years_is_refused_as_too_long(text: str) -> None:
    with pytest.raises(BadInput, match="at most 36500d"):
        fields.parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59, "59s"), (90, "1m 30s"), (93_784, "1d 2h"), (7_776_000, "90d")]
)
def test_a_duration_is_shown_in_its_two_largest_units(seconds: int, text: str) -> None:
    assert fields.duration_text(seconds) == text
