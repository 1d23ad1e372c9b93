"""The key format: generated keys are recognized, and nothing else is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authorizer import api_key

# Computed independently of the code: the CRC-32 of everything before the checksum is 0x62E93373, in base62 1oIsoF.
KNOWN = "mak_00000000000000000000000000000000_1oIsoF"


def test_a_generated_key_has_the_documented_shape() -> None:
    assert re.fullmatch(r"mak_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}", api_key.generate("mak"))


@pytest.mark.parametrize("prefix", ["mak", "a", "acme_live", "a1_b2_c3", "x" * 20])
def test_a_generated_key_is_recognised_with_its_own_prefix(prefix: str) -> None:
    assert api_key.is_well_formed(api_key.generate(prefix), prefix)


@pytest.mark.parametrize("prefix", ["", "1a", "_a", "a_", "a__b", "A", "a-b", "x" * 21, "a\n", "é"])
def test_a_prefix_of_another_form_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="key prefix"):
        api_key.generate(prefix)


def test_the_checksum_is_the_crc32_of_all_before_it_in_base62() -> None:
    assert api_key.is_well_formed(KNOWN, "mak")


def test_two_keys_are_never_the_same() -> None:
    assert len({api_key.generate("mak") for _ in range(100)}) == 100


@given(st.integers(0, 42), st.sampled_from(api_key.ALPHABET + "_-é "))
def test_a_key_with_one_character_changed_is_refused(position: int, character: str) -> None:
    key = api_key.generate("mak")
    if key[position] == character:
        return
    assert not api_key.is_well_formed(key[:position] + character + key[position + 1 :], "mak")


@given(st.integers(0, 42))
def test_a_key_cut_short_is_refused(length: int) -> None:
    assert not api_key.is_well_formed(api_key.generate("mak")[:length], "mak")


@pytest.mark.parametrize("tail", ["0", "\n", " ", "_", "=", "\x00"])
def test_a_key_with_anything_after_it_is_refused(tail: str) -> None:
    assert not api_key.is_well_formed(api_key.generate("mak") + tail, "mak")


def test_a_key_of_another_prefix_is_not_ours() -> None:
    key = api_key.generate("acme_live")
    assert not api_key.is_well_formed(key, "acme")
    assert not api_key.has_prefix(key, "mak")


def test_the_digest_is_the_sha256_of_the_whole_key() -> None:
    assert api_key.digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
