"""Our keys in other text."""

import re
import tomllib

import pytest

from authorizer import api_key
from keys.life import scanning


def test_a_key_is_found_wherever_it_stands() -> None:
    key = api_key.generate("mak")
    text = f'curl -H "Authorization: Bearer {key}"\nKEY={key}x\n\nxx{key}\n'
    assert scanning.find(text, "mak") == [scanning.Find(key, (1, 2, 4))]


def test_several_keys_are_found_in_their_order() -> None:
    keys = [api_key.generate("acme_live") for _ in range(3)]
    assert [find.key for find in scanning.find(",".join(keys), "acme_live")] == keys


def test_a_key_behind_what_only_looks_like_one_is_found() -> None:
    key = api_key.generate("mak")
    assert [find.key for find in scanning.find("mak_" + "0" * 29 + key, "mak")] == [key]


def test_what_has_a_wrong_checksum_is_no_key() -> None:
    key = api_key.generate("mak")
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    assert scanning.find(f"{wrong} {key[:-1]} {key.replace('mak_', 'max_')}", "mak") == []


@pytest.mark.parametrize("prefix", ["mak", "acme_live"])
def test_each_form_of_the_pattern_matches_a_key_and_nothing_shorter(prefix: str) -> None:
    gitleaks = tomllib.loads(scanning.gitleaks(prefix))["rules"][0]
    github = dict(re.findall(r"^([A-Z][^:]*):\s+(.*)$", scanning.github(prefix), re.MULTILINE))
    for regex in (scanning.rule(prefix)["regex"], gitleaks["regex"], github["Secret format"]):
        key = api_key.generate(prefix)
        assert re.fullmatch(regex, key)
        assert not re.search(regex, key[:-1])
    assert key.startswith(gitleaks["keywords"][0])


def test_the_rule_of_the_checksum_is_enough_to_compute_it() -> None:
    import zlib

    key = api_key.generate("mak")
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for character in key[-6:]:
        number = number * 62 + digits.index(character)
    assert number == zlib.crc32(key[:-6].encode())
    assert "CRC-32" in scanning.CHECKSUM_RULE
