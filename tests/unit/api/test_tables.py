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


def test_what_is_in_a_table_comes_as_frames(bundle_path: Path, photos: Path, tmp_path: Path) -> None:
    fb.classify(photos, bundle_path, tmp_path / "labels.csv", progress=False)
    found = fb.summarize(tmp_path / "labels.csv", least=2, progress=False)
    assert isinstance(found, fb.Summary)
    assert (found.path, found.rows, found.is_unchanged) == (tmp_path / "labels.csv", 7, True)
    assert found.status.to_dict() == {"ok": 6, "error": 1}
    assert found.errors.sum() == 1
    assert dict(zip(found.labels.label, found.labels.rows, strict=True)) == {"red": 2, "green": 2, "blue": 2}
    assert found.labels.share.sum() == pytest.approx(1)
    assert found.confidence.loc["label", "labeled"] == 6
    assert found.least_sure.prob.tolist() == sorted(found.least_sure.prob)
    assert found.folders.folder.tolist() == ["blue", "green", "red"]
    assert found.folders.not_ok.tolist() == [0, 0, 1]
    assert found.as_json()["rows"] == 7
    assert found.draw(tmp_path / "labels.png")._repr_png_()
    with pytest.raises(fb.OutputError, match="exists already"):
        found.draw(tmp_path / "labels.png")
    assert "red" in found._repr_html_()
    assert "7 rows" in repr(found)


def test_an_empty_table_has_frames_without_rows(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("filepath,status,error,label,prob\n")
    found = fb.summarize(tmp_path / "labels.csv", progress=False)
    assert (len(found.status), len(found.labels), len(found.least_sure), len(found.folders)) == (0, 0, 0, 0)
    assert found.is_unchanged is None
    with pytest.raises(ValueError, match="at least 0"):
        fb.summarize(tmp_path / "labels.csv", depth=-1)
