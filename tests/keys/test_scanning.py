"""The search for keys in text, and the patterns for secret scanners, each run by its scanner's engine."""

import io
import json
import os
import tomllib
import zlib
from collections.abc import Callable
from typing import Any

import hyperscan
import pytest
import re2

from authorizer import api_key
from keys.core.errors import BadInput
from keys.leak import scanning
from keys.leak.scanning import Hit, Search

KEY = api_key.generate("mak")


def hits(text: bytes) -> list[tuple[str, int]]:
    return [(hit.key, hit.line) for hit in Search().hits(io.BytesIO(text))]


class Pieces(io.RawIOBase):
    """A stream that returns small chunks, like a pipe."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = io.BytesIO(data)
        self._size = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._data.read(min(self._size, len(buffer)))
        buffer[: len(data)] = data
        return len(data)


def test_a_key_is_found_wherever_it_stands() -> None:
    text = f'curl -H "Authorization: Bearer {KEY}"\nKEY={KEY}x\n\nxx{KEY}\n'
    assert hits(text.encode()) == [(KEY, 1), (KEY, 2), (KEY, 4)]


def test_keys_with_any_prefix_are_found_in_their_order() -> None:
    text = [api_key.generate(prefix) for prefix in ("oth", "a", "acme_live", "x" * 20, "oth")]
    assert [key for key, _ in hits(" ".join(text).encode())] == text


def test_several_keys_are_found_in_their_order() -> None:
    keys = [api_key.generate("acme_live") for _ in range(3)]
    assert [key for key, _ in hits(",".join(keys).encode())] == keys


def test_a_key_behind_what_only_looks_like_one_is_found() -> None:
    assert hits(f"mak_{'0' * 29}{KEY}".encode()) == [(KEY, 1)]


def test_what_has_a_wrong_checksum_is_no_key() -> None:
    wrong = KEY[:-1] + ("0" if KEY[-1] != "0" else "1")
    assert hits(f"{wrong} {KEY[:-1]} {KEY.replace('mak_', 'max_')}".encode()) == []


LEAKS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in JSON, after a line break": lambda key: json.dumps({"log": f"token\n{key}\n"}),
    "in JSON in JSON": lambda key: json.dumps(json.dumps(f"\n{key}")),
    "in a URL": lambda key: f"https://x/?a=Bearer%20{key}%26b",
    "in colour": lambda key: f"\x1b[32m{key}\x1b[0m",
    "after another word": lambda key: f"PROD_{key}",
    "before another word": lambda key: f"{key}_old",
    "after a letter": lambda key: f"n{key}",
}


@pytest.mark.parametrize("write", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("prefix", ["mak", "acme_live", "a_1_b_2_c_3_d_4_e_56"])
def test_a_key_is_found_in_what_leaks_it(write: Callable[[str], str], prefix: str) -> None:
    key = api_key.generate(prefix)
    assert hits(f"x\n{write(key)}\n".encode()) == [(key, 2)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "latin-1"])
def test_a_key_is_found_in_every_encoding(encoding: str) -> None:
    assert hits(f"Zürich\r\n{KEY}\r\n".encode(encoding)) == [(KEY, 2)]


def test_a_key_in_utf_16_is_found_in_the_middle_of_other_text() -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        assert [key for key, _ in hits(b"diff\n+" + f"x\n{KEY}\n".encode(encoding))] == [KEY]


def test_what_was_searched_is_counted_with_the_part_that_is_not_text() -> None:
    text, packed, empty = Search(), Search(), Search()
    assert list(text.hits(io.BytesIO(b"a\nb\nc"))) == []
    assert (text.bytes, text.lines, text.binary) == (5, 3, 0)
    content = b"a line of text\n" * 10_000 + zlib.compress(os.urandom(500)) + b"a line of text\n" * 10_000
    assert list(packed.hits(io.BytesIO(content))) == []
    assert 500 < packed.binary < 20_000
    assert list(empty.hits(io.BytesIO(b""))) == []
    assert (empty.bytes, empty.lines, empty.binary) == (0, 0, 0)


def test_text_in_utf_16_is_text_in_any_language() -> None:
    search = Search()
    assert [hit.key for hit in search.hits(io.BytesIO(f"\u4e2d\u0101\u0203 {KEY}".encode("utf-16")))] == [KEY]
    assert search.binary == 0


def test_keys_of_another_format_are_found_by_their_pattern() -> None:
    patterns = [scanning.compiled(r"sk_live_[A-Za-z0-9]{24}"), scanning.compiled(r"apikey=(\S+)")]
    token, short, other = "sk_live_" + "a1" * 12, "apikey=tooshort", "legacy-key-number-1"
    text = f"{KEY}\n{token} {short}\napikey={other}\n".encode()
    found = [(hit.key, hit.line, hit.is_ours) for hit in Search(patterns=patterns).hits(io.BytesIO(text))]
    assert found == [(KEY, 1, True), (token, 2, False), (other, 3, False)]


@pytest.mark.parametrize(("pattern", "told"), [("a(", "is not a regular expression"), ("a*", "matches the empty text")])
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        scanning.compiled(pattern)


@pytest.mark.parametrize("size", [1, 7, 1000, 5000])
def test_a_key_across_two_pieces_is_found_once(size: int) -> None:
    text = f"{'x' * 990}\n{KEY}\n{'y' * 2000}{KEY}{KEY[:20]}\n{KEY}".encode()
    stream: Any = io.BufferedReader(Pieces(text, size))
    assert list(Search().hits(stream)) == [Hit(KEY, 2), Hit(KEY, 3), Hit(KEY, 4)]


@pytest.mark.parametrize("position", range(scanning._OVERLAP - 60, scanning._OVERLAP + 60))
def test_a_key_at_any_position_of_a_window_is_found_once(position: int) -> None:
    text = b"x" * position + api_key.generate("a_1_b_2").encode() + b"y" * 2 * scanning._OVERLAP
    stream: Any = io.BufferedReader(Pieces(text, 2 * scanning._OVERLAP))
    assert len(list(Search().hits(stream))) == 1


def test_a_search_does_not_keep_what_it_has_read() -> None:
    read: list[int] = []
    search = Search(read.append)
    next(search.hits(io.BytesIO(f"{KEY}\n".encode() + b"x" * (5 * scanning.CHUNK))))
    assert sum(read) <= scanning.CHUNK


@pytest.mark.parametrize("write", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("prefix", ["mak", "acme_live"])
def test_gitleaks_rule_finds_it_with_gitleaks_engine(write: Callable[[str], str], prefix: str) -> None:
    (rule,) = tomllib.loads(scanning.gitleaks(prefix))["rules"]
    key = api_key.generate(prefix)
    text = write(key)
    assert [match[0] for match in re2.finditer(rule["regex"], text)] == [key]
    # gitleaks skips text without a keyword of the rule. It compares in lowercase.
    assert any(keyword in text.lower() for keyword in rule["keywords"])


@pytest.mark.parametrize("write", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("prefix", ["mak", "acme_live"])
def test_githubs_fields_find_it_with_githubs_engine(write: Callable[[str], str], prefix: str) -> None:
    fields = dict(line.split(": ", 1) for line in scanning.github(prefix).splitlines())
    before, secret, after = (fields[f"{name}"].strip() for name in ("Before secret", "Secret format", "After secret"))
    key = api_key.generate(prefix)
    assert hyperscan_matches(f"(?:{before})(?:{secret})(?:{after})", write(key))
    assert not hyperscan_matches(f"(?:{before})(?:{secret})(?:{after})", write(key[:-1]) if key in write(key) else "")


def hyperscan_matches(pattern: str, text: str) -> int:
    found: list[int] = []
    database = hyperscan.Database()
    database.compile(expressions=[pattern.encode()], ids=[0], elements=1, flags=[hyperscan.HS_FLAG_SINGLEMATCH])
    database.scan(text.encode(), match_event_handler=lambda *match: found.append(match[2]))
    return len(found)


def test_githubs_own_defaults_would_miss_some() -> None:
    pattern = rf"(?:\A|[^0-9A-Za-z])(?:{scanning.pattern('mak')})(?:\z|[^0-9A-Za-z])"
    missed = [name for name, write in LEAKS.items() if not hyperscan_matches(pattern, write(KEY))]
    assert missed == ["in JSON, after a line break", "in JSON in JSON", "in a URL", "in colour", "after a letter"]


@pytest.mark.parametrize("engine", [re2.search, hyperscan_matches])
def test_the_pattern_is_the_same_to_every_engine(engine: Callable[[str, str], Any]) -> None:
    assert engine(scanning.rule("mak")["regex"], KEY)
    assert not engine(scanning.rule("mak")["regex"], KEY[:-1])


def test_the_rule_of_the_checksum_is_enough_to_compute_it() -> None:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for character in KEY[-6:]:
        number = number * 62 + digits.index(character)
    assert number == zlib.crc32(KEY[:-6].encode())
    assert "CRC-32" in scanning.CHECKSUM_RULE
