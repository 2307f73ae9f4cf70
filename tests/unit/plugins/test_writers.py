from __future__ import annotations

import base64
import csv
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashionbatch.errors import FashionBatchError
from fashionbatch.labels.reader import TableReader
from fashionbatch.plugins import load_plugins
from fashionbatch.specs import Cell, WriterSpec
from fashionbatch_plugins import writers

COLUMNS = ("filepath", "status", "error", "label", "prob")
OK: Sequence[Cell] = ("a.jpg", "ok", "", "red", 0.123456789)
BAD: Sequence[Cell] = ("b.jpg", "error", "OSError: broken", None, None)
ODD: Sequence[Cell] = ("caf\udce9.jpg", "ok", "", "red", 1.0)
SPECS = {spec.name: spec for spec in writers.register_writers()}


def table(
    name: str, tmp_path: Path, *shards: Sequence[Sequence[Cell]], columns: Sequence[str] = COLUMNS, **more: bool
) -> bytes:
    spec: WriterSpec = SPECS[name]
    paths = []
    for number, rows in enumerate(shards):
        paths.append(tmp_path / f"{number}.rows")
        paths[-1].write_bytes(spec.encode(columns, rows))
    file = io.BytesIO()
    spec.assemble(columns, iter(paths), file, **more)
    return file.getvalue()


def test_csv_has_a_header_and_unix_line_ends(tmp_path: Path) -> None:
    assert table("csv", tmp_path, [OK], [BAD]) == (
        b"filepath,status,error,label,prob\na.jpg,ok,,red,0.123457\nb.jpg,error,OSError: broken,,\n"
    )


def test_csv_without_rows_is_the_header(tmp_path: Path) -> None:
    assert table("csv", tmp_path) == b"filepath,status,error,label,prob\n"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a,b", b'"a,b"'),
        ('a"b', b'"a""b"'),
        ("a\nb", b'"a\nb"'),
        ("a\rb", b'"a\rb"'),
        ("a b", b"a b"),
        ("드레스", "드레스".encode()),
        ("\udcff", b"\xff"),
    ],
)
def test_csv_quotes_what_must_be_and_keeps_every_byte(text: str, cell: bytes) -> None:
    assert writers.encode_csv(COLUMNS, [[text]]) == cell + b"\n"


@settings(max_examples=200)
@given(st.lists(st.text(st.characters(exclude_characters="\0")), min_size=2, max_size=4))
def test_csv_reads_back_as_it_was(cells: list[str]) -> None:
    data = (
        writers.encode_csv(("a",) * len(cells), [cells]).decode("utf-8", "surrogateescape") if _plain(cells) else None
    )
    if data is not None:
        assert next(csv.reader(io.StringIO(data, newline=""), strict=True)) == cells


def _plain(cells: list[str]) -> bool:
    return not any("\ud800" <= character <= "\udfff" for cell in cells for character in cell)


@pytest.mark.parametrize(
    ("probability", "text"),
    [(1.0, "1"), (0.0, "0"), (0.5, "0.5"), (0.12345678, "0.123457"), (1.23456789e-7, "1.23457e-07"), (0.99999999, "1")],
)
def test_probabilities_have_six_significant_digits(probability: float, text: str) -> None:
    assert writers.encode_csv((), [[probability]]) == f"{text}\n".encode()
    assert json.loads(writers.encode_jsonl(["p"], [[probability]])) == {"p": float(text)}


def test_json_lines_have_one_object_a_row(tmp_path: Path) -> None:
    lines = table("jsonl", tmp_path, [OK], [BAD]).decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"filepath": "a.jpg", "status": "ok", "error": "", "label": "red", "prob": 0.123457},
        {"filepath": "b.jpg", "status": "error", "error": "OSError: broken", "label": None, "prob": None},
    ]


def test_json_lines_give_the_bytes_of_names_that_are_not_utf_8(tmp_path: Path) -> None:
    row = json.loads(table("jsonl", tmp_path, [ODD]))
    assert row["filepath"] == "caf�.jpg"
    assert base64.b64decode(row["filepath_b64"]) == b"caf\xe9.jpg"


def test_parquet_has_types_also_for_columns_that_are_empty_in_some_shards(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    found = pq.read_table(io.BytesIO(table("parquet", tmp_path, [BAD], [OK], [ODD])))
    assert found.column_names == ["filepath", "filepath_b64", "status", "error", "label", "prob"]
    assert [str(field.type) for field in found.schema] == ["string"] * 5 + ["double"]
    assert found["prob"].to_pylist() == [None, 0.123457, 1.0]
    assert found["filepath_b64"].to_pylist() == [None, None, base64.b64encode(b"caf\xe9.jpg").decode()]
    assert found["filepath"].to_pylist()[2] == "caf�.jpg"


def test_parquet_where_no_row_has_a_label_has_its_columns_all_the_same(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    found = pq.read_table(io.BytesIO(table("parquet", tmp_path, [BAD])))
    assert found.num_rows == 1
    assert found["label"].to_pylist() == [None]


def test_parquet_without_pyarrow_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(FashionBatchError, match=r"fashionbatch\[parquet\]"):
        writers.encode_parquet(COLUMNS, [])


def test_listing_the_formats_imports_none_of_their_libraries() -> None:
    code = "import sys, fashionbatch_plugins.writers as w; list(w.register_writers()); print('pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_csv_for_spreadsheets_begins_with_a_mark_once_however_it_is_cut(tmp_path: Path) -> None:
    plain = table("csv", tmp_path, [OK], [BAD])
    for shards in ([[OK], [BAD]], [[OK, BAD]], [[], [OK], [], [BAD]]):
        assert table("csv", tmp_path, *shards, spreadsheet_safe=True) == b"\xef\xbb\xbf" + plain


# ---------------------------------------------------------------------------------------------------------- workbooks


def cells_of(content: bytes) -> list[tuple[object, ...]]:
    openpyxl = pytest.importorskip("openpyxl")
    return list(openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].iter_rows(values_only=True))


def test_a_workbook_has_text_and_numbers_and_no_formulas(tmp_path: Path) -> None:
    rows = [("=1+1", "ok", "", "007", 0.123456789), ("https://a.b/c", "ok", "", "<r>x</r>", 1.0), BAD]
    assert cells_of(table("xlsx", tmp_path, rows)) == [
        COLUMNS,
        ("=1+1", "ok", None, "007", 0.123457),
        ("https://a.b/c", "ok", None, "<r>x</r>", 1),
        ("b.jpg", "error", "OSError: broken", None, None),
    ]


def test_a_workbook_says_what_xml_cannot_hold_by_escapes(tmp_path: Path) -> None:
    rows = [("caf\udce9\r\x01.jpg", "ok", "", " a\tb\n", 0.5), ("_x0041_", "ok", "", "드레스 👠", 0.5)]
    assert [row[0] for row in cells_of(table("xlsx", tmp_path, rows))[1:]] == [
        "caf_xDCE9__x000D__x0001_.jpg",
        "_x005F_x0041_",
    ]
    assert [row[3] for row in cells_of(table("xlsx", tmp_path, rows))[1:]] == [" a\tb\n", "드레스 👠"]


def test_text_that_no_cell_can_hold_says_that_it_was_cut(tmp_path: Path) -> None:
    for text, units in (("x" * 32_767, 32_767), ("x" * 40_000, 40_000), ("👠" * 20_000, 40_000)):
        cell = str(cells_of(table("xlsx", tmp_path, [("a", "ok", "", text, 0.5)]))[1][3])
        assert len(cell.encode("utf-16-le")) <= 2 * 32_767
        assert cell == text if units <= 32_767 else f" ... [cut from {units:,} characters, SHA-256 " in cell


def test_a_workbook_is_the_same_however_it_is_cut_and_wherever_it_goes(tmp_path: Path) -> None:
    whole = table("xlsx", tmp_path, [OK, BAD, ODD])
    assert table("xlsx", tmp_path, [OK], [], [BAD, ODD]) == whole
    guarded = load_plugins(hooks={"register_writers"}).registry.get(WriterSpec, "xlsx")
    (tmp_path / "rows").write_bytes(SPECS["xlsx"].encode(COLUMNS, [OK, BAD, ODD]))
    with (tmp_path / "t.xlsx").open("wb") as file:
        guarded.assemble(COLUMNS, [tmp_path / "rows"], file)
    assert (tmp_path / "t.xlsx").read_bytes() == whole


def test_a_column_of_the_users_own_may_hold_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    columns, rows = ("filepath", "status", "error", "shop"), [("a.png", "ok", "", "caf\udce9")]
    for spec_name, expected in (
        ("csv", "caf\udce9"),
        ("jsonl", "caf\udce9"),
        ("parquet", "caf\ufffd"),
        ("xlsx", "caf\udce9"),
    ):
        spec = load_plugins(hooks={"register_writers"}).registry.get(WriterSpec, spec_name)
        part, table = tmp_path / "part", tmp_path / f"table.{spec_name}"
        part.write_bytes(b"".join([spec.encode(columns, rows)]))
        with table.open("wb") as file:
            spec.assemble(columns, [part], file)
        with TableReader(table) as reader:
            assert [row[3] for row in reader.rows()] == [expected]
