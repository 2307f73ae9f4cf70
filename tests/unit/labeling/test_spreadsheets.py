"""Tables that people open in a spreadsheet: a mark once, workbooks, and reading both back."""

from __future__ import annotations

import codecs
import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from fashionbatch.errors import OutputError
from fashionbatch.labeling import load
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.merge import merge
from fashionbatch.labeling.options import LabelOptions, Part
from fashionbatch.labeling.products.options import RowOptions
from fashionbatch.labeling.products.sorting import sort_files
from fashionbatch.labeling.run import label, label_part
from fashionbatch.labels.compare import compare_tables
from fashionbatch.labels.reader import TableReader
from fashionbatch.specs import WriterSpec

Paint = Callable[[Mapping[str, int]], Path]
MakeOptions = Callable[..., LabelOptions]
SAFE, TWO = RowOptions(spreadsheet_safe=True), RowOptions(topk=2)
pytestmark = pytest.mark.usefixtures("small_shards")


@pytest.fixture
def folder(paint: Paint) -> Path:
    painted = paint({f"{number:02}.png": number % 3 for number in range(45)} | {"=1+1.png": 0, "드레스.png": 1})
    (painted / "30.png").write_bytes(b"broken")
    return painted


def test_a_mark_stands_once_at_the_top_whatever_made_the_table(
    folder: Path, options: MakeOptions, tmp_path: Path
) -> None:
    label(options(output=tmp_path / "plain.csv"))
    label(options(output=tmp_path / "safe.csv", rows=SAFE))
    whole = (tmp_path / "safe.csv").read_bytes()
    plain = (tmp_path / "plain.csv").read_bytes()
    assert whole == codecs.BOM_UTF8 + plain.replace(b"=1+1.png", b"'=1+1.png")
    for number in (2, 1):
        label_part(options(part=Part(number, 2), rows=SAFE))
    merge(tmp_path / "labels.csv")
    assert (tmp_path / "labels.csv").read_bytes() == whole
    report = label(options(output=tmp_path / "again.csv", rows=SAFE, previous=tmp_path / "safe.csv"))
    assert (tmp_path / "again.csv").read_bytes() == whole
    assert report.meta["reused"]["reused"] >= 46
    found = compare_tables(tmp_path / "plain.csv", tmp_path / "safe.csv", truth=tmp_path / "safe.csv")
    assert (found.both, found.changed, found.accuracy) == (47, 0, (1.0, 1.0))
    with TableReader(tmp_path / "safe.csv") as table:
        assert table.columns[0] == "filepath"
        assert table.notes == []


def test_a_workbook_holds_the_rows_of_the_csv_table_and_is_read_back(
    folder: Path, options: MakeOptions, tmp_path: Path
) -> None:
    pytest.importorskip("openpyxl")
    os.rename(folder / "00.png", os.path.join(os.fsencode(folder), b"caf\xe9\r.png"))
    label(options(output=tmp_path / "labels.csv", rows=TWO))
    report = label(options(output=tmp_path / "labels.xlsx", rows=TWO))
    with TableReader(tmp_path / "labels.csv") as plain, TableReader(tmp_path / "labels.xlsx") as workbook:
        assert workbook.columns == plain.columns
        expected = [[cell or None for cell in row] for row in plain.rows()]
        found = [[f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row] for row in workbook.rows()]
    assert found == expected
    found_by_file = compare_tables(tmp_path / "labels.csv", tmp_path / "labels.xlsx", truth=tmp_path / "labels.xlsx")
    assert (found_by_file.both, found_by_file.changed, found_by_file.accuracy) == (47, 0, (1.0, 1.0))
    again = label(options(output=tmp_path / "again.xlsx", rows=TWO, previous=report.table))
    assert again.meta["reused"]["reused"] >= 46
    assert (tmp_path / "again.xlsx").read_bytes() == (tmp_path / "labels.xlsx").read_bytes()
    sort_files(JobPaths(report.table), report.sidecar, tmp_path / "sorted", "link")
    assert (tmp_path / "sorted" / "green" / "드레스.png").is_symlink()


def test_a_table_that_its_format_cannot_hold_is_an_error_before_the_run(
    folder: Path, options: MakeOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(options: LabelOptions, registry: object) -> object:
        entry = found(options, registry)
        assert isinstance(entry.spec, WriterSpec)
        assert (entry.spec.max_rows, entry.spec.max_columns) == (1_048_575, 16_384)
        return dataclasses.replace(entry, spec=dataclasses.replace(entry.spec, **limits))

    found, limits = load._format, {"max_rows": 46}
    monkeypatch.setattr(load, "_format", small)
    with pytest.raises(OutputError, match=r"labels.xlsx: would have 47 rows, and the format xlsx holds 46\n.*\.csv"):
        label(options(output=tmp_path / "labels.xlsx"))
    limits = {"max_columns": 4}
    with pytest.raises(OutputError, match="would have 5 columns, and the format xlsx holds 4"):
        label(options(output=tmp_path / "labels.xlsx"))
    assert os.listdir(tmp_path) == ["photos"]
