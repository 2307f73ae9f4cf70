"""A table that is a folder of parts: the rows of the one file, readable at any time, by our commands and by others."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fashionbatch.errors import FashionBatchError, OutputError
from fashionbatch.labeling.job import shards
from fashionbatch.labeling.job.status import read_status
from fashionbatch.labeling.merge import merge
from fashionbatch.labeling.options import LabelOptions, Part
from fashionbatch.labeling.products.options import RowOptions
from fashionbatch.labeling.run import label, label_part
from fashionbatch.labels import read
from fashionbatch.labels.compare import compare_tables
from fashionbatch.labels.parts import digest_of_table
from fashionbatch.labels.sidecar import find_sidecar
from fashionbatch.labels.summary.run import summarize_table

Paint = Callable[[dict[str, int]], Path]
Options = Callable[..., LabelOptions]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SMALLEST", 2)
    monkeypatch.setattr(shards, "_USUAL_COUNT", 4)


@pytest.fixture
def seven(paint: Paint, photos: Path) -> None:
    paint({f"{number}.png": number % 3 for number in range(6)})
    (photos / "bad.png").write_bytes(b"none")


def parts(table: Path) -> list[str]:
    return sorted(os.listdir(table))


@pytest.mark.usefixtures("seven")
def test_the_parts_of_json_lines_are_the_one_file(options: Options, tmp_path: Path) -> None:
    label(options(output=tmp_path / "one.jsonl"))
    table = tmp_path / "many.jsonl"
    report = label(options(output=table, partitioned=True))
    assert len(parts(table)) > 1
    joined = b"".join((table / name).read_bytes() for name in parts(table))
    assert joined == (tmp_path / "one.jsonl").read_bytes()
    assert report.sidecar.sha256 == digest_of_table(table)
    sidecar = find_sidecar(table)
    assert sidecar is not None
    assert (sidecar.rows, sidecar.options.partitioned) == (7, ".jsonl")
    assert not (tmp_path / "many.jsonl.job").exists()


@pytest.mark.usefixtures("seven")
def test_parts_of_parquet_have_one_schema_and_the_rows_of_the_one_file(options: Options, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    import pandas as pd
    from pyarrow import parquet

    label(options(output=tmp_path / "one.parquet"))
    table = tmp_path / "many.parquet"
    label(options(output=table, partitioned=True))
    assert len(parts(table)) > 1
    # One part holds the row without a label alone with one that has one; the others have no empty cells.
    schemas = [parquet.read_schema(table / name) for name in parts(table)]
    assert all(schema.equals(parquet.read_schema(tmp_path / "one.parquet")) for schema in schemas)
    pd.testing.assert_frame_equal(pd.read_parquet(table), pd.read_parquet(tmp_path / "one.parquet"))
    pd.testing.assert_frame_equal(read(table), read(tmp_path / "one.parquet"))


@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
@pytest.mark.usefixtures("seven")
def test_parts_are_the_same_bytes_each_time(options: Options, tmp_path: Path, format_: str) -> None:
    if format_ == "parquet":
        pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    tables = [tmp_path / name / f"labels.{format_}" for name in "ab"]
    for table in tables:
        table.parent.mkdir()
        label(options(output=table, partitioned=True))
    assert parts(tables[0]) == parts(tables[1])
    assert digest_of_table(tables[0]) == digest_of_table(tables[1])


@pytest.mark.usefixtures("seven")
def test_what_is_there_can_be_read_while_the_run_goes_on(options: Options, tmp_path: Path) -> None:
    table = tmp_path / "labels.jsonl"
    part = options(output=table, partitioned=True, part=Part(1, 2))
    rows = label_part(part)
    assert 0 < rows < 7
    assert len(read(table)) == rows
    assert summarize_table(table).made_by is None
    assert find_sidecar(table) is None
    assert read_status(table).done == rows
    # The same command goes on, and so does that of the other part.
    label_part(part)
    label_part(options(output=table, partitioned=True, part=Part(2, 2)))
    merge(table)
    assert len(read(table)) == 7
    assert read_status(table).state == "complete"
    made_by = summarize_table(table).made_by
    assert made_by is not None
    assert made_by.is_unchanged


@pytest.mark.usefixtures("seven")
def test_parts_of_other_machines_are_joined(options: Options, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        label_part(options(output=tmp_path / name / "p.jsonl", partitioned=True, part=Part("ab".index(name) + 1, 2)))
    table = tmp_path / "labels.jsonl"
    merge(table, [tmp_path / name / "p.jsonl.job" for name in "ab"])
    label(options(output=tmp_path / "one.jsonl"))
    assert b"".join((table / name).read_bytes() for name in parts(table)) == (tmp_path / "one.jsonl").read_bytes()


@pytest.mark.usefixtures("seven")
def test_two_tables_are_compared_whether_they_are_files_or_folders(options: Options, tmp_path: Path) -> None:
    label(options(output=tmp_path / "one.csv"))
    label(options(output=tmp_path / "many.jsonl", partitioned=True))
    found = compare_tables(tmp_path / "one.csv", tmp_path / "many.jsonl")
    assert (found.both, found.changed, found.notes) == (7, 0, ())


@pytest.mark.usefixtures("seven")
def test_a_table_is_replaced_only_when_asked_for_and_then_whole(
    options: Options, tmp_path: Path, paint: Paint, photos: Path
) -> None:
    table = tmp_path / "labels.jsonl"
    label(options(output=table, partitioned=True))
    before = digest_of_table(table)
    with pytest.raises(OutputError, match="exists"):
        label(options(output=table, partitioned=True))
    assert digest_of_table(table) == before
    for path in list(photos.iterdir())[1:]:
        path.unlink()
    label(options(output=table, partitioned=True, overwrite=True))
    assert len(parts(table)) == 1
    assert len(read(table)) == 1


@pytest.mark.usefixtures("seven")
def test_a_part_that_went_is_there_again_at_the_end(options: Options, tmp_path: Path) -> None:
    table = tmp_path / "labels.jsonl"
    label_part(options(output=table, partitioned=True, part=Part(1, 1)))
    whole = digest_of_table(table)
    (table / parts(table)[0]).unlink()
    (table / parts(table)[0]).unlink()
    (table / "part-000099.jsonl").write_text("stray\n")
    merge(table)
    assert digest_of_table(table) == whole


@pytest.mark.usefixtures("seven")
def test_a_folder_of_something_else_is_left_alone(options: Options, photos: Path, tmp_path: Path) -> None:
    before = sorted(os.listdir(photos))
    with pytest.raises(OutputError, match="holds other files than parts of a table"):
        label(options(output=photos, format="jsonl", partitioned=True, overwrite=True))
    assert sorted(os.listdir(photos)) == before
    (tmp_path / "labels.jsonl").write_text("mine")
    with pytest.raises(OutputError, match="is no folder; with --partitioned"):
        label(options(output=tmp_path / "labels.jsonl", partitioned=True, overwrite=True))


@pytest.mark.parametrize("name", ["labels.csv", "labels.xlsx"])
@pytest.mark.usefixtures("seven")
def test_formats_whose_shards_are_no_tables_are_refused(options: Options, tmp_path: Path, name: str) -> None:
    with pytest.raises(FashionBatchError, match="--partitioned cannot write the format"):
        label(options(output=tmp_path / name, partitioned=True))
    assert os.listdir(tmp_path) == ["photos"]


@pytest.mark.usefixtures("seven")
def test_a_job_goes_on_as_it_was_begun(options: Options, tmp_path: Path) -> None:
    table = tmp_path / "labels.jsonl"
    label_part(options(output=table, partitioned=True, part=Part(1, 2)))
    with pytest.raises(OutputError, match="is a folder"):
        label(options(output=table))
    label_part(options(output=tmp_path / "other.jsonl", part=Part(1, 2)))
    with pytest.raises(OutputError, match="partitioned"):
        label(options(output=tmp_path / "other.jsonl", partitioned=True))


@pytest.mark.usefixtures("seven")
def test_a_job_of_a_stranger_chooses_no_place_for_its_parts(options: Options, tmp_path: Path) -> None:
    table = tmp_path / "labels.jsonl"
    label_part(options(output=table, partitioned=True, part=Part(1, 1)))
    record = tmp_path / "labels.jsonl.job" / "job.json"
    document = json.loads(record.read_text())
    document["options"]["partitioned"] = "/../../x"
    record.write_text(json.dumps(document))
    with pytest.raises(OutputError, match=r"options\.partitioned"):
        merge(table)


@pytest.mark.usefixtures("seven")
def test_rows_have_the_columns_that_were_asked_for(options: Options, tmp_path: Path) -> None:
    table = tmp_path / "labels.jsonl"
    label(options(output=table, partitioned=True, rows=RowOptions(topk=2, probabilities=True)))
    label(options(output=tmp_path / "one.jsonl", rows=RowOptions(topk=2, probabilities=True)))
    assert b"".join((table / name).read_bytes() for name in parts(table)) == (tmp_path / "one.jsonl").read_bytes()
