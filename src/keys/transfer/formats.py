"""The records of a CSV, JSON Lines or JSON file, read one at a time."""

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

from keys.core import decoding
from keys.core.errors import BadInput

FORMATS: Final = ("csv", "jsonl", "json")
DELIMITERS: Final = ",;\t|"

MAX_LINE_LENGTH: Final = 1 << 20
"""In characters. It bounds the memory use."""

_BY_SUFFIX: Final = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_ARRAY: Final = re.compile(r'"([^"\\]{1,64})"\s*:\s*\[')
_NULLS: Final = frozenset(["", "NULL", "\\N"])
_SEPARATOR_LINE: Final = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class InputRecord:
    """One record. `number`: its first line, or its position. `values` returns its values or raises `BadInput`."""

    number: int
    values: Callable[[], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class InputFile:
    """The records of a file. `unit`: what their numbers count, `line` or `item`. `heading`: the column names of CSV.

    `records` can be iterated once. It raises `BadInput` if the rest of the file cannot be read.
    """

    unit: str
    records: Iterator[InputRecord]
    heading: list[str] | None = None


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """The format options of a file. None: detect it."""

    form: str | None = None
    encoding: str | None = None
    delimiter: str | None = None


def read(stream: BinaryIO, suffix: str, options: FormatOptions) -> InputFile:
    """The records of a file. `suffix`: of its name, such as `.csv`.

    :raises BadInput: its format is unknown, or is not that of `options`.
    """
    head, stream = decoding.peek(decoding.uncompressed(stream))
    encoding = options.encoding or decoding.encoding_of(head)
    if encoding == "utf-8":
        encoding = "utf-8-sig"
    start = head.decode(encoding, "ignore")
    if "\0" in start:
        raise BadInput("The file is not text. If it is, specify its encoding, such as --encoding utf-16-le.")
    form = options.form or _BY_SUFFIX.get(suffix.lower()) or _detect_format(start)
    if not start.strip() and form != "jsonl":
        raise BadInput("The file is empty.")
    text = io.TextIOWrapper(stream, encoding=encoding, errors="surrogateescape", newline="")
    if form == "csv":
        return _csv(text, start, options.delimiter)
    if form == "jsonl":
        return InputFile("line", _readable(_json_lines(text)))
    return InputFile("item", _readable(_json_document(text, start)))


def _detect_format(start: str) -> str:
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
    # A JSON document on one line has its records in a list.
    lists = [member for member in value.values() if isinstance(member, list) and member and isinstance(member[0], dict)]
    is_record = value.keys() & {"consumer", "type", "key", "sha256"}
    return "json" if lists and not is_record else "jsonl"


def _csv(text: io.TextIOWrapper, start: str, delimiter: str | None) -> InputFile:
    separator_line = _SEPARATOR_LINE.match(start)
    if separator_line:
        text.readline()
        start = start[separator_line.end() :]
    first = start.lstrip("\r\n").split("\n", 1)[0]
    delimiter = delimiter or (separator_line and separator_line[1]) or max(DELIMITERS, key=first.count)
    reader = csv.reader(_lines(text), delimiter=delimiter, strict=True)
    try:
        heading = [name.strip() for name in next(filter(None, reader), [])]
    except csv.Error as error:
        raise BadInput(f"The first line is not valid CSV: {error}.") from None
    _check_decoded(heading)
    return InputFile("line", _readable(_csv_records(reader, heading, 1 if separator_line else 0)), heading)


def _readable(records: Iterator[InputRecord]) -> Iterator[InputRecord]:
    try:
        yield from records
    except decoding.DAMAGED:
        raise BadInput("The compressed file is truncated or damaged. The rest was not read.") from None
    except UnicodeError:
        raise BadInput("The encoding changes within the file. The rest was not read.") from None


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
            f"The record that begins in line {number} is not valid CSV: {what}. The rest was not read. First correct "
            f"line {number}."
        ) from None


def _from_cells(heading: list[str], cells: list[str]) -> dict[str, Any]:
    """The values by column name. Empty cells and a database's NULL are omitted."""
    if len(cells) > len(heading):
        cells = _single_quoted(cells)
    if len(cells) < len(heading) or any(cells[len(heading) :]):
        raise BadInput(f"The number of cells is {len(cells)}, but the number of columns is {len(heading)}.")
    _check_decoded(cells)
    values = {name: cell.strip() for name, cell in zip(heading, cells, strict=False)}
    return {name: value for name, value in values.items() if value not in _NULLS}


def _single_quoted(cells: list[str]) -> list[str]:
    """The cells, with those joined that are in one pair of single quotes, as API Gateway allows for lists."""
    joined: list[str] = []
    for cell in cells:
        if joined and joined[-1].startswith("'") and not (len(joined[-1]) > 1 and joined[-1].endswith("'")):
            joined[-1] += f",{cell}"
        else:
            joined.append(cell)
    return joined


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """The lines of a text.

    :raises BadInput: a line is longer than `MAX_LINE_LENGTH`.
    """
    number = 0
    while line := text.readline(MAX_LINE_LENGTH):
        number += 1
        if len(line) == MAX_LINE_LENGTH:
            raise BadInput(
                f"Line {number} is longer than {MAX_LINE_LENGTH:,} characters. It and the rest were not read."
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
        # Without the text of the error, which can quote a part of the key.
        raise BadInput("The line is not valid JSON.") from None
    return _object(values)


def _json_document(text: io.TextIOWrapper, start: str) -> Iterator[InputRecord]:
    array = "" if start.lstrip().startswith("[") else _ARRAY.search(start)
    if array is None and not _is_json(start):
        raise BadInput("The file is not valid JSON.")
    if array is None:
        raise BadInput("The JSON document must be a list of objects, or an object that has such a list.")
    path = f"{array[1]}.item" if array else "item"
    number = 0
    try:
        for number, value in enumerate(ijson.items(_Utf8(text), path, use_float=True), 1):
            yield InputRecord(number, functools.partial(_object, value))
    except (ijson.JSONError, UnicodeError, RecursionError):
        raise BadInput(f"The text after item {number} is not valid JSON. The rest was not read.") from None


def _is_json(start: str) -> bool:
    """Whether the text is valid JSON, or the beginning of a file that is longer."""
    try:
        json.loads(start)
    except ValueError:
        return len(start) >= decoding.HEAD_BYTES
    except RecursionError:
        pass
    return True


class _Utf8:
    """A text stream as the UTF-8 stream that ijson reads."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text

    def read(self, size: int) -> bytes:
        return self._text.read(size).encode("utf-8", "surrogateescape")


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInput("The record must be a JSON object.")
    return {name: member for name, member in value.items() if member is not None}


def _check_decoded(texts: list[str]) -> None:
    if any("\udc80" <= character <= "\udcff" for text in texts for character in text if not text.isascii()):
        raise BadInput("The text is not in the encoding UTF-8. Specify its encoding, such as --encoding cp1252.")
