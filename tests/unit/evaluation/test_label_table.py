from __future__ import annotations

import os

import pytest

from fashionbatch.errors import DataError
from fashionbatch.evaluation.label_table import read_label_table, read_rows, read_sidecar
from fashionbatch_plugins.writers import (
    assemble_csv,
    assemble_jsonl,
    assemble_parquet,
    encode_csv,
    encode_jsonl,
    encode_parquet,
)

COLUMNS = ("filepath", "status", "error", "label", "prob")
ROWS = [
    ("a, b\n드레스.jpg", "ok", "", "개", 0.123456789),
    (os.fsdecode(b"bad-\xff.jpg"), "ok", "", "cat", 1.0),
    ("broken.jpg", "error", "OSError: cut short", None, None),
]
WRITERS = {
    "csv": (encode_csv, assemble_csv),
    "jsonl": (encode_jsonl, assemble_jsonl),
    "parquet": (encode_parquet, assemble_parquet),
}


def write(path, columns, rows):
    encode, assemble = WRITERS[path.suffix[1:]]
    shard = path.with_suffix(".shard")
    shard.write_bytes(encode(columns, rows))
    with path.open("wb") as file:
        assemble(columns, [shard], file)


@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_every_format_reads_back_as_it_was_written(kind, tmp_path):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"labels.{kind}"
    write(path, COLUMNS, ROWS)
    rows = list(read_label_table(path))
    assert [row["filepath"] for row in rows] == [row[0] for row in ROWS]
    assert [row["status"] for row in rows] == ["ok", "ok", "error"]
    assert float(rows[0]["prob"]) == 0.123457
    assert not rows[2]["label"]
    assert all(row.keys() == set(COLUMNS) for row in rows)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.csv", b'filepath,status\n"a'),
        ("labels.jsonl", b"{"),
        ("labels.jsonl", b"[]\n"),
        ("labels.parquet", b"PAR"),
    ],
)
def test_damaged_tables_are_one_clear_error(name, content, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match="labels"):
        list(read_label_table(path))


def test_other_tables_and_missing_ones_are_named(tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("name,age\na,3\n", encoding="utf-8")
    with pytest.raises(DataError, match="no label table"):
        list(read_label_table(other))
    assert list(read_rows(other)) == [{"name": "a", "age": "3"}]
    with pytest.raises(DataError, match="cannot be read"):
        list(read_label_table(tmp_path / "missing.csv"))


def test_a_sidecar_may_be_missing_or_damaged(tmp_path):
    table = tmp_path / "labels.csv"
    assert read_sidecar(table) == {}
    (tmp_path / "labels.csv.meta.json").write_text("{", encoding="utf-8")
    assert read_sidecar(table) == {}
    (tmp_path / "labels.csv.meta.json").write_text('{"folder": "/photos"}', encoding="utf-8")
    assert read_sidecar(table) == {"folder": "/photos"}
