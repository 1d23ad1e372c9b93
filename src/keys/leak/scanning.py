"""Find keys in text, and the pattern of the keys for secret scanners."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from authorizer import api_key
from keys.core import decoding
from keys.core.errors import BadInput

CHECKSUM_RULE: Final = (
    f"The last {api_key.CHECKSUM_LENGTH} characters are the CRC-32 (as in zlib) of all characters before them, "
    "including the underscore. It is a number in base 62 with the digits 0-9 A-Z a-z, most significant first, padded "
    "with 0. A match with a wrong checksum is not a key."
)
CHUNK: Final = 1 << 20
"""How many bytes are searched at a time."""

_UNDERSCORE = rb"(?:_|%5[Ff]|%255[Ff]|\\{1,4}u005[Ff]|\\{1,4}x5[Ff]|\\{1,4}_|&#0{0,9}95;|&#[xX]5[Ff];|&lowbar;|=5[Ff])"
"""Also as escaped in URLs, JSON, Markdown, HTML and mail. These do not change the other characters of a key."""

_CANDIDATES = tuple(
    re.compile(
        rb"%s(?=([0-9A-Za-z]{%d})%s([0-9A-Za-z]{%d}))"
        % (end, api_key.RANDOM_LENGTH, _UNDERSCORE, api_key.CHECKSUM_LENGTH)
    )
    for end in (rb"_", rb"5F", rb"5f", rb";")
)
"""A key after its prefix, for each end of an underscore. They begin with a literal, which is about ten times faster."""

_ESCAPE = re.compile(_UNDERSCORE)
_MAX_PREFIX = 20
_PREFIXES = re.compile(rb"([a-z0-9_]+)_\Z")
_MAX_KEY_BYTES = 1024
"""An upper bound of the length of a key with these escapes."""

_MAX_PREFIX_BYTES = 256
"""An upper bound of the length of a prefix with these escapes."""

_CONTROL_BYTES = bytes(set(range(32)) - {0, *b"\a\b\t\n\v\f\r\x1b"} | {127})
_MAX_CONTROL_RATIO = 0.02


@dataclass(frozen=True, slots=True)
class Hit:
    """A key in a text. `line`: the number of its line."""

    key: str
    line: int

    @property
    def prefix(self) -> str:
        return self.key.rsplit("_", 2)[0]


class Search:
    """Searches one stream of any size for keys with any prefix. Memory use is constant.

    Also finds keys in UTF-16 and UTF-32, in gzip, bzip2 and xz, and with the escapes of JSON, URLs and similar formats.
    `bytes` and `lines`: the amount searched.
    """

    def __init__(self, progress: Callable[[int], None] = lambda _bytes: None) -> None:
        """`progress` is called with the number of bytes searched so far."""
        self._progress = progress
        self._control_bytes = 0
        self._is_open_line = False
        self.bytes = 0
        self.lines = 0

    @property
    def is_text(self) -> bool:
        """Whether the stream is text. In binary formats, keys can be encoded so that they are not found."""
        return self._control_bytes <= _MAX_CONTROL_RATIO * self.bytes

    def hits(self, stream: BinaryIO) -> Iterator[Hit]:
        """The keys with a right checksum in the stream, in order, with repetitions.

        :raises BadInput: the stream has a binary format, or is truncated or damaged.
        """
        window, lines, start = b"", 0, 0
        for text, is_last in self._texts(decoding.uncompressed(stream)):
            window += text
            # A key that begins after this position can continue in the next chunk.
            end = len(window) if is_last else max(start, len(window) - _MAX_KEY_BYTES)
            found = (match for candidate in _CANDIDATES for match in candidate.finditer(window, start))
            counted = start
            for match in sorted((match for match in found if match.start() < end), key=re.Match.start):
                if key := _key(window, match):
                    lines += window.count(b"\n", counted, match.start())
                    counted = match.start()
                    yield Hit(key, lines + 1)
            lines += window.count(b"\n", counted, end)
            self._progress(self.bytes)
            # The prefix of the next key can be before `end`.
            start = min(end, _MAX_PREFIX_BYTES)
            window = window[end - start :]
        self.lines = lines + self._is_open_line

    def _texts(self, stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
        """The stream in chunks, decoded to an ASCII-compatible encoding, and whether a chunk is the last one."""
        head, stream = decoding.peek(stream, 4)
        encoding = decoding.encoding_of(head)
        decoder = None if encoding.startswith("utf-8") else codecs.getincrementaldecoder(encoding)("replace")
        read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        try:
            while data := read(CHUNK):
                self.bytes += len(data)
                text = decoder.decode(data).encode("utf-8", "replace") if decoder else data
                self._control_bytes += len(text) - len(text.translate(None, _CONTROL_BYTES))
                # Parts of a text can be in UTF-16, with or without a byte order mark.
                text = text.translate(None, b"\0")
                self._is_open_line = not text.endswith(b"\n") if text else self._is_open_line
                yield text, False
        except decoding.DAMAGED:
            raise BadInput("The compressed file is truncated or damaged. The rest was not searched.") from None
        yield b"", True


def _key(window: bytes, candidate: re.Match[bytes]) -> str | None:
    """The key of a candidate, with the prefix for which its checksum is correct. None if there is no such prefix."""
    before = _ESCAPE.sub(b"_", window[max(0, candidate.start() - _MAX_PREFIX_BYTES) : candidate.start(1)])
    if not (prefixes := _PREFIXES.search(before[-_MAX_PREFIX - 1 :])):
        return None
    longest = prefixes[1].decode()
    text = f"{longest}_{candidate[1].decode()}_{candidate[2].decode()}"
    for start in range(len(longest)):
        prefix = longest[start:]
        if api_key.PREFIX_PATTERN.match(prefix) and api_key.is_well_formed(text[start:], prefix):
            return text[start:]
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
