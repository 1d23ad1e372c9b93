"""Our keys in other text: the pattern that secret scanners need, and the search for keys that leaked."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from authorizer import api_key
from keys.life import decoding
from keys.life.errors import BadInput

CHECKSUM_RULE: Final = (
    f"The last {api_key.CHECKSUM_LENGTH} characters are the CRC-32 (as in zlib) of all characters before them, the "
    "underscore included: as a number in base 62, digits 0-9 A-Z a-z in this order, most significant first, padded "
    "with 0. A match whose checksum is wrong is not a key."
)
CHUNK: Final = 1 << 20
"""So many bytes are searched at once."""

_BODY = f"[0-9A-Za-z]{{{api_key.RANDOM_LENGTH}}}_[0-9A-Za-z]{{{api_key.CHECKSUM_LENGTH}}}"
_UNDERSCORE = rb"(?:_|%5[Ff]|%255[Ff]|\\{1,4}u005[Ff]|\\{1,4}x5[Ff]|\\{1,4}_|&#0{0,9}95;|&#[xX]5[Ff];|&lowbar;|=5[Ff])"
"""Also as URLs, JSON, Markdown, HTML and mail write it. A key has no other character that any of them changes."""

_LONGEST = 1024
"""More than a key has in any of these ways of writing."""

_NOT_IN_TEXT = bytes(set(range(32)) - {0, *b"\a\b\t\n\v\f\r\x1b"} | {127})
_MOST_NOT_IN_TEXT = 0.02


@dataclass(frozen=True, slots=True)
class Hit:
    """A key in a text, and the number of the line that it begins in."""

    key: str
    line: int


class Search:
    """One search through one stream for the keys with a prefix, in memory that does not grow with it.

    Also for keys in UTF-16 and UTF-32, in gzip, bzip2 and xz, and written with the escapes of JSON, URLs and the like.
    `bytes` and `lines` count what was searched.
    """

    def __init__(self, prefix: str, progress: Callable[[int], None] = lambda _bytes: None) -> None:
        """`progress` is told of each piece that was searched."""
        parts = prefix.split("_")
        start = _UNDERSCORE.join(part.encode() for part in parts)
        body = rb"([0-9A-Za-z]{%d})" % api_key.RANDOM_LENGTH
        checksum = rb"([0-9A-Za-z]{%d})" % api_key.CHECKSUM_LENGTH
        # It begins with plain letters, by which the expression's engine skips what cannot match.
        self._expression = re.compile(_UNDERSCORE.join([start, body, checksum]))
        self._prefix = prefix
        self._progress = progress
        self._not_in_text = 0
        self._is_open_line = False
        self.bytes = 0
        self.lines = 0

    @property
    def is_text(self) -> bool:
        """Whether what was searched can be text, in which keys would have been found."""
        return self._not_in_text <= _MOST_NOT_IN_TEXT * self.bytes

    def hits(self, stream: BinaryIO) -> Iterator[Hit]:
        """The keys in the stream, in their order, each as often as it is there. Only the checksum decides what is one.

        :raises BadInput: it is something that has no readable text in it, or is cut off or damaged.
        """
        window, lines = b"", 0
        for text, is_last in self._texts(decoding.uncompressed(stream)):
            window += text
            # What begins behind this may go on in the next chunk.
            end = len(window) if is_last else max(0, len(window) - _LONGEST)
            at = counted = 0
            while (match := self._expression.search(window, at)) and match.start() < end:
                # One byte on, since a key may overlap with what only looks like one.
                at = match.start() + 1
                key = f"{self._prefix}_{match[1].decode()}_{match[2].decode()}"
                if api_key.is_well_formed(key, self._prefix):
                    lines += window.count(b"\n", counted, at)
                    counted = at
                    yield Hit(key, lines + 1)
            lines += window.count(b"\n", counted, end)
            self._progress(self.bytes)
            window = window[end:]
        self.lines = lines + self._is_open_line

    def _texts(self, stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
        """The stream in pieces, in ASCII as far as keys are concerned, and whether each is the last one."""
        head, stream = decoding.looked_at(stream, 4)
        encoding = decoding.encoding_of(head)
        decoder = None if encoding.startswith("utf-8") else codecs.getincrementaldecoder(encoding)("replace")
        read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        try:
            while data := read(CHUNK):
                self.bytes += len(data)
                text = decoder.decode(data).encode("utf-8", "replace") if decoder else data
                self._not_in_text += len(text) - len(text.translate(None, _NOT_IN_TEXT))
                # Text in UTF-16 also stands in the middle of other text, with or without a mark.
                text = text.translate(None, b"\0")
                self._is_open_line = not text.endswith(b"\n") if text else self._is_open_line
                yield text, False
        except decoding.DAMAGED:
            raise BadInput("The compressed file is cut off or damaged. Nothing after that was searched.") from None
        yield b"", True


def pattern(prefix: str) -> str:
    """The regular expression of a key. It is the same in all common dialects.

    It has no word boundaries: with a prefix and fixed lengths it needs none, and in a JSON text a key may come after
    the n of a line break, in a variable's name after another word.
    """
    return f"{prefix}_{_BODY}"


def rule(prefix: str) -> dict[str, Any]:
    """What a scanner needs to know, as an object."""
    return {"name": _name(prefix), "prefix": prefix, "regex": pattern(prefix), "checksum": CHECKSUM_RULE}


def gitleaks(prefix: str) -> str:
    """A whole `.gitleaks.toml`, with a rule for our keys beside the built-in ones."""
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
    """The fields of GitHub's form for a custom pattern of its secret scanning, for Hyperscan.

    Anything may stand before and after: GitHub's defaults miss what `pattern` says.
    """
    return f"""\
Pattern name:   {_name(prefix)}
Secret format:  {pattern(prefix)}
Before secret:  \\A|[\\x00-\\xff]
After secret:   \\z|[\\x00-\\xff]
"""


def _name(prefix: str) -> str:
    return f"{prefix.replace('_', '-')}-api-key"
