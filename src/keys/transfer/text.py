"""The text of a file as UTF-8: files in UTF-8, or in UTF-16 with a byte order mark, also compressed with gzip."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from typing import Any, BinaryIO, Final, cast

from keys.core.errors import BadInput

HEAD_BYTES: Final = 64 * 1024
"""How many bytes are read to detect the format of a file."""

DAMAGED: Final = (EOFError, gzip.BadGzipFile, zlib.error)
"""The errors of reading a gzip file that is truncated or damaged."""

_PACKED: Final = {
    b"BZh": "compressed with bzip2. Unpack it: `bzip2 -dc FILE | keys import -`.",
    b"\xfd7zXZ\x00": "compressed with xz. Unpack it: `xz -dc FILE | keys import -`.",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard. Unpack it: `zstd -dc FILE | keys import -`.",
    b"PK\x03\x04": "a ZIP archive or a spreadsheet. Unpack it, or save it as CSV.",
    b"\xd0\xcf\x11\xe0": "a spreadsheet. Save it as CSV.",
}


def utf8(stream: BinaryIO) -> tuple[bytes, BinaryIO]:
    """The first `HEAD_BYTES` of the text, and a stream of the whole text. Both are UTF-8 without a byte order mark.

    Reading the stream can raise the errors in `DAMAGED`, and `UnicodeError` if the file is UTF-16.

    :raises BadInput: the file is not such a text.
    """
    head, stream = _peek(stream)
    if head.startswith(b"\x1f\x8b"):
        head, stream = _peek(cast("BinaryIO", gzip.GzipFile(fileobj=stream)))
    for magic, what in _PACKED.items():
        if head.startswith(magic):
            raise BadInput(f"The file is {what}")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not head.startswith(codecs.BOM_UTF32_LE):
        head, stream = _peek(_Recoded(io.TextIOWrapper(stream, encoding="utf-16", newline="")))
    elif head.startswith(codecs.BOM_UTF8):
        head = head[stream.readinto(bytearray(len(codecs.BOM_UTF8))) :]  # type: ignore[attr-defined]
    if b"\0" in head:
        raise BadInput(
            "The file is not text in UTF-8, or in UTF-16 with a byte order mark. Convert it: "
            "`iconv -f ENCODING -t utf-8 FILE | keys import -`."
        )
    return head, stream


def _peek(stream: Any) -> tuple[bytes, BinaryIO]:
    try:
        head: bytes = stream.read(HEAD_BYTES)
    except DAMAGED:
        raise BadInput("The compressed file is truncated or damaged at its start.") from None
    except UnicodeError:
        raise BadInput("The file has a byte order mark of UTF-16, but is not UTF-16.") from None
    return head, io.BufferedReader(_Prepended(head, stream), HEAD_BYTES)


class _Prepended(io.RawIOBase):
    """A stream with the bytes that were already read from it put back at its start."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head[: len(buffer)] or self._stream.read(len(buffer))
        self._head = self._head[len(data) :]
        buffer[: len(data)] = data
        return len(data)


class _Recoded:
    """A text as UTF-8."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text

    def read(self, size: int) -> bytes:
        # A character has at most four bytes.
        return self._text.read(size // 4).encode("utf-8", "surrogatepass")
