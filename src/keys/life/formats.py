"""The records of a file, whatever its format: names and values, one record at a time."""

from __future__ import annotations

import csv
import functools
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import ijson

from keys.life import decoding
from keys.life.errors import BadInput

FORMATS: Final = ("csv", "jsonl", "json")
DELIMITERS: Final = ",;\t|"

LONGEST_LINE: Final = 1 << 20
"""In characters: no record of a key is as long."""

_BY_SUFFIX: Final = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_ARRAY: Final = re.compile(r'"([^"\\]{1,64})"\s*:\s*\[')
_NULLS: Final = frozenset(["", "NULL", "\\N"])
_SEPARATOR_LINE: Final = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class InputRecord:
    """One record: where it begins, and its values by name, or a call that raises `BadInput` about it."""

    number: int
    values: Callable[[], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class InputFile:
    """The records of a file, to be gone through once. `unit`: what their numbers count. `heading`: the names of a
    CSV file's columns as they stand there, None where each record has its own.

    Going through them raises `BadInput` where the file stops to be of its format.
    """

    unit: str
    records: Iterator[InputRecord]
    heading: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read; what is None is recognised."""

    form: str | None = None
    encoding: str | None = None
    delimiter: str | None = None


def read(stream: BinaryIO, suffix: str, reading: Reading) -> InputFile:
    """The records of a file whose name ends so.

    :raises BadInput: it is of no known format, or of another than it should be.
    """
    head, stream = decoding.looked_at(decoding.uncompressed(stream))
    encoding = reading.encoding or decoding.encoding_of(head)
    if encoding == "utf-8":
        encoding = "utf-8-sig"
    start = head.decode(encoding, "ignore")
    form = reading.form or _BY_SUFFIX.get(suffix.lower()) or _recognised(start)
    text = io.TextIOWrapper(stream, encoding=encoding, errors="surrogateescape", newline="")
    if form == "csv":
        return _csv(text, start, reading.delimiter)
    if form == "jsonl":
        return InputFile("line", _whole(_json_lines(text)))
    return InputFile("item", _whole(_json_document(text, start)))


def _recognised(start: str) -> str:
    """The format of a text that begins so."""
    begins = start.lstrip()
    if begins.startswith("["):
        return "json"
    if not begins.startswith("{"):
        return "csv"
    first = begins.split("\n", 1)[0]
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return "json"
    # A whole document on one line has its records in a list.
    lists = [member for member in value.values() if isinstance(member, list) and member and isinstance(member[0], dict)]
    is_record = value.keys() & {"consumer", "type", "key", "sha256"}
    return "json" if lists and not is_record else "jsonl"


def _csv(text: io.TextIOWrapper, start: str, delimiter: str | None) -> InputFile:
    said = _SEPARATOR_LINE.match(start)
    if said:
        text.readline()
        start = start[said.end() :]
    first = start.lstrip("\r\n").split("\n", 1)[0]
    delimiter = delimiter or (said and said[1]) or max(DELIMITERS, key=first.count)
    reader = csv.reader(_lines(text), delimiter=delimiter, strict=True)
    try:
        heading = [name.strip() for name in next(filter(None, reader), [])]
    except csv.Error as error:
        raise BadInput(f"The first line is not CSV: {error}.") from None
    _check_decoded(heading)
    return InputFile("line", _whole(_csv_records(reader, heading, 1 if said else 0)), heading)


def _whole(records: Iterator[InputRecord]) -> Iterator[InputRecord]:
    try:
        yield from records
    except decoding.DAMAGED:
        raise BadInput("The compressed file is cut off or damaged. Nothing after that was read.") from None
    except UnicodeError:
        raise BadInput("It is not in the encoding that it begins in. Nothing after that was read.") from None


def _csv_records(reader: Any, heading: list[str], skipped: int) -> Iterator[InputRecord]:
    number = 0
    try:
        while True:
            number = reader.line_num + 1 + skipped
            cells = next(reader)
            if any(cells):
                yield InputRecord(number, functools.partial(_from_cells, heading, cells))
    except StopIteration:
        return
    except csv.Error as error:
        what = "a quotation mark is not closed" if "end of data" in str(error) or "limit" in str(error) else error
        raise BadInput(
            f"The record that begins in line {number} is not CSV: {what}. Nothing after it was read."
        ) from None


def _from_cells(heading: list[str], cells: list[str]) -> dict[str, Any]:
    """An empty cell, and a database's word for no value, are as good as none."""
    if len(cells) > len(heading):
        cells = _single_quoted(cells)
    if len(cells) < len(heading) or any(cells[len(heading) :]):
        raise BadInput(f"There are {len(cells)} cells under {len(heading)} columns.")
    _check_decoded(cells)
    values = {name: cell.strip() for name, cell in zip(heading, cells, strict=False)}
    return {name: value for name, value in values.items() if value not in _NULLS}


def _single_quoted(cells: list[str]) -> list[str]:
    """The cells, with those joined that stand in one pair of single quotes: API Gateway allows that for lists."""
    joined: list[str] = []
    for cell in cells:
        if joined and joined[-1].startswith("'") and not (len(joined[-1]) > 1 and joined[-1].endswith("'")):
            joined[-1] += f",{cell}"
        else:
            joined.append(cell)
    return joined


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """The lines of a text, none of which takes much memory."""
    number = 0
    while line := text.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise BadInput(
                f"Line {number} is longer than {LONGEST_LINE:,} characters. It and what follows was not read."
            )
        yield line


def _json_lines(text: io.TextIOWrapper) -> Iterator[InputRecord]:
    for number, line in enumerate(_lines(text), 1):
        if line.strip():
            yield InputRecord(number, functools.partial(_from_json, line))


def _from_json(line: str) -> dict[str, Any]:
    _check_decoded([line])
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        # Not the error's own text: it may quote what it stumbled over, and the line holds a key.
        raise BadInput("The line is not JSON.") from None
    return _object(values)


def _json_document(text: io.TextIOWrapper, start: str) -> Iterator[InputRecord]:
    array = "" if start.lstrip().startswith("[") else _ARRAY.search(start)
    if array is None:
        raise BadInput("There is no list in it: a JSON document is a list of objects, or an object with one.")
    path = f"{array[1]}.item" if array else "item"
    number = 0
    try:
        for number, value in enumerate(ijson.items(_Utf8(text), path, use_float=True), 1):
            yield InputRecord(number, functools.partial(_object, value))
    except (ijson.JSONError, UnicodeError, RecursionError):
        raise BadInput(f"What comes after item {number} is not JSON. Nothing after it was read.") from None


class _Utf8:
    """A text as the bytes that ijson reads."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text

    def read(self, size: int) -> bytes:
        return self._text.read(size).encode("utf-8", "surrogateescape")


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInput("It must be a JSON object.")
    return {name: member for name, member in value.items() if member is not None}


def _check_decoded(texts: list[str]) -> None:
    if any("\udc80" <= character <= "\udcff" for text in texts for character in text if not text.isascii()):
        raise BadInput("It is not in the encoding UTF-8: give the right one, such as --encoding cp1252.")
