"""Detect the compression and the encoding of a file by its first bytes."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final, cast

from keys.core.errors import BadInput

HEAD_BYTES: Final = 64 * 1024
"""How many bytes are read to detect the format of a file."""

DAMAGED: Final = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error)
"""The errors other than OSError that reading a truncated or damaged compressed file raises."""

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
_UNSUPPORTED: Final = {
    b"PK\x03\x04": "a ZIP archive or an Office document. Unpack it, or save it as text.",
    b"\xd0\xcf\x11\xe0": "an Office document. Save it as text.",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard. Unpack it with `zstd -dc`.",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive. Unpack it.",
    b"Rar!": "a RAR archive. Unpack it.",
    b"%PDF-": "a PDF. Extract its text.",
    b"\x04\x22\x4d\x18": "compressed with LZ4. Unpack it with `lz4 -dc`.",
}


class _Prepended(io.RawIOBase):
    """A stream with the bytes that were already read from it put back at its start."""

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


def peek(stream: BinaryIO, least: int = HEAD_BYTES) -> tuple[bytes, BinaryIO]:
    """The first bytes of a stream, at least `least` if it is that long, and a stream that still has them.

    :raises BadInput: the stream is a compressed file that is truncated or damaged within these bytes.
    """
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    head = b""
    try:
        while len(head) < least and (data := read(HEAD_BYTES)):
            head += data
    except DAMAGED:
        raise BadInput("The compressed file is truncated or damaged at its start.") from None
    return head, io.BufferedReader(_Prepended(head, stream), HEAD_BYTES)


def uncompressed(stream: BinaryIO) -> BinaryIO:
    """The stream, decompressed if it is gzip, bzip2 or xz. Reading it can then raise the errors in `DAMAGED`.

    :raises BadInput: it has another binary format.
    """
    head, stream = peek(stream, 8)
    for magic, what in _UNSUPPORTED.items():
        if head.startswith(magic):
            raise BadInput(f"The file is {what}")
    for magic, decompressor in _DECOMPRESSORS.items():
        if head.startswith(magic):
            return cast(BinaryIO, decompressor(stream))
    return stream


def encoding_of(head: bytes) -> str:
    """The encoding of a text that begins with `head`, by its byte order mark or zero bytes. The default is UTF-8."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    # In UTF-16, every second byte of Latin text is zero.
    even, odd = head[0:HEAD_BYTES:2], head[1:HEAD_BYTES:2]
    if odd.count(0) > 0.3 * len(odd) > 5 * even.count(0):
        return "utf-16-le"
    if even.count(0) > 0.3 * len(even) > 5 * odd.count(0):
        return "utf-16-be"
    return "utf-8"


def check_encoding(name: str) -> str:
    """The name, if it is that of a text encoding.

    :raises BadInput: it is not.
    """
    try:
        "".encode(name)
    except (LookupError, ValueError):
        raise BadInput(
            f"{name!r} is not a text encoding. Specify one such as utf-8, utf-16, cp1252 or shift_jis."
        ) from None
    return name
