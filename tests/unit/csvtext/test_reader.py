from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashionbatch.csvtext import CsvReader
from fashionbatch.errors import DataError

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)


def read(content: str | bytes, written: str = "utf-8", **options: Any) -> tuple[list[list[str]], CsvReader]:
    data = content.encode(written) if isinstance(content, str) else content
    reader = CsvReader("items.csv", io.BytesIO(data), **options)
    return [reader.header, *reader], reader


def error_of(content: str | bytes, written: str = "utf-8", **options: Any) -> str:
    with pytest.raises(DataError) as error:
        read(content, written, **options)
    return str(error.value)


@pytest.mark.parametrize(
    ("encoding", "noted"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", "is read as UTF-16-LE, as its byte-order mark says"),
        ("utf-32", "is read as UTF-32-LE, as its byte-order mark says"),
        ("utf-16-le", "is read as UTF-16-LE, which it seems to be"),
        ("utf-16-be", "is read as UTF-16-BE, which it seems to be"),
    ],
)
def test_unicode_is_read_whatever_its_form_which_is_told_where_it_is_not_utf_8(encoding: str, noted: str) -> None:
    rows, reader = read("path,label\nä.jpg,드레스\n", encoding)
    assert rows == [["path", "label"], ["ä.jpg", "드레스"]]
    assert reader.notes == ([f"items.csv: {noted}"] if noted else [])


def test_utf_16_of_either_order_with_a_mark() -> None:
    rows, _ = read(b"\xfe\xff" + "a\tb\r\nü\t한복\r\n".encode("utf-16-be"))
    assert rows == [["a", "b"], ["ü", "한복"]]


def test_what_windows_writes_in_western_europe_is_read_and_told() -> None:
    rows, reader = read("path,label\na.jpg,Größe\nb.jpg,café\n", "cp1252")
    assert rows[1:] == [["a.jpg", "Größe"], ["b.jpg", "café"]]
    assert reader.encoding == "cp1252"
    assert reader.notes == [
        "items.csv: line 2 is no UTF-8; the text is read as cp1252, as Windows writes it ('Größe'); "
        "--encoding says otherwise"
    ]


@pytest.mark.parametrize(
    ("text", "encoding"), [("셔츠", "cp949"), ("シャツ", "cp932"), ("衬衫", "gbk"), ("рубашка", "cp1251")]
)
def test_an_encoding_that_cannot_be_told_is_asked_for_and_never_guessed(text: str, encoding: str) -> None:
    content = f"path,label\na.jpg,{text}\n"
    message = error_of(content, encoding)
    assert message.startswith("items.csv: line 2 is no UTF-8, and what it is cannot be told\n  hint: say it with --enc")
    assert f"reads {text!r}" in message
    rows, reader = read(content, encoding, encoding=encoding)
    assert rows[1] == ["a.jpg", text]
    assert reader.notes == []


def test_bytes_of_paths_are_kept_and_told() -> None:
    rows, reader = read(b"path,label\ncaf\xe9.jpg,x\n")
    assert os.fsencode(rows[1][0]) == b"caf\xe9.jpg"
    assert "line 2 has a path that is no UTF-8, whose bytes are taken as they are" in reader.notes[0]
    assert read(b"path,label\ncaf\xe9.jpg,x\n", encoding="latin-1")[0][1][0] == "café.jpg"


def test_a_table_of_ours_is_never_guessed_at() -> None:
    content = b"filepath,status,error,sku;a,label\nb;\xe9.jpg,ok,,\xc7\xd1,x\n"
    rows, reader = read(content)
    assert [os.fsencode(cell) for cell in rows[1]] == [b"b;\xe9.jpg", b"ok", b"", b"\xc7\xd1", b"x"]
    assert reader.notes == []


def test_an_encoding_that_is_given_and_wrong_is_told_with_the_line() -> None:
    assert error_of("a,b\n1,2\n3,é\n", "cp1252", encoding="utf-8").startswith("items.csv: line 3 is not in utf-8")
    assert error_of("a,b\n", encoding="utf8000").startswith(
        "items.csv: 'utf8000' is no encoding of text\n  hint: usual"
    )
    assert error_of("a,b\n", encoding="base64").startswith("items.csv: 'base64' is no encoding of text")
    assert "is damaged: it is no whole text in utf-16-le" in error_of("a,b\nc,d\n".encode("utf-16")[:-1])


@pytest.mark.parametrize(("delimiter", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_other_delimiters_are_found_and_told(delimiter: str, name: str) -> None:
    rows, reader = read(f'path{delimiter}label\n"a{delimiter}b"{delimiter}x,y\n')
    assert rows[1] == [f"a{delimiter}b", "x,y"]
    assert reader.notes == [f"items.csv: its cells are parted by {name}"]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("path,labels\na,b|c\nd,e\n", [["path", "labels"], ["a", "b|c"], ["d", "e"]]),
        ("path,label\na,b;c\n", [["path", "label"], ["a", "b;c"]]),
        ("label\na;b\n", [["label"], ["a;b"]]),
        ("sep=;\r\npath;label\r\na;0,5\r\n", [["path", "label"], ["a", "0,5"]]),
        ("path;label;\na;b;\n", [["path", "label", ""], ["a", "b", ""]]),
        ("a,b\r\n\r\n1,2\r\n\r\n", [["a", "b"], ["1", "2"]]),
        ("\ufeffa,b\r1,2\r", [["a", "b"], ["1", "2"]]),
    ],
)
def test_what_stands_in_cells_is_not_taken_for_a_delimiter(content: str, rows: list[list[str]]) -> None:
    assert read(content)[0] == rows


def test_a_delimiter_may_be_given() -> None:
    assert read("a^b\n1^2\n", delimiter="^")[0] == [["a", "b"], ["1", "2"]]


def test_what_is_no_text_says_what_it_is() -> None:
    assert error_of(b"PK\x03\x04....").startswith("items.csv: is a workbook or an archive, no text\n  hint: save")
    assert error_of(b"PAR1...").startswith("items.csv: is a Parquet file")
    assert error_of(b"a,b\n\0,1\n") == "items.csv: is no text, since it holds NUL bytes"


def test_a_row_that_is_too_long_says_its_line_and_how_a_delimiter_is_written_in_a_cell() -> None:
    message = error_of("sep=,\na,b\n1,2,3\n")
    assert message.startswith("items.csv: line 3 has 3 cells where the header has 2\n  hint: a cell that holds ','")
    assert error_of("a;b\n1;2\n3\n").startswith("items.csv: line 3 has 1 cell where the header has 2")


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    content = "path;label\n" + "".join(f"{number}.jpg;x\n" for number in range(20_000))
    path = tmp_path / "pipe"
    os.mkfifo(path)
    if not (child := os.fork()):
        path.write_text(content)
        os._exit(0)
    with open(path, "rb") as file:
        reader = CsvReader("pipe", file)
        assert reader.header == ["path", "label"]
        assert sum(1 for _ in reader) == 20_000
    os.waitpid(child, 0)


@settings(deadline=None)
@given(
    data=st.binary(max_size=300), head=st.sampled_from([b"", b"path,label\n", b"\xff\xfe", b"sep=;\n", b"\xef\xbb\xbf"])
)
def test_any_bytes_are_rows_or_one_error_that_names_the_file(data: bytes, head: bytes) -> None:
    problem = "items.csv: "
    try:
        rows, reader = read(head + data)
        assert all(len(row) == len(reader.header) for row in rows)
    except DataError as error:
        problem = str(error)
    assert problem.startswith("items.csv: ")


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(NAMES, NAMES), max_size=5),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_spreadsheet_writes_comes_back(
    rows: list[tuple[str, str]], delimiter: str, encoding: str, end: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("path", "label"), *rows])
    found, _ = read(text.getvalue(), encoding)
    assert found == [["path", "label"], *(list(row) for row in rows if any(row))]
