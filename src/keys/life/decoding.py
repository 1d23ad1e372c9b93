"""Bytes of files as text: compression and encoding are recognised by their first bytes, or named."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final, cast

from keys.life.errors import BadInput

HEAD: Final = 64 * 1024
"""So many bytes are looked at to recognise what a file is."""

DAMAGED: Final = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error)
"""What reading a compressed file raises that is cut off or damaged, besides OSError."""

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_DECOMPRESSORS: Final[Mapping[bytes, Callable[[Any], Any]]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_CLOSED_BOOKS: Final = {
    b"PK\x03\x04": "a ZIP archive or an office document: unpack it, or save it as text",
    b"\xd0\xcf\x11\xe0": "an office document: save it as text",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard: unpack it with `zstd -dc`",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it",
    b"Rar!": "a RAR archive: unpack it",
    b"%PDF-": "a PDF: extract its text",
    b"\x04\x22\x4d\x18": "compressed with LZ4: unpack it with `lz4 -dc`",
}


class _Rejoined(io.RawIOBase):
    """A stream with its first bytes, which have been read, before it again."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._stream = stream
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head[: len(buffer)] or self._read(len(buffer))
        self._head = self._head[len(data) :]
        buffer[: len(data)] = data
        return len(data)


def looked_at(stream: BinaryIO, least: int = HEAD) -> tuple[bytes, BinaryIO]:
    """The first bytes of a stream, at least so many where it has them, and the whole stream.

    :raises BadInput: it is a compressed file that is cut off or damaged before that.
    """
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    head = b""
    try:
        while len(head) < least and (data := read(HEAD)):
            head += data
    except DAMAGED:
        raise BadInput("The compressed file is cut off or damaged at its beginning.") from None
    return head, io.BufferedReader(_Rejoined(head, stream), HEAD)


def uncompressed(stream: BinaryIO) -> BinaryIO:
    """The stream, unpacked when it is gzip, bzip2 or xz. Reading may then raise one of `DAMAGED`.

    :raises BadInput: it is something else that has no readable text in it.
    """
    head, stream = looked_at(stream, 8)
    for magic, what in _CLOSED_BOOKS.items():
        if head.startswith(magic):
            raise BadInput(f"It is {what}.")
    for magic, decompressor in _DECOMPRESSORS.items():
        if head.startswith(magic):
            return cast(BinaryIO, decompressor(stream))
    return stream


def encoding_of(head: bytes) -> str:
    """The encoding that a text begins in: Unicode by its mark or its zero bytes, otherwise UTF-8."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    # Of a text that is mostly Latin, every second byte is zero in UTF-16.
    even, odd = head[0:HEAD:2], head[1:HEAD:2]
    if odd.count(0) > 0.3 * len(odd) > 5 * even.count(0):
        return "utf-16-le"
    if even.count(0) > 0.3 * len(even) > 5 * odd.count(0):
        return "utf-16-be"
    return "utf-8"


def check_encoding(name: str) -> str:
    """The name, when it is one of a text encoding.

    :raises BadInput: it is none.
    """
    try:
        "".encode(name)
    except (LookupError, ValueError):
        raise BadInput("That is not an encoding: it is one like utf-8, utf-16, cp1252 or shift_jis.") from None
    return name
