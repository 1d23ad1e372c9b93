"""The records of CSV, JSON Lines and JSON files."""

import gzip
import io
import json
from typing import Any

import pytest

from keys.core.errors import BadInput
from keys.transfer import formats
from keys.transfer.formats import Record


def read(content: str | bytes, suffix: str = "", **more: Any) -> list[Record]:
    data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape")
    return list(formats.read(io.BytesIO(data), suffix, **more).records)


def values(content: str | bytes, suffix: str = "", **more: Any) -> list[Any]:
    return [record for _number, record in read(content, suffix, **more)]


ROWS = [{"key": "k1", "consumer": "Zoë"}, {"key": "k2", "consumer": "Ann"}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_csv_file_is_read_with_any_delimiter_and_unicode_encoding(
    delimiter: str, encoding: str, newline: str
) -> None:
    rows = [["key", " consumer "], ["k1", "Zoë"], ["", ""], ["k2", " Ann "]]
    text = newline.join(delimiter.join(row) for row in rows) + newline
    assert read(text.encode(encoding)) == [(2, ROWS[0]), (4, ROWS[1])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "document",
    [
        ROWS,
        {"items": ROWS, "next": None},
        {"errors": [], "names": ["a"], "result": {"page": {"keys": ROWS}}},
        {"a": {"b": [[], ROWS]}},
    ],
)
def test_the_list_of_objects_of_a_json_document_is_found_at_any_depth(
    document: Any, indent: int | None, encoding: str
) -> None:
    assert read(json.dumps(document, indent=indent).encode(encoding)) == [(1, ROWS[0]), (2, ROWS[1])]


def test_json_documents_can_follow_one_another_as_pages() -> None:
    pages = [json.dumps({"data": [row], "offset": number}, indent=1) for number, row in enumerate(ROWS)]
    assert values("\n".join(pages)) == ROWS


def test_two_lists_of_objects_in_a_document_are_refused() -> None:
    document = json.dumps({"active": ROWS, "revoked": ROWS}, indent=1)
    records = formats.read(io.BytesIO(document.encode()), "").records
    assert [next(records), next(records)]
    with pytest.raises(BadInput, match=r"second list of objects: revoked. Only active was read"):
        next(records)


@pytest.mark.parametrize("document", ["{}", "[]", '{"items": []}', '{"items": ["a"]}', '{"a":\n{"b": 1}}', "[[]]"])
def test_a_document_without_a_list_of_objects_is_an_error(document: str) -> None:
    with pytest.raises(BadInput, match="no records: it must have a list of objects"):
        read(document, form="json")


@pytest.mark.parametrize(
    ("content", "suffix"),
    [("", ".csv"), ("\n \n", ""), ("", ".jsonl"), ("key,consumer\n", ""), ("key,consumer\n,\n", "")],
)
def test_a_file_without_a_record_is_an_error(content: str, suffix: str) -> None:
    with pytest.raises(BadInput, match=r"is empty|no records"):
        read(content, suffix)


def test_json_lines_are_read_and_their_bad_lines_reported() -> None:
    first, *bad, last = read('{"key": "k1", "hint": null}\n\n[]\n{"key":\n{"key": "\udcff"}\n{"key": "k2"}\n')
    assert (first, last) == ((1, {"key": "k1"}), (6, {"key": "k2"}))
    assert [(number, type(error)) for number, error in bad] == [(3, BadInput), (4, BadInput), (5, BadInput)]


def test_a_list_in_each_object_gives_one_record_for_each_element() -> None:
    consumers = [
        {"name": "a", "apiKeys": [{"key": "k1"}, {"key": "k2"}]},
        {"name": "b", "apiKeys": []},
        {"name": "c", "apiKeys": ["k3"]},
        {"name": "d"},
    ]
    *found, (number, missing) = read(json.dumps({"data": consumers}), each="api_keys")
    assert found == [
        (1, {"name": "a", "apiKeys": {"key": "k1"}}),
        (1, {"name": "a", "apiKeys": {"key": "k2"}}),
        (3, {"name": "c", "apiKeys": "k3"}),
    ]
    assert number == 4
    assert "no list api_keys" in str(missing)


def test_items_in_dynamodbs_json_are_read_from_a_scan_and_from_an_export_to_s3() -> None:
    item = {
        "pk": {"S": "a"}, "n": {"N": "12.5"}, "is": {"BOOL": True}, "no": {"NULL": True}, "set": {"SS": ["x"]},
        "list": {"L": [{"N": "1"}]}, "map": {"M": {"b": {"S": "c"}}}, "raw": {"B": "q80="},
    }  # fmt: skip
    plain = {"pk": "a", "n": 12.5, "is": True, "set": ["x"], "list": [1], "map": {"b": "c"}, "raw": "q80="}
    assert values(json.dumps({"Items": [item], "Count": 1}, indent=4)) == [plain]
    assert values(gzip.compress(json.dumps({"Item": item}).encode())) == [plain]


def test_a_file_is_read_through_gzip_and_its_damage_is_reported() -> None:
    packed = gzip.compress(b"key,consumer\nk1,a\n")
    assert len(read(packed)) == 1
    for damaged in (packed[:-9], packed[:12] + b"????" + packed[16:]):
        with pytest.raises(BadInput, match="truncated or damaged"):
            read(damaged)


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (b"BZh91AY", "bzip2 -dc"),
        (b"\xfd7zXZ\x00", "xz -dc"),
        (b"\x28\xb5\x2f\xfd", "zstd -dc"),
        (b"PK\x03\x04", "save it as CSV"),
        (b"\x7fELF\x02\x01\x00", "iconv"),
        ("key,consumer\n".encode("utf-16-le"), "iconv"),
        ("key,consumer\n".encode("utf-32"), "iconv"),
        (b"\xff\xfek", "is not UTF-16"),
    ],
)
def test_other_packing_and_encodings_are_refused_with_a_remedy(content: bytes, remedy: str) -> None:
    with pytest.raises(BadInput, match=remedy):
        read(content)


def test_a_record_in_another_encoding_does_not_stop_the_others() -> None:
    first, second = values("key,consumer\nk1,Zo\udceb\nk2,Ann\n")
    assert "iconv" in str(first)
    assert second == ROWS[1]


def test_a_spreadsheets_separator_line_is_read() -> None:
    assert read("sep=;\r\nkey;consumer\r\nk2;Ann;;\r\n;;;\r\n") == [(3, ROWS[1])]


@pytest.mark.parametrize("row", ["k1", "k1,a,b"])
def test_a_row_with_another_number_of_cells_is_reported(row: str) -> None:
    (problem,) = values(f"key,consumer\n{row}\n")
    assert "the number of columns is 2" in str(problem)


@pytest.mark.parametrize(
    ("content", "suffix", "told"),
    [
        ('key,consumer\nk1,a\n"k2"x,b\n', "", "begins in line 3 is not valid CSV"),
        ('key,consumer\nk1,a\n"k2,b\nc,d\n', "", "line 3 is not valid CSV: a quotation mark is not closed"),
        ('[{"key": "k1"}, oops', "", "after item 1 is not valid JSON"),
        ('{"key":\n', "", "The file is not valid JSON"),
        ("key,consumer\nk1,a\n" + "x" * (3 << 20), "", "Line 3 is longer than"),
        ('{"key": "k1"}\n' + "x" * (3 << 20), ".jsonl", "Line 2 is longer than"),
    ],
)
def test_what_cannot_be_read_further_is_reported_after_the_records_before(content: str, suffix: str, told: str) -> None:
    records = formats.read(io.BytesIO(content.encode()), suffix).records
    with pytest.raises(BadInput, match=told):
        list(records)


class Endless(io.RawIOBase):
    """An endless file that counts the bytes read from it."""

    def __init__(self, first: bytes, line: bytes) -> None:
        self.read_bytes = 0
        self._left, self._line = first, line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._left = self._left or self._line
        data, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(data)] = data
        self.read_bytes += len(data)
        return len(data)


@pytest.mark.parametrize(
    ("first", "line"),
    [
        (b"key,consumer\n", b"k1,a\n"),
        (b"\n", b'{"key": "k1"}\n'),
        (b'{"a": [', b'{"key": "k1"},\n'),
    ],
)
def test_a_file_is_read_as_far_as_its_records_are_needed(first: bytes, line: bytes) -> None:
    file = Endless(first, line)
    stream: Any = io.BufferedReader(file)
    assert next(formats.read(stream, "").records)
    assert file.read_bytes < 300_000
