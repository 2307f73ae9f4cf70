"""Tables from a program: parts that are joined, and tables that are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

import fashionbatch as fb


def test_parts_become_the_table_that_one_run_writes(bundle_path: Path, photos: Path, tmp_path: Path) -> None:
    whole = fb.classify(photos, bundle_path, tmp_path / "whole.csv", progress=False)
    for part in (1, 2):
        fb.classify(photos, bundle_path, tmp_path / "parts.csv", shard=(part, 2), progress=False)
    merged = fb.merge(tmp_path / "parts.csv", progress=False)
    assert (merged.rows, merged.counts) == (whole.rows, whole.counts)
    assert merged.path.read_bytes() == whole.path.read_bytes()


def test_a_missing_part_is_named(bundle_path: Path, photos: Path, tmp_path: Path) -> None:
    fb.classify(photos, bundle_path, tmp_path / "parts.csv", shard=(1, 2), progress=False)
    with pytest.raises(fb.OutputError, match=r"parts\.csv"):
        fb.merge(str(tmp_path / "parts.csv"), progress=False)
    assert not (tmp_path / "parts.csv").exists()


def test_tables_are_compared_by_file(tmp_path: Path) -> None:
    for name, label in (("old", "red"), ("new", "blue")):
        (tmp_path / f"{name}.csv").write_text(f"filepath,status,label\na.png,ok,red\nb.png,ok,{label}\n")
    told: list[str] = []
    found = fb.compare(tmp_path / "old.csv", str(tmp_path / "new.csv"), progress=told.append)
    assert isinstance(found, fb.Comparison)
    assert (found.both, found.changed, found.changes) == (2, 1, {("red", "blue"): 1})
    assert found.largest_shift == ("red", 0.5)
    assert told == []


def test_a_table_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("filepath,label\n")
    with pytest.raises(fb.DataError, match=r"nowhere\.csv"):
        fb.compare(tmp_path / "old.csv", tmp_path / "nowhere.csv", progress=False)
