from __future__ import annotations

import csv
import datetime
import gzip
import io
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fashionbatch.labels
from fashionbatch.errors import DataError, FashionBatchError
from fashionbatch.labels.reader import TableReader, read
from fashionbatch.specs import Cell, WriterSpec
from fashionbatch_plugins.writers import register_writers

COLUMNS = ("filepath", "status", "error", "label", "prob")
ROWS: Sequence[Sequence[Cell]] = [
    ("a, b\n드레스.jpg", "ok", "", "개", 0.123456789),
    (os.fsdecode(b"bad-\xff.jpg"), "ok", "", "cat", 1.0),
    ("broken.jpg", "error", "OSError: cut short", None, None),
]
WRITERS: dict[str, WriterSpec] = {spec.name: spec for spec in register_writers()}
KINDS = sorted(WRITERS)


def write(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Cell]], kind: str | None = None) -> Path:
    writer = WRITERS[kind or path.suffix[1:].lower()]
    shard = path.with_suffix(".shard")
    shard.write_bytes(writer.encode(columns, rows))
    with path.open("wb") as file:
        writer.assemble(columns, [shard], file)
    return path


def rows_of(path: Path, format_: str | None = None) -> list[list[Cell]]:
    with TableReader(path, format_) as table:
        return list(table.rows())


def error_of(path: Path, format_: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        rows_of(path, format_)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


# -------------------------------------------------------------------------------------------- what writers have written


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_reads_back_as_it_was_written(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"labels.{kind}", COLUMNS, ROWS)
    with TableReader(path) as table:
        assert table.columns == list(COLUMNS)
        found = list(table.rows())
    assert [row[0] for row in found] == [row[0] for row in ROWS]
    assert [row[1] for row in found] == ["ok", "ok", "error"]
    assert float(found[0][4] or 0) == 0.123457
    assert found[2][3:] == (["", ""] if kind == "csv" else [None, None])


_NAMES = st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name and b"/" not in name)
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
_PROBABILITY = st.floats(0, 1, width=32)
_LABELED = st.tuples(_NAMES.map(os.fsdecode), st.just("ok"), st.just(""), _TEXT, _PROBABILITY)
_FAILED = st.tuples(_NAMES.map(os.fsdecode), st.just("error"), _TEXT, st.none(), st.none())


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.one_of(_LABELED, _FAILED), min_size=1, max_size=5), kind=st.sampled_from(KINDS))
def test_whatever_stands_in_names_and_labels_is_read_back_the_same(
    rows: list[tuple[Cell, ...]], kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(tmp_path_factory.getbasetemp() / f"fuzzed.{kind}", COLUMNS, rows)
    found = rows_of(path)
    expected = [[f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row] for row in rows]
    shown = [[f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row] for row in found]
    if kind in {"csv", "xlsx"}:
        # Formats that have one kind of empty cell.
        empty = "" if kind == "csv" else None
        expected = [[cell if cell not in {None, ""} else empty for cell in row] for row in expected]
    assert shown == expected
    table = read(path)
    assert [os.fsencode(name) for name in table.filepath] == [os.fsencode(str(row[0])) for row in rows]
    assert list(table.label) == [row[3] or "" for row in rows]
    assert list(table.prob.isna()) == [row[4] is None for row in rows]


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200), kind=st.sampled_from(KINDS), head=st.sampled_from([b"", b"a,b\n", b'{"a":1}\n']))
def test_any_bytes_are_rows_or_one_clear_error(
    data: bytes, kind: str, head: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"rubbish.{kind}"
    path.write_bytes(head + data)
    problem = f"{path}: "
    try:
        with TableReader(path) as table:
            assert all(len(row) == len(table.columns) for row in table.rows())
    except DataError as error:
        problem = str(error)
    assert problem.startswith(f"{path}: ")


# ------------------------------------------------------------------------------------------------------- endings, forms


@pytest.mark.parametrize("name", ["a.CSV", "a.JsonL", "a.PARQUET"])
def test_endings_may_be_in_upper_case(name: str, tmp_path: Path) -> None:
    assert len(rows_of(write(tmp_path / name, COLUMNS, ROWS))) == 3


def test_workbooks_of_other_programs_are_read(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    for row in [("path", "label", None), (), ("a.jpg", 1, "note"), ("b.jpg", True, None), ("c.jpg", None, None)]:
        sheet.append(row)
    sheet.append(("d.jpg", datetime.date(2026, 11, 26)))
    workbook.create_sheet("other").append(("x",))
    workbook.save(tmp_path / "a.xlsx")
    with TableReader(tmp_path / "a.xlsx") as table:
        assert table.columns == ["path", "label"]
        assert list(table.rows()) == [
            ["a.jpg", 1.0],
            ["b.jpg", "true"],
            ["c.jpg", None],
            ["d.jpg", "2026-11-26T00:00:00"],
        ]


@settings(deadline=None)
@given(place=st.floats(0, 0.999), byte=st.integers(0, 255), is_cut=st.booleans())
def test_a_damaged_workbook_is_rows_or_one_clear_error(
    place: float, byte: int, is_cut: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(tmp_path_factory.getbasetemp() / "damaged.xlsx", COLUMNS, ROWS)
    content = bytearray(path.read_bytes())
    at = int(place * len(content))
    content[at] = byte
    path.write_bytes(content[:at] if is_cut else content)
    problem = f"{path}: "
    try:
        rows_of(path)
    except DataError as error:
        problem = str(error)
    assert problem.startswith(f"{path}: ")


def test_without_openpyxl_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.xlsx", COLUMNS, ROWS)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(FashionBatchError, match=r"needs openpyxl.*\n.*pip install 'fashionbatch\[xlsx\]'"):
        TableReader(path)


def test_an_unknown_ending_is_an_error_that_lists_the_formats_unless_the_format_is_given(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.ods", COLUMNS, ROWS, "csv")
    assert error_of(path) == (
        "the ending says no format that can be read; csv, jsonl, parquet, xlsx can\n"
        "  hint: give it a name that ends in .csv, .jsonl, .parquet, .xlsx"
    )
    assert len(rows_of(path, "csv")) == 3
    assert error_of(path, "ods").startswith(
        "tables of the format ods cannot be read back; csv, jsonl, parquet, xlsx can"
    )


@pytest.mark.parametrize("ending", ["tsv", "txt", "TSV"])
def test_tables_with_tabs_may_be_called_so(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_text("path\tlabel\nx.jpg\tred, blue\n")
    with TableReader(path) as table:
        assert list(table.rows()) == [["x.jpg", "red, blue"]]
        assert table.notes == [f"{path}: its cells are parted by tabs"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(end: bytes, mark: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(mark + end.join([b"filepath,label", b"x.jpg,red", b"", b'"y,1.jpg",', b""]))
    with TableReader(path) as table:
        assert table.columns == ["filepath", "label"]
        assert list(table.rows()) == [["x.jpg", "red"], ["y,1.jpg", ""]]


def test_json_lines_may_have_a_mark_empty_lines_other_orders_and_any_number(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1, "b": true}\r\n\n{"b": null, "a": 0.5}')
    assert rows_of(path) == [[1.0, "true"], [0.5, None]]


def test_parquet_of_other_programs_may_have_other_types(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table(
        {
            "name": pa.array(["a", "b"]).dictionary_encode(),
            "count": pa.array([1, None], pa.int32()),
            "share": pa.array([0.5, float("nan")], pa.float32()),
            "sale": pa.array([True, None]),
            "none": pa.nulls(2),
            "day": pa.array([0, 1], pa.date32()),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert rows_of(tmp_path / "a.parquet") == [
        ["a", 1.0, 0.5, "true", None, "1970-01-01"],
        ["b", None, None, None, None, "1970-01-02"],
    ]


# ---------------------------------------------------------------------------------------------------------- user errors


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n\n", "is empty"),
        ("a.jsonl", b"", "is empty"),
        ("a.csv", b"a,b,c,d,e\n1,2,3,4,5\n\n1,2,3\n", "line 4 has 3 cells where the header has 5"),
        ("a.csv", b'a,b\n"1\n1",2\n"3\n3",4,5\n', "line 4 has 3 cells where the header has 2"),
        ("a.csv", b'a,b\n1,2\n"3,4\n5,6\n', "line 3: a quote is opened and never closed"),
        ("a.csv", b'a,b\n1,2\n"3"x,4\n', "line 3: quotes are broken: ',' expected after '\"'"),
        ("a.csv", b"a,b,a\n1,2,3\n", "two columns are called 'a'"),
        (
            "a.jsonl",
            '{"a": 1}\n'.encode("utf-16"),
            "is text in UTF-16, where UTF-8 is needed\n  hint: save it as UTF-8",
        ),
        ("a.jsonl", '{"a": 1}\n'.encode("utf-16-le"), "is text in UTF-16"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "is no text, since it holds NUL bytes"),
        ("a.csv", gzip.compress(b"a,b\n1,2\n", mtime=0), "is no text, since it holds NUL bytes"),
        ("a.csv", b"PAR1\x15\x04", "is a Parquet file\n  hint: give it a name that ends in .parquet"),
        ("a.jsonl", b'{"a": 1}\n{', "line 2: no JSON: Expecting property name"),
        ("a.jsonl", b'{"a": 1}\n{"a": "\xff"}', "line 2: not UTF-8: invalid start byte at byte 8"),
        ("a.jsonl", b"[]\n", "line 1 holds no object with keys, as each line of JSON Lines does"),
        ("a.jsonl", b"{}\n", "line 1 holds no object with keys, as each line of JSON Lines does"),
        ("a.jsonl", b'{"a": NaN}\n', "line 1: NaN is no number in JSON"),
        ("a.jsonl", b'{"a": 1}\n{"a": {"b": 2}}\n', "line 2: 'a' holds an object, no cell"),
        ("a.jsonl", b'{"a": [1]}\n', "line 1: 'a' holds a list, no cell"),
        ("a.jsonl", b'{"a": 1%s}\n' % (b"0" * 400), "line 1: the number in 'a' is too large"),
        ("a.jsonl", b"[" * 100_000, "line 1: nested too deeply"),
        ("a.jsonl", b'{"a": 1, "b": 2}\n{"a": 1}\n', "line 2 lacks the key 'b', which the first line has"),
        ("a.jsonl", b'{"a": 1}\n{"a": 1, "b": 2}\n', "line 2 has the key 'b', which the first line lacks"),
        ("a.jsonl", b'{"filepath": "?", "filepath_b64": "*"}\n', "line 1: filepath_b64 holds no path in base64"),
        ("a.jsonl", b'{"filepath": "?", "filepath_b64": 3}\n', "line 1: filepath_b64 holds no path in base64"),
        ("a.xlsx", b"", "is no workbook, or damaged or cut short: "),
        ("a.xlsx", b"filepath,label\n", "is no workbook, or damaged or cut short: "),
        ("a.parquet", b"", "is no Parquet file, or damaged or cut short: "),
        ("a.parquet", b"filepath,label\n", "is no Parquet file, or damaged or cut short: "),
    ],
)
def test_what_is_wrong_with_a_table_is_one_clear_error(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert error_of(path).startswith(message)


@pytest.mark.parametrize("left", [0.3, 0.7, 0.99])
def test_parquet_that_was_cut_short_says_so(left: float, tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", COLUMNS, ROWS)
    path.write_bytes(path.read_bytes()[: int(left * path.stat().st_size)])
    assert error_of(path).startswith("is no Parquet file, or damaged or cut short: ")


def test_parquet_with_lists_is_one_clear_error(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"x": [[1, 2]]}), tmp_path / "a.parquet")
    assert error_of(tmp_path / "a.parquet") == "the column 'x' holds list<element: int64>, no cells"


def test_without_pyarrow_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.parquet", COLUMNS, ROWS)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(FashionBatchError, match=r"needs pyarrow.*\n.*pip install 'fashionbatch\[parquet\]'"):
        TableReader(path)


@pytest.mark.parametrize("kind", KINDS)
def test_only_regular_files_are_read_and_nothing_is_waited_for(kind: str, tmp_path: Path) -> None:
    assert error_of(tmp_path / f"none.{kind}") == "there is no such file"
    assert error_of(tmp_path / f"none\0.{kind}") == "cannot be read: its name has a NUL character, as no file's has"
    (tmp_path / f"folder.{kind}").mkdir()
    assert error_of(tmp_path / f"folder.{kind}") == "is a folder without parts of a table"
    os.mkfifo(tmp_path / f"pipe.{kind}")
    assert error_of(tmp_path / f"pipe.{kind}") == "is a named pipe or a device, where a file is needed"


def test_a_cell_without_end_is_an_error_and_not_taken_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\n1,2\n"' + b"x" * ((1 << 24) + 1) + b'",3\n')
    assert error_of(path).startswith("line 3: a cell is larger than 16 MiB; is a quote opened there and never closed?")
    path.write_bytes(b"a,b\n" + b"," * (1 << 25))
    assert error_of(path).startswith("line 2 has 33,554,433 cells where the header has 2")


def test_a_line_of_json_without_end_is_an_error_and_not_taken_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with open(path, "wb") as file:
        file.write(b'{"a": 1}\n{"a": "')
        file.write(b"x" * (1 << 26))
    assert error_of(path).startswith("line 2: is longer than 32 MiB")


def test_a_cell_of_a_megabyte_is_read(tmp_path: Path) -> None:
    labels = "|".join(f"label {number}" for number in range(100_000))
    for kind in {*KINDS} - {"xlsx"}:  # whose cells hold 32,767 characters
        path = write(tmp_path / f"a.{kind}", ("filepath", "labels"), [("x.jpg", labels)])
        assert rows_of(path) == [["x.jpg", labels]]


def test_a_wanted_column_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("path,label,\u001b[31m\n")
    with TableReader(tmp_path / "a.csv") as table:
        assert table.column("filepath", "path") == 0
        with pytest.raises(DataError, match=r"needs a column prob or labels; it has path, label, '\\x1b\[31m'$"):
            table.column("prob", "labels")


# ------------------------------------------------------------------------------------------------------------ DataFrame


@pytest.mark.parametrize("kind", KINDS)
def test_a_data_frame_is_the_same_whatever_the_format(kind: str, tmp_path: Path) -> None:
    table = fashionbatch.labels.read(str(write(tmp_path / f"labels.{kind}", COLUMNS, ROWS)))
    assert list(table.columns) == list(COLUMNS)
    assert [str(dtype) for dtype in table.dtypes] == ["object"] * 4 + ["float64"]
    assert table.astype(object).where(table.notna(), None).to_numpy().tolist() == [
        ["a, b\n드레스.jpg", "ok", "", "개", 0.123457],
        [os.fsdecode(b"bad-\xff.jpg"), "ok", "", "cat", 1.0],
        ["broken.jpg", "error", "OSError: cut short", "", None],
    ]


def test_columns_that_a_list_brought_along_stay_text_whatever_they_are_called(tmp_path: Path) -> None:
    sidecar: dict[str, Any] = json.loads((Path(__file__).parent / "sidecar.json").read_text())
    sidecar["options"]["keep"] = ["prob_code"]
    path = write(tmp_path / "a.csv", ("filepath", "prob_code", "prob_red"), [("x", "007", 0.5)])
    assert list(read(path).prob_code) == [7.0]
    path.with_name("a.csv.meta.json").write_text(json.dumps(sidecar))
    assert list(read(path).prob_code) == ["007"]
    assert list(read(path).prob_red) == [0.5]


def test_text_in_a_column_that_is_called_like_a_probability_stays_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("filepath,prob\nx,high\n")
    assert list(read(tmp_path / "a.csv").prob) == ["high"]


def test_a_table_without_rows_is_an_empty_data_frame(tmp_path: Path) -> None:
    table = read(write(tmp_path / "a.csv", COLUMNS, []))
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == 0


def test_reading_rows_needs_no_pandas(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", COLUMNS, ROWS)
    code = (
        "import sys; from fashionbatch.labels import TableReader; from pathlib import Path; "
        "print(len(list(TableReader(Path(sys.argv[1])).rows())), 'pandas' in sys.modules, 'pyarrow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
    assert done.stdout == "3 False False\n"


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_memory_does_not_grow_with_the_table(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    block = io.StringIO()
    if kind == "csv":
        csv.writer(block).writerows([f"photo {number:090}", "ok", "red"] for number in range(10_000))
    else:
        block.write("".join(f'{{"filepath": "{number:090}", "status": "ok"}}\n' for number in range(10_000)))
    with open(path, "w", encoding="utf-8") as file:
        file.write("filepath,status,label\n" if kind == "csv" else "")
        for _ in range(40):
            file.write(block.getvalue())
    assert path.stat().st_size > 40_000_000
    code = (
        "import resource, sys; from fashionbatch.labels import TableReader; from pathlib import Path\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "table = TableReader(Path(sys.argv[1])); rows = table.rows(); next(rows); before = peak()\n"
        "print(1 + sum(1 for _ in rows), peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
    rows, grown = map(int, done.stdout.split())
    assert rows == 400_000
    assert grown < 5_000 * (1024 if sys.platform == "darwin" else 1), "kilobytes, or bytes on a Mac"


def test_memory_for_parquet_does_not_grow_with_the_file(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs fashionbatch[parquet]")
    import numpy as np
    from pyarrow import parquet

    numbers = np.random.default_rng(7)
    names = [f"prob_{number}" for number in range(8)]
    schema = pa.schema([(name, pa.float64()) for name in names])
    with parquet.ParquetWriter(tmp_path / "a.parquet", schema) as writer:
        for _ in range(20):
            writer.write_table(pa.table([numbers.random(2500) for _ in names], schema))
    size = (tmp_path / "a.parquet").stat().st_size
    # What pyarrow reads of a file are Python's bytes, and arrays are memory of its own.
    tracemalloc.start()
    try:
        before = pa.total_allocated_bytes()
        with TableReader(tmp_path / "a.parquet") as table:
            held = [
                pa.total_allocated_bytes() - before + tracemalloc.get_traced_memory()[0]
                for number, _ in enumerate(table.rows())
                if number % 1000 == 0
            ]
    finally:
        tracemalloc.stop()
    assert len(held) == 50
    assert max(held) < size / 2


def test_cells_of_columns_that_nobody_wants_are_not_read(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs fashionbatch[parquet]")
    from pyarrow import parquet

    columns = {"label.a": ["x"], "filepath": ["?"], "image": [[1, 2]], "filepath_b64": ["Yf8="], "label": ["red"]}
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    with TableReader(tmp_path / "a.parquet") as table:
        assert table.columns == ["label.a", "filepath", "image", "label"]
        wanted = (table.column("filepath"), table.column("label"))
        assert list(table.rows(only=wanted)) == [[None, os.fsdecode(b"a\xff"), None, "red"]]
    with TableReader(tmp_path / "a.parquet") as table, pytest.raises(DataError, match="'image' holds list"):
        list(table.rows())


@pytest.mark.parametrize("name", ["a.csv.gz", "A.CSV.GZ", "a.tsv.gz", "a.jsonl.gz", "a.ndjson.gz"])
def test_text_that_is_packed_is_unpacked_while_it_is_read(tmp_path: Path, name: str) -> None:
    kind = "jsonl" if "json" in name else "csv"
    plain = write(tmp_path / f"plain.{kind}", COLUMNS, ROWS)
    (tmp_path / name).write_bytes(gzip.compress(plain.read_bytes()))
    assert rows_of(tmp_path / name) == rows_of(plain)
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / f"part-00000-c0ffee.{name}").write_bytes((tmp_path / name).read_bytes())
    assert rows_of(parts) == rows_of(plain)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"filepath,label\n", "cannot be read: "),
        (b"", "is empty"),
        (
            gzip.compress(b"filepath,label\n" + b"a,b\n" * 999, mtime=0)[:-9],
            "what is compressed in it is damaged or cut short",
        ),
        (
            gzip.compress(b"filepath,label\na,b\n", mtime=0)[:12] + b"\xff" * 30,
            "what is compressed in it is damaged or",
        ),
    ],
)
def test_packed_text_that_is_damaged_is_one_clear_error(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.csv.gz").write_bytes(content)
    assert error_of(tmp_path / "a.csv.gz").startswith(message)


def test_no_other_format_is_packed_once_more(tmp_path: Path) -> None:
    (tmp_path / "a.parquet.gz").touch()
    assert error_of(tmp_path / "a.parquet.gz").startswith("the ending says no format")
