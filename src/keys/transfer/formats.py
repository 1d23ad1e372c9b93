"""The records of a CSV, JSON Lines or JSON file, read one at a time."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import ijson
from ijson.common import ObjectBuilder

from keys.core.errors import BadInput
from keys.transfer import text
from keys.transfer.columns import plain

FORMATS: Final = ("csv", "jsonl", "json")

MAX_LINE_LENGTH: Final = 1 << 20
"""In characters. It bounds the memory use."""

_BY_SUFFIX: Final = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_NULLS: Final = frozenset(["", "NULL", "\\N"])
_SEPARATOR_LINE: Final = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_ARRAY: Final = "[]"
_DYNAMODB_TYPES: Final = frozenset(["S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"])

Record = tuple[int, Mapping[str, Any] | BadInput]
"""The number of a record, and its values or the reason why it has none. Values that are null are omitted."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """The records of a file. `unit`: what their numbers count, `line` or `item`. `heading`: the column names of CSV.

    `records` can be iterated once. It raises `BadInput` if the rest of the file cannot be read, or if there is none.
    """

    unit: str
    records: Iterator[Record]
    heading: list[str] | None = None


def read(stream: BinaryIO, suffix: str, form: str | None = None, each: str | None = None) -> InputFile:
    """The records of a file. `suffix`: of its name, such as `.csv`. `form`: one of `FORMATS`, None to detect it.

    `each`: a member that is a list. Each element becomes a record, which has the other members of the object too.

    :raises BadInput: its format is unknown, or is not `form`.
    """
    head, stream = text.utf8(stream)
    start = head.decode("utf-8", "ignore")
    if not start.strip():
        raise BadInput("The file is empty.")
    form = form or _BY_SUFFIX.get(suffix.lower()) or _detect_format(start)
    unit, heading = "item" if form == "json" else "line", None
    if form == "json":
        records = _json_document(stream)
    elif form == "csv":
        heading, records = _csv(_lines(stream), start)
    else:
        records = ((number, _from_json(line)) for number, line in enumerate(_lines(stream), 1) if line.strip())
    if each:
        records = _elements(records, each)
    return InputFile(unit, _readable(records, unit), heading)


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
    # A JSON document can be one line, and so can be a file of one record.
    is_record = value.keys() & {"consumer", "type", "key", "sha256", "Item"}
    is_only_line = (len(first) < len(begins) and not begins[len(first) :].strip()) or len(first) == len(begins)
    has_list = any(isinstance(member, (list, dict)) for member in value.values())
    return "json" if has_list and is_only_line and not is_record else "jsonl"


def _readable(records: Iterator[Record], unit: str) -> Iterator[Record]:
    number = None
    try:
        for number, values in records:
            yield number, values
    except text.DAMAGED:
        raise BadInput("The compressed file is truncated or damaged. The rest was not read.") from None
    except UnicodeError:
        raise BadInput("The encoding changes within the file. The rest was not read.") from None
    if number is None:
        lists = ": it must have a list of objects" if unit == "item" else ""
        raise BadInput(f"The file has no records{lists}. Nothing was imported.")


def _elements(records: Iterator[Record], each: str) -> Iterator[Record]:
    for number, values in records:
        if isinstance(values, BadInput):
            yield number, values
            continue
        found = [name for name in values if plain(name) == plain(each)]
        elements = values[found[0]] if found else None
        if not isinstance(elements, list):
            yield number, BadInput(f"The record has no list {each}, which --each names.")
            continue
        for element in elements:
            yield number, {**values, found[0]: element}


def _lines(stream: BinaryIO) -> Iterator[str]:
    """:raises BadInput: a line is longer than `MAX_LINE_LENGTH`."""
    text = io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline="")
    for number in itertools.count(1):
        line = text.readline(MAX_LINE_LENGTH)
        if len(line) == MAX_LINE_LENGTH:
            raise BadInput(
                f"Line {number} is longer than {MAX_LINE_LENGTH:,} characters. It and the rest were not read."
            )
        if not line:
            return
        yield line


def _csv(lines: Iterator[str], start: str) -> tuple[list[str], Iterator[Record]]:
    before = 0
    if separator_line := _SEPARATOR_LINE.match(start):
        before = 1
        next(lines)
        start = start[separator_line.end() :]
    first = start.lstrip("\r\n").split("\n", 1)[0]
    delimiter = separator_line[1] if separator_line else max(",;\t|", key=first.count)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        heading = [name.strip() for name in next(filter(None, reader), [])]
    except csv.Error as error:
        raise BadInput(f"The first line is not valid CSV: {error}.") from None
    if problem := _undecoded(heading):
        raise problem

    def records() -> Iterator[Record]:
        number = 0
        try:
            while True:
                number = before + reader.line_num + 1
                cells = next(reader)
                if any(cells):
                    yield number, _from_cells(heading, cells)
        except StopIteration:
            return
        except csv.Error as error:
            what = "a quotation mark is not closed" if re.search("end of data|limit", str(error)) else error
            raise BadInput(
                f"The record that begins in line {number} is not valid CSV: {what}. The rest was not read. First "
                f"correct line {number}."
            ) from None

    return heading, records()


def _from_cells(heading: list[str], cells: list[str]) -> Mapping[str, Any] | BadInput:
    """The values by column name. Empty cells and a database's NULL are omitted."""
    if len(cells) > len(heading):
        cells = _single_quoted(cells)
    if len(cells) < len(heading) or any(cells[len(heading) :]):
        return BadInput(f"The number of cells is {len(cells)}, but the number of columns is {len(heading)}.")
    if problem := _undecoded(cells):
        return problem
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


def _from_json(line: str) -> Mapping[str, Any] | BadInput:
    if problem := _undecoded([line]):
        return problem
    try:
        return _object(json.loads(line))
    except (ValueError, RecursionError):
        # Without the text of the error, which can quote a part of the key.
        return BadInput("The line is not valid JSON.")


def _json_document(stream: BinaryIO) -> Iterator[Record]:
    number = 0
    try:
        for number, value in enumerate(_listed(stream), 1):
            yield number, _object(value)
    except (ijson.JSONError, UnicodeError, RecursionError):
        where = f"The text after item {number}" if number else "The file"
        raise BadInput(f"{where} is not valid JSON in UTF-8. The rest was not read.") from None


def _listed(stream: BinaryIO) -> Iterator[object]:
    """The elements of the one list of objects, at any depth. Documents can follow one another, such as pages."""
    path: list[str] = []
    found: list[str] | None = None
    built: ObjectBuilder | None = None
    depth = 0
    for event, value in ijson.basic_parse(stream, use_float=True, multiple_values=True):
        step = event.startswith("start") - event.startswith("end")
        if built:
            built.event(event, value)
            depth += step
        elif event == "start_map" and path[-1:] == [_ARRAY]:
            found = found or list(path)
            if path != found:
                raise BadInput(
                    f"The JSON document has a second list of objects: {_shown(path)}. Only {_shown(found)} was read. "
                    "Import each list on its own: select it, for example with `jq`."
                )
            depth, built = 1, ObjectBuilder()
            built.event(event, value)
        elif step > 0:
            path.append(_ARRAY if event == "start_array" else "")
        elif step < 0:
            path.pop()
        elif event == "map_key":
            path[-1] = value
        elif path == found:
            yield value
        if built and not depth:
            yield built.value
            built = None


def _shown(path: list[str]) -> str:
    return ".".join(ascii(name)[1:-1][:40] for name in path if name != _ARRAY) or "the document itself"


def _object(value: object) -> Mapping[str, Any] | BadInput:
    """The members, of an item in DynamoDB's JSON too."""
    if not isinstance(value, dict):
        return BadInput("The record must be a JSON object.")
    if value.keys() == {"Item"} and isinstance(value["Item"], dict):
        value = value["Item"]
    if value and all(map(_is_dynamodb, value.values())):
        value = {name: _from_dynamodb(member) for name, member in value.items()}
    return {name: member for name, member in value.items() if member is not None}


def _is_dynamodb(value: object) -> bool:
    return isinstance(value, dict) and len(value) == 1 and value.keys() <= _DYNAMODB_TYPES


def _from_dynamodb(value: dict[str, Any]) -> Any:
    """A value of DynamoDB's JSON, as `aws dynamodb scan` and an export to S3 have it. Binary values stay base64."""
    ((kind, inner),) = value.items()
    if kind == "NULL":
        return None
    if kind == "N":
        return json.loads(inner)
    if kind == "M":
        return {name: _from_dynamodb(member) for name, member in inner.items()}
    return [_from_dynamodb(member) for member in inner] if kind == "L" else inner


def _undecoded(texts: Iterable[str]) -> BadInput | None:
    if any("\udc80" <= character <= "\udcff" for text in texts if not text.isascii() for character in text):
        return BadInput(
            "The text is not in the encoding UTF-8. Convert it: `iconv -f ENCODING -t utf-8 FILE | keys import -`."
        )
    return None
