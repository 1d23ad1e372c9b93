"""The keyed hash that stands for the subject of a JWT."""

import hashlib
import hmac
from pathlib import Path

import pytest

from authorizer import configuration
from authorizer.entry import SettingsError
from authorizer.identity import MAX_CONTEXT_BYTES, Identity
from authorizer.refusal import Refusal
from authorizer.settings import Settings
from authorizer.subject_hash import subject_hash

KEY, OTHER_KEY = "5f" * 32, "60" * 32
HASH = "0123456789abcdef" * 2
CODE = Path("src/authorizer")


def test_it_is_the_first_half_of_the_hmac_of_issuer_and_subject() -> None:
    expected = hmac.digest(bytes.fromhex(KEY), b"https://issuer.example/\0alice", hashlib.sha256)
    assert subject_hash(KEY, "https://issuer.example/", "alice") == expected.hex()[:32]


def test_another_issuer_subject_or_key_makes_another_hash() -> None:
    pairs = [("a", "bc"), ("ab", "c"), ("", "abc"), ("abc", ""), ("a", "\N{GREEK SMALL LETTER ALPHA}")]
    assert len({subject_hash(key, *pair) for key in (KEY, OTHER_KEY) for pair in pairs}) == 2 * len(pairs)


def test_the_context_has_the_hash_of_a_jwt_only_if_there_is_one() -> None:
    jwt = Identity("jwt", "alice", issuer="https://issuer.example/", subject_hash=HASH)
    assert jwt.context()["subject_hash"] == HASH
    assert "subject_hash" not in Identity("jwt", "alice", issuer="https://issuer.example/").context()


def test_a_plan_does_not_change_the_hash() -> None:
    jwt = Identity("jwt", "alice", issuer="i", subject_hash=HASH)
    assert jwt.on_plan("gold", "usage-key").context()["subject_hash"] == HASH


def test_the_hash_counts_for_the_size_of_the_context() -> None:
    room = MAX_CONTEXT_BYTES - len('jwt{"a":""}i')
    assert Identity("jwt", "", {"a": "x" * room}, issuer="i").context()
    with pytest.raises(Refusal):
        Identity("jwt", "", {"a": "x" * room}, issuer="i", subject_hash=HASH).context()


def read(**env: str) -> Settings:
    return configuration.read({"API_KEYS_TABLE": "keys", **env}, CODE)


def test_subjects_are_counted_only_with_the_setting_and_a_key() -> None:
    assert read(USAGE_SUBJECTS="true", USAGE_SUBJECT_KEY=KEY).usage_subjects
    assert not read(USAGE_SUBJECT_KEY=KEY).usage_subjects
    with pytest.raises(SettingsError, match="openssl rand -hex 32"):
        read(USAGE_SUBJECTS="true")


@pytest.mark.parametrize("key", ["secret", "5F" * 32, "5f" * 31, "5f" * 33, "5g" * 32])
def test_a_key_that_could_be_guessed_is_refused_and_not_quoted(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(USAGE_SUBJECTS="true", USAGE_SUBJECT_KEY=key)
    assert "USAGE_SUBJECT_KEY must be 64" in str(caught.value)
    assert f"{key}" not in str(caught.value)
