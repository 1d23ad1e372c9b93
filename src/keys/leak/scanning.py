"""Find keys in text, and the pattern of the keys for secret scanners."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from authorizer import api_key
from keys.core.errors import BadInput

CHECKSUM_RULE: Final = (
    f"The last {api_key.CHECKSUM_LENGTH} characters are the CRC-32 (as in zlib) of all characters before them, "
    "including the underscore. It is a number in base 62 with the digits 0-9 A-Z a-z, most significant first, padded "
    "with 0. A match with a wrong checksum is not a key."
)
CHUNK: Final = 1 << 20
"""How many bytes are searched at a time."""

_BODY: Final = re.compile(rb"_(?=" + api_key.BODY_PATTERN.encode() + rb")")
_MAX_PREFIX: Final = 20
_PREFIXES: Final = re.compile(rb"[a-z0-9_]+\Z")
_KEY_BYTES: Final = 1 + api_key.RANDOM_LENGTH + 1 + api_key.CHECKSUM_LENGTH
"""The length of a key without its prefix."""

_IMPORTED: Final = re.compile(rb"[\x21-\x7e]{16,512}\Z")
"""The tokens that the authorizer looks up as imported keys."""

_OVERLAP: Final = 1024
"""How much of a chunk is searched again with the next one. No key is longer."""

_BLOCK: Final = 4096
_CONTROL_BYTES: Final = bytes(set(range(32)) - {0, *b"\a\b\t\n\v\f\r\x1b"} | {127})
_MOST_CONTROL_BYTES: Final = 3
"""A block with more control bytes is not text. Compressed or binary content has one in nine bytes."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A key in a text. `line`: the number of its line. `is_ours`: whether it has the product's key format."""

    key: str
    line: int
    is_ours: bool = True

    @property
    def prefix(self) -> str:
        return self.key.rsplit("_", 2)[0]


class Search:
    """Searches one stream of any size for keys with any prefix, and for matches of `patterns`. Memory use is constant.

    The text is in UTF-8, or in UTF-16 with a byte order mark or within other text. Keys in any other encoding are not
    found. `bytes` and `lines`: the amount searched. `binary`: how many of the bytes are not text, so that they can hide
    encoded keys.
    """

    def __init__(
        self,
        progress: Callable[[int], None] = lambda _bytes: None,
        patterns: Sequence[re.Pattern[bytes]] = (),
    ) -> None:
        """`progress` is called with the number of bytes searched so far."""
        self._progress = progress
        self._patterns = patterns
        self._is_open_line = False
        self.bytes = 0
        self.lines = 0
        self.binary = 0

    def hits(self, stream: BinaryIO) -> Iterator[Hit]:
        """The keys in the stream, in the order of their chunks, with repetitions."""
        window, lines, start = b"", 0, 0
        for text, is_last in self._texts(stream):
            window += text
            # A key that begins after this position can continue in the next chunk.
            end = len(window) if is_last else max(start, len(window) - _OVERLAP)
            counted = start
            for position, key, is_ours in sorted(self._found(window, start, end)):
                lines += window.count(b"\n", counted, position)
                counted = position
                yield Hit(key.decode(), lines + 1, is_ours)
            lines += window.count(b"\n", counted, end)
            self._progress(self.bytes)
            # The prefix of the next key can be before `end`.
            start = min(end, _OVERLAP)
            window = window[end - start :]
        self.lines = lines + self._is_open_line

    def _found(self, window: bytes, start: int, end: int) -> Iterator[tuple[int, bytes, bool]]:
        for body in _BODY.finditer(window, start):
            if body.start() < end and (key := _key(window, body.start())):
                yield body.start(), key, True
        for pattern in self._patterns:
            for match in pattern.finditer(window, start):
                key = match[1] if pattern.groups and match[1] is not None else match[0]
                if match.start() < end and _IMPORTED.match(key):
                    yield match.start(), key, False

    def _texts(self, stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
        """The stream in chunks that are compatible with ASCII, and whether a chunk is the last one."""
        read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        data = read(CHUNK)
        while len(data) == 1 and (more := read(1)):
            data += more
        marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        decoder = codecs.getincrementaldecoder("utf-16")("replace") if marked else None
        while data:
            self.bytes += len(data)
            # Without its zero bytes, text in UTF-16 is text in ASCII.
            text = decoder.decode(data).encode("utf-8", "replace") if decoder else data.translate(None, b"\0")
            for block in (text[n : n + _BLOCK] for n in range(0, len(text), _BLOCK)):
                controls = len(block) - len(block.translate(None, _CONTROL_BYTES))
                self.binary += len(block) if controls > _MOST_CONTROL_BYTES else 0
            self._is_open_line = not text.endswith(b"\n") if text else self._is_open_line
            yield text, False
            data = read(CHUNK)
        yield b"", True


def keys_in(text: str) -> list[str]:
    """The keys in the product's format that stand in a text."""
    return [hit.key for hit in Search().hits(io.BytesIO(text.encode("utf-8", "replace")))]


def compiled(pattern: str) -> re.Pattern[bytes]:
    """A regular expression for keys of another format. Its first group, if it has one, is the key.

    :raises BadInput: it is no regular expression, or matches the empty text.
    """
    try:
        expression = re.compile(pattern.encode())
    except re.error as error:
        raise BadInput(f"The pattern {pattern!r} is not a regular expression: {error}.") from None
    if expression.match(b""):
        raise BadInput(f"The pattern {pattern!r} matches the empty text.")
    return expression


def _key(window: bytes, underscore: int) -> bytes | None:
    """The key whose body follows this underscore, with the prefix for which its checksum is right. None: no prefix."""
    prefixes = _PREFIXES.search(window[max(0, underscore - _MAX_PREFIX) : underscore])
    end = underscore + _KEY_BYTES
    for start in range(underscore - len(prefixes[0]) if prefixes else underscore, underscore):
        prefix, key = window[start:underscore].decode(), window[start:end].decode()
        if api_key.PREFIX_PATTERN.match(prefix) and api_key.is_well_formed(key, prefix):
            return window[start:end]
    return None


def pattern(prefix: str) -> str:
    """The regular expression of a key, valid in all common dialects.

    It has no word boundaries: with a prefix and fixed lengths they are not needed, and a key can follow a letter, as in
    `\\nmak_...` in JSON.
    """
    return f"{prefix}_{api_key.BODY_PATTERN}"


def rule(prefix: str) -> dict[str, Any]:
    """The pattern and the checksum rule as a JSON object."""
    return {"name": _name(prefix), "prefix": prefix, "regex": pattern(prefix), "checksum": CHECKSUM_RULE}


def gitleaks(prefix: str) -> str:
    """A complete `.gitleaks.toml` with the built-in rules and a rule for the keys."""
    return f"""\
[extend]
useDefault = true

[[rules]]
id = "{_name(prefix)}"
description = "API key with the prefix {prefix}"
regex = '''{pattern(prefix)}'''
keywords = ["{prefix}_"]
"""


def github(prefix: str) -> str:
    """The fields of a custom pattern for GitHub secret scanning, in the dialect of Hyperscan.

    Any character is allowed before and after a key: GitHub's defaults would miss keys that `pattern` finds.
    """
    return f"""\
Pattern name:   {_name(prefix)}
Secret format:  {pattern(prefix)}
Before secret:  \\A|[\\x00-\\xff]
After secret:   \\z|[\\x00-\\xff]
"""


def _name(prefix: str) -> str:
    return f"{prefix.replace('_', '-')}-api-key"
