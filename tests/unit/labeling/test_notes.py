"""Photos that are labeled though something is missing of them: their rows say so, whatever becomes of the run."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fashionbatch.errors import DataError
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.products.options import RowOptions
from fashionbatch.labeling.run import label
from fashionbatch.labeling.single import read_photo
from fashionbatch.testing.bundles import class_colour

MakeOptions = Callable[..., LabelOptions]
NOTE = "note: the end marker is missing"


@pytest.fixture
def whole(images_factory: ModuleType) -> bytes:
    """A red JPEG of many rows of blocks, with noise, so that its data are spread over it."""
    noise = np.random.default_rng(0).integers(0, 40, (160, 160, 3))
    return bytes(images_factory.encode((np.array(class_colour(0, 3)) * 0.8 + noise).astype(np.uint8), "JPEG"))


def rows_of(table: Path) -> dict[str, dict[str, str]]:
    with open(table, encoding="utf-8", newline="") as file:
        return {row["filepath"]: row for row in csv.DictReader(file, strict=True)}


def test_a_photo_without_its_end_marker_is_labeled_and_its_row_says_so(
    whole: bytes, photos: Path, options: MakeOptions, tmp_path: Path
) -> None:
    (photos / "a.jpg").write_bytes(whole)
    (photos / "b.jpg").write_bytes(whole[:-2])
    (photos / "c.jpg").write_bytes(whole[: len(whole) // 2])
    report = label(options())
    rows = rows_of(tmp_path / "labels.csv")
    assert [(row["status"], row["label"]) for row in rows.values()] == [("ok", "red"), ("ok", "red"), ("error", "")]
    assert [rows[name]["error"] for name in ("a.jpg", "b.jpg")] == ["", NOTE]
    assert rows["a.jpg"]["prob"] == rows["b.jpg"]["prob"]
    assert "rows are missing" in rows["c.jpg"]["error"]
    assert report.meta["counts"] == {"status": {"ok": 2, "error": 1}, "noted": 1, "label": {"red": 2}}


def test_a_table_without_notes_does_not_speak_of_them(whole: bytes, photos: Path, options: MakeOptions) -> None:
    (photos / "a.jpg").write_bytes(whole)
    meta = label(options()).meta
    assert "noted" not in meta["counts"]
    assert "accept_truncated" not in meta["options"]


@pytest.mark.parametrize("match", ["time", "sha256"])
@pytest.mark.parametrize("retry_errors", [False, True])
def test_notes_are_taken_over_from_an_earlier_table(
    whole: bytes, photos: Path, options: MakeOptions, match: str, retry_errors: bool
) -> None:
    tmp_path = photos.parent
    (photos / "b.jpg").write_bytes(whole[:-2])
    old = tmp_path / "old.csv"
    label(options(output=old, match=match))
    report = label(options(previous=old, match=match, retry_errors=retry_errors))
    row = rows_of(tmp_path / "labels.csv")["b.jpg"]
    assert (row["status"], row["error"], row["label"]) == ("ok", NOTE, "red")
    assert report.meta["counts"]["noted"] == 1
    assert report.meta["reused"]["reused"] + report.meta["reused"].get("same", 0) == 1
    assert (tmp_path / "labels.csv").read_bytes() == old.read_bytes()


def test_who_accepts_missing_rows_gets_labels_and_no_rows_of_others(
    whole: bytes, photos: Path, options: MakeOptions, tmp_path: Path, tiny: Path
) -> None:
    (photos / "c.jpg").write_bytes(whole[: len(whole) * 3 // 4])
    old = tmp_path / "old.csv"
    label(options(output=old))
    assert rows_of(old)["c.jpg"]["status"] == "error"
    accepting = RowOptions(accept_truncated=0.5)
    report = label(options(rows=accepting))
    row = rows_of(tmp_path / "labels.csv")["c.jpg"]
    assert (row["status"], row["label"]) == ("ok", "red")
    assert row["error"].startswith("note: ")
    assert row["error"].endswith("of 160 rows are missing (30%)")
    assert report.meta["options"]["accept_truncated"] == 0.5
    with pytest.raises(DataError, match="accept_truncated"):
        label(options(previous=old, output=tmp_path / "new.csv", rows=accepting))
    compute = options().compute
    with pytest.raises(DataError, match="rows are missing"):
        read_photo(photos / "c.jpg", tiny, compute, threshold=None, view_side=100)
    _, view = read_photo(photos / "c.jpg", tiny, compute, threshold=None, view_side=100, accept_truncated=0.5)
    assert view.shape == (100, 100, 3)
